"""What broke and what was mended: told by the builds of one rule and ref, and shown on the home page."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Role
from builds.actions import lifecycle
from builds.actions.claim import claim_next
from builds.core.errors import BuildError, ErrorKind
from builds.models import Build, BuildRule, Worker
from builds.views.turned import since_when, turned_since_yesterday
from tests.builds.pages import as_user, words
from tests.builds.test_api import Api
from tests.factories import (
    make_admin,
    make_build,
    make_member,
    make_repository,
    make_rule,
    make_source,
    make_user,
    make_worker,
)

pytestmark = pytest.mark.django_db
FAULT = BuildError(ErrorKind.USER, "Step 2 of 3 (`RUN false`) ended with exit code 1.")


def finish(outcome: str, **fields) -> Build:
    """A build that really ends: succeeded, failed or cancelled."""
    Worker.objects.update_or_create(name="w1", defaults={"host": "builder-1", "slots": 9})
    number = Build.objects.count() + 1
    build = make_build(**{"commit": f"{number:040x}", "commit_author": "A. Author", **fields})
    run = claim_next("w1")
    assert run is not None
    if outcome == "succeeded":
        Build.objects.filter(pk=build.pk).update(state="publishing")
        lifecycle.succeed(run, build, [], media_type="", size_bytes=1, digest=f"sha256:{number}")
    elif outcome == "failed":
        lifecycle.fail(run, FAULT)
    else:
        lifecycle.stop(run)
    build.refresh_from_db()
    assert build.state == outcome
    return build


TURNS = [
    (["succeeded", "failed"], [None, "broke"]),
    (["succeeded", "failed", "failed", "succeeded", "succeeded"], [None, "broke", None, "mended", None]),
    (["failed", "failed", "succeeded"], [None, None, "mended"]),
    (["succeeded", "cancelled", "failed"], [None, None, "broke"]),
    (["cancelled", "failed"], [None, None]),
]


@pytest.mark.parametrize(("outcomes", "turns"), TURNS)
def test_9_the_first_failure_after_a_success_breaks_and_the_first_success_after_a_failure_mends(outcomes, turns):
    assert [finish(outcome).turn for outcome in outcomes] == turns


def test_other_branches_and_rules_tell_nothing():
    finish("succeeded")
    assert finish("failed", ref="develop").turn is None
    assert finish("failed", rule=make_rule(BuildRule.objects.get().source, pattern="/.*/")).turn is None
    assert finish("failed").turn == "broke"


def test_a_pull_request_breaks_nothing():
    finish("succeeded", ref_type="pull_request", ref="7", untrusted=True)
    assert finish("failed", ref_type="pull_request", ref="7", untrusted=True).turn is None


def test_one_attempt_more_that_succeeds_takes_the_turn_back():
    finish("succeeded")
    build = finish("failed")
    Build.objects.filter(pk=build.pk).update(state="queued")
    run = claim_next("w1")
    Build.objects.filter(pk=build.pk).update(state="publishing")
    lifecycle.succeed(run, build, [], media_type="", size_bytes=1, digest="sha256:9")
    build.refresh_from_db()
    assert (build.state, build.turn) == ("succeeded", None)


def test_9_home_says_what_broke_by_whose_commit_and_whether_it_works_again():
    """9. What broke since yesterday: first failing build after a success, who, and whether it is mended since."""
    finish("succeeded")
    broke = finish("failed", commit_message="Fix login\n\nlong", commit="a1b2c3d" + "0" * 33)
    home = as_user(make_admin())
    page = words(home.get("/"))
    told = (
        "acme/web: branch main broke a1b2c3d by A. Author “Fix login”. Step 2 of 3 (RUN false) ended with exit code 1."
    )
    assert told in page
    assert "works again" not in page
    after = finish("succeeded")
    page = words(home.get("/"))
    assert f"branch main broke and works again since #{after.number}" in page
    assert page.count("works again") == 1, "what broke and was mended is told once"
    assert f"#{broke.number} ·" in page


def test_the_api_tells_what_broke_and_what_was_mended():
    finish("succeeded")
    broke = finish("failed")
    found = Api(make_admin())("GET", "/turns").json()
    assert [(row["number"], row["repository"], row["mended_by"]) for row in found["broke"]] == [
        (broke.number, "acme/web", None)
    ]
    assert found["broke"][0]["sentence"] == FAULT.message
    assert found["mended"] == []
    assert Api(make_user("sam"))("GET", "/turns").json()["broke"] == []


def test_9_home_says_what_was_mended():
    Build.objects.filter(pk=finish("failed").pk).update(finished_at=timezone.now() - timedelta(days=5))
    finish("succeeded")
    assert "acme/web: branch main works again" in words(as_user(make_admin()).get("/"))


def test_9_home_says_when_nothing_broke_nothing_runs_and_nothing_waits():
    """9. Everything empty says so."""
    page = words(as_user(make_admin()).get("/"))
    assert "Nothing runs, and nothing waits." in page
    assert "Nothing that worked broke since yesterday, and nothing was mended." in page


def test_what_is_still_broken_stands_first():
    old = make_rule(make_source(make_repository("acme/old")))
    finish("succeeded", rule=old)
    still = finish("failed", rule=old)
    for outcome in ("succeeded", "failed", "succeeded"):
        finish(outcome, rule=make_rule_once())
    found = turned_since_yesterday(make_admin()).broke
    assert [turn.mended_by is None for turn in found] == [True, False]
    assert found[0].build.pk == still.pk


def make_rule_once() -> BuildRule:
    return BuildRule.objects.filter(pattern="once").first() or make_rule(
        make_source(make_repository("acme/new")), pattern="once"
    )


def test_what_broke_before_yesterday_is_not_told():
    finish("succeeded")
    build = finish("failed")
    Build.objects.filter(pk=build.pk).update(finished_at=since_when() - timedelta(seconds=1))
    assert turned_since_yesterday(make_admin()).broke == ()
    Build.objects.filter(pk=build.pk).update(finished_at=since_when())
    assert [turn.build.pk for turn in turned_since_yesterday(make_admin()).broke] == [build.pk]


def test_a_stranger_hears_of_nothing():
    finish("succeeded")
    finish("failed")
    stranger = make_member(make_repository("other/thing").namespace, "olga", Role.OWNER)
    assert turned_since_yesterday(stranger).broke == ()
    assert "acme" not in words(as_user(stranger).get("/"))


def test_it_is_found_by_an_index_that_holds_turns_alone():
    make_build()
    with CaptureQueriesContext(connection) as seen:
        turned_since_yesterday(make_admin())
    queries = [row["sql"] for row in seen if '"turn" =' in row["sql"] and "SELECT" in row["sql"]]
    assert len(queries) == 2
    if connection.vendor == "sqlite":
        for query in queries:
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN QUERY PLAN {query}")
                plan = " ".join(str(row[3]) for row in cursor.fetchall())
            assert "turned_lately" in plan
            assert "TEMP B-TREE" not in plan


def test_9_home_says_what_waits_and_why():
    """9. What waits and why."""
    make_worker(slots=1)
    make_build(make_rule(make_source(make_repository("acme/busy"))), state="building", attempt=1, worker="w1")
    for number in range(7):
        make_build(make_rule(make_source(make_repository(f"acme/w{number}"))))
    page = words(as_user(make_admin()).get("/"))
    assert "acme/w0 #1 main The worker is busy; this build is next." in page
    assert "acme/w1 #1 main 1 build is ahead." in page
    assert "2 builds more of what you may see in the queue" in page


def test_home_counts_what_waits_of_others_and_names_none_of_it():
    make_build()
    member = make_member(make_repository("other/thing").namespace, "olga", Role.OWNER)
    page = words(as_user(member).get("/"))
    assert "1 build of others' private repositories in the queue" in page
    assert "acme" not in page
