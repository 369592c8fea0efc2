"""What a container of Imageyard's image does, by its first argument; the processes are those of `make up`."""  # noqa: INP001 -- a script

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

SECRETS = Path("/var/lib/imageyard-secrets")
REGISTRY_KEYS = Path("/var/lib/imageyard-registry-keys/registry-roots.pem")
# Among the services; `web` is in ALLOWED_HOSTS for it.
WEB = "http://web:8000"
LOGIN = "login"
# Celery's beat writes its schedule at its start and then every 3 minutes.
BEAT_SILENT_S = 400
ALIVE = Path("/tmp/housekeeper")  # noqa: S108 -- of this container alone
# It reports itself every 10 s; those who look for workers in the database wait as long (builds.models.worker).
WORKER_SILENT_S = 35
# It tells of itself every few seconds, and between two steps of a clean-up.
HOUSEKEEPER_SILENT_S = 600
USAGE = (
    "web, worker, beat, housekeeper, migrate, init, login, healthy <web|worker|beat|housekeeper> or manage <command> "
    "is right"
)


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code; web, worker and beat take this process over and never return."""
    name, *rest = arguments or [""]
    commands: dict[str, Callable[..., int]] = {
        "web": lambda: _become("web"),
        "worker": lambda: _become("worker"),
        "beat": lambda: _become("beat"),
        "housekeeper": _keep_house,
        "migrate": _migrate,
        "init": _init,
        "login": _login,
        "healthy": _healthy,
        "manage": _manage,
    }
    if name not in commands:
        sys.stderr.write(f"The command is “{name}”: {USAGE}.\n")
        return 2
    return commands[name](*rest)


def _become(name: str) -> NoReturn:
    from imageyard.env import env_or_exit  # init runs before there is anything to read
    from imageyard.supervisor import services

    env = env_or_exit()
    env.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    argv = getattr(services, name)(env, os.environ).argv
    _open_door(env.registry, os.environ.get("REGISTRY_DOOR", ""))
    if name == "worker":  # builds log in at the registry where people do
        _open_door(env.url.partition("://")[2], os.environ.get("WEB_DOOR", ""))
    # `make up` starts them through setpriv, so that they end with it; in a container the container ends.
    os.execv(sys.executable, argv[argv.index("--") + 1 :])  # noqa: S606 -- this process becomes it


def _keep_house() -> NoReturn:
    """Clean up the storage of the registry when it is due. As root, so it makes no folder that the others need."""
    from imageyard.env import env_or_exit

    _open_door(env_or_exit().registry, os.environ.get("REGISTRY_DOOR", ""))
    _manage("keep_storage", f"--alive={ALIVE}")


def _manage(*told: str) -> NoReturn:
    os.execv(sys.executable, [sys.executable, "/app/manage.py", *told])  # noqa: S606 -- this process becomes it


def _open_door(address: str, door: str) -> None:
    """Make what people find at a loopback address answer there, in this container too; nothing for a real name.

    Images are called 127.0.0.1:5000/… because that is where people find them. socat asks for the service's address
    at every connection, so one that was made anew is found again.
    """
    host, _, port = address.partition(":")
    if not door or host not in ("127.0.0.1", "localhost"):
        return
    listen = f"TCP-LISTEN:{port or 80},bind=127.0.0.1,reuseaddr,fork,backlog=128"
    loop = f"while :; do socat {listen} TCP:{door}; sleep 1; done"
    import subprocess  # healthy, which is asked all the time, needs none of it

    subprocess.Popen(["sh", "-c", loop], stdin=subprocess.DEVNULL, start_new_session=True)


def _init() -> int:
    """Make the passwords of PostgreSQL and Redis, once; what is there stays."""
    import secrets

    database, redis = (_kept(SECRETS / f"{name}-password", secrets.token_urlsafe(32)) for name in ("postgres", "redis"))
    _kept(SECRETS / "database-url", f"postgresql://imageyard:{database}@postgres:5432/imageyard")
    _kept(SECRETS / "redis-url", f"redis://:{redis}@redis:6379/0")
    # Redis holds wake-ups and the tails of running logs: losing it loses nothing, so it writes nothing down.
    _kept(SECRETS / "redis.conf", f'requirepass {redis}\nsave ""\nappendonly no\n')
    return 0


def _kept(path: Path, content: str) -> str:
    """The content of the file, which is made with the given one where it is missing.

    Everybody may read it, since PostgreSQL and Redis run as users of their own; only their containers and ours
    mount the volume that it is in.
    """
    if not path.exists():
        draft = path.with_suffix(".new")
        draft.write_text(content, encoding="utf-8")
        draft.chmod(0o444)
        draft.rename(path)
    return path.read_text(encoding="utf-8")


def _migrate() -> int:
    """Bring the database up to date; the first time also make the administrator, whose password `login` tells."""
    from imageyard.env import env_or_exit
    from imageyard.supervisor.prepare import main as prepare

    home = env_or_exit().home
    draft = home / f"{LOGIN}.new"
    prepare(draft, REGISTRY_KEYS)
    _tell_registry(env_or_exit().secret_key)
    if draft.stat().st_size:
        draft.rename(home / LOGIN)
    draft.unlink(missing_ok=True)
    if (home / LOGIN).exists():
        sys.stdout.write("The first login waits for you: docker compose exec web imageyard login\n")
    return 0


def _tell_registry(secret_key: str) -> None:
    """Write down where the registry tells what happens, and its secret; anew each time, for the key may be another.

    Everybody in the volume may read it: only the registry mounts it, whose root may read nothing else.
    """
    import json

    from registry.core.notification_config import endpoints, events_secret

    path = REGISTRY_KEYS.with_name("notifications.json")
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(endpoints(WEB, events_secret(secret_key))), encoding="utf-8")
    draft.chmod(0o444)
    draft.replace(path)


def _login() -> int:
    """Tell the administrator's first password, once."""
    from imageyard.env import env_or_exit

    path = env_or_exit().home / LOGIN
    if not path.exists():
        sys.stdout.write(
            "The first password was shown already. This makes another: "
            "docker compose exec web imageyard manage changepassword admin\n"
        )
        return 1
    sys.stdout.write(path.read_text(encoding="utf-8"))
    path.unlink()
    return 0


def _healthy(name: str = "") -> int:
    """Whether the process of this container does its work.

    Docker asks every second while it starts and for ever after: so nothing of Imageyard is loaded for the answer.
    """
    if name == "web":
        return int(not _web_answers(int(os.environ["IMAGEYARD_HTTP"].rpartition(":")[2])))
    if name == "worker":
        return int(_silent_s(Path(os.environ["IMAGEYARD_ALIVE_PATH"])) > WORKER_SILENT_S)
    if name == "beat":
        schedules = Path(os.environ["IMAGEYARD_HOME"]).glob("beat-schedule*")
        return int(min(map(_silent_s, schedules), default=math.inf) > BEAT_SILENT_S)
    if name == "housekeeper":
        return int(_silent_s(ALIVE) > HOUSEKEEPER_SILENT_S)
    sys.stderr.write(f"healthy {name}: {USAGE}.\n")
    return 2


def _web_answers(port: int) -> bool:
    import socket

    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(f"GET /healthz HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        return connection.recv(1024).split(b" ")[1:2] == [b"200"]


def _silent_s(file: Path) -> float:
    """How long ago the file was written; for ever where there is none."""
    return time.time() - file.stat().st_mtime if file.exists() else math.inf


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
