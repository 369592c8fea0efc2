"""SSH keys: deploy keys that we make, and host keys that servers present. Trusting one is a person's decision."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from builds.core.gitfailure import source_error
from builds.engine.process import StopFlag, run
from lib.addresses import AddressRefused, resolve

KEY_COMMENT = "imageyard"
_SCAN_S = 10.0

# Host keys as the forges publish them, so that a source on one of them needs no trusting by hand:
# docs.github.com "GitHub's SSH key fingerprints", docs.gitlab.com "GitLab.com settings", Bitbucket Cloud "Configure SSH
# and two-step verification", Codeberg "Verifying you're connected to Codeberg".
FORGE_HOST_KEYS = {
    "github.com": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
    "gitlab.com": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAfuCHKVTjquxvt6CM6tdG4SLp1Btn/nOeHHE5UOzRdf",
    "bitbucket.org": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIazEu89wgQZ4bqs3d63QSMzYVa0MuJ2e2gKTKqu+UUO",
    "codeberg.org": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIVIC02vnjFyL+I4RHfvIGNtOgJMe769VTF1VR4EB3ZB",
}


@dataclass(frozen=True, slots=True)
class HostKey:
    """A host key as a server presented it. `line` is the known_hosts line that trusts it."""

    algorithm: str
    fingerprint: str
    line: str


def make_deploy_key() -> tuple[str, str]:
    """A new ed25519 key pair: the private half in OpenSSH's format, the public half as one `authorized_keys` line."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return private, public_key(private)


def public_key(private: str) -> str:
    """The public line of a private key. Raises `BuildError` where it is damaged or has a passphrase."""
    try:
        key = load_ssh_private_key(private.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise source_error(
            "The source's SSH key cannot be used: it is damaged or has a passphrase. Put an OpenSSH key without one "
            "into the source's settings, or let Imageyard make a deploy key."
        ) from error
    line = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return f"{line} {KEY_COMMENT}"


def fingerprint(line: str) -> str:
    """`ED25519 SHA256:…` of a key line (`ssh-ed25519 AAAA…`), as ssh-keygen(1) prints it."""
    algorithm, blob = line.split()[:2]
    digest = hashlib.sha256(base64.b64decode(blob)).digest()
    name = algorithm.removeprefix("ssh-").removeprefix("ecdsa-sha2-").split("-")[0]
    name = "ECDSA" if algorithm.startswith("ecdsa-") else name.upper()
    return f"{name} SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def known_host_name(host: str, port: int) -> str:
    """How known_hosts names a host: bare on port 22, `[host]:port` on others."""
    return host.strip("[]") if port == 22 else f"[{host.strip('[]')}]:{port}"  # noqa: PLR2004 — SSH's own port


def scan_host_keys(
    host: str, port: int = 22, *, trusted_hosts: frozenset[str] = frozenset(), stop: StopFlag | None = None
) -> tuple[HostKey, ...]:
    """The host keys that `host` presents now, for a person to compare and trust; nothing is trusted by this.

    Empty where no SSH server answers within ten seconds. Raises `BuildError` where the address guard refuses the host.
    """
    try:
        address = resolve(host, port, trusted_hosts)[0]
    except AddressRefused as refused:
        raise source_error(refused.message, retryable=refused.retryable) from refused
    out = bytearray()
    run(
        ["ssh-keyscan", "-T", "5", "-p", str(port), "-t", "ed25519,ecdsa,rsa", "--", address],
        env={"PATH": os.pathsep.join(os.get_exec_path()), "LC_ALL": "C.UTF-8"},
        timeout_s=_SCAN_S,
        stop=stop or StopFlag(),
        on_stdout=out.extend,
    )
    keys = []
    for line in out.decode(errors="replace").splitlines():
        parts = line.split()
        if len(parts) >= 3 and not line.startswith("#"):  # noqa: PLR2004 — host, algorithm, key
            key = f"{parts[1]} {parts[2]}"
            keys.append(HostKey(parts[1], fingerprint(key), f"{known_host_name(host, port)} {key}"))
    return tuple(sorted(keys, key=lambda key: key.algorithm != "ssh-ed25519"))


def known_hosts(trusted: str, host: str, port: int) -> str:
    """The known_hosts file for one host: what the source trusts, or the published key of a forge that we know."""
    name = known_host_name(host, port)
    if host in FORGE_HOST_KEYS and name == host and not trusted.strip():
        return f"{host} {FORGE_HOST_KEYS[host]}\n"
    return "".join(f"{line}\n" for line in trusted.splitlines())
