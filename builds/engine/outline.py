"""Ask a Dockerfile's frontend which arguments are in force at its end, and with which values. Builds nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from builds.core.json_values import dicts, table, text
from builds.engine.buildx import BuildRequest
from builds.engine.buildxclient import client_argv, client_env
from builds.engine.inputs import find_context
from builds.engine.process import StopFlag, run
from builds.engine.workspace import private_directory

ANSWER_S = 60.0
_MOST_BYTES = 4 * 1024 * 1024


def args_in_force(request: BuildRequest, dockerfile: Path, *, stop: StopFlag) -> dict[str, str] | None:
    """The ARGs that the last stage of `dockerfile` sees, by name; None where the frontend does not say.

    `docker buildx build --call=outline,format=json` (Docker's frontend 1.8 and later): `{"args": [{"name", "value"}]}`.
    Raises Stopped.
    """
    out = bytearray()
    given = [f"--build-arg={name}={value}" for name, value in request.build_args.items()]
    with private_directory() as folder:
        done = run(
            [
                *(*client_argv(), "build", "--call=outline,format=json"),
                *([f"--builder={request.builder}"] if request.builder else []),
                *(*given, f"--file={dockerfile}", "--", str(find_context(request.tree, request.context))),
            ],
            env=client_env(
                docker_config=folder, buildx_config=request.work_dir / "config", docker_host=request.docker_host
            ),
            cwd=request.work_dir,
            timeout_s=ANSWER_S,
            stop=stop,
            on_stdout=out.extend,
        )
    return _read(bytes(out[:_MOST_BYTES])) if done.returncode == 0 else None


def _read(answer: bytes) -> dict[str, str] | None:
    try:
        document: Any = json.loads(answer)
    except ValueError:
        return None
    return {text(row.get("name")): text(row.get("value")) for row in dicts(table(document).get("args"))}
