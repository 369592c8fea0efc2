"""The digest at the top of a failed build, and of one that waits again after a fault. Reads only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.utils.safestring import SafeString, mark_safe

from builds.core.advice import Advice, advise
from builds.core.ansi import html_lines
from builds.core.failure_alike import WINDOW, Alike, Ended, First, find_alike
from builds.core.failure_digest import LAST_LINES, FailureDigest, last_lines, read_digest
from builds.core.states import State
from builds.logs.frames import StoreUnavailable
from builds.models import Build, BuildRecord, Step
from builds.views.build_lookup import log_of
from builds.views.build_steps import chosen_step
from registry.models import Registry

_TOO_OFTEN = re.compile(r"was asked too often|toomanyrequests|too many requests", re.IGNORECASE)
_READ_LINES = 2 * LAST_LINES
_READ_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Failure:
    """What the page and the API show. `mended` is the first build of the same rule and ref that succeeded since."""

    digest: FailureDigest
    advice: Advice | None
    alike: Alike | None = None
    first: Build | None = None
    mended: Build | None = None

    @property
    def rows(self) -> list[tuple[int, SafeString]]:
        """The last lines as (number from 1, safe HTML)."""
        drawn = html_lines([line.text for line in self.digest.lines])
        # html_lines escapes every character that a build printed.
        return [(line.number, mark_safe(html)) for line, html in zip(self.digest.lines, drawn, strict=True)]  # noqa: S308

    @property
    def hints(self) -> list[tuple[int, str]]:
        """What the lines give away, but for what the advice says already: (line number, what to try)."""
        said = self.advice.what if self.advice else ""
        return [(hint.line.number, hint.what) for hint in self.advice.hints if hint.what != said] if self.advice else []

    @property
    def evidence(self) -> int | None:
        """The line that the advice goes by; None where it goes by the sentence alone."""
        said = self.advice.what if self.advice else ""
        hints = self.advice.hints if self.advice else ()
        return next((hint.line.number for hint in hints if hint.what == said), None)


def failure_of(build: Build, attempt: int, steps: Sequence[Step]) -> Failure | None:
    """The failure of the newest attempt of a build; None for any other, and where there is none.

    Five queries at most, whatever the repository holds.
    """
    has_failed = build.state == State.FAILED
    waits = build.state == State.QUEUED and build.platform_failures > 0
    if attempt != build.attempt or not (has_failed or waits):
        return None
    digest = _recorded(build) or (_derived(build, attempt, steps) if has_failed else None)
    if digest is None:
        return None
    advice = _with_pulls_left(advise(digest), digest, build)
    if waits:
        return Failure(digest, advice)
    alike, first = alike_of(build)
    return Failure(digest, advice, alike, first, _mended(build))


def _with_pulls_left(advice: Advice | None, digest: FailureDigest, build: Build) -> Advice | None:
    """Where a registry was asked too often, what is known of the pulls that are left."""
    if advice is None or not _TOO_OFTEN.search(digest.message):
        return advice
    rows = Registry.objects.usable_in(build.repository.namespace).for_page().exclude(rate_limit=None)
    row = rows.order_by("-rate_seen_at").first()
    if row is None or row.rate is None:
        return advice
    return replace(advice, what=f"{advice.what} When {row.host} was last asked: {row.rate.sentence}")


def _recorded(build: Build) -> FailureDigest | None:
    row = BuildRecord.objects.filter(build=build).only("failure").first()
    digest = read_digest(row.failure) if row else None
    return digest if digest is not None and digest.attempt == build.attempt else None


def _derived(build: Build, attempt: int, steps: Sequence[Step]) -> FailureDigest | None:
    """Of what the rows and the log tell: a build that a sweep ended, or one of an earlier version, has no record."""
    if not build.error_kind:
        return None
    step = chosen_step(build, steps)
    if step is not None and step.state not in {Step.State.FAILED, Step.State.CANCELLED}:
        step = None
    digest = FailureDigest(
        kind=build.error_kind,
        message=build.error_message,
        step=build.error_step,
        step_index=step.index if step else None,
        dockerfile_line=build.error_line,
        attempt=attempt,
    )
    if step is None or not step.lines:
        return digest
    try:
        found = log_of(build, attempt).tail(step.index, _READ_LINES, _READ_BYTES)
    except StoreUnavailable:
        return digest
    lines = last_lines(found.lines, found.first_line)
    return replace(digest, log_index=step.index, lines=lines, lines_total=found.total)


def alike_of(build: Build) -> tuple[Alike | None, Build | None]:
    """How often this failure came in the repository, and the build that had it first."""
    if not build.failure_key:
        return None, None
    here = Build.objects.filter(repository_id=build.repository_id).order_by()
    ended = here.filter(number__lte=build.number, state__in=[State.SUCCEEDED, State.FAILED])
    rows = ended.order_by("-number").values_list("number", "failure_key", "state")[:WINDOW]
    window = [Ended(number, key if state == State.FAILED else "") for number, key, state in rows]
    same = here.filter(failure_key=build.failure_key, state=State.FAILED)
    first = same.order_by("number").only("number", "commit", "commit_author").first()
    told = First(first.number, first.commit, first.commit_author) if first else None
    return find_alike(build.number, build.failure_key, window, told), first


def _mended(build: Build) -> Build | None:
    later = Build.objects.filter(repository_id=build.repository_id, number__gt=build.number, state=State.SUCCEEDED)
    same = later.filter(rule_id=build.rule_id, ref_type=build.ref_type, ref=build.ref)
    found = same.order_by("number").only("number", "commit", "finished_at").first()
    if found is not None:
        found.repository = build.repository
    return found
