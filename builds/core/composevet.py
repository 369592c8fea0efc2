"""Which compose project a test may be: vets what `docker compose config` spelled out, and bounds what is left of it.

Pure. The shape of the input is that of `docker compose config --format json` (Compose 2.20 and newer; compose-spec,
"05-services.md" and its neighbours), with every path absolute and every `$` doubled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from builds.core.composebuild import ServiceBuild, read_build
from builds.core.composefile import ComposeRefused
from builds.core.composemounts import Look, Mounts, TreeCopy
from builds.core.composewords import KEPT, refused_keys
from builds.core.refnames import quoted

MAX_SERVICES = 20
THIS = "this"
_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_ULIMITS = frozenset({"nofile", "nproc", "memlock", "core", "stack"})


@dataclass(frozen=True, slots=True)
class Limits:
    """For each service: memory with swap in bytes, processes, and processors."""

    memory_bytes: int
    processes: int
    cpus: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a test stands in.

    `tree` is the work tree's absolute path. `images` is a name in the engine for images of this test: `<images>:this`
    is the image that was built, `own_build` what that was built of. `look` tells what a path is.
    """

    project: str
    tree: str
    images: str
    own_build: ServiceBuild
    limits: Limits
    look: Look
    labels: Mapping[str, str] = field(default_factory=dict)
    untrusted: bool = False

    @property
    def this(self) -> str:
        return f"{self.images}:this"


@dataclass(frozen=True, slots=True)
class Vetted:
    """`document` is the project to run. `builds` are by service; `images` have to be in the engine before."""

    document: dict[str, Any]
    builds: dict[str, ServiceBuild]
    images: tuple[str, ...]
    copies: tuple[TreeCopy, ...]
    notes: tuple[str, ...]


def vet(document: Mapping[str, Any], around: Around) -> Vetted:
    """The project with `sut` and what it needs, bounded. Raises ComposeRefused with all that may not be."""
    try:
        return _vet(document, around)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # Compose has checked the types. A version that spells them in another way is not guessed at.
        raise ComposeRefused("Compose spelled it out in a way that Imageyard does not know") from error


def _vet(document: Mapping[str, Any], around: Around) -> Vetted:
    services = {name: one or {} for name, one in (document.get("services") or {}).items()}
    names = needed(services)
    if len(names) > MAX_SERVICES:
        raise ComposeRefused(f"it starts {len(names)} services, and {MAX_SERVICES} is the most")
    vetting = _Vetting(document, around)
    made = {name: vetting.service(name, services[name]) for name in names}
    networks, volumes = vetting.networks(made), vetting.volumes()
    if vetting.problems:
        raise ComposeRefused(*dict.fromkeys(vetting.problems))
    images = dict.fromkeys(one["image"] for name, one in made.items() if name not in vetting.builds)
    project = {"name": around.project, "services": made, "networks": networks, "volumes": volumes}
    return Vetted(project, vetting.builds, tuple(images), tuple(vetting.mounts.copies), tuple(vetting.notes))


