"""Imageyard's own processes: how each is called, and the first step that prepares the database for them."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from imageyard.env import Env
from imageyard.env_values import CHECKOUT
from imageyard.supervisor.child import Child
from imageyard.supervisor.registry import bundle_of


def prepare(env: Env, environ: Mapping[str, str]) -> Child:
    """Migrations, the registry's bundle and the administrator; it ends by itself."""
    argv = [sys.executable, "-m", "imageyard.supervisor.prepare", str(env.run_dir / "login")]
    argv += [str(bundle_of(env))]
    return Child("The database's preparation", argv, log=env.home / "log" / "prepare.log", env=environ, cwd=CHECKOUT)


def web(env: Env, environ: Mapping[str, str]) -> Child:
    """Pages, API, webhooks and WebSockets: one process of uvicorn."""
    argv = [sys.executable, "-m", "uvicorn", "imageyard.asgi:application"]
    argv += ["--host", env.http_host, "--port", str(env.http_port), "--no-access-log", "--lifespan", "on"]
    # Log lines compress badly one by one, and a thousand viewers would each pay for it. Of uvicorn's protocols this one
    # needs a third less of the processor for a message.
    argv += ["--ws", "websockets-sansio", "--ws-per-message-deflate", "false", "--timeout-graceful-shutdown", "5"]
    return Child("web", argv, log=env.home / "log" / "web.log", env=environ, cwd=CHECKOUT)


def worker(env: Env, environ: Mapping[str, str]) -> Child:
    """The builds: a Celery worker with a process for each slot and one for upkeep (CELERY_WORKER_CONCURRENCY)."""
    argv = [sys.executable, "-m", "celery", "-A", "imageyard", "worker", "--pool", "prefork"]
    argv += ["-O", "fair", "--loglevel", "INFO"]
    # What makes this process a worker: it reports itself, dies as a whole, drains. Web and beat do not load it.
    argv += ["--include", "builds.worker"]
    # Workers find their work in the database, not in each other.
    argv += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return Child("worker", argv, log=env.home / "log" / "worker.log", env=environ, cwd=CHECKOUT)


def beat(env: Env, environ: Mapping[str, str]) -> Child:
    """The clock that rings for whatever is due."""
    argv = [sys.executable, "-m", "celery", "-A", "imageyard.beat", "beat", "--loglevel", "INFO"]
    argv += ["--schedule", str(env.home / "beat-schedule"), "--pidfile", ""]
    return Child("beat", argv, log=env.home / "log" / "beat.log", env=environ, cwd=CHECKOUT)
