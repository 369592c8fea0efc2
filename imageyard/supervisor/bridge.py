"""The network bridge of one of our own Docker Engines: a name and a subnet that no other engine on the machine has."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from imageyard.supervisor.child import PartError
from imageyard.supervisor.rootchild import as_root

# Two engines that share `docker0` take it away from each other; so every home has a bridge of its own. Bridges are
# /24 networks of 10.213.0.0/16, the networks that compose projects ask for are /24 networks of 10.214.0.0/16.
BRIDGES = ipaddress.IPv4Network("10.213.0.0/16")
POOL = ipaddress.IPv4Network("10.214.0.0/16")


@dataclass(frozen=True)
class Bridge:
    """An interface name (15 bytes at most), its address with prefix length, and where other networks come from."""

    name: str
    address: str
    pool: str

    @property
    def subnet(self) -> str:
        return str(ipaddress.IPv4Interface(self.address).network)


def ensure_bridge(folder: Path) -> Bridge:
    """Make the bridge of the engine that lives in the folder; the second call finds it, and keeps its subnet.

    Raises:
        PartError: the system refuses (no right to make interfaces).
    """
    name = f"iy{hashlib.sha256(os.fsencode(folder)).hexdigest()[:10]}"
    taken = [route for device, route in _routes() if device != name]
    kept = folder / "bridge.json"
    subnet = _kept_subnet(kept)
    if subnet is None or any(subnet.overlaps(route) for route in taken):
        start = int(hashlib.sha256(os.fsencode(folder)).hexdigest()[:4], 16) % 256
        networks = list(BRIDGES.subnets(new_prefix=24))
        rotated = networks[start:] + networks[:start]
        subnet = next(network for network in rotated if not any(network.overlaps(route) for route in taken))
    bridge = _bridge(folder, subnet)
    kept.write_text(json.dumps({"subnet": str(subnet)}), encoding="utf-8")
    if not Path(f"/sys/class/net/{name}").exists():
        _ip("link", "add", name, "type", "bridge")
    _ip("address", "replace", bridge.address, "dev", name)
    _ip("link", "set", name, "up")
    return bridge


def known_bridge(folder: Path) -> Bridge | None:
    """The bridge that the engine of the folder was given; None where it never had one."""
    subnet = _kept_subnet(folder / "bridge.json")
    return _bridge(folder, subnet) if subnet else None


def _bridge(folder: Path, subnet: ipaddress.IPv4Network) -> Bridge:
    name = f"iy{hashlib.sha256(os.fsencode(folder)).hexdigest()[:10]}"
    return Bridge(name, f"{subnet[1]}/24", f"{POOL[0] + 256 * subnet[0].packed[2]}/24")


def remove_bridge(folder: Path) -> None:
    """Take the bridge of a stopped engine away; harmless where there is none."""
    name = f"iy{hashlib.sha256(os.fsencode(folder)).hexdigest()[:10]}"
    if Path(f"/sys/class/net/{name}").exists():
        _ip("link", "delete", name)


def _routes() -> list[tuple[str, ipaddress.IPv4Network]]:
    """Device and destination of every IPv4 route, the default route left out."""
    routes = json.loads(_ip("-4", "-json", "route", "show") or "[]")
    return [
        (route.get("dev", ""), ipaddress.IPv4Network(route["dst"], strict=False))
        for route in routes
        if route["dst"] != "default"
    ]


def _kept_subnet(file: Path) -> ipaddress.IPv4Network | None:
    try:
        return ipaddress.IPv4Network(json.loads(file.read_text(encoding="utf-8"))["subnet"])
    except (FileNotFoundError, ValueError, KeyError):
        return None


def _ip(*arguments: str) -> str:
    try:
        ran = subprocess.run([*as_root(), "ip", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise PartError("The program `ip` is missing: `scripts/setup` installs it (package iproute2).") from error
    if ran.returncode != 0:
        raise PartError(
            f"The Docker Engine's network cannot be made: `ip {' '.join(arguments)}` says “{ran.stderr.strip()}”. "
            "Start a Docker Engine yourself and name it in DOCKER_HOST."
        )
    return ran.stdout
