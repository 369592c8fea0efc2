"""Clone URLs: which forms Imageyard takes, and how secrets in them are split off. Resolves no name and runs no Git."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import unquote

from builds.core.errors import BuildError, ErrorKind

Scheme = Literal["https", "http", "ssh", "file"]

FORMS = "https://host/path, http://host/path, ssh://user@host/path, or user@host:path"
_PORTS: dict[Scheme, int] = {"https": 443, "http": 80, "ssh": 22, "file": 0}
_MAX_URL = 2048
_URL = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>.*)", re.DOTALL)
# git(1) takes `host:path` for SSH where no slash stands before the first colon.
_SCP = re.compile(r"(?:(?P<user>[^@/:]+)@)?(?P<host>[^@/:\[\]]+|\[[0-9a-fA-F:.]+\]):(?P<path>.+)", re.DOTALL)
_HOST = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9._-]{0,252})|\[[0-9a-fA-F:.]+\]")
_USER = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._~+-]{0,63}")
_UNSEEN = re.compile(r"[\x00-\x20\x7f\\]|%0[0ad]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CloneURL:
    """A checked clone URL, without any secret. `port` is 0 for files; `user` is set for SSH only."""

    scheme: Scheme
    host: str
    port: int
    user: str
    path: str
    text: str

    @property
    def place(self) -> str:
        """Host and path for sentences: `github.com/acme/web`."""
        return f"{self.host}/{self.name}" if self.host else self.name

    @property
    def name(self) -> str:
        """The repository as its forge calls it: `acme/web`."""
        return self.path.strip("/").removesuffix(".git") or self.path

    @property
    def origin(self) -> str:
        """Scheme, host and port as Git matches credentials against."""
        return f"{self.scheme}://{self.host}:{self.port}"

    def same_server(self, other: CloneURL) -> bool:
        """Whether a credential for this URL may go to `other`: same scheme, host and port, nothing less."""
        return (self.scheme, self.host, self.port) == (other.scheme, other.host, other.port)


@dataclass(frozen=True, slots=True)
class SplitURL:
    """A URL as it may be stored and shown, with the credential that stood in it ("" where none did)."""

    url: str
    username: str
    token: str


def split_credentials(url: str) -> SplitURL:
    """Take user name and password out of an http(s) URL. Everything up to the *last* `@` before the path is credential.

    Git itself cuts at the first `@`, and then prints the rest of a password with an unescaped `@` as the host. A user
    name without a password is a token (`https://ghp_…@host/`). The user of an SSH URL is no secret and stays, a
    password beside it goes. Percent-encoding is undone.
    """
    match = _URL.fullmatch(url.strip())
    if match is None or "@" not in match["authority"]:
        return SplitURL(url.strip(), "", "")
    userinfo, _, host = match["authority"].rpartition("@")
    user, colon, password = userinfo.partition(":")
    if match["scheme"].lower() == "ssh":
        return SplitURL(f"{match['scheme']}://{user}@{host}{match['path']}", "", unquote(password))
    clean = f"{match['scheme']}://{host}{match['path']}"
    if not colon or not password:
        return SplitURL(clean, "", unquote(user))
    return SplitURL(clean, unquote(user), unquote(password))


def parse_clone_url(url: str) -> CloneURL:
    """Check a clone URL; a credential in it is dropped (`split_credentials` keeps it).

    Raises `BuildError` (kind `source`) with a sentence for whatever is not one of the four forms, so that nothing that
    Git would take for an option, a local path or a transport helper (`ext::sh …`) gets to it.
    """
    text = split_credentials(url).url
    if not text:
        raise _refused("The source has no clone URL. It is the address that `git clone` takes.")
    if len(text) > _MAX_URL or _UNSEEN.search(text):
        raise _refused("The clone URL is longer than 2,048 characters, or holds a space, a backslash or a line break.")
    if text.startswith("-") or "::" in text.partition("/")[0]:
        raise _refused(f"`{_shown(text)}` is not a clone URL. Write {FORMS}.")
    match = _URL.fullmatch(text)
    if match is not None:
        return _from_url(match, text)
    match = _SCP.fullmatch(text)
    if match is None:
        raise _refused(f"`{_shown(text)}` is not a clone URL. Write {FORMS}.")
    return _checked("ssh", match["host"], port="", user=match["user"] or "", path=match["path"], text=text)


def resolve_relative(base: CloneURL, relative: str) -> str:
    """The URL of a submodule: `../x` and `./x` are meant from the URL of its repository, as in gitmodules(5)."""
    if not relative.startswith(("./", "../")):
        return relative
    path = posixpath.normpath(posixpath.join("/", base.path.rstrip("/"), relative))
    if not base.text.endswith(base.path):
        raise _refused(f"The submodule address `{_shown(relative)}` cannot be read from {base.place}.")
    head = base.text[: len(base.text) - len(base.path)]
    return head + (path if base.path.startswith("/") else path.removeprefix("/"))


def over_https(url: CloneURL, base: CloneURL) -> CloneURL:
    """`git@host:path` as `https://host/path` where `base` is HTTPS on the same host; otherwise `url` itself.

    Submodules are often written for people with SSH keys, while the source has a token for HTTPS.
    """
    if url.scheme != "ssh" or base.scheme != "https" or url.host != base.host:
        return url
    text = f"https://{base.host}{'' if base.port == _PORTS['https'] else f':{base.port}'}/{url.path.lstrip('/')}"
    return replace(base, path=f"/{url.path.lstrip('/')}", text=text)


def _from_url(match: re.Match[str], text: str) -> CloneURL:
    scheme = match["scheme"].lower()
    if scheme not in _PORTS:
        raise _refused(f"Imageyard does not fetch over `{_shown(scheme)}://`. Write {FORMS}.")
    authority = match["authority"]
    if scheme == "file":
        if authority not in {"", "localhost"}:
            raise _refused("A file:// clone URL names a folder of this server: file:///path/to/repository.git.")
        return CloneURL("file", "", 0, "", unquote(match["path"]), f"file://{match['path']}")
    user, _, place = authority.rpartition("@")
    host, _, port = place.partition(":") if not place.startswith("[") else place.partition("]:")
    host = f"{host}]" if host.startswith("[") and not host.endswith("]") else host
    return _checked(scheme, host, port=port, user=user, path=match["path"], text=text)


def _checked(scheme: str, host: str, *, port: str, user: str, path: str, text: str) -> CloneURL:
    known: Scheme = "https" if scheme == "https" else "http" if scheme == "http" else "ssh"
    if not _HOST.fullmatch(host):
        raise _refused(f"`{_shown(host)}` in the clone URL is not a host name.")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):  # noqa: PLR2004
        raise _refused(f"`{_shown(port)}` in the clone URL is not a port.")
    if user and not _USER.fullmatch(user):
        raise _refused(f"`{_shown(user)}` in the clone URL is not a user name for SSH.")
    if not path.strip("/") or path.startswith("-") or path.lstrip("/").startswith("-"):
        raise _refused("The clone URL names no repository behind its host.")
    if "?" in path or "#" in path:
        raise _refused("The clone URL holds a `?` or `#`. Write the address of the repository alone.")
    return CloneURL(known, host.lower(), int(port or _PORTS[known]), user, path, text)


def _shown(text: str) -> str:
    shown = text if len(text) <= 80 else f"{text[:79]}…"  # noqa: PLR2004
    return "".join(character if character.isprintable() else "?" for character in shown)


def _refused(message: str) -> BuildError:
    return BuildError(ErrorKind.SOURCE, message)
