"""Triggers, a schedule, a pause, a skipped and a missed push, for the sample set."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from accounts.models import User
from builds.core.schedule import next_run
from builds.models import Build, BuildRule, CatchUp, CatchUpLook, SkippedPush, Source
from webhooks.actions.triggers import create_trigger
from webhooks.models import TriggerCall


def ask(admin: User, path: str) -> None:
    """Everything of a repository that asks for builds beside pushes."""
    namespace, name = path.split("/")
    source = Source.objects.get(repository__namespace__name=namespace, repository__name=name)
    now = timezone.now()
    _triggers(admin, source)
    main, release = source.rules.order_by("position")[:2]
    BuildRule.objects.filter(pk=main.pk).update(
        schedule="30 2 * * *", schedule_zone="Europe/Vienna", schedule_next_at=next_run("30 2 * * *", "UTC", now)
    )
    BuildRule.objects.filter(pk=release.pk).update(paused_at=now, paused_reason="25 builds failed in a row")
    newest = Build.objects.filter(source=source).latest("number")
    for minutes, commit, message, mark in (
        (5, "c" * 40, "Reword the guide", "[skip ci]"),
        (3000, "d" * 40, "docs", "[no ci]"),
    ):
        SkippedPush.objects.create(
            source=source,
            at=max(now - timedelta(minutes=minutes), newest.queued_at - timedelta(days=3)),
            ref_type="branch",
            ref="main",
            commit=commit,
            commit_message=f"{message} {mark}",
            sentence=f"Skipped: the newest commit's message says `{mark}`. Start the build by hand to build it anyway.",
        )
    _missed(source)


def _triggers(admin: User, source: Source) -> None:
    token, _ = create_trigger(admin, source, "nightly data import")
    create_trigger(admin, source, "content system")
    now = timezone.now()
    build = Build.objects.filter(source=source).latest("number")
    rows = [
        ("built", 201, "main", f"1 rule: build #{build.number} by `main`.", [build.pk], '{"ref": "main"}', 1),
        ("nothing", 422, "docs/typo", "Nothing to build: no rule matches branch `docs/typo`.", [], "ref=docs/typo", 1),
        ("malformed", 400, "", 'The body is not JSON. Send for example `{"ref": "main"}`, or nothing.', [], "{", 1),
        ("limited", 429, "", "This trigger took 10 calls within a minute, which is the most.", [], "", 31),
    ]
    for hours, (status, code, ref, sentence, builds, body, times) in enumerate(rows):
        TriggerCall.objects.create(
            token=token, at=now - timedelta(hours=hours), remote_address="192.0.2.7", status=status, code=code,
            ref=ref, ref_type="branch" if ref else "", sentence=sentence, build_ids=builds, body=body, times=times,
        )  # fmt: skip


def _missed(source: Source) -> None:
    now = timezone.now()
    CatchUpLook.objects.update_or_create(
        source=source,
        defaults={
            "looked_at": now - timedelta(minutes=20),
            "next_look_at": now + timedelta(minutes=40),
            "sentence": "9 branches and tags compared with what was built: 3 pushes missed.",
        },
    )
    old = CatchUp.objects.create(source=source, missed=[_push("branch", "develop", "e" * 40)])
    CatchUp.objects.filter(pk=old.pk).update(choice="all", decided_at=now - timedelta(days=3), decided_by="wendy")
    refs = [("branch", "main", "f" * 40), ("tag", "v1.3.0", "1" * 40), ("tag", "v1.3.1", "2" * 40)]
    CatchUp.objects.create(source=source, missed=[_push(*ref, before="0" * 39 + "1") for ref in refs])


def _push(ref_type: str, ref: str, commit: str, before: str = "") -> dict:
    return {"ref_type": ref_type, "ref": ref, "commit": commit, "before": before, "rule_ids": [], "rules": []}
