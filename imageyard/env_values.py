"""One reader for each kind of value an environment variable can have; which variables there are stands in `env.py`.

A wrong value raises `EnvError`, one sentence for the person who set it. The value of a secret is never repeated.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import parse_qsl, urlsplit

from cryptography.fernet import Fernet

from imageyard.secret_files import SecretFileError, kept_secret, new_encryption_key, new_secret_key

CHECKOUT = Path(__file__).resolve().parent.parent

_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_CLASS = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


class EnvError(ValueError):
    """One line that names a variable, its value and what would be right."""


@dataclass(frozen=True, slots=True)
class LogStorage:
    """A Django storage: the dotted path of its class and its keyword options."""

    backend: str
    options: dict[str, str]


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own, without asking DNS."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Reader:
    """One method for each kind of value; each returns a right value or raises `EnvError`."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ

    def text(self, name: str, default: str = "") -> str:
        return self.environ.get(name, "").strip() or default

    def secret(self, name: str) -> str:
        """The value of `NAME`, or what the file named by `NAME_FILE` holds."""
        given, file = self.text(name), self.text(f"{name}_FILE")
        if given and file:
            raise EnvError(f"{name}_FILE is “{file}”, but {name} is set as well: give one of the two.")
        if not file:
            return given
        try:
            content = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            _refuse(f"{name}_FILE", file, f"a file that this process can read is right ({reason})")
        if not content:
            _refuse(f"{name}_FILE", file, f"a file that holds the value of {name} is right, this one is empty")
        return content

    def number(self, name: str, default: int, *, low: int, high: int) -> int:
        text = self.text(name, str(default))
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            _refuse(name, text, f"a whole number from {low} to {high} is right, for example {default}")
        return int(text)

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        text = self.text(name, default)
        if text not in choices:
            _refuse(name, text, f"{' or '.join(choices)} is right")
        return text

    def home(self) -> Path:
        text = self.text("IMAGEYARD_HOME", str(CHECKOUT / ".imageyard"))
        if any(character in text for character in '?#%\n"'):
            _refuse("IMAGEYARD_HOME", text, 'a folder whose path has none of ? # % " in it is right')
        home = Path(text).expanduser().absolute()
        try:
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            _refuse(
                "IMAGEYARD_HOME", text, f"a folder that this process can make and write is right ({error.strerror})"
            )
        if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
            _refuse("IMAGEYARD_HOME", text, "a folder that this process can write is right")
        return home.resolve()

    def address(self, name: str, default: str) -> tuple[str, int]:
        text = self.text(name, default)
        right = f"an address and a port are right, for example {default}"
        host, _, port = text.rpartition(":")
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535 or not _is_host(bare):  # noqa: PLR2004
            _refuse(name, text, right)
        if ":" in bare and bare == host:
            _refuse(name, text, f"{right}; an IPv6 address stands in brackets, for example [::1]:8000")
        return bare, int(port)

    def url(self, default: str) -> str:
        text = self.text("IMAGEYARD_URL", default).rstrip("/")
        right = f"http:// or https:// and a host is right, without a path, for example {default}"
        try:
            parts = urlsplit(text)
            well = _is_host(parts.hostname or "") and (parts.port is None or parts.port > 0)
        except ValueError:
            well = False
        if not well or parts.scheme not in ("http", "https") or parts.path or parts.query or parts.fragment:
            _refuse("IMAGEYARD_URL", _without_password(text), right)
        if parts.username is not None:
            _refuse("IMAGEYARD_URL", _without_password(text), f"{right}, and without a user name")
        return text

    def registry(self) -> str:
        text = self.text("IMAGEYARD_REGISTRY", "127.0.0.1:5000")
        right = "a host and a port as they stand in image names are right, for example 127.0.0.1:5000"
        host = host_of(text)
        port = text[len(host) + (2 if text.startswith("[") else 0) :]
        if not _is_host(host) or (port and not re.fullmatch(r":[1-9][0-9]{0,4}", port)):
            _refuse("IMAGEYARD_REGISTRY", text, right)
        if not port and "." not in host and host != "localhost":
            # The reference grammar of Docker takes a first part without dot and port for a user of Docker Hub.
            _refuse(
                "IMAGEYARD_REGISTRY", text, f"{right}; Docker takes a name without dot and port for a Docker Hub user"
            )
        return text

    def hub_cache(self, default: str) -> str:
        """Where the cache for Docker Hub is: "" for none, `default` for a plain yes."""
        text = self.text("IMAGEYARD_HUB_CACHE")
        if text in ("", "0"):
            return ""
        if text == "1":
            return default
        host = host_of(text)
        if not _is_host(host) or not re.fullmatch(r":[1-9][0-9]{0,4}", text[len(host) + 2 * text.startswith("[") :]):
            _refuse("IMAGEYARD_HUB_CACHE", text, f"1, 0, or a host and a port are right, for example {default}")
        return text

    def hosts(self, name: str) -> frozenset[str]:
        hosts = [host.lower() for host in re.split(r"[,\s]+", self.text(name)) if host]
        for host in hosts:
            if not _is_host(host.strip("[]")):
                _refuse(
                    name, host, "host names or addresses with commas between them are right, for example git.acme.test"
                )
        return frozenset(host.strip("[]") for host in hosts)

    def folder(self, name: str) -> str:
        text = self.text(name)
        if text and not (Path(text).is_absolute() and Path(text).is_dir()):
            _refuse(name, text, "the absolute path of a folder that exists is right")
        return str(Path(text).resolve()) if text else ""

    def path(self, name: str, what: str = "folder") -> str:
        """The absolute path of a folder or file that may not be there: not on this machine, or not yet."""
        text = self.text(name)
        if text and not Path(text).is_absolute():
            _refuse(name, text, f"the absolute path of a {what} is right")
        return text

    def database_url(self, default: str) -> str:
        text = self.secret("DATABASE_URL") or default
        right = "sqlite:////absolute/path.sqlite3 or postgresql://user:password@host:5432/name is right"
        try:
            parts = urlsplit(text)
            _ = parts.port
        except ValueError:
            _refuse("DATABASE_URL", _without_password(text), right)
        named = len(parts.path) > 1
        if parts.scheme not in ("sqlite", "postgres", "postgresql") or not named:
            _refuse("DATABASE_URL", _without_password(text), right)
        if parts.scheme == "sqlite" and not (parts.netloc == "" and parts.path.startswith("/")):
            _refuse("DATABASE_URL", _without_password(text), right)
        return text

    def redis_url(self, default: str) -> str:
        text = self.secret("REDIS_URL") or default
        right = "redis://host:6379/0, rediss://host:6379/0 or unix:///path/redis.sock?db=0 is right"
        try:
            parts = urlsplit(text)
            _ = parts.port
        except ValueError:
            _refuse("REDIS_URL", _without_password(text), right)
        if parts.scheme == "unix":
            well = parts.netloc == "" and len(parts.path) > 1
        else:
            well = parts.scheme in ("redis", "rediss") and bool(parts.hostname)
            well = well and re.fullmatch(r"(/[0-9]{0,2})?", parts.path) is not None
        if not well:
            _refuse("REDIS_URL", _without_password(text), right)
        return text

    def log_storage(self, default: Path) -> LogStorage:
        """A folder, `file:///folder`, or the class of a Django storage with its options as a query."""
        text = self.text("LOG_STORAGE", str(default))
        folder = text.removeprefix("file://")
        if folder.startswith("/"):
            return LogStorage("django.core.files.storage.FileSystemStorage", {"location": folder})
        backend, _, query = text.partition("?")
        try:
            options = dict(parse_qsl(query, strict_parsing=True)) if query else {}
        except ValueError:
            options, backend = {}, ""
        if not _CLASS.fullmatch(backend):
            _refuse(
                "LOG_STORAGE",
                _without_query(text),
                "an absolute folder or a Django storage with its options is right, for example "
                "storages.backends.s3.S3Storage?bucket_name=logs",
            )
        return LogStorage(backend, options)

    def docker_host(self) -> str:
        text = self.text("DOCKER_HOST")
        if text and not re.fullmatch(r"(unix:///.+|(tcp|ssh|http|https)://[^/].*)", text):
            _refuse(
                "DOCKER_HOST",
                _without_password(text),
                "unix:///path/docker.sock, tcp://host:2376 or ssh://user@host is right",
            )
        return text

    def builder(self) -> str:
        text = self.text("BUILDX_BUILDER")
        if text and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", text):
            _refuse("BUILDX_BUILDER", text, "a name that `docker buildx ls` lists is right")
        return text

    def untrusted_builder(self) -> str:
        name = "IMAGEYARD_UNTRUSTED_BUILDER"
        text = self.text(name)
        if text and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*|(?:unix|tcp|ssh)://[!-~]+", text):
            _refuse(name, text, "a name that `docker buildx ls` lists, or a Docker Engine's address, is right")
        return text

    def image(self, name: str) -> str:
        text = self.text(name)
        if text and not re.fullmatch(r"[a-z0-9][A-Za-z0-9._/:@-]{0,254}", text):
            _refuse(name, text, "the name of an image is right, for example docker:28-cli")
        return text

    def hooks_docker_host(self) -> str:
        name = "IMAGEYARD_HOOKS_DOCKER_HOST"
        text = self.text(name)
        if text and not re.fullmatch(r"(?:tcp|http|https|ssh)://[!-~]+", text):
            # A hook's container has nothing of the host, so no socket of it either.
            _refuse(
                name, _without_password(text), "an address that containers reach is right, for example tcp://hooks:2375"
            )
        return text

    def admin_token(self) -> str:
        token = self.secret("IMAGEYARD_ADMIN_TOKEN")
        if token and not re.fullmatch(r"[!-~]{16,256}", token):
            _refuse("IMAGEYARD_ADMIN_TOKEN", _hidden(token), "16 to 256 printable characters without spaces are right")
        return token

    def secret_key(self, home: Path) -> str:
        name = "IMAGEYARD_SECRET_KEY"
        key = self.secret(name) or _kept(name, home / "secret-key", new_secret_key)
        if len(key) < 32:  # noqa: PLR2004
            _refuse(name, _hidden(key), "at least 32 random characters are right")
        return key

    def encryption_keys(self, home: Path) -> tuple[str, ...]:
        name = "IMAGEYARD_ENCRYPTION_KEYS"
        text = self.secret(name) or _kept(name, home / "encryption-keys", new_encryption_key)
        keys = tuple(key for key in re.split(r"[,\s]+", text) if key)
        for key in keys:
            try:
                Fernet(key)
            except ValueError:
                _refuse(name, _hidden(key), "Fernet keys with commas between them are right, the newest first")
        return keys


def _kept(name: str, path: Path, make: Callable[[], str]) -> str:
    try:
        return kept_secret(path, make)
    except SecretFileError as error:
        raise EnvError(f"{name} is not set, and {error}") from error


def host_of(address: str) -> str:
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0]


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return len(host) <= 253 and _HOST.fullmatch(host.lower()) is not None  # noqa: PLR2004
    return True


def linkable(host: str) -> str:
    """The host as it can stand in a link: an address that means "every interface" cannot."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 -- compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _refuse(name: str, value: str, right: str) -> NoReturn:
    shown = value.encode("unicode_escape").decode("ascii") if not value.isprintable() else value
    raise EnvError(f"{name} is “{shown[:200]}”: {right}.")


def _without_password(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//…@", url)


def _without_query(text: str) -> str:
    return re.sub(r"\?.*", "?…", text, flags=re.DOTALL)


def _hidden(secret: str) -> str:
    return f"… ({len(secret)} characters)"
