"""No blob and no tag is ever lost: everything a registry can be told, at random, while its storage is cleaned up.

A real Distribution, as `make up` starts it; 450 steps. IMAGEYARD_LONG_STEPS says how many steps for a longer search.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from imageyard.supervisor.ports import free_port
from imageyard.supervisor.registry import Registry
from registry.storage.collect import Terms, collect
from registry.storage.judge import Wish
from registry.storage.layout import V2, open_storage
from tests.real_parts import quick_folder, running
from tests.registry.random_images import KINDS, Deed, Model, Pushing, Shelf

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(900)]

REPOSITORIES = ("acme/web", "acme/web/nested", "tools/archive")
KEEPS_ALL = frozenset({"tools/archive"})
TAGS = ("latest", "main", "1.2", "build-1")
STEPS = int(os.environ.get("IMAGEYARD_LONG_STEPS", "450"))
AT_ONCE = 50
NOW = Terms(window_s=-60.0, grace_s=0.02)  # nothing is young

names = st.sampled_from(REPOSITORIES)
layers = st.lists(st.integers(0, 9), min_size=1, max_size=3, unique=True).map(tuple)


def deeds_of(*kinds: str) -> st.SearchStrategy[Deed]:
    picks, tags = st.integers(0, 2**16), st.sampled_from(TAGS)
    return st.builds(Deed, st.sampled_from(kinds), names, names, tags, layers, layers, picks)


deeds = deeds_of(*KINDS)
# What makes rubbish, and what needs it after all.
untagging, second_thoughts = deeds_of("untag"), deeds_of("back", "back", "back", "image", "index", "retag", "mount")


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    with (
        tempfile.TemporaryDirectory(prefix="iy-lost-", dir=quick_folder()) as folder,
        running(Registry(Path(folder), f"127.0.0.1:{free_port()}")) as registry,
    ):
        yield registry


def killed_at(step: int) -> Callable[..., None]:
    """A collector that dies at its `step`-th step: nothing that it would do afterwards is done."""

    def tell(*_: object) -> None:
        nonlocal step
        step -= 1
        if step < 0:
            raise KilledError

    return tell


class KilledError(BaseException):
    """No `except Exception` of the collector's sees it, as none sees a kill -9."""


def machine(registry: Registry) -> type[RuleBasedStateMachine]:
    storage = open_storage(registry.folder)
    pushing, shelf = Pushing(registry.host), Shelf(storage.v2)

    class Anything(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.model = Model(keeps_all=KEEPS_ALL)
            for folder in registry.folder.iterdir():
                shutil.rmtree(folder)

        @initialize(is_random=st.booleans())
        def begin(self, is_random: bool) -> None:
            """Hypothesis begins with the least of everything: fifty times the same step, which shows nothing."""
            assume(is_random)

        @rule(todo=st.lists(deeds, min_size=1, max_size=4))
        def people_and_builds(self, todo: list[Deed]) -> None:
            """Push images, indexes, signatures; retag, roll back, mount, take tags away."""
            for deed in todo:
                deed.do(pushing, self.model)

        @rule()
        def pull_everything(self) -> None:
            self.model.check(pushing)

        @rule()
        def collect(self) -> None:
            self.run_collector()
            self.model.check(shelf)

        @rule(
            before=st.lists(untagging, min_size=1, max_size=3),
            todo=st.lists(st.tuples(st.integers(0, 30), second_thoughts), min_size=1, max_size=4),
        )
        def collect_with_people_in_between(self, before: list[Deed], todo: list[tuple[int, Deed]]) -> None:
            """Between two of the collector's steps something else happens, as if it had been slow just there."""
            for deed in before:
                deed.do(pushing, self.model)
            steps = iter(range(1_000_000))

            def tell(*_: object) -> None:
                step = next(steps)
                for at, deed in todo:
                    if at == step:
                        self.do_while_collecting(deed)

            self.run_collector(tell)
            self.model.check(shelf)

        @rule(todo=st.lists(deeds, min_size=1, max_size=4))
        def collect_while_people_push(self, todo: list[Deed]) -> None:
            """Side by side, so that requests are under way at each of its steps."""
            with self.collector_beside() as failed:
                for deed in todo:
                    self.do_while_collecting(deed)
            assert not failed, failed
            self.model.check(shelf)

        @rule(step=st.integers(0, 60), deed=deeds)
        def kill_the_collector(self, step: int, deed: Deed) -> None:
            """People go on as if nothing were: nothing that is needed is aside. The next run begins with a recovery."""
            try:
                self.run_collector(killed_at(step))
            except KilledError:
                deed.do(pushing, self.model)
                self.model.check(shelf)
            self.run_collector()
            self.model.check(shelf)

        @rule(step=st.integers(0, 60), deed=deeds)
        def kill_it_while_people_push(self, step: int, deed: Deed) -> None:
            """What was needed at the moment of its death comes back with the next run."""
            with self.collector_beside(killed_at(step)) as failed:
                self.do_while_collecting(deed)
            assert all(isinstance(each, KilledError) for each in failed), failed
            self.run_collector()
            self.model.check(shelf)

        def do_while_collecting(self, deed: Deed) -> None:
            deed.do(pushing, self.model)
            self.model.settle()

        def run_collector(self, tell: Callable[..., None] = lambda *_: None) -> None:
            self.model.settle()
            collect(storage, keeper, NOW, tell, pushing.gate.wait)

        @contextmanager
        def collector_beside(self, tell: Callable[..., None] = lambda *_: None) -> Iterator[list[BaseException]]:
            failed: list[BaseException] = []
            self.model.settle()

            def run() -> None:
                try:
                    collect(storage, keeper, NOW, tell, pushing.gate.wait)
                except BaseException as error:  # noqa: BLE001 — the test's own thread tells it
                    failed.append(error)

            thread = threading.Thread(target=run)
            thread.start()
            try:
                yield failed
            finally:
                thread.join()

        def teardown(self) -> None:
            """Nothing is lost, also for who asks the registry, and rubbish goes: with no tag left, no blob is."""
            self.run_collector()
            self.model.check(pushing)
            for repository, there in self.model.tags.items():
                for tag in list(there):
                    pushing.untag(repository, tag)
            report = collect(storage, lambda _: Wish(untagged_s=0.0), NOW, lambda *_: None, pushing.gate.wait)
            assert files(registry.folder / V2 / "blobs") == [], report
            assert files(registry.folder / "imageyard-trash/blobs") == []

    return Anything


def keeper(repository: str) -> Wish:
    return Wish(untagged_s=None if repository in KEEPS_ALL else 0.0)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def search(registry: Registry, steps: int = STEPS) -> None:
    each = settings(
        max_examples=max(steps // AT_ONCE, 1),
        stateful_step_count=AT_ONCE,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    run_state_machine_as_test(machine(registry), settings=each)


def test_no_blob_and_no_tag_is_ever_lost(registry: Registry) -> None:
    """Whatever is pushed, retagged, deleted, collected and killed at random: what should be there is, bit for bit."""
    search(registry)
