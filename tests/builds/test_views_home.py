"""Home over HTTP: what needs a person, what runs, the table, and how many queries that takes."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Role
from builds.models import Build, Worker
from tests.builds.pages import as_user, words
from tests.factories import make_admin, make_build, make_member, make_repository, make_rule, make_source
from webhooks.models import Delivery

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


@pytest.fixture(autouse=True)
def no_redis(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"


@pytest.fixture
def worker():
    return Worker.objects.create(name="w@builder-1", host="builder-1", slots=2, disk_free_bytes=10**12)


def ended(state: str, **fields) -> Build:
    now = timezone.now()
    return make_build(state=state, attempt=1, started_at=now - timedelta(seconds=64), finished_at=now, **fields)


@pytest.mark.both_databases
def test_it_asks_visitors_to_log_in(client):
    assert client.get("/").headers["Location"].startswith("/accounts/login/")


def test_it_says_that_all_is_well_when_it_is(owner, worker):
    ended("succeeded")
    assert "All is well" in words(owner.get("/"))


def test_it_names_a_rule_that_fails_with_the_sentence_of_its_build(owner, worker):
    ended("failed", error_kind="user", error_message="Step 4 of 7 (`RUN npm ci`) ended with exit code 1.")
    page = words(owner.get("/"))
    assert "acme/web: branch main fails" in page
    assert "Step 4 of 7 (RUN npm ci) ended with exit code 1." in page


def test_it_forgets_a_failure_that_a_newer_build_of_the_rule_mended(owner, worker):
    rule = make_build(state="failed").rule
    ended("succeeded", rule=rule)
    assert "branch main fails" not in words(owner.get("/"))


def test_it_says_that_no_worker_is_connected(owner):
    assert "No worker is connected" in words(owner.get("/"))


@pytest.mark.both_databases
def test_8_it_says_that_a_disk_is_nearly_full(owner, worker):
    Worker.objects.update(disk_fault="The disk of builder-1 (Docker Engine) has 0.4 GB free.")
    assert "builder-1 takes no builds: a disk is nearly full The disk of builder-1 (Docker" in words(owner.get("/"))


@pytest.mark.both_databases
def test_it_says_that_a_builder_does_not_answer(owner, worker):
    Worker.objects.update(builder_fault="dockerd refused the connection.")
    assert "The builder of builder-1 does not answer dockerd refused" in words(owner.get("/"))


def test_it_names_a_refused_delivery(owner, worker, repository):
    sentence = "The signature does not fit."
    Delivery.objects.create(source=repository.source, forge="github", status="refused", sentence=sentence)
    assert "acme/web: a delivery was refused The signature does not fit." in words(owner.get("/"))


@pytest.mark.both_databases
def test_it_is_quiet_about_a_refused_delivery_that_a_good_one_followed(owner, worker, repository):
    Delivery.objects.create(source=repository.source, forge="github", status="refused", sentence="No.")
    repository.source.last_delivery_at = timezone.now() + timedelta(seconds=1)
    repository.source.save()
    assert "was refused" not in words(owner.get("/")).replace("no delivery was refused", "")


def test_it_shows_a_card_for_a_running_build(owner, worker):
    make_build(state="building", attempt=1, started_at=timezone.now() - timedelta(seconds=64))
    page = words(owner.get("/"))
    assert "Running now" in page
    assert "acme/web #1" in page
    assert re.search(r"1 m \d\d s", page)


def test_it_shows_a_member_the_private_repository_and_a_stranger_nothing_of_it(reader, stranger):
    ended("failed", error_message="A secret reason.")
    assert "acme/web" in words(reader.get("/"))
    assert "acme" not in words(stranger.get("/"))


def test_it_shows_the_state_and_the_tags_of_the_last_build(owner, worker):
    ended("succeeded", tags=["build-1", "latest", "main"])
    row = words(owner.get("/?part=table"))
    assert "succeeded #1" in row
    assert "latest main" in row.replace("latestmain", "latest main")
    assert "build-1" not in row


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("search", "names"),
    [("web", ["web"]), ("acme", ["web", "api"]), ("acme/a", ["api"]), ("nothing", []), ("'; DROP", [])],
)
def test_it_searches_by_name(owner, worker, search, names):
    make_repository("acme/api")
    page = words(owner.get("/", {"q": search, "part": "table"}))
    assert [name for name in ("web", "api") if f"acme/{name}" in page.replace("acme/ ", "acme/")] == names


def test_it_shows_the_last_page_for_a_page_that_is_not_there(owner, worker):
    assert "acme/" in words(owner.get("/?page=999&part=table"))


def test_it_answers_a_wrong_page_number_with_the_first(owner, worker):
    assert owner.get("/?page=x").status_code == 200


def queries(client, address: str) -> int:
    with CaptureQueriesContext(connection) as seen:
        assert client.get(address).status_code == 200
    return len(seen)


@pytest.mark.both_databases
def test_it_takes_the_same_number_of_queries_however_much_there_is():
    """How many there are with some of everything is seen in tests/imageyard/test_scenes.py."""
    client = as_user(make_admin())
    now = timezone.now()

    def add(number: int) -> None:
        rule = make_rule(make_source(make_repository(f"more/repository-{number}")))
        for state in ("succeeded", "failed", "superseded", "building", "queued"):
            make_build(
                rule, state=state, commit=f"{number:040x}", ref=state, attempt=1, started_at=now, finished_at=now
            )

    add(0)
    before = queries(client, "/")
    for number in range(1, 12):
        add(number)
    assert queries(client, "/") == before


@pytest.mark.both_databases
def test_it_finds_the_failing_rule_of_somebody_who_sees_few_repositories_below_any_number_of_others(monkeypatch):
    """Where a member sees few repositories, the failures of others push theirs out of no list."""
    monkeypatch.setattr("builds.views.attention.LOOK_BACK", 2)
    repository = make_repository("little/one")
    ended("failed", rule=make_rule(make_source(repository)), error_message="Step 2 ended with exit code 3.")
    others = make_rule(make_source(make_repository("large/many")))
    for number in range(3):
        ended("failed", rule=others, ref=f"b{number}")
    member = make_member(repository.namespace, "little", Role.READ)
    assert "Step 2 ended with exit code 3." in words(as_user(member).get("/"))
