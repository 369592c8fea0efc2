"""Which servers of others have to be started: only those that are not configured and do not answer already."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

import redis

from imageyard.env import Env
from imageyard.env_values import is_loopback
from imageyard.supervisor.child import PartError
from imageyard.supervisor.engine import DockerEngine, find_engine, need_buildx
from imageyard.supervisor.hub_cache import HubCache
from imageyard.supervisor.parts import Redis, make_private
from imageyard.supervisor.ports import bind_problem, free_port, split_address
from imageyard.supervisor.registry import Registry, own_sections, registry_answers


@dataclass(frozen=True)
class Plan:
    """The parts to start, and the address of the Docker Engine that the builds use."""

    redis: Redis | None
    registry: Registry | None
    hub_cache: HubCache | None
    engine: DockerEngine | None
    docker_host: str
    sentences: tuple[str, ...]


def make_plan(env: Env) -> Plan:
    """Look at what answers on this machine.

    Raises:
        PartError: something that was named does not answer, or a port of ours is taken.
    """
    make_private(env.run_dir)
    _need_port(env)
    sentences = []
    if not env.redis_embedded:
        _need_redis(env.redis_url)
        sentences.append("Redis: the one that REDIS_URL names.")
    registry = None
    if registry_answers(env.registry):
        sentences.append(f"Registry: {env.registry} answers already.")
    elif _is_ours_to_start(env.registry):
        registry = Registry(env.home, env.registry, own_sections(env) if env.owns_started_registry else None)
        registry.need_port()
    else:
        sentences.append(f"Registry: {env.registry}, on another machine.")
    hub_cache = _hub_cache(env, sentences)
    found = find_engine(env.docker_host)
    insecure = (env.registry,) if env.registry_scheme == "http" and registry is not None else ()
    engine = None
    if found is None and env.buildx_builder:
        sentences.append(f"Builder: {env.buildx_builder}, which BUILDX_BUILDER names; no Docker Engine is started.")
    elif found is None:
        mirrors = (f"http://{env.hub_cache}",) if env.hub_cache else ()
        engine = DockerEngine(env.home, env.run_dir, insecure=insecure, mirrors=mirrors)
    else:
        sentences.append(f"Docker Engine: {found.host} answers already (version {found.version}).")
    if shutil.which("docker") is None:
        raise PartError("The program `docker` is missing: `scripts/setup` installs it.")
    need_buildx()
    return Plan(
        redis=Redis(env.home, env.run_dir) if env.redis_embedded else None,
        registry=registry,
        hub_cache=hub_cache,
        engine=engine,
        docker_host=engine.host if engine is not None else found.host if found is not None else "",
        sentences=tuple(sentences),
    )


def _hub_cache(env: Env, sentences: list[str]) -> HubCache | None:
    """The cache for Docker Hub, where one is wanted that does not answer yet."""
    if not env.hub_cache:
        return None
    if registry_answers(env.hub_cache):
        sentences.append(f"Cache for Docker Hub: {env.hub_cache} answers already.")
        return None
    if not _is_ours_to_start(env.hub_cache):
        sentences.append(f"Cache for Docker Hub: {env.hub_cache}, on another machine.")
        return None
    return HubCache(env.home, env.hub_cache)


def _need_port(env: Env) -> None:
    problem = bind_problem(env.http_host, env.http_port)
    if problem:
        raise PartError(
            f"Imageyard cannot listen on port {env.http_port} of {env.http_host}: {problem}. Stop the program that has "
            f"it, or set IMAGEYARD_HTTP to another one, for example IMAGEYARD_HTTP=127.0.0.1:{free_port()}."
        )


def _need_redis(url: str) -> None:
    client = redis.Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5)
    try:
        client.ping()
    except redis.RedisError as error:
        raise PartError(
            f"The Redis that REDIS_URL names does not answer: {error}. Start it, or unset REDIS_URL and Imageyard runs "
            "one of its own."
        ) from error
    finally:
        client.close()


def _is_ours_to_start(registry: str) -> bool:
    """A loopback address, or one of this machine's own."""
    host, port = split_address(registry, 80)
    return is_loopback(host) or bind_problem(host, port) == ""
