"""Schedules and pauses on the Rules page and by the API."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import time_machine
from django.test import Client

from accounts.tokens import create_token
from builds.models import BuildRule
from tests.builds.pages import rule_form, words
from tests.factories import make_admin

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 27, 12, tzinfo=UTC)
RULES = "/r/acme/web/rules"
NIGHTLY = {"pattern": "main", "tags": "nightly", "schedule": "30 2 * * *", "schedule_zone": "Europe/Vienna"}


@pytest.fixture
def rule(repository) -> BuildRule:
    return BuildRule.objects.get()


@time_machine.travel(NOW, tick=False)
def test_it_shows_the_next_three_runs_by_the_zones_clock_while_it_is_typed(writer):
    answer = writer.post("/r/acme/web/rules/try", rule_form(NIGHTLY))
    assert 'id="rule-0-runs" hx-swap-oob="true"' in answer.content.decode()
    text = words(answer)
    assert "Sat 28 Mar 2026, 02:30 CET" in text
    assert "Sun 29 Mar 2026, 03:00 CEST" in text  # 02:30 does not exist that night
    assert "Mon 30 Mar 2026, 02:30 CEST" in text


def test_it_says_the_schedule_in_words_beside_the_rule(writer):
    text = words(writer.post("/r/acme/web/rules/try", rule_form(NIGHTLY)))
    assert "branch main → nightly, from Dockerfile, also every day at 02:30 Europe/Vienna" in text


def test_it_says_at_the_field_what_is_wrong(writer):
    answer = writer.post(RULES, rule_form({**NIGHTLY, "schedule": "* * * * *"}))
    assert answer.status_code == 422
    assert "runs more often than every 5 minutes" in words(answer)


def test_it_saves_the_schedule(writer, rule):
    writer.post(RULES, rule_form({**NIGHTLY, "id": str(rule.pk)}))
    rule.refresh_from_db()
    assert (rule.schedule, rule.schedule_zone, rule.schedule_next_at is not None) == (
        "30 2 * * *", "Europe/Vienna", True,
    )  # fmt: skip
    assert "every day at 02:30 Europe/Vienna" in words(writer.get(RULES))


def test_it_takes_and_gives_the_schedule_by_the_api(repository):
    headers = {"authorization": f"Bearer {create_token(make_admin(), 'test')[1]}"}
    body = [{"ref_type": "branch", "pattern": "main", "tags": ["nightly"], "schedule": "0 3 * * *"}]
    answer = Client(headers=headers).put("/api/v1/repositories/acme/web/rules", body, content_type="application/json")
    (rule,) = answer.json()
    assert (rule["schedule"], rule["schedule_zone"], rule["paused_at"]) == ("0 3 * * *", "UTC", None)
    assert rule["schedule_next_at"].endswith("T03:00:00Z")
    assert rule["sentence"].endswith(", also every day at 03:00 UTC")


def test_it_names_the_field_of_a_bad_schedule_in_the_api(repository):
    headers = {"authorization": f"Bearer {create_token(make_admin(), 'test')[1]}"}
    body = [{"ref_type": "branch", "pattern": "main", "tags": ["nightly"], "schedule": "* * * * *"}]
    answer = Client(headers=headers).put("/api/v1/repositories/acme/web/rules", body, content_type="application/json")
    assert (answer.status_code, answer.json()["problems"][0]["field"]) == (422, "schedule")


def test_it_shows_that_a_rule_is_paused_and_lets_a_writer_resume_it(writer, rule):
    BuildRule.objects.update(paused_at=NOW, paused_reason="25 builds failed in a row")
    page = words(writer.get(RULES))
    assert "The rule for branch main is paused since" in page
    assert "25 builds failed in a row. Pushes to it are judged and not built." in page
    answer = writer.post(f"{RULES}/{rule.pk}/resume", follow=True)
    assert "The rule main is resumed: the next push is built." in words(answer)
    rule.refresh_from_db()
    assert rule.paused_at is None


def test_it_says_so_where_the_rule_was_resumed_by_somebody_else(writer, rule):
    assert "is not paused" in words(writer.post(f"{RULES}/{rule.pk}/resume", follow=True))


@pytest.mark.one_database
@pytest.mark.parametrize(("who", "status"), [("reader", 403), ("stranger", 404)])
def test_it_lets_nobody_else_resume_it(request, rule, who, status):
    assert request.getfixturevalue(who).post(f"{RULES}/{rule.pk}/resume").status_code == status


@pytest.mark.one_database
def test_it_shows_a_reader_the_pause_without_the_button(reader, rule):
    BuildRule.objects.update(paused_at=NOW, paused_reason="25 builds failed in a row")
    answer = reader.get(RULES)
    assert "is paused since" in words(answer)
    assert "/resume" not in answer.content.decode()


def test_it_has_no_rule_of_another_repository(writer, rule):
    assert writer.post(f"{RULES}/{rule.pk + 1}/resume").status_code == 404


@pytest.mark.one_database
def test_it_stands_on_the_home_page_as_something_to_do(writer, rule):
    BuildRule.objects.update(paused_at=NOW, paused_reason="25 builds failed in a row")
    assert "acme/web: the rule main is paused" in words(writer.get("/"))


def test_it_resumes_a_rule_by_the_api_once(rule):
    BuildRule.objects.update(paused_at=NOW, paused_reason="25 builds failed in a row")
    client = Client(headers={"authorization": f"Bearer {create_token(make_admin(), 'test')[1]}"})
    address = f"/api/v1/repositories/acme/web/rules/{rule.pk}/resume"
    assert client.post(address).json()["paused_at"] is None
    assert client.post(address).status_code == 409
    assert client.post("/api/v1/repositories/acme/web/rules/99999/resume").status_code == 404
