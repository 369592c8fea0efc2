"""How a repository has been doing, for its pages: rates, and a picture of its last builds or those of a rule or ref."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q
from django.utils import timezone

from builds.core.history import COLUMNS, Past, Picture, Rate, count_states, picture, rate_of, usual
from builds.core.states import State
from builds.models import Build, BuildRule, BuildSequence
from registry.models import Repository

DAYS = 30
# Builds of a rule or ref are looked for among the newest of the repository, so that a rare one costs no more than that.
LOOK_BACK = 2000
REFS_FROM = 200
REFS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Choice:
    """What the picture can be narrowed to: `value` is that of the query field `of`."""

    value: str
    name: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class History:
    """`last` counts the builds of the picture, `month` those that ended within 30 days. Seconds; None where unknown."""

    of: str
    picture: Picture
    last: Rate
    month: Rate
    usual_s: float | None
    usual_wait_s: float | None
    rules: tuple[Choice, ...]
    refs: tuple[Choice, ...]

    @property
    def shown(self) -> int:
        return len(self.picture.columns)

    @property
    def can_choose(self) -> bool:
        return bool(self.of) or len(self.rules) > 1 or len(self.refs) > 1


def history_of(repository: Repository, of: str = "") -> History:
    """Five queries, however many builds there are. An `of` that names nothing here is that of no build."""
    newest = BuildSequence.objects.filter(repository=repository).values_list("last", flat=True).first() or 0
    now = timezone.now()
    rows = Build.objects.filter(repository=repository)
    wanted = narrowed(of)
    recent = rows.filter(wanted, number__gt=newest - LOOK_BACK, skip_reason="").order_by("-number")
    builds = [_past(*row, now=now) for row in recent.values_list(*_COLUMNS)[:COLUMNS]][::-1]
    month = rows.filter(wanted, finished_at__gte=now - timedelta(days=DAYS)).order_by()
    ended = [build for build in builds if build.state in (State.SUCCEEDED, State.FAILED)]
    return History(
        of=of,
        picture=picture(builds),
        last=rate_of(count_states(builds)),
        month=rate_of(dict(month.values_list("state").annotate(Count("pk")))),
        usual_s=usual(build.took_s for build in ended),
        usual_wait_s=usual(build.waited_s for build in ended),
        rules=_rules(repository, of),
        refs=_refs(repository, newest, of),
    )


_COLUMNS = ("number", "state", "queued_at", "started_at", "finished_at")


def _past(
    number: int, state: str, queued: datetime, started: datetime | None, finished: datetime | None, *, now: datetime
) -> Past:
    """`started_at` is that of the last attempt: what an earlier one took is part of the wait."""
    end = finished or now
    took = (end - started).total_seconds() if started else None
    return Past(number, state, took, max(0.0, ((started or end) - queued).total_seconds()))


def narrowed(of: str) -> Q:
    """`rule-7`, `branch:main`, `tag:v1.0`, `pull_request:12`; everything for ""."""
    if not of:
        return Q()
    kind, colon, name = of.partition(":")
    if colon:
        return Q(ref_type=kind, ref=name)
    number = of.removeprefix("rule-")
    is_rule = of.startswith("rule-") and number.isascii() and number.isdigit()
    return Q(rule=min(int(number), 2**62)) if is_rule else Q(pk__in=())


def _rules(repository: Repository, of: str) -> tuple[Choice, ...]:
    rows = BuildRule.objects.filter(source__repository=repository).order_by("position", "pk")
    found = rows.values_list("pk", "ref_type", "pattern")
    words = dict(BuildRule.RefType.choices)
    return tuple(
        Choice(f"rule-{pk}", f"{str(words[kind]).lower()} {pattern}", of == f"rule-{pk}") for pk, kind, pattern in found
    )


def _refs(repository: Repository, newest: int, of: str) -> tuple[Choice, ...]:
    """The branches and tags of the newest builds, those with the most builds first, and the one that is chosen."""
    rows = Build.objects.filter(repository=repository, number__gt=newest - REFS_FROM).order_by()
    counted = rows.values_list("ref_type", "ref").annotate(count=Count("pk")).order_by("-count", "ref")
    found = [f"{row[0]}:{row[1]}" for row in counted[:REFS_SHOWN]]
    if ":" in of and of not in found:
        found.append(of)
    return tuple(Choice(value, value.partition(":")[2], value == of) for value in found)
