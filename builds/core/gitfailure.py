"""What Git and ssh print when they fail → the sentence a person reads. Texts of Git 2.30 to 2.50, run in English.

The texts come in already masked: this module knows no secret. It repeats nothing of them but one line, and only where
it knows no better.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from builds.core.cloneurl import CloneURL
from builds.core.errors import BuildError, ErrorKind
from builds.core.refnames import quoted

_FORGES = {
    "github.com": "GitHub",
    "gitlab.com": "GitLab",
    "bitbucket.org": "Bitbucket",
    "codeberg.org": "Codeberg",
}
_URLS = re.compile(r"[a-z]+://[^\s'\"]+")
_SHOWN_LINE = 300
_SHOWN_BRANCHES = 10


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of which server, for the words of a sentence.

    `public_key` is the public half of the deploy key that was shown to the server, `has_token` says that a token was.
    """

    url: CloneURL
    has_token: bool = False
    public_key: str = ""

    @property
    def server(self) -> str:
        return _FORGES.get(self.url.host, self.url.host) or "The worker"

    @property
    def repository(self) -> str:
        return self.url.name


def source_error(message: str, *, retryable: bool = False) -> BuildError:
    return BuildError(ErrorKind.SOURCE, message, retryable=retryable)


def commit_gone(commit: str) -> BuildError:
    return source_error(
        f"Commit {commit[:7]} is no longer in the repository; it was probably force-pushed away. "
        "Build the branch's newest commit instead."
    )


def no_commits(asked: Asked) -> BuildError:
    return source_error(f"{asked.repository} has no commits yet. Push a first commit, then build again.")


def ref_missing(kind: str, name: str, branches: list[str]) -> BuildError:
    """`kind` is `branch`, `default branch` or `tag`; `branches` are those that exist, to choose from."""
    start = f"{kind[0].upper()}{kind[1:]} {quoted(name)}" if name else f"The {kind}"
    if not branches:
        return source_error(f"{start} does not exist in the repository.")
    shown = ", ".join(branches[:_SHOWN_BRANCHES])
    more = f" and {len(branches) - _SHOWN_BRANCHES} more" if len(branches) > _SHOWN_BRANCHES else ""
    return source_error(f"{start} does not exist in the repository; choose one of: {shown}{more}.")


def silent(asked: Asked, seconds: float) -> BuildError:
    return source_error(
        f"{asked.server} took the connection but did not answer within {seconds:.0f} s. "
        "If this happens again, look at the state of that server.",
        retryable=True,
    )


def too_slow(asked: Asked, seconds: float) -> BuildError:
    return source_error(
        f"{asked.repository} was not fetched from {asked.server} within {seconds:.0f} s, so it was stopped. "
        "A very large repository needs a longer time limit.",
        retryable=True,
    )


def redirected(asked: Asked, location: str) -> BuildError:
    """`location` is the new address as the server gives it, empty if it gives none."""
    where = f"to {location}" if location else "to another address"
    return source_error(
        f"{asked.server} redirects {asked.repository} {where}. Imageyard does not follow redirects of a clone URL: "
        "if the repository has moved there, put the new address into the source."
    )


def host_key_unknown(asked: Asked, fingerprints: list[str]) -> BuildError:
    """`fingerprints` are what the server presents now, as `ED25519 SHA256:…`."""
    offered = f" It presents {', '.join(fingerprints)}." if fingerprints else ""
    return source_error(
        f"The host key of {asked.url.host} is not known to this source, so nothing was sent to it.{offered} "
        "Compare it with what the server's owner publishes, then trust it in the source's settings."
    )


def explain_git_failure(stderr: str, asked: Asked) -> BuildError:
    """The first row of the table below whose text stands in `stderr`, most specific first."""
    # A repository may be called `certificate` or `forbidden`: what we asked for is no part of the answer.
    text = re.sub(r"\s+", " ", _URLS.sub("URL", stderr.replace(asked.url.text, "URL"))).lower()
    for pattern, explain in _TABLE:
        if pattern.search(text):
            return explain(asked)
    return source_error(f"Git could not fetch {asked.url.place}: {last_words(stderr)}")


def is_missing_ref(stderr: str) -> bool:
    return "couldn't find remote ref" in stderr.lower()


