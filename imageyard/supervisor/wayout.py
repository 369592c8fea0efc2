"""The way out of an engine's containers, kept open beside other Docker Engines of the machine.

Engines share the chains of iptables, and one that starts empties those of the others: the RUN steps of the earlier one
then lose the network. DOCKER-USER is the chain that none of them touches.
"""

from __future__ import annotations

import subprocess

from imageyard.supervisor.bridge import Bridge
from imageyard.supervisor.rootchild import as_root


def open_way(bridge: Bridge) -> None:
    """Let packets of the engine's networks through; again changes nothing. For an engine that is ready."""
    for rule in _rules(bridge):
        if not _iptables("-C", "DOCKER-USER", *rule):
            _iptables("-I", "DOCKER-USER", *rule)


def close_way(bridge: Bridge) -> None:
    """Take the rules of a stopped engine away, and the one that it leaves behind itself."""
    for rule in _rules(bridge):
        while _iptables("-D", "DOCKER-USER", *rule):
            pass
    left = ["-s", bridge.subnet, "!", "-o", bridge.name, "-j", "MASQUERADE"]
    while _iptables("-t", "nat", "-D", "POSTROUTING", *left):
        pass


def _rules(bridge: Bridge) -> list[list[str]]:
    ways = (["-i", bridge.name], ["-o", bridge.name], ["-s", bridge.pool], ["-d", bridge.pool])
    return [[*way, "-j", "ACCEPT"] for way in ways]


def _iptables(*arguments: str) -> bool:
    """Whether it did what it was told. A machine without iptables has no such chains to be emptied."""
    try:
        ran = subprocess.run([*as_root(), "iptables", "-w", *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return ran.returncode == 0
