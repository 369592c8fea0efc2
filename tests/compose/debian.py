"""The files of some of this machine's own packages, as the root of an image that `apt-get install` works in.

Taken as they lie here, with what their scripts made at their installation; nothing is fetched, unpacked or configured
anew, which took half a minute. What belongs to this machine alone is left out: its users, certificates and sources.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tests.compose.layers import Layer

DPKG = Path("/var/lib/dpkg")
# Nobody reads in there. Files alone: whoever installs something may expect the folders.
_UNREAD = re.compile(r"^/usr/share/(doc|info|lintian|locale|man)/")
_FOLDERS = {"tmp": 0o1777, "var/tmp": 0o1777, "proc": 0o555, "sys": 0o555, "dev": 0o755, "run": 0o755, "root": 0o700}
_EMPTY = ("available", "diversions", "statoverride", "lock", "lock-frontend")


def add_packages(layer: Layer, names: Sequence[str]) -> None:
    """Add these packages and all that they need, with the essential ones and apt."""
    status = read_status()
    packages = with_needs(status, names)
    for name, mode in _FOLDERS.items():
        layer.folder(name, mode)
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        if (path := Path("/", name)).is_symlink():
            layer.link(name, str(path.readlink()))
    layer.link("var/run", "/run")
    layer.link("var/lock", "/run/lock")
    for package in packages:
        for path in _listed(package):
            if not _UNREAD.match(path):
                layer.copy(path)
    for folder in {str(Path(path).parent) for path in layer.names if path.endswith(".py")}:
        for compiled in Path("/", folder, "__pycache__").glob("*.pyc"):
            layer.copy(str(compiled))
    _add_alternatives(layer)
    _add_records(layer, {name: status[name] for name in packages})
    _add_settings(layer)


def read_status() -> dict[str, str]:
    """What dpkg knows of each installed package, by its name."""
    found = {}
    for told in (DPKG / "status").read_text().split("\n\n"):
        if "\nStatus: install ok installed\n" in told:
            found[_fields(told)["Package"]] = told
    return found


def with_needs(status: dict[str, str], names: Sequence[str]) -> list[str]:
    """The packages with those that they depend on, where of several the first installed one is taken."""
    fields = {name: _fields(told) for name, told in status.items()}
    standing_in = {
        virtual: name for name, told in fields.items() for virtual in re.findall(_NAMES, told.get("Provides", ""))
    }
    found: set[str] = set()
    waiting = [name for name, told in fields.items() if told.get("Essential") == "yes"] + ["apt", *names]
    while waiting:
        wanted = waiting.pop()
        name = wanted if wanted in fields else standing_in.get(wanted, "")
        assert name, f"The package {wanted} is missing: `scripts/setup test` installs it."
        if name in found:
            continue
        found.add(name)
        needs = ", ".join(filter(None, (fields[name].get(kind, "") for kind in ("Pre-Depends", "Depends"))))
        for choice in filter(None, needs.split(",")):
            offered = re.findall(_NAMES, choice.replace("|", ","))
            waiting.append(next((one for one in offered if one in fields or one in standing_in), offered[0]))
    return sorted(found)


# `libc6 (>= 2.36), debconf (>= 0.5) | debconf-2.0`: each name, without version and architecture.
_NAMES = r"(?:^|,)\s*([a-z0-9][a-z0-9+.-]*)"


def _fields(told: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Za-z-]+): (.*)$", told, re.MULTILINE))


@cache
def _infos() -> dict[str, list[Path]]:
    """What dpkg keeps of each package: `libc6:amd64.list` is of libc6."""
    found: dict[str, list[Path]] = {}
    for path in (DPKG / "info").iterdir():
        found.setdefault(path.name.rpartition(".")[0].partition(":")[0], []).append(path)
    return found


def _listed(package: str) -> list[str]:
    files = (path for path in _infos()[package] if path.suffix == ".list")
    return [path for file in files for path in file.read_text().splitlines()[1:]]


def _add_alternatives(layer: Layer) -> None:
    """`/usr/sbin/iptables` and the like: links that lead to a program of the layer."""
    for record in (DPKG / "alternatives").iterdir():
        head = record.read_text().split("\n\n")[0].splitlines()[1:]
        pairs = [(record.name, head[0]), *zip(head[1::2], head[2::2], strict=False)]
        if os.path.realpath(head[0]).lstrip("/") not in layer.names:
            continue
        layer.copy(str(record))
        for name, link in pairs:
            if os.path.realpath(link).lstrip("/") in layer.names:
                layer.copy(f"/etc/alternatives/{name}")
                layer.copy(link)


def _add_records(layer: Layer, packages: dict[str, str]) -> None:
    """What dpkg keeps of each package, so that it takes them for installed."""
    layer.file("var/lib/dpkg/status", "\n\n".join(packages.values()) + "\n\n")
    for name in _EMPTY:
        layer.file(f"var/lib/dpkg/{name}", "")
    for folder in ("updates", "triggers", "parts"):
        layer.folder(f"var/lib/dpkg/{folder}", 0o755)
    layer.copy(str(DPKG / "info/format"))
    for package in packages:
        for path in sorted(_infos()[package]):
            layer.copy(str(path))
    for path in (DPKG / "triggers").iterdir():
        # Each line ends with who is interested: `/usr/share/applications desktop-file-utils/noawait`.
        kept = [
            line
            for line in path.read_text().splitlines()
            if line and re.split("[:/]", line.split(" ")[-1])[0] in packages
        ]
        if kept:
            layer.file(f"var/lib/dpkg/triggers/{path.name}", "\n".join(kept) + "\n")
    # As images of Debian have it: nobody waits for the disk in a build.
    layer.file("etc/dpkg/dpkg.cfg.d/docker-apt-speedup", "force-unsafe-io\n")


# As images of Debian have it: no package and no list of them stays behind.
_CLEAN = """\
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Acquire::Languages "none";
"""


def _add_settings(layer: Layer) -> None:
    """What the packages' scripts make at their installation, as it is on a machine that is new."""
    for name, text in accounts().items():
        layer.file(name, text, ACCOUNT_MODES[name])
    layer.file("etc/apt/apt.conf.d/docker-clean", _CLEAN)
    layer.file("etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n")
    certificates = sorted(Path("/usr/share/ca-certificates").rglob("*.crt"))
    layer.file("etc/ssl/certs/ca-certificates.crt", "".join(path.read_text() for path in certificates))


ACCOUNT_MODES = {"etc/passwd": 0o644, "etc/group": 0o644, "etc/shadow": 0o640, "etc/gshadow": 0o640}


def accounts(one_more: str = "") -> dict[str, str]:
    """The users and groups that Debian begins with, and one more: a line of /etc/passwd, whose group has its name."""
    users, groups = (Path("/usr/share/base-passwd", f"{kind}.master").read_text() for kind in ("passwd", "group"))
    users += "_apt:*:42:65534::/nonexistent:/usr/sbin/nologin\n"
    if one_more:
        name, _, _, group, *_ = one_more.split(":")
        users, groups = f"{users}{one_more}\n", f"{groups}{name}:x:{group}:\n"
    return {
        "etc/passwd": users.replace(":*:", ":x:"),
        "etc/group": groups.replace(":*:", ":x:"),
        "etc/shadow": re.sub(r"^([^:]+):.*$", r"\1:*:20000:0:99999:7:::", users, flags=re.MULTILINE),
        "etc/gshadow": re.sub(r"^([^:]+):.*$", r"\1:*::", groups, flags=re.MULTILINE),
    }
