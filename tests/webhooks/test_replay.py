"""Judging a stored delivery again, with today's rules or those of then, because a person asks."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry, Role
from builds.core.rules import Ref
from builds.core.states import State
from builds.models import Build
from lib.refusal import Refused
from tests.factories import make_member, make_rule
from tests.webhooks.sending import post, push_payload
from webhooks.actions import replay_delivery
from webhooks.actions.decide import decide
from webhooks.actions.snapshot import rules_as_json, rules_of_snapshot
from webhooks.models import Delivery
from webhooks.providers import PushEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(source):
    return make_member(source.repository.namespace, "alice", Role.WRITE)


def delivered(source, payload=None, **options) -> Delivery:
    post(source, payload, **options)
    return Delivery.objects.first()


def test_todays_rules_it_judges_by(source, alice):
    first = delivered(source, push_payload("refs/heads/docs"))
    make_rule(source, pattern="docs", tags=["docs"])
    made = replay_delivery(alice, first)
    assert (made.status, made.replay_of, Build.objects.get().ref) == ("built", first, "docs")
    assert (made.ref, made.commit, made.sender) == (first.ref, first.commit, "alice")
    first.refresh_from_db()
    assert first.status == "nothing"


def test_a_build_that_is_over_it_builds_again_and_names_the_person(source, alice):
    first = delivered(source)
    Build.objects.update(state=State.FAILED)
    replay_delivery(alice, first)
    newest = Build.objects.first()
    assert (newest.number, newest.cause) == (2, "manual")
    assert newest.cause_detail == f"delivery {first.short_id} replayed by alice"


def test_a_build_that_is_not_over_it_does_not_double(source, alice):
    made = replay_delivery(alice, delivered(source))
    assert Build.objects.count() == 1
    assert "under way for this commit already" in made.sentence


def test_w12f_a_skipped_push_it_builds_since_a_person_asks(source, alice):
    first = delivered(source, push_payload(message="docs [skip ci]"))
    assert (first.status, replay_delivery(alice, first).status) == ("skipped", "built")


def test_an_older_push_it_does_not_let_supersede_a_newer_one_that_waits(source, alice):
    first = delivered(source)
    Build.objects.update(state=State.SUCCEEDED)
    delivered(source, push_payload(after="b" * 40))
    replay_delivery(alice, first)
    assert set(Build.objects.filter(state=State.QUEUED).values_list("commit", flat=True)) == {first.commit, "b" * 40}


def test_a_replay_it_replays_the_first_delivery_again(source, alice):
    first = delivered(source)
    again = replay_delivery(alice, replay_delivery(alice, first))
    assert again.replay_of == first


def test_a_form_it_reads_again_as_a_form(source, alice):
    body = b"payload=%7B%22ref%22%3A%22refs%2Fheads%2Fmain%22%2C%22after%22%3A%22" + b"a" * 40 + b"%22%7D"
    first = delivered(source, body, content_type="application/x-www-form-urlencoded")
    assert replay_delivery(alice, first).commit == "a" * 40


def test_it_writes_who_did_it_to_the_audit(source, alice):
    first = delivered(source)
    replay_delivery(alice, first)
    entry = AuditEntry.objects.get(action="delivery.replay")
    assert (entry.actor, entry.detail) == (alice, str(first.pk))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"headers": {"X-Hub-Signature-256": None}}, "nothing proved that it came from the forge"),
        ({"event": "create"}, "nothing to build"),
        ({"event": "ping"}, "nothing to build"),
        ({"payload": push_payload(after="0" * 40)}, "nothing to build"),
    ],
    ids=["refused", "create", "ping", "deleted"],
)
def test_what_has_nothing_to_build_it_refuses(source, alice, options, sentence):
    first = delivered(source, **options)
    with pytest.raises(Refused, match=sentence):
        replay_delivery(alice, first)
    assert not Build.objects.exists()


def test_as_it_was_it_builds_by_the_rules_of_then(source, alice):
    rule = source.rules.get()
    first = delivered(source)
    Build.objects.update(state=State.SUCCEEDED)
    source.rules.update(pattern="other", tags=["edge"], dockerfile="Other", context="sub")
    made = replay_delivery(alice, first, as_it_was=True)
    built = Build.objects.first()
    assert (made.status, made.as_it_was, made.build_ids, built.rule) == ("built", True, [built.pk], rule)
    assert [tag["name"] for tag in built.plan["tags"]] == ["latest"]
    assert (built.plan["dockerfile"], built.plan["context"]) == ("Dockerfile", ".")
    assert replay_delivery(alice, first).status == "nothing"


def test_as_it_was_a_rule_that_is_gone_it_names_and_builds_nothing_by(source, alice):
    first = delivered(source)
    Build.objects.update(state=State.SUCCEEDED)
    source.rules.all().delete()
    made = replay_delivery(alice, first, as_it_was=True)
    assert (made.status, made.build_ids, Build.objects.count()) == ("nothing", [], 1)
    assert "`main` matched, but the rule was deleted since, so nothing is built by it" in made.sentence
    assert [(verdict["matched"], verdict["builds"]) for verdict in made.verdicts] == [(True, False)]


def test_as_it_was_it_builds_by_the_rules_that_are_left_beside_one_that_is_gone(source, alice):
    left = make_rule(source, pattern="/^ma/", tags=["ma"])
    first = delivered(source)
    Build.objects.update(state=State.SUCCEEDED)
    source.rules.exclude(pk=left.pk).delete()
    made = replay_delivery(alice, first, as_it_was=True)
    built = Build.objects.first()
    assert (made.status, made.build_ids, built.rule, built.cause) == ("built", [built.pk], left, "manual")
    assert built.cause_detail == f"delivery {first.short_id} replayed as it was by alice"


def test_the_rules_it_keeps_without_a_query_of_their_own(source):
    with CaptureQueriesContext(connection) as asked:
        decision = decide(source, PushEvent(ref=Ref("branch", "main"), commit="a" * 40), "GitHub")
    read = [query["sql"] for query in asked if 'FROM "builds_buildrule"' in query["sql"]]
    assert (len(decision.rules), len(read)) == (1, 1)


def test_as_it_was_a_build_that_waits_by_another_plan_it_does_not_take_for_its_own(source, alice):
    first = delivered(source)
    source.rules.update(tags=["edge"])
    Build.objects.update(state=State.SUCCEEDED)
    replay_delivery(alice, first)
    replay_delivery(alice, first, as_it_was=True)
    replay_delivery(alice, first, as_it_was=True)
    assert [build.plan["templates"] for build in Build.objects.active().order_by("pk")] == [["edge"], ["latest"]]


def test_a_build_that_waits_by_the_rules_of_then_it_does_not_take_for_one_by_todays(source, alice):
    first = delivered(source)
    Build.objects.update(state=State.SUCCEEDED)
    source.rules.update(tags=["edge"])
    replay_delivery(alice, first, as_it_was=True)
    replay_delivery(alice, first)
    assert [build.plan["templates"] for build in Build.objects.active().order_by("pk")] == [["latest"], ["edge"]]


def test_as_it_was_a_replay_it_judges_by_the_rules_of_that_replay(source, alice):
    first = delivered(source, push_payload("refs/heads/docs"))
    make_rule(source, pattern="docs", tags=["docs"])
    second = replay_delivery(alice, first)
    source.rules.filter(pattern="docs").update(pattern="other")
    Build.objects.update(state=State.SUCCEEDED)
    assert replay_delivery(alice, first, as_it_was=True).status == "nothing"
    assert replay_delivery(alice, second, as_it_was=True).status == "built"


def test_as_it_was_what_was_kept_without_rules_it_refuses(source, alice):
    first = delivered(source)
    first.rules_snapshot = []
    with pytest.raises(Refused, match="not kept"):
        replay_delivery(alice, first, as_it_was=True)


def test_a_snapshot_of_another_version_it_reads():
    (rule,) = rules_of_snapshot([{"id": 7, "ref_type": "tag", "pattern": "v1", "tags": ["a"], "of_a_later_version": 1}])
    assert (rule.id, rule.tags, rule.dockerfile) == (7, ("a",), "Dockerfile")


def test_a_snapshot_it_reads_as_it_was_written(source):
    rule = make_rule(source, pattern="/x/", platforms=["linux/arm64"], build_args={"A": "1"}, paths_include=["web/**"])
    assert rules_of_snapshot(json.loads(json.dumps(rules_as_json([rule.spec])))) == (rule.spec,)
