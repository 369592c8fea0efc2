"""Which LFS server belongs to a source, and how it is asked: over HTTP, through SSH, or as a folder. Downloads nothing.

`.lfsconfig` is part of the repository, so whoever may push writes it: of all that can stand there only the address
counts, and only where it is on the server of the clone URL. Transfer agents, excludes and the rest are never read.
"""

from __future__ import annotations

import os
import shlex

from builds.core.cloneurl import CloneURL, parse_clone_url
from builds.core.errors import BuildError, Stopped
from builds.core.gitfailure import Asked, last_words, too_slow
from builds.core.lfs import BadAnswer, Endpoint, endpoint_url, read_authentication
from builds.core.lfsfailure import bad_answer, elsewhere, no_ssh_access, unreadable_config
from builds.core.refnames import quoted
from builds.engine.gitcommand import GitFailed, GuardedGit
from builds.engine.mirror import Mirror
from builds.engine.process import run
from builds.engine.worktree import Listing

_CONFIG = b".lfsconfig"
_ADDRESSES = r"^(lfs\.url|remote\..*\.lfsurl)$"
_STANDARD_PORTS = {("https", 443), ("http", 80), ("ssh", 22)}
_MAX_ANSWER = 64 * 1024


def configured_url(mirror: Mirror, tree_name: str, listing: Listing) -> str:
    """The LFS address in `.lfsconfig`, "" for none. Raises `BuildError` where one leads to another server."""
    if _CONFIG not in listing.files:
        return ""
    asked = mirror.git.environment_of_git.asked
    chosen = ""
    for key, address in _addresses(mirror, f"{tree_name}:{os.fsdecode(_CONFIG)}"):
        url = _own(address, asked)
        if not chosen or key == "lfs.url":  # which has precedence
            chosen = url
    return chosen


def http_endpoint(git: GuardedGit, configured: str) -> Endpoint:
    """The endpoint of an http(s) or SSH source; a server behind SSH says itself where it is and hands out a token."""
    url = git.environment_of_git.url
    if configured:
        return Endpoint(configured.rstrip("/"))
    if url.scheme != "ssh":
        return Endpoint(endpoint_url(url.text))
    return _through_ssh(git, url)


def _addresses(mirror: Mirror, blob: str) -> list[tuple[str, str]]:
    try:
        out = mirror.git.at(mirror.path).config("-z", "--no-includes", f"--blob={blob}", "--get-regexp", _ADDRESSES)
    except GitFailed as failed:
        if failed.returncode == 1:  # nothing matches
            return []
        raise unreadable_config() from failed
    pairs = [os.fsdecode(entry).partition("\n") for entry in out.split(b"\0") if entry]
    return [(key, value.strip()) for key, _, value in pairs if value.strip()]


def _own(address: str, asked: Asked) -> str:
    """An address on the source's own server, "" where it says what is the case anyway."""
    try:
        url = parse_clone_url(address)
    except BuildError as error:
        raise elsewhere(quoted(address), asked) from error
    if url.same_server(asked.url):
        return url.text if url.scheme in {"http", "https"} else ""
    same_host = url.host == asked.url.host and asked.url.scheme == "ssh"
    if same_host and (url.scheme, url.port) == ("https", 443):
        return url.text
    raise elsewhere(_shown(url), asked)


def _shown(url: CloneURL) -> str:
    if not url.host:
        return "a folder"
    return url.host if (url.scheme, url.port) in _STANDARD_PORTS else f"{url.host}:{url.port}"


def _through_ssh(git: GuardedGit, url: CloneURL) -> Endpoint:
    """Ask `git-lfs-authenticate` on the server, see `api/server-discovery.md` of Git LFS."""
    environment = git.environment_of_git
    out = bytearray()
    login = f"{url.user}@{url.host}" if url.user else url.host
    command = f"git-lfs-authenticate {shlex.quote(url.path)} download"
    try:
        done = run(
            [*shlex.split(environment.env["GIT_SSH_COMMAND"]), "-p", str(url.port), "--", login, command],
            env=environment.env,
            cwd=environment.private,
            timeout_s=git.time_left(),
            stop=git.stop,
            on_stdout=lambda chunk: out.extend(chunk[: max(0, _MAX_ANSWER - len(out))]),
        )
    except Stopped as error:
        if git.stop.is_set():
            raise
        raise too_slow(environment.asked, git.timeout_s) from error
    if done.returncode != 0:
        words = last_words(environment.redactor.mask(done.stderr_tail).decode(errors="replace"))
        raise no_ssh_access(environment.asked, words)
    try:
        return read_authentication(bytes(out), endpoint_url(f"https://{url.host}/{url.path.strip('/')}"))
    except BadAnswer as error:
        raise bad_answer(environment.asked, str(error)) from error
