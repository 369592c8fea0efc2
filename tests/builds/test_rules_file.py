"""Rules that come from `.imageyard.yml`: the switch, a reading and what it changes, and the page that shows it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from accounts.models import AuditEntry, Role
from accounts.tokens import create_token
from builds.actions import RuleDraft, save_rules
from builds.actions.request import Order
from builds.actions.rules_file import (
    ask_reading_for_push,
    note_tips,
    record_unread,
    ring_for_readings,
    set_rules_from,
    take_reading,
)
from builds.actions.rules_taken import Found, apply_reading
from builds.core.rules import Ref, RuleSpec
from builds.core.states import State
from builds.models import Build, RulesFileRead, Source
from lib.clock import database_now
from lib.refusal import Refused
from tests.builds.pages import COMMIT, owner, reader, repository, stranger, words, writer  # noqa: F401
from tests.factories import make_build, make_member, make_user

RULES = "/r/acme/web/rules"
MAIN = Ref("branch", "main")
TWO = b"""\
rules:
  - branch: main
    tags: [latest, edge]
  - tag: /^v/
    tags: ["{version}"]
    examples:
      - tag: v1.2.3
        tags: [1.2.3]
"""
SAME = b"rules:\n  - branch: main\n    tags: [latest]\n"


@pytest.fixture
def source(repository):  # noqa: F811
    set_rules_from(make_user(), repository.source, "file")
    return repository.source


def push(source, commit=COMMIT, **more):
    order = Order(cause=Build.Cause.PUSH, detail="pushed by mona", commit_message="Add a rule")
    ask_reading_for_push(source, more.pop("ref", MAIN), commit, order, judged=more.pop("judged", True))


def read(source, text, commit=COMMIT):
    """What a worker does when it has the file."""
    reading = take_reading(str(source.pk), database_now())
    builds = apply_reading(reading, Found(commit, text))
    source.refresh_from_db()
    return builds


def saved(source):
    return [(rule.ref_type, rule.pattern, rule.tags) for rule in source.rules.all()]


def test_it_takes_the_rules_of_the_file_over_and_says_who_did(source):
    read(source, TWO)
    assert saved(source) == [("branch", "main", ["latest", "edge"]), ("tag", "/^v/", ["{version}"])]
    assert source.rules.last().examples == [{"ref_type": "tag", "ref": "v1.2.3", "tags": ["1.2.3"]}]
    assert source.rules_file["problems"] == []
    assert AuditEntry.objects.filter(action="rules.save").values_list("actor", flat=True).get() is None


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        (
            b"rules:\n  - branch: main\n    tags: [x]\n    tgs: [x]\n",
            4,
            "`tgs` means nothing here.",
        ),
        (b"rules:\n  - branch: /(/\n    tags: [x]\n", 2, "does not compile"),
        (b"rules: [\n", 2, ""),
        (
            b"rules:\n  - branch: main\n    tags: [next]\n    examples:\n      - branch: main\n        tags: [x]\n",
            2,
            "`main`",
        ),
        (None, 0, "There is no `.imageyard.yml` on branch `main`."),
    ],
)
def test_it_keeps_the_old_rules_where_the_file_is_wrong_and_says_in_which_line(source, text, line, sentence):
    read(source, text)
    assert saved(source) == [("branch", "main", ["latest"])]
    (problem, *_) = source.rules_file["problems"]
    assert problem["line"] == line
    assert sentence in problem["message"]


def test_it_judges_the_push_that_brought_a_rule_by_that_rule(source):
    push(source)
    builds = read(
        source, TWO.replace(b"[latest, edge]", b"[latest]") + b"  - branch: main\n    tags: [edge]\n    target: x\n"
    )
    assert [(build.rule.target, build.cause, build.commit) for build in builds] == [("x", "push", COMMIT)]
    assert builds[0].cause_detail == "pushed by mona; the push changed `.imageyard.yml`"


def test_it_builds_nothing_more_for_rules_that_stayed_as_they_were(source):
    made = make_build(source.rules.get(), ref="main", commit=COMMIT)
    push(source)
    assert read(source, SAME) == []
    assert Build.objects.get().pk == made.pk


def test_it_builds_a_changed_rule_anew_and_stops_what_the_old_one_asked_for(source):
    old = make_build(source.rules.get(), ref="main", commit=COMMIT)
    push(source)
    (new,) = read(source, TWO)
    old.refresh_from_db()
    assert (old.state, old.cancelled_by) == (State.CANCELLED, "Imageyard")
    assert new.plan["templates"] == ["latest", "edge"]
    assert new.rule_id == old.rule_id


def test_it_stops_what_a_rule_asked_for_that_the_push_took_away(source):
    old = make_build(source.rules.get(), ref="main", commit=COMMIT)
    push(source)
    read(source, b"rules:\n  - branch: develop\n    tags: [edge]\n")
    old.refresh_from_db()
    assert old.state == State.CANCELLED


def test_it_builds_once_however_often_it_is_read(source):
    push(source)
    first = read(source, TWO)
    push(source)
    assert read(source, TWO) == []
    assert list(Build.objects.all()) == first


def test_it_reads_again_where_a_push_came_while_it_read(source):
    reading = take_reading(str(source.pk), database_now())
    push(source, "b" * 40)
    apply_reading(reading, Found(COMMIT, SAME))
    assert RulesFileRead.objects.get().push["commit"] == "b" * 40
    assert RulesFileRead.objects.get().asked_at is not None


@pytest.mark.parametrize("ref", [Ref("branch", "feature"), Ref("tag", "v1.0.0"), Ref("pull_request", "main")])
def test_it_is_not_read_anew_for_anything_but_the_default_branch(source, ref):
    read(source, SAME)
    push(source, ref=ref)
    assert RulesFileRead.objects.get().asked_at is None


def test_it_reads_and_builds_nothing_for_a_push_that_wants_to_be_skipped(source):
    read(source, SAME)
    push(source, judged=False)
    assert read(source, TWO) == []
    assert len(saved(source)) == 2


def test_it_judges_a_push_though_the_one_after_it_wants_to_be_skipped(source):
    push(source)
    push(source, "b" * 40, judged=False)
    (build,) = read(source, TWO)
    assert build.commit == COMMIT


def test_it_is_read_by_one_worker_at_a_time(source):
    assert take_reading(str(source.pk), database_now()) is not None
    assert take_reading(str(source.pk), database_now()) is None


def test_it_asks_a_server_that_is_away_later_each_time_and_says_so(source, writer):  # noqa: F811
    now = database_now()
    for wait in (20, 40, 80):
        reading = take_reading(str(source.pk), now)
        record_unread(reading, "The Git server did not answer.", now)
        left = RulesFileRead.objects.get().not_before - now
        assert left == timedelta(seconds=wait)
        now += left
    page = words(writer.get(RULES))
    assert "The last try came to nothing: The Git server did not answer." in page
    assert saved(source) == [("branch", "main", ["latest"])]


def test_it_rings_for_what_nobody_reads(source, monkeypatch):
    rung = []
    monkeypatch.setattr("builds.actions.rules_file.enqueue", lambda name, *args, **_: rung.append((name, *args)))
    ring_for_readings(database_now())
    assert rung == [("builds.read_rules_file", str(source.pk))]


def test_nobody_else_changes_rules_that_come_from_the_file(source, writer):  # noqa: F811
    with pytest.raises(Refused, match=r"the rules come from `\.imageyard\.yml`"):
        save_rules(make_user(), source, [RuleDraft(RuleSpec(None, "branch", "x", ("x",)))])
    form = {"rule-total": "1", "rule-0-ref_type": "branch", "rule-0-pattern": "x", "rule-0-tags": "x"}
    answer = writer.post(RULES, form, follow=True)
    assert "the rules come from .imageyard.yml" in words(answer)
    assert saved(source) == [("branch", "main", ["latest"])]


def test_it_changes_nothing_once_the_page_has_the_rules_again(source):
    reading = take_reading(str(source.pk), database_now())
    set_rules_from(make_user(), source, "page")
    assert apply_reading(reading, Found(COMMIT, TWO)) == []
    assert saved(source) == [("branch", "main", ["latest"])]


def test_the_page_shows_the_rules_and_edits_none_while_they_come_from_the_file(source, writer):  # noqa: F811
    Source.objects.update(forge="github", clone_url="https://github.com/acme/web.git")
    read(source, b"rules:\n  - branch: main\n    tags: [x]\n    tgs: []\n")
    answer = writer.get(RULES)
    assert "The rules come from .imageyard.yml on branch main" in words(answer)
    assert "Line 4" in words(answer)
    page = answer.content.decode()
    assert 'id="rules-editor"' not in page
    assert 'href="https://github.com/acme/web/blob/main/.imageyard.yml"' in page


def test_the_page_switches_the_source_of_the_rules(repository, writer):  # noqa: F811
    page = words(writer.post(f"{RULES}/source", {"rules_from": "file"}, follow=True))
    assert "A worker is reading it" in page
    assert RulesFileRead.objects.get().asked_at is not None
    writer.post(f"{RULES}/source", {"rules_from": "page"})
    assert 'id="rules-editor"' in writer.get(RULES).content.decode()


def test_the_page_asks_for_another_reading(source, writer):  # noqa: F811
    read(source, SAME)
    writer.post(f"{RULES}/source/read")
    assert RulesFileRead.objects.get().asked_at is not None


def test_the_page_is_shown_anew_once_the_file_was_read(source, reader):  # noqa: F811
    address = f"{RULES}/source/state"
    assert "HX-Refresh" not in reader.get(address, headers={"HX-Request": "true"})
    read(source, SAME)
    assert reader.get(address, headers={"HX-Request": "true"})["HX-Refresh"] == "true"


@pytest.mark.parametrize("address", [f"{RULES}/source", f"{RULES}/source/read"])
def test_it_refuses_a_reader_with_403_and_is_unknown_to_a_stranger(reader, stranger, repository, address):  # noqa: F811
    assert reader.post(address, {"rules_from": "file"}).status_code == 403
    assert stranger.post(address, {"rules_from": "file"}).status_code == 404
    assert Source.objects.get().rules_from == "page"


@pytest.mark.parametrize(("tip", "is_asked"), [("b" * 40, True), (COMMIT, False)])
def test_it_is_read_anew_where_a_look_finds_a_push_that_never_came(source, tip, is_asked):
    read(source, SAME)
    note_tips(source, {"main": tip, "other": "c" * 40})
    assert (RulesFileRead.objects.get().asked_at is not None) is is_asked


@pytest.fixture
def api(repository, client):  # noqa: F811
    _, secret = create_token(make_member(repository.namespace, "wendy", Role.WRITE), "laptop")

    def call(method, path="", body=None):
        headers = {"Authorization": f"Bearer {secret}"}
        address = f"/api/v1/repositories/acme/web/rules/source{path}"
        return client.generic(method, address, json.dumps(body or {}), "application/json", headers=headers)

    return call


def test_the_api_switches_reads_and_tells_what_is_wrong(repository, api):  # noqa: F811
    assert api("GET").json()["rules_from"] == "page"
    assert api("POST", "/read").status_code == 409
    assert api("PUT", body={"rules_from": "file"}).json()["is_reading"] is True
    read(repository.source, b"rules: 7\n")
    said = api("GET").json()
    assert (said["commit"], said["is_reading"]) == (COMMIT, False)
    assert said["problems"][0]["line"] == 1
    assert api("POST", "/read").json()["is_reading"] is True
