"""Spells a test's compose file out with `docker compose config`, without its reading anything outside the work tree.

What the file may say is judged in `core.composefile` before and in `core.composevet` after it was spelled out.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from builds.core.composefile import MAX_BYTES, ComposeRefused, read_compose, read_part
from builds.core.refnames import quoted
from builds.engine.dockerclient import Docker, compose_argv, last_words
from builds.engine.testfiles import read_inside

CONFIG_S = 60.0
_MAX_FILES = 20
_ENV_FILE_BYTES = 64 * 1024


def spell_out(docker: Docker, tree: Path, file: Path, *, project: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """The file as `docker compose config` understands it. Raises ComposeRefused and Stopped.

    `variables` are all that `$NAME` in the file can become. They stand in a file of their own: in the environment of
    Compose itself a name like LD_PRELOAD would do other things. Compose reads copies of what was looked at, which lie
    beside the originals so that relative paths stay true.
    """
    env_file = docker.config / f"{project}.env"
    env_file.write_text(env_lines(variables), encoding="utf-8")
    with _twins(tree) as twins:
        twin = twins.of(file, read_compose)
        out = bytearray()
        done = docker(
            f"--file={twin}",
            f"--project-directory={file.parent}",
            f"--project-name={project}",
            f"--env-file={env_file}",
            "--profile=*",
            "--ansi=never",
            "config",
            "--format=json",
            argv=compose_argv(),
            timeout_s=CONFIG_S,
            on_stdout=out.extend,
        )
    if done.returncode != 0:
        raise ComposeRefused(f"Compose does not take it: {_reason(done.stderr_tail, twin)}")
    try:
        document = json.loads(out)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise ComposeRefused("Compose did not spell it out")
    return document


def env_lines(variables: Mapping[str, str]) -> str:
    """Variables as Compose's env files have them, in double quotes (compose-go, dotenv/parser.go)."""
    lines = []
    for name, value in variables.items():
        quoted_value = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("\r", "\\r")
        lines.append(f'{name}="{quoted_value.replace(chr(10), chr(92) + "n")}"\n')
    return "".join(lines)


def _reason(stderr: bytes, twin: Path) -> str:
    return last_words(stderr).replace(str(twin), "the file").replace(str(twin.parent) + "/", "")[:300]


class _Twins:
    """Copies of compose files as JSON; a service that `extends` one of another file is led to that file's copy."""

    def __init__(self, tree: Path) -> None:
        self._tree = tree.resolve()
        self._made: dict[Path, Path] = {}

    def of(self, file: Path, read: Callable[[bytes], dict[str, Any]]) -> Path:
        if file in self._made:
            return self._made[file]
        if len(self._made) >= _MAX_FILES:
            raise ComposeRefused(f"it extends services of more than {_MAX_FILES} files")
        content = read_inside(self._tree, file, MAX_BYTES)
        if content is None:
            raise ComposeRefused("it is no file of the repository, or a link that leads out of it")
        document = read(content)
        twin = self._made[file] = file.parent / f".imageyard-{secrets.token_hex(8)}.json"
        for name, service in document["services"].items():
            if service:
                self._lead_inside(file.parent, name, service)
        with twin.open("x", encoding="utf-8") as out:
            json.dump(document, out)
        return twin

    def _lead_inside(self, folder: Path, name: str, service: dict[str, Any]) -> None:
        extends = service.get("extends")
        if isinstance(extends, dict) and extends.get("file"):
            path = self._inside(folder, extends["file"], f"service {quoted(name)} extends a service of")
            try:
                extends["file"] = str(self.of(path, read_part))
            except ComposeRefused as refused:
                raise ComposeRefused(
                    *(f"in {quoted(path.name)}, which {quoted(name)} extends: {one}" for one in refused.problems)
                ) from refused
        given = service.get("env_file")
        for index, one in enumerate(given if isinstance(given, list) else [given] if given else []):
            path_of = one.get("path") if isinstance(one, dict) else one
            needed = not (isinstance(one, dict) and one.get("required") is False)
            try:
                path = self._inside(folder, path_of, f"service {quoted(name)} reads variables from")
            except ComposeRefused:
                if needed:
                    raise
                path = Path("/dev/null")
            if isinstance(one, dict):
                one["path"] = str(path)
            elif isinstance(given, list):
                given[index] = str(path)
            else:
                service["env_file"] = str(path)

    def _inside(self, folder: Path, relative: Any, what: str) -> Path:
        if not isinstance(relative, str) or "$" in relative:
            raise ComposeRefused(f"{what} a file whose name has to be plain text")
        path = folder / relative
        if read_inside(self._tree, path, 0) is None:
            raise ComposeRefused(f"{what} {quoted(relative)}, which is no file of the repository")
        found = path.resolve()
        if found.stat().st_size > _ENV_FILE_BYTES:
            raise ComposeRefused(f"{what} {quoted(relative)}, which has more than {_ENV_FILE_BYTES:,} bytes")
        return found

    def remove(self) -> None:
        for twin in self._made.values():
            twin.unlink(missing_ok=True)


@contextmanager
def _twins(tree: Path) -> Iterator[_Twins]:
    twins = _Twins(tree)
    try:
        yield twins
    finally:
        twins.remove()
