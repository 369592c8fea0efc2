"""Every environment variable Imageyard reads, checked and typed; what Django makes of them stands in `settings.py`.

Nothing else in the project reads `os.environ`. A wrong value is one sentence (`EnvError`) that names the variable,
its value and what would be right; the value of a secret is never repeated.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from imageyard.env_values import EnvError, LogStorage, Reader, host_of, is_loopback, linkable
from imageyard.own_registry import own_storage

__all__ = ["Env", "EnvError", "LogStorage", "env_or_exit", "read_env", "run_dir_of"]

# A Unix socket's path may be 107 bytes long on Linux (`sun_path`); the longest name below a run folder is the
# one of the containerd of our own Docker Engine, /docker/containerd/containerd.sock.ttrpc, 41 bytes.
MAX_RUN_DIR_BYTES = 64


@dataclass(frozen=True, slots=True)
class Env:
    """What the environment says. Sizes are bytes, times are seconds."""

    home: Path
    run_dir: Path
    http_host: str
    http_port: int
    url: str
    registry: str
    registry_scheme: str
    registry_auth: str
    hub_cache: str
    owns_started_registry: bool
    registry_storage: str
    collect_window_s: int
    collect_grace_s: int
    slots: int
    admin_token: str
    trusted_hosts: frozenset[str]
    local_git_root: str
    database_url: str
    redis_url: str
    redis_embedded: bool
    log_storage: LogStorage
    docker_host: str
    buildx_builder: str
    untrusted_builder: str
    hooks_image: str
    hooks_docker_host: str
    secret_key: str
    encryption_keys: tuple[str, ...]
    debug: bool
    build_timeout_s: int
    log_cap_bytes: int
    drain_s: int
    lease_s: int
    base_check_s: int
    pause_user_failures: int
    pause_platform_failures: int
    min_free_bytes: int
    engine_data: str
    alive_file: str
    cache: str
    cache_keep_bytes: int
    cache_unused_days: int
    test_memory_bytes: int
    test_pids: int
    test_timeout_s: int
    debug_hours: int
    shells: int
    shell_minutes: int
    shell_idle_minutes: int
    shell_memory_bytes: int

    @property
    def celery_broker_url(self) -> str:
        """`redis_url` as Celery spells it: a Unix socket is `redis+socket://` there and its database `virtual_host`."""
        if not self.redis_url.startswith("unix://"):
            return self.redis_url
        parts = urlsplit(self.redis_url)
        database = dict(parse_qsl(parts.query)).get("db", "0")
        return f"redis+socket://{parts.path}?virtual_host={database}"


def read_env(environ: Mapping[str, str]) -> Env:
    """The whole environment, checked.

    Secrets that are not given are generated once into files of mode 0600 below the home, which is made where it does
    not exist; the second call reads them back. A variable that is set to nothing counts as not set. The secrets and
    the two service URLs may also be given as the name of a file, in the variable's name with `_FILE` behind it.

    Raises:
        EnvError: the first value that is wrong.
    """
    read = Reader(environ)
    home = read.home()
    run_dir = run_dir_of(home)
    http_host, http_port = read.address("IMAGEYARD_HTTP", "127.0.0.1:8000")
    registry = read.registry()
    storage = own_storage(run_dir, registry)
    return Env(
        home=home,
        run_dir=run_dir,
        http_host=http_host,
        http_port=http_port,
        url=read.url(f"http://{linkable(http_host)}:{http_port}"),
        registry=registry,
        registry_scheme=read.choice(
            "IMAGEYARD_REGISTRY_SCHEME", "http" if is_loopback(host_of(registry)) else "https", ("http", "https")
        ),
        registry_auth=read.choice("IMAGEYARD_REGISTRY_AUTH", "token" if storage else "none", ("none", "token")),
        # A registry that `make up` starts is its own, unless that was forbidden.
        owns_started_registry=read.choice("IMAGEYARD_REGISTRY_AUTH", "token", ("none", "token")) == "token",
        registry_storage=read.path("IMAGEYARD_REGISTRY_STORAGE") or storage,
        collect_window_s=read.number("IMAGEYARD_COLLECT_WINDOW_S", 7200, low=60, high=30 * 86400),
        collect_grace_s=read.number("IMAGEYARD_COLLECT_GRACE_S", 60, low=5, high=3600),
        hub_cache=read.hub_cache("127.0.0.1:5001"),
        slots=read.number("IMAGEYARD_SLOTS", len(os.sched_getaffinity(0)), low=1, high=256),
        admin_token=read.admin_token(),
        trusted_hosts=read.hosts("IMAGEYARD_TRUSTED_HOSTS"),
        local_git_root=read.folder("IMAGEYARD_LOCAL_GIT_ROOT"),
        database_url=read.database_url(f"sqlite:///{home}/imageyard.sqlite3"),
        redis_url=read.redis_url(f"unix://{run_dir}/redis.sock?db=0"),
        redis_embedded=not read.secret("REDIS_URL"),
        log_storage=read.log_storage(home / "logs"),
        docker_host=read.docker_host(),
        buildx_builder=read.builder(),
        untrusted_builder=read.untrusted_builder(),
        hooks_image=read.image("IMAGEYARD_HOOKS_IMAGE"),
        hooks_docker_host=read.hooks_docker_host(),
        secret_key=read.secret_key(home),
        encryption_keys=read.encryption_keys(home),
        debug=read.choice("IMAGEYARD_DEBUG", "0", ("0", "1")) == "1",
        build_timeout_s=read.number("IMAGEYARD_BUILD_TIMEOUT_S", 3600, low=10, high=7 * 86400),
        log_cap_bytes=read.number("IMAGEYARD_LOG_CAP_MB", 64, low=1, high=4096) * 1024 * 1024,
        drain_s=read.number("IMAGEYARD_DRAIN_S", 30, low=0, high=7 * 86400),
        lease_s=read.number("IMAGEYARD_LEASE_S", 45, low=3, high=3600),
        base_check_s=read.number("IMAGEYARD_BASE_CHECK_S", 900, low=10, high=7 * 86400),
        pause_user_failures=read.number("IMAGEYARD_PAUSE_USER_FAILURES", 25, low=1, high=10_000),
        pause_platform_failures=read.number("IMAGEYARD_PAUSE_PLATFORM_FAILURES", 5, low=1, high=10_000),
        min_free_bytes=read.number("IMAGEYARD_MIN_FREE_GB", 1, low=0, high=1_000_000) * 1024**3,
        engine_data=read.folder("IMAGEYARD_ENGINE_DATA"),
        alive_file=read.path("IMAGEYARD_ALIVE_PATH", "file"),
        cache=read.choice("IMAGEYARD_CACHE", "auto", ("auto", "own", "shared")),
        cache_keep_bytes=read.number("IMAGEYARD_CACHE_KEEP_GB", 0, low=0, high=1_000_000) * 1024**3,
        cache_unused_days=read.number("IMAGEYARD_CACHE_UNUSED_DAYS", 30, low=0, high=3650),
        test_memory_bytes=read.number("IMAGEYARD_TEST_MEMORY_MB", 1024, low=16, high=1024 * 1024) * 1024**2,
        test_pids=read.number("IMAGEYARD_TEST_PIDS", 512, low=16, high=1_000_000),
        test_timeout_s=read.number("IMAGEYARD_TEST_TIMEOUT_S", 900, low=5, high=7 * 86400),
        debug_hours=read.number("IMAGEYARD_DEBUG_HOURS", 24, low=1, high=24 * 30),
        shells=read.number("IMAGEYARD_SHELLS", 2, low=0, high=64),
        shell_minutes=read.number("IMAGEYARD_SHELL_MINUTES", 30, low=1, high=24 * 60),
        shell_idle_minutes=read.number("IMAGEYARD_SHELL_IDLE_MINUTES", 10, low=1, high=24 * 60),
        shell_memory_bytes=read.number("IMAGEYARD_SHELL_MEMORY_MB", 2048, low=16, high=1024 * 1024) * 1024**2,
    )


def env_or_exit() -> Env:
    """The environment of this process; a wrong value ends it with the one line and exit code 2."""
    try:
        return read_env(os.environ)
    except EnvError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


def run_dir_of(home: Path) -> Path:
    """Where the home's Unix sockets are: inside it, or in a short folder named after it where its path is too long."""
    inside = home / "run"
    if len(os.fsencode(inside)) <= MAX_RUN_DIR_BYTES:
        return inside
    return Path("/tmp") / f"imageyard-{os.getuid()}-{hashlib.sha256(os.fsencode(home)).hexdigest()[:12]}"  # noqa: S108 -- 0700, checked where it is made
