"""What a server says about its refs, and where it redirects to. Nothing is fetched."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass

from builds.core.cloneurl import split_credentials
from builds.core.refnames import RefType, parse_ref
from builds.engine.gitcommand import GitFailed, GuardedGit

_PEELED = "^{}"
_SYMREF = "ref: refs/heads/"


@dataclass(frozen=True, slots=True)
class RemoteRef:
    """A branch or tag on the server; `commit` is the peeled commit of an annotated tag."""

    type: RefType
    name: str
    commit: str


@dataclass(frozen=True, slots=True)
class RemoteRefs:
    """`default_branch` is None where HEAD leads to no branch that exists."""

    default_branch: str | None
    refs: tuple[RemoteRef, ...]


def read_refs(git: GuardedGit) -> RemoteRefs:
    """Ask for HEAD, branches and tags; see git-ls-remote(1) for the shape of the answer."""
    out: bytes = git.ls_remote("--symref", "--", git.environment_of_git.url.text, "HEAD", "refs/heads/*", "refs/tags/*")
    default, commits = None, dict[str, str]()
    for line in out.decode("utf-8", "replace").splitlines():
        value, _, name = line.partition("\t")
        if name == "HEAD" and value.startswith(_SYMREF):
            default = value.removeprefix(_SYMREF)
        elif name.endswith(_PEELED) or name not in commits:
            commits[name.removesuffix(_PEELED)] = value
    refs = [
        RemoteRef(ref.type, ref.name, commit)
        for name, commit in commits.items()
        if (ref := parse_ref(name)) is not None
    ]
    return RemoteRefs(default, tuple(refs))


def new_address(git: GuardedGit) -> str:
    """Where the server redirects to, without credentials; "" if it does not say. Asks once more, with a trace."""
    trace = git.environment_of_git.private / "trace"
    env = {"GIT_TRACE_CURL": str(trace), "GIT_TRACE_CURL_NO_DATA": "1", "GIT_TRACE_REDACT": "1"}
    with suppress(GitFailed):
        git.ls_remote("--", git.environment_of_git.url.text, env=env)
    text = trace.read_text(errors="replace") if trace.exists() else ""
    match = re.search(r"Recv header: location: (?P<to>\S+)", text, re.IGNORECASE)
    if match is None:
        return ""
    address = split_credentials(match["to"]).url.partition("/info/refs")[0]
    return git.environment_of_git.redactor.text(address[:300])
