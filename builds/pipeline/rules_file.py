"""Reading `.imageyard.yml` of the default branch on a worker, and handing it to the action that applies it."""

from __future__ import annotations

import structlog

from builds import live
from builds.actions.rules_file import record_unread, take_reading
from builds.actions.rules_taken import Found, apply_reading
from builds.core.errors import BuildError, Stopped
from builds.core.rulesfile import FILE_NAME, MAX_BYTES
from builds.engine.gitfile import read_file
from builds.engine.stopflag import StopFlag
from builds.models import RulesFileRead
from builds.pipeline.checkout import mirror_of, remote_of
from builds.pipeline.probe import one_at_a_time
from lib.clock import database_now

log = structlog.get_logger(__name__)
READ_TIMEOUT_S = 300.0


def read_rules(source_id: str) -> None:
    """Read the file where somebody wants it read. One at a time on a worker; others' turn comes with the next tick."""
    with one_at_a_time("rules-file.lock") as mine:
        reading = take_reading(source_id, database_now()) if mine else None
        if reading is not None:
            _read(reading)
            live.wake(f"repository:{reading.source.repository_id}", "queue")


def _read(reading: RulesFileRead) -> None:
    source = reading.source
    try:
        found = read_file(
            remote_of(source),
            mirror=mirror_of(source),
            branch=source.default_branch,
            path=FILE_NAME,
            most_bytes=MAX_BYTES,
            stop=StopFlag(),
            timeout_s=READ_TIMEOUT_S,
        )
        apply_reading(reading, Found(found.commit, found.content))
    except (BuildError, Stopped) as error:
        silent = f"The Git server did not give the file within {READ_TIMEOUT_S / 60:.0f} minutes."
        record_unread(reading, error.message if isinstance(error, BuildError) else silent, database_now())
    except Exception as error:  # a bug of ours must not be met anew every second
        log.exception("a rules file could not be read", source=str(source.pk))
        fault = f"Imageyard itself met a fault ({type(error).__name__}) that its log tells more of."
        record_unread(reading, fault, database_now())