def is_missing_object(stderr: str) -> bool:
    """Whether the server has no such commit, or gives out only what a ref points at."""
    return (
        re.search(r"not our ref|unadvertised object|couldn't find remote ref|bad object|missing", stderr, re.IGNORECASE)
        is not None
    )


def is_redirect(stderr: str) -> bool:
    return re.search(r"returned error: 30[12378]|update url base from redirection", stderr) is not None


def is_host_key_unknown(stderr: str) -> bool:
    return "host key is known for" in stderr or (
        "Host key verification failed" in stderr and "HAS CHANGED" not in stderr
    )


def is_broken_mirror(stderr: str) -> bool:
    """Whether the copy on the worker is at fault: left half-written by a power cut, or locked by a dead process."""
    return re.search(_BROKEN_MIRROR, stderr, re.IGNORECASE) is not None


_BROKEN_MIRROR = (
    r"not a git repository: |\.lock': file exists|unable to create '.*\.lock'|object file .* is empty|"
    r"loose object .* is corrupt|packfile .* cannot be accessed|unable to read tree|unable to read sha1|"
    r"bad packed|unexpected line in .*packed-refs|bad config|mismatched algorithms|index file .* is too small|"
    r"failed to unpack tree object|did not receive expected object|unresolved deltas"
)


def last_words(stderr: str) -> str:
    """The line that says most: the last that begins with `fatal:` or `ERROR:`, else the last one."""
    lines = [line.strip() for line in re.split(r"[\r\n]+", stderr) if line.strip()]
    telling = [line for line in lines if line.lower().startswith(("fatal:", "error:", "remote: error", "ssh:"))]
    line = (telling or lines or ["it gave no reason"])[-1]
    line = "".join(character for character in line if character.isprintable())
    return line if len(line) <= _SHOWN_LINE else f"{line[: _SHOWN_LINE - 1]}…"


def _key_hint(asked: Asked) -> str:
    return (
        f"Add this key to its deploy keys: {asked.public_key}" if asked.public_key else "Give the source a deploy key."
    )


def _not_found(asked: Asked) -> BuildError:
    if asked.url.scheme == "ssh":
        return source_error(
            f"{asked.server} answered *not found* for {asked.repository}. The repository is private or renamed, "
            f"and the deploy key has no access. {_key_hint(asked)}"
        )
    if asked.has_token:
        return source_error(
            f"{asked.server} answered *not found* for {asked.repository}. The repository is renamed or deleted, or the "
            "source's access token may not read it. Check the clone URL and what the token allows."
        )
    return source_error(
        f"{asked.server} answered *not found* for {asked.repository}. The repository is private or renamed, "
        "and the source has no credential. Give the source an access token, or an SSH address and a deploy key."
    )


def _login(asked: Asked) -> BuildError:
    if asked.has_token:
        return source_error(
            f"{asked.server} did not accept the source's access token for {asked.repository} (authentication failed): "
            "it is expired or revoked, or may not read this repository. Put a new token into the source's settings."
        )
    return source_error(
        f"{asked.server} asks for a login before it shows {asked.repository}: the repository is private "
        "or does not exist. Give the source an access token, or an SSH address and a deploy key."
    )


def _denied_key(asked: Asked) -> BuildError:
    if not asked.public_key:
        return source_error(
            f"{asked.server} lets nobody read {asked.repository} over SSH without a key, and the source has none. "
            "Make a deploy key in the source's settings and add it to the repository."
        )
    return source_error(f"{asked.server} did not accept the deploy key for {asked.repository}. {_key_hint(asked)}")


def _host_key_changed(asked: Asked) -> BuildError:
    return source_error(
        f"The host key of {asked.url.host} has changed since it was trusted, so nothing was sent to it. Either the "
        "server was set up anew or somebody stands in between. Ask its owner for the new fingerprint, then trust "
        "that one in the source's settings."
    )


def _says(text: str, *, retryable: bool = False) -> Callable[[Asked], BuildError]:
    def explain(asked: Asked) -> BuildError:
        message = text.format(
            server=asked.server, host=asked.url.host, repository=asked.repository, port=asked.url.port
        )
        return source_error(message, retryable=retryable)

    return explain


def _platform(text: str) -> Callable[[Asked], BuildError]:
    return lambda _asked: BuildError(ErrorKind.PLATFORM, text, retryable=True)


