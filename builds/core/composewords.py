"""What each key of a compose service may say in a test, and the clause for one that may not: an allow-list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from builds.core.refnames import quoted

KEPT = frozenset(
    [
        "cap_drop",
        "command",
        "depends_on",
        "dns",
        "dns_opt",
        "dns_search",
        "domainname",
        "entrypoint",
        "expose",
        "group_add",
        "healthcheck",
        "hostname",
        "init",
        "links",
        "platform",
        "read_only",
        "stdin_open",
        "stop_signal",
        "tmpfs",
        "tty",
        "user",
        "working_dir",
    ]
)
"""Passed on as they stand: they concern the container alone."""

DROPPED = frozenset(
    [
        "annotations",
        "attach",
        "blkio_config",
        "container_name",
        "cpu_count",
        "cpu_percent",
        "cpu_period",
        "cpu_quota",
        "cpu_rt_period",
        "cpu_rt_runtime",
        "cpu_shares",
        "cpus",
        "cpuset",
        "deploy",
        "develop",
        "env_file",
        "expose",
        "extends",
        "label_file",
        "labels",
        "logging",
        "mac_address",
        "mem_limit",
        "mem_reservation",
        "mem_swappiness",
        "memswap_limit",
        "name",
        "oom_score_adj",
        "pids_limit",
        "ports",
        "profiles",
        "pull_policy",
        "pull_refresh_after",
        "restart",
        "scale",
        "stop_grace_period",
    ]
)
"""Left out or replaced by what Imageyard says: limits, names, labels, restarts."""

JUDGED = frozenset(
    [
        "build",
        "environment",
        "extra_hosts",
        "image",
        "network_mode",
        "networks",
        "shm_size",
        "ulimits",
        "volumes",
        "volumes_from",
    ]
)
"""Looked at one by one in `composevet`."""

_MACHINE = "which would give it the machine that it runs on"
_REFUSED = {
    "privileged": f"asks for `privileged`, {_MACHINE}",
    "use_api_socket": f"asks for the Docker Engine's socket (`use_api_socket`), {_MACHINE}",
    "cap_add": "adds capabilities (`cap_add{value}`) to those that every container has",
    "security_opt": "changes the container's protection (`security_opt{value}`)",
    "devices": "asks for devices of the machine that it runs on (`devices{value}`)",
    "device_cgroup_rules": "asks for devices of the machine that it runs on (`device_cgroup_rules{value}`)",
    "gpus": "asks for the machine's graphics cards (`gpus`)",
    "runtime": "chooses another container runtime (`runtime{value}`)",
    "sysctls": "changes settings of the kernel (`sysctls{value}`)",
    "pid": "shares processes with the machine or another container (`pid{value}`)",
    "ipc": "shares memory with the machine or another container (`ipc{value}`)",
    "uts": "shares its host name with the machine (`uts{value}`)",
    "userns_mode": "leaves the user namespace of the engine (`userns_mode{value}`)",
    "cgroup": "leaves its control group (`cgroup{value}`)",
    "cgroup_parent": "leaves its control group (`cgroup_parent{value}`)",
    "isolation": "chooses how it is isolated (`isolation{value}`)",
    "storage_opt": "chooses how its disk is kept (`storage_opt`)",
    "oom_kill_disable": "may not be ended when memory runs out (`oom_kill_disable`)",
    "external_links": "links to containers outside the test (`external_links{value}`)",
    "credential_spec": "uses `credential_spec`, a file of the machine that it runs on",
    "provider": "uses `provider`, a program of the machine that it runs on",
    "models": "uses `models`, which tests cannot have",
    "secrets": "uses `secrets`: keep what the test needs in the repository and mount it, as in `./file:/path`",
    "configs": "uses `configs`: keep what the test needs in the repository and mount it, as in `./file:/path`",
    "post_start": "runs commands from outside (`post_start`): put them into its `command`",
    "pre_stop": "runs commands from outside (`pre_stop`): put them into its `command`",
}


def refused_keys(service: Mapping[str, Any]) -> list[str]:
    """A clause for every key that may not stand in a test. A key that says nothing (`privileged: false`) is fine."""
    clauses = []
    for key, value in service.items():
        if key in KEPT or key in DROPPED or key in JUDGED or key.startswith("x-") or not value:
            continue
        clause = _REFUSED.get(key, f"has the key {quoted(key)}, which Imageyard does not know")
        clauses.append(clause.replace("{value}", f": {_short(value)}"))
    return clauses


def _short(value: Any) -> str:
    if isinstance(value, dict):
        value = list(value)
    if isinstance(value, list):
        value = ", ".join(str(one.get("source", one)) if isinstance(one, dict) else str(one) for one in value[:3])
    text = str(value).replace("`", "'").replace("\n", " ")
    return text if len(text) <= 60 else f"{text[:59]}…"  # noqa: PLR2004 — a clause, not a listing
