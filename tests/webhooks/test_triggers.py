"""Trigger tokens: what a call builds, what it answers, what it leaves behind, and who may make one."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry
from builds.models import Build, BuildRule
from lib.refusal import Refused
from tests.factories import COMMIT, make_rule, make_user
from webhooks.actions.triggers import create_trigger, revoke_trigger
from webhooks.models import TriggerCall, TriggerToken

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def trigger(source, rings):
    """The secret of a token of acme/web, which has the rule `main` → `latest`."""
    return create_trigger(make_user("alice"), source, "nightly import")[1]


def call(secret: str, body=None, content_type="application/json", **extra):
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return Client().post(f"/hooks/trigger/{secret}", data=data, content_type=content_type, **extra)


def built() -> list[tuple[str, str]]:
    return [(build.ref_type, build.ref) for build in Build.objects.order_by("pk")]


def test_it_builds_the_default_branch_and_every_branch_that_a_rule_names(trigger, source):
    make_rule(source, pattern="develop", tags=["edge"])
    make_rule(source, pattern="/^release-/", tags=["{sourceref}"])
    make_rule(source, ref_type="tag", pattern="v1.0", tags=["1.0"])
    answer = call(trigger)
    assert answer.status_code == 201
    assert built() == [("branch", "main"), ("branch", "develop")]
    assert [entry["number"] for entry in answer.json()["builds"]] == [1, 2]
    assert answer.json()["builds"][0]["url"].endswith("/r/acme/web/builds/1")
    assert answer.json()["detail"].startswith("Branch `main`: 4 rules: build #1 by `main`;")


def test_it_builds_the_ref_that_is_named(trigger, source):
    make_rule(source, ref_type="tag", pattern="/^v/", tags=["{sourceref}"])
    assert call(trigger, {"ref_type": "tag", "ref": "v1.0"}).status_code == 201
    assert built() == [("tag", "v1.0")]


def test_it_says_who_called_and_waits_like_a_push(trigger):
    call(trigger)
    build = Build.objects.get()
    assert (build.cause, build.cause_detail, build.priority, build.commit) == (
        "trigger", "nightly import", Build.Priority.PUSH, "",
    )  # fmt: skip


def test_it_builds_the_commit_that_is_named(trigger):
    call(trigger, {"ref": "main", "commit": COMMIT})
    assert Build.objects.get().commit == COMMIT


def test_it_takes_docker_hubs_body_at_docker_hubs_address(trigger, source):
    path = f"/api/build/v1/source/{source.pk}/trigger/{trigger}/call/"
    body = {"source_type": "Branch", "source_name": "main"}
    answer = Client().post(path, data=body, content_type="application/json")
    assert (answer.status_code, built()) == (201, [("branch", "main")])


def test_it_builds_what_makes_the_docker_tag_that_is_named(trigger, source):
    make_rule(source, pattern="develop", tags=["edge"])
    answer = call(trigger, {"docker_tag": "edge"})
    assert (answer.status_code, built()) == (201, [("branch", "develop")])
    assert call(trigger, {"docker_tag": "moon"}).status_code == 422


def test_it_answers_with_the_verdicts_where_nothing_is_built(trigger):
    answer = call(trigger, {"ref": "docs/typo"})
    document = answer.json()
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    assert document["detail"] == "Nothing to build: no rule matches branch `docs/typo`. Rules: `main`."
    assert [(v["rule"], v["builds"], v["ref"]) for v in document["verdicts"]] == [("main", False, "docs/typo")]
    assert not Build.objects.exists()


def test_it_builds_with_autobuild_off_as_somebody_asks(trigger):
    BuildRule.objects.update(autobuild=False)
    assert call(trigger).status_code == 201


def test_it_does_not_wake_a_paused_rule(trigger):
    BuildRule.objects.update(paused_at=NOW, paused_reason="25 builds failed in a row")
    answer = call(trigger)
    assert answer.status_code == 422
    assert "the rule is paused since 2026-11-25 12:00 UTC: 25 builds failed in a row" in answer.json()["detail"]


def test_it_asks_for_a_ref_where_none_is_known(trigger, source):
    source.rules.update(pattern="/./")
    source.default_branch = ""
    source.save()
    answer = call(trigger)
    assert answer.status_code == 422
    assert "The default branch of this repository is not known yet" in answer.json()["detail"]


def test_it_makes_one_build_of_calls_that_come_before_it_is_begun(trigger):
    first, second = call(trigger), call(trigger)
    assert [entry["number"] for entry in second.json()["builds"]] == [1]
    assert (first.status_code, second.status_code, Build.objects.count()) == (201, 201, 1)


def test_it_builds_again_once_the_first_build_has_begun(trigger):
    call(trigger)
    Build.objects.update(state="building", attempt=1)
    call(trigger)
    assert Build.objects.count() == 2


@pytest.mark.parametrize("path", ["/hooks/trigger/iyt_unknown", "/hooks/trigger/x", "/hooks/trigger/%F0%9F%98%80"])
def test_it_answers_alike_to_a_secret_that_is_unknown(trigger, path):
    answer = Client().post(path)
    assert answer.status_code == 404
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no trigger at this address, or it was revoked. Make one in the settings of the repository.",
    }


def test_it_answers_to_a_revoked_secret_as_to_an_unknown_one(trigger):
    token = TriggerToken.objects.get()
    revoke_trigger(make_user("alice"), token)
    assert call(trigger).json() == Client().post("/hooks/trigger/iyt_unknown").json()
    assert not TriggerCall.objects.exists()


def test_it_has_no_trigger_below_the_source_of_another(trigger):
    answer = Client().post(f"/api/build/v1/source/{uuid4()}/trigger/{trigger}/call/")
    assert answer.status_code == 404


@pytest.mark.parametrize("method", ["get", "head", "put", "delete"])
def test_it_takes_post_alone(trigger, method):
    answer = getattr(Client(), method)(f"/hooks/trigger/{trigger}")
    assert (answer.status_code, answer["Allow"], Build.objects.count()) == (405, "POST", 0)


def test_it_keeps_what_was_called_and_what_came_of_it(trigger):
    call(trigger, {"ref": "docs/typo"}, REMOTE_ADDR="192.0.2.7")
    row = TriggerCall.objects.get()
    assert (row.status, row.code, row.ref, row.remote_address) == ("nothing", 422, "docs/typo", "192.0.2.7")
    assert (row.body, row.verdicts[0]["matched"]) == ('{"ref": "docs/typo"}', False)
    assert row.sentence == "Nothing to build: no rule matches branch `docs/typo`. Rules: `main`."
    assert TriggerToken.objects.get().last_used_at is not None


@pytest.mark.parametrize("body", [b"{", b'{"ref": "a..b"}', b"\xff"])
def test_it_says_and_keeps_what_it_did_not_understand(trigger, body):
    assert call(trigger, body).status_code == 400
    assert TriggerCall.objects.get().status == "malformed"


def test_it_reads_no_more_of_a_body_than_it_needs(trigger):
    answer = call(trigger, b'{"ref": "%s"}' % (b"x" * 70_000))
    assert answer.status_code == 413
    assert (TriggerCall.objects.get().body, Build.objects.count()) == ("", 0)


def test_it_keeps_the_beginning_of_a_body_without_nul_and_without_the_secret(trigger):
    call(trigger, f'{{"ref": "main", "note": "{trigger}\\u0000"}}'.encode() + b"\0" + b" " * 10_000)
    row = TriggerCall.objects.get()
    assert trigger not in row.body
    assert "\0" not in row.body
    assert len(row.body) <= 4000


def test_it_takes_so_many_calls_a_minute_and_says_when_to_come_back(trigger, own_clock):
    with time_machine.travel(NOW, tick=False) as clock:
        answers = [call(trigger) for _ in range(10)]
        clock.shift(20)
        late = call(trigger)
        clock.shift(41)
        again = call(trigger)
    assert {answer.status_code for answer in answers} == {201}
    assert (late.status_code, late["Retry-After"]) == (429, "40")
    assert late.json()["detail"].startswith("This trigger took 10 calls within a minute, which is the most.")
    assert again.status_code == 201


def test_it_counts_a_flood_on_one_row(trigger):
    for _ in range(15):
        call(trigger)
    limited = TriggerCall.objects.get(status="limited")
    assert (limited.times, limited.code, TriggerCall.objects.count()) == (5, 429, 11)


def test_it_is_not_stopped_for_good_by_a_clock_that_was_ahead(trigger, own_clock):
    with time_machine.travel(NOW + timedelta(days=1), tick=False):
        [call(trigger) for _ in range(10)]
    with time_machine.travel(NOW, tick=False):
        assert call(trigger).status_code == 201


def test_it_limits_each_token_by_itself(trigger, source):
    other = create_trigger(make_user("alice"), source, "other")[1]
    for _ in range(11):
        call(trigger)
    assert call(other).status_code == 201


def test_it_keeps_the_last_calls_alone(trigger, settings):
    settings.TRIGGER_CALLS_PER_MINUTE = 1000
    for _ in range(55):
        call(trigger)
    assert TriggerCall.objects.count() == 50


@pytest.mark.parametrize("body", [None, {"ref": "docs/typo"}, b"{"])
def test_it_writes_the_secret_into_no_log_and_no_row(trigger, caplog, body):
    from imageyard.logging import QuietFormatter

    caplog.handler.setFormatter(QuietFormatter("{message}", style="{"))
    with caplog.at_level(logging.DEBUG):
        call(trigger, body)
        Client().post(f"/hooks/trigger/{trigger}x")
    assert "Not Found: /hooks/trigger/***" in caplog.text
    assert trigger not in caplog.text
    told = [str(row) for model in (TriggerToken, TriggerCall, AuditEntry) for row in model.objects.values()]
    assert trigger not in "".join(told)


def test_it_lets_no_browser_carry_the_address_on(trigger):
    answer = call(trigger)
    assert (answer["Referrer-Policy"], answer["Cache-Control"]) == ("no-referrer", "no-store")
    assert trigger not in answer.content.decode()


def test_it_needs_no_session_and_minds_none(trigger):
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user("alice"))
    assert client.post(f"/hooks/trigger/{trigger}", {}, content_type="application/json").status_code == 201


def test_it_answers_when_the_database_does_not(trigger, monkeypatch):
    from django.db import OperationalError

    from webhooks.views import trigger_door

    def broken(*_args):
        raise OperationalError("database is locked")

    monkeypatch.setattr(trigger_door, "call_trigger", broken)
    assert call(trigger).status_code == 503


TOLD = "There is a token called “nightly import” already"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("  ", "Give the token a name"), ("x" * 101, "Give the token a name"), ("nightly  import", TOLD)],
)
def test_it_refuses_a_token_that_nobody_could_tell_apart(trigger, source, name, sentence):
    with pytest.raises(Refused, match=sentence):
        create_trigger(make_user("alice"), source, name)


def test_it_refuses_more_tokens_than_anybody_looks_after(trigger, source, monkeypatch):
    monkeypatch.setattr("webhooks.actions.triggers.MOST", 1)
    with pytest.raises(Refused, match="A repository has at most 1 trigger tokens"):
        create_trigger(make_user("alice"), source, "another")


def test_it_revokes_once(trigger):
    token, alice = TriggerToken.objects.get(), make_user("alice")
    revoke_trigger(alice, token)
    at = TriggerToken.objects.get().revoked_at
    revoke_trigger(alice, token)
    assert TriggerToken.objects.get().revoked_at == at
    assert at is not None and at <= timezone.now()
    assert AuditEntry.objects.filter(action="trigger.revoke").count() == 1
