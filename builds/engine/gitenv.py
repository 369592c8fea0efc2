"""The surroundings of Git for one remote: configuration, credentials, the checked address. Runs no Git.

Git reads no configuration but the file written here: not the system's, not the user's, none from a repository. Object
checks of fetched packs (`fetch.fsckObjects`) stay off: many honest old repositories fail them, and what they guard
against is guarded elsewhere (no hooks, no submodule machinery of Git's own, names checked at checkout).
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from builds.core.cloneurl import CloneURL, parse_clone_url, split_credentials
from builds.core.gitfailure import Asked, source_error
from builds.engine.sshkeys import known_host_name, known_hosts, public_key
from builds.engine.workspace import private_directory, write_private
from lib.addresses import AddressRefused, resolve
from lib.redact import Redactor

# Bitbucket's repository tokens want this user name; the others take any that is not empty.
_TOKEN_USERS = {"bitbucket.org": "x-token-auth"}
_ANY_USER = "x-access-token"
STALL_S = 45
"""Seconds without a byte after which a transfer over HTTP is given up."""


@dataclass(frozen=True)
class Remote:
    """Where to fetch from and with which credential; secrets are not in its `repr`.

    `trusted_hosts` are the private hosts that the operator allows (`host` or `host:port`), `local_root` is the folder
    below which `file://` URLs are allowed ("" for nowhere), `ssh_known_hosts` the host keys that the source trusts.
    """

    url: str
    username: str = ""
    token: str = ""
    ssh_private_key: str = ""
    ssh_known_hosts: str = ""
    trusted_hosts: frozenset[str] = frozenset()
    local_root: str = ""

    def __repr__(self) -> str:
        return f"Remote({split_credentials(self.url).url!r})"

    def clean(self) -> Remote:
        """The same with a credential in its URL moved to where it belongs."""
        split = split_credentials(self.url)
        return replace(self, url=split.url, username=self.username or split.username, token=self.token or split.token)

    def without_credentials(self, url: str) -> Remote:
        return replace(self, url=url, username="", token="", ssh_private_key="")


@dataclass(frozen=True)
class GitEnvironment:
    """What every Git command for one remote runs with, and what whoever asks its server by other means needs."""

    url: CloneURL
    asked: Asked
    env: dict[str, str]
    redactor: Redactor
    private: Path
    trusted_hosts: frozenset[str]
    local_root: str


@contextmanager
def git_environment(remote: Remote) -> Iterator[GitEnvironment]:
    """Check the URL and the address behind it, and lay out configuration and credentials in a private directory.

    Raises `BuildError` (kind `source`) where the URL or the address is refused, or the SSH key is of no use.
    """
    remote = remote.clean()
    url = parse_clone_url(remote.url)
    if url.scheme == "file":
        url = _local(url, remote.local_root)
    addresses = _addresses(url, remote.trusted_hosts)
    with private_directory() as private:
        secrets = [secret for secret in (remote.token, remote.ssh_private_key) if secret]
        if remote.token and remote.username:
            secrets.append(f"{remote.username}:{remote.token}")
        config = _config(url, addresses)
        env = _base_env(private, url)
        public = ""
        if url.scheme in {"http", "https"} and remote.token:
            config += _credential(url)
            env["IMAGEYARD_GIT_USERNAME"] = remote.username or _TOKEN_USERS.get(url.host, _ANY_USER)
            env["IMAGEYARD_GIT_TOKEN"] = _one_line(remote.token)
        if url.scheme == "ssh":
            public = public_key(remote.ssh_private_key) if remote.ssh_private_key else ""
            env["GIT_SSH_COMMAND"] = _ssh_command(url, addresses[0], remote, private)
        write_private(private / "gitconfig", config)
        asked = Asked(url, has_token=bool(remote.token), public_key=public)
        redactor = Redactor(secrets)
        yield GitEnvironment(url, asked, env, redactor, private, remote.trusted_hosts, remote.local_root)


def _base_env(private: Path, url: CloneURL) -> dict[str, str]:
    return {
        "PATH": os.pathsep.join(os.get_exec_path()),
        "HOME": str(private),
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(private / "gitconfig"),
        "GIT_ALLOW_PROTOCOL": url.scheme,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "GIT_SSH_VARIANT": "ssh",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_LFS_SKIP_SMUDGE": "1",
    }


def _addresses(url: CloneURL, trusted_hosts: frozenset[str]) -> tuple[str, ...]:
    if url.scheme == "file":
        return ()
    try:
        return resolve(url.host, url.port, trusted_hosts)
    except AddressRefused as refused:
        raise source_error(refused.message, retryable=refused.retryable) from refused


def _local(url: CloneURL, local_root: str) -> CloneURL:
    """The folder itself, links followed, if it is below the root that the operator allows."""
    if not local_root:
        raise source_error(
            "This server allows no file:// clone URLs. Use https:// or SSH, or ask its administrator to set "
            "IMAGEYARD_LOCAL_GIT_ROOT."
        )
    root, path = Path(local_root).resolve(), Path(url.path).resolve()
    if not path.is_relative_to(root):
        raise source_error(f"file:// clone URLs are allowed below {root} only, and {url.path} is not there.")
    if not path.is_dir():
        raise source_error(f"There is no folder {url.path} on the worker. Check the clone URL.")
    return replace(url, path=str(path), text=f"file://{quote(str(path))}")


def _config(url: CloneURL, addresses: tuple[str, ...]) -> str:
    """The one gitconfig(5) that Git reads. `safe.directory`: our mirrors and what the operator allows for file://."""
    # Git before 2.37 does not know the pin, and then asks for the name a second time.
    pinned = ",".join(f"[{address}]" if ":" in address else address for address in addresses)
    named = bool(pinned) and url.host.strip("[]") not in addresses
    resolve_line = f"\tcurloptResolve = {url.host}:{url.port}:{pinned}\n" if named else ""
    return (
        "[core]\n\thooksPath = /dev/null\n\tautocrlf = false\n\tsymlinks = true\n\tfileMode = true\n"
        "\tfsmonitor = false\n\tattributesFile = /dev/null\n\tlogAllRefUpdates = false\n\tsharedRepository = umask\n"
        "[init]\n\ttemplateDir =\n\tdefaultBranch = main\n"
        "[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n[advice]\n\tdetachedHead = false\n"
        f'[protocol]\n\tallow = never\n[protocol "{url.scheme}"]\n\tallow = always\n'
        "[submodule]\n\trecurse = false\n[fetch]\n\trecurseSubmodules = false\n"
        "[safe]\n\tdirectory = *\n[credential]\n\thelper =\n"
        f"[http]\n\tfollowRedirects = false\n\tproxy =\n\tlowSpeedLimit = 1\n\tlowSpeedTime = {STALL_S}\n{resolve_line}"
    )


