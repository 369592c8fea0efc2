"""Looking at a source on a person's behalf: does the Git server answer, and which refs are there."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from django.conf import settings

from builds import live
from builds.actions import catchup
from builds.actions.rules_file import note_tips
from builds.actions.sources import record_probe
from builds.actions.upkeep import ring_for_probes
from builds.core.errors import BuildError, Stopped
from builds.engine import git
from builds.engine.stopflag import StopFlag
from builds.models import Source
from builds.pipeline.checkout import remote_of
from lib.clock import database_now
from lib.humanize import plural

log = structlog.get_logger(__name__)
PROBE_TIMEOUT_S = 20.0


def probe(source_id: str) -> None:
    """Ask the Git server of a source and write down what it said. A source that nobody asks about any more is left.

    One at a time on a worker: servers that hang must not hold more than one of its processes. The others' turn comes
    when this one is done, or with the next tick.
    """
    with one_at_a_time() as mine:
        if mine:
            _probe(source_id)
    if mine:
        ring_for_asked()


def ring_for_asked() -> None:
    """The turn is free again: ring for all who wait at a page for what a Git server says."""
    ring_for_probes()
    catchup.ring_for_asked(database_now())


@contextmanager
def one_at_a_time(name: str = "probe.lock") -> Iterator[bool]:
    """Whether the turn to ask a Git server is ours; the kernel gives back what a killed process had."""
    with (settings.HOME / name).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _probe(source_id: str) -> None:
    source = Source.objects.filter(pk=source_id, probe_state="asked").first()
    if source is None:
        return
    try:
        found = git.list_refs(remote_of(source), stop=StopFlag(), timeout_s=PROBE_TIMEOUT_S)
    except (BuildError, Stopped) as error:
        silent = f"The Git server did not answer within {PROBE_TIMEOUT_S:.0f} s."
        sentence = error.message if isinstance(error, BuildError) else silent
        record_probe(source, sentence=sentence, good=False)
    except Exception as error:  # a bug of ours must not leave the question open for ever
        log.exception("a source could not be looked at", source=str(source.pk))
        fault = f"Imageyard itself met a fault ({type(error).__name__}) that its log tells more of. Look again later."
        record_probe(source, sentence=fault, good=False)
    else:
        branches = sum(ref.type == "branch" for ref in found.refs)
        tags = len(found.refs) - branches
        sentence = f"The Git server answered: {plural(branches, 'branch', 'branches')} and {plural(tags, 'tag')}."
        if not found.refs:
            sentence = "The Git server answered, but the repository has no commits yet. Push one, and it is built."
        refs = [{"type": ref.type, "name": ref.name, "commit": ref.commit} for ref in found.refs]
        record_probe(source, sentence=sentence, good=True, default_branch=found.default_branch or "", refs=refs)
        note_tips(source, {ref.name: ref.commit for ref in found.refs if ref.type == "branch"})
    live.wake(f"repository:{source.repository_id}")
