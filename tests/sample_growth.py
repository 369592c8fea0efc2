"""The sample set grown: of every kind of row many more, of which each stands where one stood. For counting queries."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db.models import Model, UUIDField
from django.utils import timezone

from accounts.actions import RobotWish, make_namespace, make_robot
from accounts.models import ApiToken, Namespace, Role
from builds.models import (
    Build,
    BuildRecord,
    BuildRule,
    CatchUp,
    DebugSession,
    Pause,
    SkippedPush,
    Source,
    Step,
    Variable,
    Worker,
)
from registry.models import CollectionRun, Repository, Tag, TagMove
from tests.factories import make_admin, make_build, make_member, make_repository, make_rule, make_source
from tests.sample_builds import PATH, WAITING
from webhooks.models import Delivery, ForgeConnection, ListedRepository, Notification, Subscription, TriggerCall

PATHS = ("acme/hello", "acme/web", "tools/backup", "library/node", "acme/api", PATH)
STATES = ("succeeded", "failed", "cancelled", "superseded", "building", "queued")


def grow(numbers: range) -> None:
    """One more of everything for each of `numbers`, which no row has had; nothing that was there changes."""
    for number in numbers:
        rule = make_rule(make_source(make_repository(f"more/repository-{number:02d}")))
        for state in STATES:
            _build(rule, state, number)
    for path in PATHS:
        _grow_repository(make_repository(path), numbers)
    # Those that have pages of their own alone: of each failure that was made alike, as many again were made.
    site = make_repository(PATH)
    for build in Build.objects.filter(repository=site, number__lte=WAITING):
        _grow_steps(build, numbers)
    for row in (Worker.objects.first(), ForgeConnection.objects.first(), ListedRepository.objects.first()):
        _copy(row, numbers, **_unlike(row, "name", "host", "full_name"))
    for start, owner in ((0, "admin"), (10_000, "acme+deploy")):
        token = ApiToken.objects.filter(user__username=owner).first()
        _copy(token, numbers, sha256=lambda n, start=start: f"{start + n:064x}")
    acme = Namespace.objects.get(name="acme")
    for number in numbers:
        make_namespace(make_admin(), f"team-{number}")
        make_member(acme, f"member-{number}", Role.READ)
        make_robot(make_admin(), acme, f"robot-{number}", RobotWish(Role.READ))
    _copy(TriggerCall.objects.first(), numbers)
    _copy(CollectionRun.objects.filter(is_dry=False).first(), numbers)
    _copy(Pause.objects.first(), numbers, host=lambda n: f"host-{n}")


def _grow_repository(repository: Repository, numbers: range) -> None:
    source = Source.objects.get(repository=repository)
    rule = source.rules.order_by("position").first()
    assert rule is not None
    _copy(rule, numbers, position=lambda n: 100 + n, pattern=lambda n: f"branch-{n}")
    for number in numbers:
        _build(rule, STATES[number % len(STATES)], number)
    for row in (Tag.objects.filter(repository=repository).first(), Variable.objects.filter(source=source).first()):
        _copy(row, numbers, **_unlike(row, "name"))
    _copy(TagMove.objects.filter(repository=repository, tag="latest").first(), numbers)
    _copy(Delivery.objects.filter(source=source).first(), numbers, forge_delivery_id=lambda n: f"copy-{n}")
    _copy(SkippedPush.objects.filter(source=source).first(), numbers, commit=lambda n: f"{n:040x}")
    _copy(CatchUp.objects.filter(source=source).exclude(decided_at=None).first(), numbers)
    subscription = Subscription.objects.filter(repository=repository).first()
    _copy(subscription, numbers, **_unlike(subscription, "name"))
    _copy(
        Notification.objects.filter(subscription__repository=repository).first(), numbers, event=lambda n: f"copy-{n}"
    )
    refs = [{"type": "branch", "name": f"branch-{n}", "commit": f"{n:040x}"} for n in numbers]
    Source.objects.filter(pk=source.pk).update(refs=[*source.refs, *refs])


def _build(rule: BuildRule, state: str, number: int) -> Build:
    now = timezone.now() - timedelta(minutes=number)
    ended = None if state in ("building", "queued") else now
    build = make_build(
        rule, state=state, ref=f"{state}-{number}", commit=f"{number:040x}", attempt=int(state != "queued"),
        queued_at=now - timedelta(seconds=70), started_at=None if state == "queued" else now - timedelta(seconds=60),
        finished_at=ended, tags=[f"build-{number}", "latest"] if state == "succeeded" else [],
        error_message="Step 1 of 2 ended with exit code 1." if state == "failed" else "",
        failure_key="0" * 64 if state == "failed" else "",
    )  # fmt: skip
    if state == "superseded":
        Build.objects.filter(pk=build.pk).update(superseded_by=Build.objects.filter(rule=rule).first())
    return build


def _grow_steps(build: Build, numbers: range) -> None:
    """More steps, more lines, more of what the record lists, more builds that failed alike, more shells."""
    last = Step.objects.filter(build=build).order_by("-index").first()
    if last is not None:
        _copy(last, numbers, index=lambda n: 1000 + n, vertex=lambda n: f"sha256:{n + 1000:064x}")
    record = BuildRecord.objects.filter(build=build).first()
    if record is not None:
        record.dockerfile += "".join(f"ENV NUMBER_{n}={n}\n" for n in numbers)
        for platform in record.platforms:
            platform["layers"] = [*platform["layers"], *platform["layers"][:1] * len(numbers)]
        record.save()
    if build.failure_key:
        for number in numbers:
            for first in (1000, 2000, 3000):  # more than a trend or a list of failures alike ever shows
                alike = _build(build.rule, "failed", first + number)
                Build.objects.filter(pk=alike.pk).update(failure_key=build.failure_key)
    session = DebugSession.objects.filter(debug_image__build=build).first()
    _copy(session, numbers, closed_at=lambda n: timezone.now() - timedelta(hours=n))
    Build.objects.filter(pk=build.pk).update(warnings=[*build.warnings, *build.warnings[:1] * len(numbers)])


def _unlike(row: Model | None, *names: str) -> dict[str, Callable[[int], Any]]:
    return {name: lambda n: f"copy-{n:02d}" for name in names if row is not None and hasattr(row, name)}


def _copy(row: Model | None, numbers: range, **changes: Callable[[int], Any]) -> None:
    """A row like `row` for each number but for `changes`, which are functions of that number. None has no copies."""
    if row is None:
        return
    model = type(row)
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    copies = []
    for number in numbers:
        values = {field.attname: getattr(row, field.attname) for field in fields}
        copy = model(**values | {name: change(number) for name, change in changes.items()})
        if isinstance(model._meta.pk, UUIDField):
            copy.pk = uuid.uuid4()
        copies.append(copy)
    model.objects.bulk_create(copies)