def needed(services: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """`sut` and every service that it cannot do without. Raises ComposeRefused for one that is not there."""
    if "sut" not in services:
        raise ComposeRefused("it has no service `sut`, whose exit code is the result")
    found, waiting = ["sut"], ["sut"]
    while waiting:
        service = services[waiting.pop()]
        for name in _needs(service):
            if name not in services:
                raise ComposeRefused(f"it names the service {quoted(name)}, which it does not have")
            if name not in found:
                found.append(name)
                waiting.append(name)
    return found


def _needs(service: Mapping[str, Any]) -> list[str]:
    names = list(service.get("depends_on") or ())
    names += [str(link).partition(":")[0] for link in service.get("links") or ()]
    names += [str(one).partition(":")[0] for one in service.get("volumes_from") or () if not _of_container(one)]
    mode = str(service.get("network_mode") or "")
    return names + ([mode.partition(":")[2]] if mode.startswith("service:") else [])


def _of_container(volumes_from: Any) -> bool:
    return str(volumes_from).startswith("container:")


class _Vetting:
    """Collects problems, notes, builds and copies over all services."""

    def __init__(self, document: Mapping[str, Any], around: Around) -> None:
        self._document = document
        self._around = around
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.builds: dict[str, ServiceBuild] = {}
        self.mounts = Mounts(around.tree, around.look)
        self._used_networks: dict[str, None] = {}

    def service(self, name: str, service: Mapping[str, Any]) -> dict[str, Any]:
        def refuse(clause: str) -> None:
            self.problems.append(f"service {quoted(name)} {clause}")

        for clause in refused_keys(service):
            refuse(clause)
        if service.get("ports"):
            self.notes.append(f"Service {quoted(name)} publishes no ports here; others reach it by its name.")
        made = {key: service[key] for key in sorted(KEPT & service.keys()) if service[key] is not None}
        made |= self._environment(service) | self._network(service, refuse) | self._bounds(service)
        made["image"] = self._image(name, service, refuse)
        volumes, problems = self.mounts.of_service(name, service)
        for clause in problems:
            refuse(clause)
        if volumes:
            made["volumes"] = volumes
        if others := service.get("volumes_from"):
            if any(_of_container(one) for one in others):
                refuse("takes volumes of containers outside the test (`volumes_from`)")
            made["volumes_from"] = list(others)
        return made

    @staticmethod
    def _environment(service: Mapping[str, Any]) -> dict[str, Any]:
        """A name without a value would be taken from the environment of whoever starts Compose."""
        given = {name: value for name, value in (service.get("environment") or {}).items() if value is not None}
        return {"environment": given} if given else {}

    def _bounds(self, service: Mapping[str, Any]) -> dict[str, Any]:
        limits = self._around.limits
        memory = _smaller(service.get("mem_limit"), limits.memory_bytes)
        made: dict[str, Any] = {
            "mem_limit": memory,
            "memswap_limit": memory,
            "pids_limit": _smaller(service.get("pids_limit"), limits.processes),
            # Unlike `cpus` it may be more than the engine has.
            "cpu_period": 100_000,
            "cpu_quota": 100_000 * limits.cpus,
            "restart": "no",
            "labels": dict(self._around.labels),
            "logging": {"driver": "json-file", "options": {"max-size": "64m", "max-file": "2"}},
            "cap_drop": sorted({*(service.get("cap_drop") or ()), "MKNOD", "NET_RAW"}),
        }
        if self._around.untrusted:
            made["security_opt"] = ["no-new-privileges:true"]
        if service.get("shm_size"):
            made["shm_size"] = _smaller(service["shm_size"], memory)
        if ulimits := {key: one for key, one in (service.get("ulimits") or {}).items() if key in _ULIMITS}:
            made["ulimits"] = ulimits
        return made

    def _network(self, service: Mapping[str, Any], refuse: Any) -> dict[str, Any]:
        hosts = service.get("extra_hosts") or {}
        if "host-gateway" in str(hosts):
            refuse("asks for the address of the machine that it runs on (`extra_hosts: host-gateway`)")
        made: dict[str, Any] = {"extra_hosts": hosts} if hosts else {}
        mode = str(service.get("network_mode") or "")
        if mode == "none" or mode.startswith("service:"):
            return made | {"network_mode": mode}
        if mode:
            whose = "the machine's own network" if mode == "host" else "a network outside the test"
            refuse(f"asks for {whose} (`network_mode: {mode[:60]}`)")
        networks = service.get("networks") or {"default": None}
        alias = str(service.get("container_name") or "")
        made["networks"] = {}
        for name, given in networks.items():
            options = given or {}
            if any(options.get(key) for key in ("ipv4_address", "ipv6_address", "link_local_ips", "driver_opts")):
                refuse(f"asks for a fixed address in the network {quoted(name)}: use the names of services instead")
            aliases = [*(options.get("aliases") or ()), *([alias] if _ALIAS.fullmatch(alias) else [])]
            made["networks"][name] = {"aliases": aliases} if aliases else {}
        return made

    def networks(self, services: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        used = dict.fromkeys(name for one in services.values() for name in one.get("networks", ()))
        declared = self._document.get("networks") or {}
        made: dict[str, Any] = {}
        for name in used:
            given = declared.get(name) or {}
            what = f"network {quoted(name)}"
            if given.get("external"):
                self.problems.append(f"{what} is `external`: it belongs to somebody else")
            if given.get("driver") not in (None, "", "bridge") or given.get("driver_opts"):
                self.problems.append(f"{what} has a driver or options of its own")
            if (given.get("ipam") or {}).get("config"):
                self.problems.append(f"{what} asks for fixed addresses (`ipam`)")
            made[name] = {
                "name": f"{self._around.project}_{len(made)}",
                "labels": dict(self._around.labels),
                "internal": bool(given.get("internal")),
            }
        return made

    def volumes(self) -> dict[str, Any]:
        declared = self._document.get("volumes") or {}
        made: dict[str, Any] = {}
        for name in self.mounts.volumes:
            given = declared.get(name) or {}
            what = f"volume {quoted(name)}"
            if given.get("external"):
                self.problems.append(f"{what} is `external`: it belongs to somebody else")
            if given.get("driver") not in (None, "", "local") or given.get("driver_opts"):
                self.problems.append(f"{what} has a driver or options of its own, which could be a path of the machine")
            made[name] = {"name": f"{self._around.project}_{len(made)}", "labels": dict(self._around.labels)}
        return made

    def _image(self, name: str, service: Mapping[str, Any], refuse: Any) -> str:
        build, image = service.get("build"), str(service.get("image") or "")
        if image == THIS:
            return self._around.this
        if build is None:
            return image
        found, clause = read_build(build, self._around.tree)
        if found is None:
            refuse(clause)
            return ""
        if found == self._around.own_build:
            return self._around.this
        self.builds[name] = found
        return f"{self._around.images}:{len(self.builds)}"


def _smaller(asked: Any, most: int) -> int:
    try:
        wanted = int(asked or 0)
    except (TypeError, ValueError):
        return most
    return min(wanted, most) if wanted > 0 else most
