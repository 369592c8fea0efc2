"""Ask whether the builder answers, for the page of workers and `/readyz`. Builds nothing."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from django.conf import settings

from builds.core.errors import BuildError, Stopped
from builds.engine.buildxclient import client_argv, client_env
from builds.engine.process import StopFlag, run

_ANSWER_S = 20.0
_MAX_FAULT = 300


def ask_builder() -> tuple[str, str]:
    """The builder's name with its driver, and why it does not answer ("" if it does), in at most 300 characters."""
    name = settings.BUILDX_BUILDER or "default"
    out = bytearray()
    with tempfile.TemporaryDirectory(prefix="imageyard-buildx-") as folder:
        try:
            done = run(
                [*client_argv(), "inspect", *([f"--builder={name}"] if settings.BUILDX_BUILDER else [])],
                env=client_env(
                    docker_config=Path(folder), buildx_config=Path(folder, "buildx"), docker_host=settings.DOCKER_HOST
                ),
                timeout_s=_ANSWER_S,
                stop=StopFlag(),
                on_stdout=out.extend,
            )
        except Stopped:
            return name, f"The builder {name} did not answer within {_ANSWER_S:.0f} s."
        except BuildError as error:
            return name, error.message[:_MAX_FAULT]
    told = dict(re.findall(r"^(Driver|Error|Status):[ \t]*(.*)$", out.decode(errors="replace"), re.MULTILINE))
    fault = told.get("Error", "") or (done.stderr_tail.decode(errors="replace").strip() if done.returncode else "")
    if fault:
        sentence = f"The builder {name} does not answer: {fault.removeprefix('ERROR: ').rstrip('.')}."
        return name, " ".join(sentence.split())[:_MAX_FAULT]
    return (f"{name} ({told['Driver']})" if told.get("Driver") else name), ""
