"""The stage between build and publication: every `*.test.yml` beside the Dockerfile, one after the other.

A test that fails ends the build before any floating tag has moved. Another attempt runs all of them again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings

from builds import live
from builds.core import testresults as words
from builds.core.errors import BuildError, ErrorKind, Stopped
from builds.core.states import State
from builds.engine.git import Checkout
from builds.engine.testfiles import MAX_TESTS, find_tests
from builds.pipeline.job import Job
from builds.pipeline.testbench import Bench, check_engine, test_bench

__all__ = ["Results", "enter_testing", "run_tests", "tests_of", "with_tags"]


def tests_of(job: Job) -> list[Path]:
    """The files of the tests that this build runs."""
    source = job.build.source
    return find_tests(job.work_dir / "tree", job.build.plan["dockerfile"]) if source and source.autotest else []


def run_tests(job: Job, checkout: Checkout) -> None:
    """Run the tests, where autotest is on and there are any. Raises BuildError for the first that does not pass."""
    found = tests_of(job)
    if not found:
        return
    enter_testing(job)
    results = Results(job, [path.name for path in found])
    if len(found) > MAX_TESTS:
        raise with_tags(job, BuildError(ErrorKind.USER, words.TOO_MANY.format(most=MAX_TESTS)))
    try:
        with test_bench(job, checkout) as bench:
            for place, path in enumerate(found):
                with results.of(path.name):
                    _run(job, bench, path, place)
    except BuildError as error:
        raise with_tags(job, error) from error


def with_tags(job: Job, error: BuildError) -> BuildError:
    """The same failure, and what it means for the tags; one that is tried again by itself means nothing yet."""
    if error.retryable:
        return error
    tail = words.tags_sentence(job.build.build_tag, is_pushed=job.build.is_pushed)
    return BuildError(error.kind, f"{error.message} {tail}", step=error.step, dockerfile_line=error.dockerfile_line)


def enter_testing(job: Job) -> None:
    """Move on to `testing`; again does nothing."""
    if job.build.state != State.TESTING:
        job.advance(State.TESTING)
        job.build.state = State.TESTING


def _run(job: Job, bench: Bench, path: Path, place: int) -> None:
    """One file, step by step. Raises BuildError with the name of the step that a person wants to see."""
    file = path.name
    vetted = bench.vet(path, place)
    bench.build_services(file, vetted)
    bench.pull(file, vetted)
    step = f"Test {file}: sut"
    with job.logbook.own_step(step) as say:
        end = bench.run(file, vetted, say)
        if end.exit_code == 0:
            return
        if end.exit_code is None:
            check_engine(file, end.said)
            sentence = words.not_started_sentence(file, end.said)
        else:
            sentence = words.failed_sentence(
                file, end.exit_code, out_of_memory=end.out_of_memory, memory_bytes=settings.TEST_MEMORY_BYTES
            )
        raise BuildError(ErrorKind.USER, job.logbook.redactor.text(sentence), step=step)


class Results:
    """The rows of `Build.tests`, kept up to date while tests run."""

    def __init__(self, job: Job, files: Sequence[str]) -> None:
        self._job = job
        self._rows = words.rows(files)
        self._save()

    @contextmanager
    def of(self, file: str) -> Iterator[None]:
        """The test of this name runs in the block; what it raises becomes its result and goes on."""
        row = next(row for row in self._rows if row["file"] == file)
        began = time.monotonic()
        self._save(row, state=words.RUNNING)
        try:
            yield
        except BuildError as error:
            self._save(row, state=words.FAILED, sentence=error.message, seconds=_since(began))
            raise
        except Stopped:
            self._save(row, state=words.STOPPED, seconds=_since(began))
            raise
        self._save(row, state=words.PASSED, seconds=_since(began))

    def _save(self, row: dict[str, Any] | None = None, **fields: Any) -> None:
        if row is not None:
            row.update(fields)
        self._job.note(tests=self._rows)
        live.wake(f"build:{self._job.run.build_id}")


def _since(began: float) -> float:
    return round(time.monotonic() - began, 1)