_ROWS: tuple[tuple[str, Callable[[Asked], BuildError]], ...] = (
    (
        r"no space left on device|disk quota exceeded|unable to write .*: no space",
        lambda _asked: BuildError(
            ErrorKind.PLATFORM,
            "The disk of the worker that ran this build is full. Its administrator has to make room.",
            retryable=True,
            needs_space=True,
        ),
    ),
    (
        r"out of memory|cannot allocate memory|unable to create (threaded|thread)|resource temporarily unavailable",
        _platform("The worker that ran this build had no memory left for Git."),
    ),
    (r"remote host identification has changed|host key for .* has changed", _host_key_changed),
    (r"host key is known for|host key verification failed", lambda asked: host_key_unknown(asked, [])),
    (r"load key .*: (error in libcrypto|invalid format|incorrect passphrase)|passphrase", _says(
        "The source's SSH key cannot be used: it is damaged or has a passphrase. Put a key without one into the "
        "source's settings, or let Imageyard make a deploy key.")),
    ((r"repository not found|project you were looking for could not be found|access denied or repository not exported|"
     r"returned error: 404|could not be found or you don't have permission|fatal: repository '[^']*' not found|"
     r"conq: repository does not exist|remote: not found"), _not_found),
    (r"permission denied \(|too many authentication failures", _denied_key),
    ((r"could not read (username|password)|authentication failed|returned error: 401|invalid username or|"
     r"http basic: access denied|terminal prompts disabled|support for password authentication was removed"), _login),
    (r"returned error: 403|forbidden", _says(
        "{server} refused access to {repository} (403). The credential of the source may not read it, or the server "
        "blocks this address. Check what the credential allows.")),
    (r"returned error: 429|rate limit|too many requests", _says(
        "{server} answers no more requests for now (rate limit).", retryable=True)),
    (r"returned error: 30[12378]|update url base from redirection", lambda asked: redirected(asked, "")),
    (r"returned error: 5\d\d|http 5\d\d|internal server error|bad gateway|service unavailable", _says(
        "{server} answered with an error of its own. If it lasts, look at the state of that "
        "server.", retryable=True)),
    (r"returned error: 4\d\d|returned error: 3\d\d", _says(
        "{server} refused the request for {repository}. Check the clone URL.")),
    (r"could not resolve host|name or service not known|temporary failure in name resolution",
     _says("The name {host} could not be looked up. Check the clone URL, or try again when the network is back.",
           retryable=True)),
    (r"timed out|timeout was reached|operation too slow|less than \d+ bytes/sec|connection to .* timed out", _says(
        "{host} did not answer in time. If this happens again, look at the state of that server.", retryable=True)),
    (r"no route to host|network is unreachable", _says(
        "No network leads from the worker to {host}. Its administrator can tell more.",
        retryable=True)),
    (r"connection refused|failed to connect|couldn't connect to server", _says(
        "{host} takes no connections on port {port}. The server is down, or the clone URL names the wrong port.",
        retryable=True)),
    (r"\bssl\b|certificate|gnutls|\btls\b", _says(
        "The certificate of {host} is not trusted here, or it speaks no TLS on port {port}. Use the server's right "
        "address, or have its authority added to the worker's certificates.")),
    (r"dubious ownership", _says("The folder {repository} belongs to another user of this server.")),
    ((r"dumb http|is this a git repository|does not appear to be a git repository|not a git repository|"
     r"valid 'git'? ?repository|invalid content-type|protocol error|bad line length character|not a valid git"), _says(
        "There is no Git repository at {repository} on {server}. Check the clone URL.")),
    ((r"early eof|hung up unexpectedly|unexpected disconnect|connection reset|connection was reset|rpc failed|"
     r"broken pipe|connection closed|kex_exchange_identification|empty reply from server|recv failure|send failure|"
     r"transfer closed|unexpectedly closed|curl 18|curl 56|curl 92"), _says(
        "The connection to {server} broke while {repository} was fetched.", retryable=True)),
    (r"could not read from remote repository|correct access rights", _not_found),
    (r"index-pack|inflate|fsck|bad pack|corrupt|invalid object|unresolved deltas", _says(
        "{server} sent damaged data for {repository}. Run `git fsck` on the repository there.")),
)  # fmt: skip
_TABLE = tuple((re.compile(pattern), explain) for pattern, explain in _ROWS)
