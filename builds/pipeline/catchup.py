"""Looking for pushes that never reached us: what the Git server has now, compared and written down."""

from __future__ import annotations

import structlog

from builds import live
from builds.actions import catchup
from builds.core.errors import BuildError, Stopped
from builds.core.rules import Ref
from builds.engine import git
from builds.engine.stopflag import StopFlag
from builds.models import CatchUpLook
from builds.pipeline.checkout import remote_of
from builds.pipeline.probe import PROBE_TIMEOUT_S, one_at_a_time, ring_for_asked
from lib.clock import database_now

log = structlog.get_logger(__name__)
MOST_REFS = 20_000


def look_for_missed(source_id: str) -> None:
    """Take a look that is due. One at a time on a worker, since servers that hang must not hold its processes.

    The turn of another that a person waits for comes when this one is done, that of the others with the next tick.
    """
    with one_at_a_time() as mine:
        look = catchup.take_look(source_id, database_now()) if mine else None
        if look is not None:
            _look(look)
    if mine:
        ring_for_asked()


def _look(look: CatchUpLook) -> None:
    source = look.source
    try:
        found = git.list_refs(remote_of(source), stop=StopFlag(), timeout_s=PROBE_TIMEOUT_S)
    except (BuildError, Stopped) as error:
        silent = f"The Git server did not answer within {PROBE_TIMEOUT_S:.0f} s."
        catchup.record_failure(look, error.message if isinstance(error, BuildError) else silent, database_now())
    except Exception as error:  # a bug of ours must not end the looks
        log.exception("a source could not be looked at", source=str(source.pk))
        fault = f"Imageyard itself met a fault ({type(error).__name__}) that its log tells more of."
        catchup.record_failure(look, fault, database_now())
    else:
        tips = {Ref(ref.type, ref.name): ref.commit for ref in found.refs[:MOST_REFS]}
        catchup.record_look(look, tips, database_now())
    live.wake(f"repository:{source.repository_id}", "deliveries")
