"""The builder's cache, asked and pruned through buildx. BuildKit itself keeps what a running build uses."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from builds.core.build_cache import CacheLimits, CacheRecord, read_freed, read_records
from builds.core.errors import BuildError, Stopped
from builds.engine.buildxclient import client_argv, client_env
from builds.engine.dockerclient import last_words
from builds.engine.process import StopFlag, run

_ANSWER_S = 120.0
_PRUNE_S = 3600.0
_MOST_BYTES = 16 * 1024 * 1024
_HOURS = 24


class CacheFault(Exception):  # noqa: N818 — a fact about the other side, which callers turn into their sentence
    """The builder did not answer, or refused; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class BuildCache:
    """The cache of one builder: `builder` as buildx names it ("" the engine's own), of the engine at `docker_host`."""

    builder: str
    docker_host: str

    @property
    def name(self) -> str:
        return self.builder or "default"

    def records(self, stop: StopFlag | None = None) -> list[CacheRecord]:
        """Everything in it. Raises CacheFault, and Stopped."""
        return read_records(self._run(["du", "--verbose"], stop or StopFlag(), timeout_s=_ANSWER_S))

    def prune(self, limits: CacheLimits, stop: StopFlag | None = None) -> int:
        """Take away what the limits say; gives the bytes. Raises CacheFault, and Stopped.

        buildx's own --min-free-space is not used: where enough is free it takes something all the same.
        """
        freed, stop = 0, stop or StopFlag()
        if limits.unused_days is not None:
            freed += self._prune([f"--filter=until={limits.unused_days * _HOURS}h"], stop)
        if limits.keep_bytes is not None:
            # What buildx before 0.19 calls --keep-storage.
            kept = f"{limits.keep_bytes}b"
            freed += self._prune([f"--max-used-space={kept}"], stop, older=[f"--keep-storage={kept}"])
        return freed

    def _prune(self, what: Sequence[str], stop: StopFlag, older: Sequence[str] | None = None) -> int:
        try:
            return read_freed(self._run(["prune", "--force", *what], stop, timeout_s=_PRUNE_S))
        except CacheFault as fault:
            if older is None or "unknown flag" not in str(fault):
                raise
        return read_freed(self._run(["prune", "--force", *older], stop, timeout_s=_PRUNE_S))

    def _run(self, command: list[str], stop: StopFlag, *, timeout_s: float) -> str:
        out = bytearray()

        def keep(chunk: bytes) -> None:
            if len(out) < _MOST_BYTES:
                out.extend(chunk)

        with tempfile.TemporaryDirectory(prefix="imageyard-buildx-") as folder:
            env = client_env(
                docker_config=Path(folder), buildx_config=Path(folder, "buildx"), docker_host=self.docker_host
            )
            named = [f"--builder={self.builder}"] if self.builder else []
            try:
                done = run([*client_argv(), *command, *named], env=env, timeout_s=timeout_s, stop=stop, on_stdout=keep)
            except Stopped as stopped:
                if stopped.reason != "timeout":
                    raise
                raise CacheFault(f"The builder {self.name} did not answer within {timeout_s:.0f} s.") from stopped
            except BuildError as error:
                raise CacheFault(error.message) from error
        if done.returncode != 0:
            raise CacheFault(f"The builder {self.name} refused: {last_words(done.stderr_tail)}.")
        return out.decode("utf-8", "replace")
