"""What is wrong in a Dockerfile, a `.dockerignore` or the paths of a rule: the person who pushed can mend it."""

from __future__ import annotations

import re
from collections.abc import Callable

from builds.core.errors import BuildError, ErrorKind
from builds.core.failure_evidence import Evidence, code, shown

_Sentence = Callable[[re.Match[str], Evidence], str]


def explain_dockerfile(evidence: Evidence) -> BuildError | None:
    """The first entry of the table that knows the error; None if none does."""
    for pattern, sentence in _TABLE:
        match = pattern.search(evidence.text)
        if match:
            return evidence.error(ErrorKind.USER, sentence(match, evidence))
    return None


def _parse_error(match: re.Match[str], evidence: Evidence) -> str:
    return f"{evidence.place}: {shown(match['what'])}."


def _missing_file(match: re.Match[str], evidence: Evidence) -> str:
    path = code(match["path"].lstrip("/"))
    stage = re.search(r"--from=(\S+)", evidence.source)
    if stage:
        return f"{evidence.where}: {code(match['path'])} does not exist in {code(stage[1])}."
    ignored = any(
        warning.short.startswith("CopyIgnoredFile") and f'"{match["path"].lstrip("/")}"' in warning.short
        for warning in evidence.book.warnings
    )
    if ignored:
        return f"{evidence.where}: `.dockerignore` excludes {path} from the build context. Change one of the two."
    return (
        f"{evidence.where}: {path} is not in the build context. Check the path, and that `.dockerignore` does not "
        f"exclude it."
    )


def _no_dockerfile(match: re.Match[str], _: Evidence) -> str:
    # Some errors name the folder on the worker; only the end of such a path is the user's.
    path = match["path"] if not match["path"].startswith("/") else match["path"].rsplit("/", 1)[-1]
    return f"The commit has no Dockerfile at {code(path)}. Check the Dockerfile path and the context of the rule."


def _no_stage(match: re.Match[str], _: Evidence) -> str:
    near = re.search(r"\(did you mean ([^)?]+)\?\)", match.string)
    stages = re.search(r"(?:available|known|valid) (?:targets|stages)[^:]*: (.+)", match.string)
    hint = f" Did you mean {code(near[1])}?" if near else f" Its stages: {shown(stages[1])}." if stages else ""
    return f"The Dockerfile has no stage {code(match['stage'])}.{hint} The rule names it as its target."


_TABLE: tuple[tuple[re.Pattern[str], _Sentence], ...] = tuple(
    (re.compile(pattern, re.DOTALL), sentence)
    for pattern, sentence in (
        (r"(?:dockerfile|file with no instructions).{0,20}parse error on line \d+: (?P<what>.+)", _parse_error),
        (r"Dockerfile cannot be empty|file with no instructions", lambda _m, _e: "The Dockerfile is empty."),
        (
            r"target stage \"(?P<stage>[^\"]*)\" could not be found",
            _no_stage,
        ),
        (
            r"failed to read dockerfile: (?:open|lstat|stat) (?P<path>.+?): (?:no such file|not a directory)",
            _no_dockerfile,
        ),
        (
            r"failed to read dockerfile: read (?:\S*/)?(?P<path>[^/:]+): is a directory",
            lambda m, _e: f"{code(m['path'])} is a folder, not a Dockerfile. Check the Dockerfile path of the rule.",
        ),
        (
            r"(?:unable to evaluate symlinks in Dockerfile path|resolve \S*): lstat (?P<path>[^:]+): no such file",
            _no_dockerfile,
        ),
        (
            r"unable to prepare context: path \"(?P<path>[^\"]+)\" not found",
            lambda m, _e: (
                f"The commit has no folder {code(m['path'].rsplit('/', 1)[-1])} to build from. Check the "
                f"context of the rule."
            ),
        ),
        (
            r"base name \((?P<name>[^)]*)\) should not be blank",
            lambda m, e: (
                f"{e.place}: the base image {code(m['name'])} is empty. Give the build argument a value in the "
                f"rule or a default in the Dockerfile."
            ),
        ),
        (
            r"failed to parse stage name \"(?P<name>[^\"]*)\": (?:invalid reference format: )?(?P<why>.+)",
            lambda m, e: f"{e.place}: {code(m['name'])} is not a valid image name: {shown(m['why'])}.",
        ),
        (
            r"invalid tag \"(?P<tag>[^\"]*)\": (?P<why>.+)",
            lambda m, _e: (
                f"{code(m['tag'])} is not a valid image name: {shown(m['why'])}. Change the tag in the rule or "
                f"the name of the repository."
            ),
        ),
        (
            r"failed pars\w+ \.dockerignore: (?P<why>.+)|(?P<bad>illegal exclusion pattern.*|syntax error in pattern)",
            lambda m, _e: (
                f"The `.dockerignore` file cannot be read: {shown(m['why'] or m['bad'])}. Correct that pattern."
            ),
        ),
        (
            r"failed to calculate checksum of ref \S+: \"(?P<path>[^\"]+)\": not found",
            _missing_file,
        ),
        (r"^(?:lstat|stat|open) (?P<path>/[^:]*): no such file or directory", _missing_file),
        (
            r"secret (?P<name>\S+): not found",
            lambda m, e: (
                f"{e.where}: the build secret {code(m['name'])} is required, but the repository has none of that name."
            ),
        ),
        (
            r"lint violation found for rules: (?P<rules>.+)",
            lambda m, _e: (
                f"The Dockerfile asks to fail on findings of its checks (`check=error=true`), and there are: "
                f"{shown(m['rules'])}. The warnings of this build name the lines."
            ),
        ),
        (
            r"no build stage in current context",
            lambda _m, e: f"{e.place or 'Dockerfile'}: an instruction stands before the first `FROM`.",
        ),
        (r"contains no stages to build", lambda _m, _e: "The Dockerfile has no `FROM`, so there is nothing to build."),
        (
            r"invalid response status (?P<status>\d+)",
            lambda m, e: f"{e.where}: the address answered with status {m['status']}.",
        ),
    )
)
