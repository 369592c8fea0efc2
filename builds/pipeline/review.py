"""Looking at a fork's pull request for the member who is asked: what it changes of the files that say what runs."""

from __future__ import annotations

import structlog

from builds import live
from builds.actions.holds import APPROVAL, record_review
from builds.core.errors import BuildError, Stopped
from builds.core.pull_requests import read_pull_request
from builds.core.review import MAX_DIFF, MAX_OTHERS, Change, read_changes, split_changes
from builds.core.states import State
from builds.engine.difference import Difference, difference
from builds.engine.stopflag import StopFlag
from builds.models import Build, Review
from builds.pipeline.checkout import mirror_for, ref_of_pull_request, remote_of
from lib.humanize import plural
from lib.storable import storable

log = structlog.get_logger(__name__)
REVIEW_TIMEOUT_S = 300.0


def review(build_id: int) -> None:
    """Look, and write down what was found. A build that asks nobody any more is left; again finds the same."""
    build = Build.objects.for_page().filter(pk=build_id, state=State.QUEUED, hold=APPROVAL).first()
    asked = Review.objects.filter(build_id=build_id, state=Review.State.ASKED).exists()
    if build is None or build.source is None or not asked:
        return
    try:
        _look(build)
    except (BuildError, Stopped) as error:
        said = error.message if isinstance(error, BuildError) else "The Git server took too long."
        record_review(build, state=Review.State.FAILED, sentence=said)
    except Exception as error:  # a bug of ours must not leave the question open for ever
        log.exception("a pull request could not be looked at", build=build.pk)
        fault = f"Imageyard itself met a fault ({type(error).__name__}) that its log tells more of. Look again later."
        record_review(build, state=Review.State.FAILED, sentence=fault)
    live.announce(build.pk, "review", {})


def _look(build: Build) -> None:
    pull_request, source = read_pull_request(build.pull_request), build.source
    assert source is not None
    base_ref = pull_request.base_ref if pull_request else build.ref
    found = difference(
        remote_of(source),
        mirror=mirror_for(build),
        git_ref=ref_of_pull_request(build),
        commit=build.commit,
        base_ref=base_ref,
        choose=lambda names: [one.path for one in _split(build, read_changes(names))[0]],
        stop=StopFlag(),
        timeout_s=REVIEW_TIMEOUT_S,
    )
    changes = read_changes(found.names)
    shown, others = _split(build, changes)
    record_review(
        build,
        state=Review.State.GOOD,
        sentence=_sentence(build, changes, shown),
        base_commit=found.base,
        files=[_file(one, found) for one in shown],
        others=[{"path": storable(one.path), "change": one.change} for one in others[:MAX_OTHERS]],
        others_total=len(others),
    )


def _split(build: Build, changes: tuple[Change, ...]) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    return split_changes(changes, dockerfile=build.plan["dockerfile"], context=build.plan["context"])


def _file(change: Change, found: Difference) -> dict[str, object]:
    diff = found.diffs.get(change.path, b"")
    text = storable(diff[:MAX_DIFF].decode("utf-8", "replace"))
    return {"path": storable(change.path), "change": change.change, "diff": text, "clipped": len(diff) > MAX_DIFF}


def _sentence(build: Build, changes: tuple[Change, ...], shown: tuple[Change, ...]) -> str:
    files = plural(len(changes), "file")
    if not shown:
        return (
            f"It changes {files}, and none that says what runs: the Dockerfile and what belongs to it stay as they are."
        )
    named = any(one.path == build.plan["dockerfile"] for one in shown)
    told = "The Dockerfile is among them." if named else "The Dockerfile of the rule stays as it is."
    return f"It changes {files}; {len(shown)} of them say what runs. {told}"