def _credential(url: CloneURL) -> str:
    """A credential helper for this server alone, with the secret in the environment: not in argv, not in a file.

    A helper and not GIT_ASKPASS, because Git itself then keeps it to the one server, and because a script in a private
    directory could not be run where that is mounted `noexec`.
    """
    script = (
        "!f() { test \\\"$1\\\" = get && printf 'username=%s\\\\npassword=%s\\\\n' "
        '\\"$IMAGEYARD_GIT_USERNAME\\" \\"$IMAGEYARD_GIT_TOKEN\\"; }; f'
    )
    return f'[credential "{url.origin}"]\n\thelper = "{script}"\n'


def _ssh_command(url: CloneURL, address: str, remote: Remote, private: Path) -> str:
    options = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": str(
            write_private(private / "known_hosts", known_hosts(remote.ssh_known_hosts, url.host, url.port))
        ),
        "GlobalKnownHostsFile": "/dev/null",
        "UpdateHostKeys": "no",
        "HostName": address,
        "HostKeyAlias": known_host_name(url.host, url.port),
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "IdentityFile": "none",
        "PreferredAuthentications": "publickey",
        "ForwardAgent": "no",
        "ControlMaster": "no",
        "ControlPath": "none",
        "ConnectTimeout": "20",
        "ServerAliveInterval": "15",
        "ServerAliveCountMax": "3",
        "LogLevel": "ERROR",
    }
    if remote.ssh_private_key:
        key = remote.ssh_private_key.replace("\r\n", "\n").strip() + "\n"
        options["IdentityFile"] = str(write_private(private / "id", key))
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return shlex.join(["ssh", "-F", "/dev/null", *words])


def _one_line(token: str) -> str:
    """A token as pasted, without the line break that came along; a second line would be another field for Git."""
    return re.sub(r"[\x00\r\n]", "", token.strip())
