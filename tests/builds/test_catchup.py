"""Catch-up with a real Git repository: what is missed, what is not, what members decide, and a forge that is down."""

from __future__ import annotations

import shutil
import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections
from django.test import Client

from accounts.models import AuditEntry, Role
from accounts.tokens import create_token
from builds.actions.catchup import (
    ask_look,
    decide_catch_up,
    look_soon,
    ring_for_looks,
    set_automatic,
    take_look,
)
from builds.actions.skips import note_skipped
from builds.core.refnames import Ref
from builds.models import Build, BuildRule, CatchUp, CatchUpLook, Source
from builds.pipeline.catchup import look_for_missed
from builds.pipeline.probe import one_at_a_time, probe
from lib.refusal import Refused
from tests.builds.pages import as_user, words
from tests.factories import make_build, make_member, make_repository, make_rule, make_source, make_user
from tests.yard import GitRepository

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
PAGE = "/r/acme/web/settings/catch-up"
API = "/api/v1/repositories/acme/web/catch-up"


@pytest.fixture
def clock(monkeypatch):
    """What looks take for now stands still; Git's own time limits go by the real clock."""
    monkeypatch.setattr("builds.pipeline.catchup.database_now", lambda: NOW)
    monkeypatch.setattr("builds.actions.catchup.database_now", lambda: NOW)


@pytest.fixture
def git(tmp_path, settings) -> GitRepository:
    settings.LOCAL_GIT_ROOT = str(tmp_path)
    repository = GitRepository(tmp_path, "web")
    repository.commit({"Dockerfile": "FROM scratch\n"})
    return repository


@pytest.fixture
def source(db, git, rings, clock) -> Source:
    """acme/web with the rule `main` → `latest`, looked at once."""
    source = make_source(clone_url=git.url)
    make_rule(source)
    look(source)
    return source


def look(source: Source) -> CatchUp | None:
    """A look now; the question that is open afterwards."""
    CatchUpLook.objects.update_or_create(source=source, defaults={"next_look_at": datetime(2000, 1, 1, tzinfo=UTC)})
    look_for_missed(str(source.pk))
    return CatchUp.objects.filter(source=source, decided_at=None).first()


def looks(source: Source) -> CatchUp | None:
    """Two looks: what the first one sees might still be on its way."""
    look(source)
    return look(source)


def sentence() -> str:
    return CatchUpLook.objects.get().sentence


def refs(question: CatchUp | None) -> list[str]:
    return [push["ref"] for push in question.missed] if question else []


def test_it_asks_nothing_about_what_was_there_when_the_repository_was_linked(source):
    assert looks(source) is None
    assert sentence() == "1 branch or tag compared with what was built: nothing was missed."


def test_it_asks_about_a_push_that_nobody_told_us_of(source, git):
    commit = git.commit({"a": "1"})
    assert look(source) is None  # it may be on its way
    assert sentence() == (
        "1 branch or tag compared with what was built: 1 push not heard of yet; they are looked at again in 2 minutes."
    )
    question = look(source)
    assert (refs(question), question.missed[0]["commit"]) == (["main"], commit)
    assert sentence() == "1 branch or tag compared with what was built: 1 push missed."


def test_it_looks_again_soon_where_it_is_not_sure(source, git):
    git.commit({"a": "1"})
    look(source)
    assert CatchUpLook.objects.get().next_look_at == NOW + timedelta(minutes=2)


def test_it_asks_nothing_about_a_push_that_arrived_in_between(source, git):
    commit = git.commit({"a": "1"})
    look(source)
    make_build(source.rules.get(), commit=commit, state="failed")
    assert look(source) is None


def test_it_shows_a_person_who_asks_everything_at_once(source, git):
    git.commit({"a": "1"})
    ask_look(make_user("wendy"), source)
    assert refs(look(source)) == ["main"]


def test_it_asks_nothing_about_a_push_that_was_skipped(source, git):
    commit = git.commit({"a": "1"}, "docs [skip ci]")
    note_skipped(source, Ref("branch", "main"), commit, "Skipped.")
    assert looks(source) is None


def test_it_asks_nothing_while_a_build_waits_that_takes_the_newest(source, git):
    git.commit({"a": "1"})
    make_build(source.rules.get(), commit="", state="queued")
    assert looks(source) is None


def test_it_asks_one_question_which_keeps_to_what_is_there(source, git):
    git.commit({"a": "1"})
    first = looks(source)
    newest = git.commit({"a": "2"})
    question = looks(source)
    assert (question.pk, question.missed[0]["commit"], CatchUp.objects.count()) == (first.pk, newest, 1)


def test_it_takes_the_question_back_where_the_ref_was_deleted(source, git):
    make_rule(source, pattern="topic", tags=["topic"])
    git.commit({"a": "1"}, branch="topic")
    assert refs(looks(source)) == ["topic"]
    git.git("push", "-q", "origin", ":topic")
    assert look(source) is None


def test_it_takes_the_question_back_where_it_was_built_by_hand(source, git):
    commit = git.commit({"a": "1"})
    looks(source)
    make_build(source.rules.get(), commit=commit, cause="manual", state="succeeded")
    assert look(source) is None


def missed_tags(source: Source, git: GitRepository) -> CatchUp:
    make_rule(source, ref_type="tag", pattern=r"/^v\d/", tags=["{sourceref}"])
    look(source)
    git.commit({"a": "1"})
    for name in ("v1.9", "v1.10"):
        git.git("tag", name)
        git.git("push", "-q", "origin", name)
    question = looks(source)
    assert refs(question) == ["main", "v1.10", "v1.9"]
    return question


@pytest.mark.parametrize(
    ("choice", "built"), [("all", ["main", "v1.10", "v1.9"]), ("newest", ["main", "v1.10"]), ("none", [])]
)
def test_it_builds_what_is_decided_and_asks_no_more(source, git, choice, built):
    builds = decide_catch_up(make_user("wendy"), missed_tags(source, git), choice)
    assert [build.ref for build in builds] == built
    assert {build.cause for build in builds} <= {"catch_up"}
    assert {build.cause_detail for build in builds} <= {"a push that was missed, by wendy"}
    assert looks(source) is None
    decided = CatchUp.objects.get()
    assert (decided.choice, decided.decided_by, len(decided.build_ids)) == (choice, "wendy", len(built))
    assert AuditEntry.objects.filter(action="catch_up.decide").count() == 1


def test_it_gives_the_commit_that_was_built_last_along_for_path_filters(source, git):
    old = git.git("rev-parse", "HEAD")
    make_build(source.rules.get(), commit=old, state="succeeded")
    git.commit({"a": "1"})
    (build,) = decide_catch_up(make_user("wendy"), looks(source), "all")
    assert build.before == old


def test_it_is_decided_once(source, git):
    git.commit({"a": "1"})
    question = looks(source)
    decide_catch_up(make_user("wendy"), question, "none")
    with pytest.raises(Refused, match="wendy has decided this already"):
        decide_catch_up(make_user("bob"), question, "all")
    assert not Build.objects.exists()


def test_it_knows_three_answers(source, git):
    git.commit({"a": "1"})
    with pytest.raises(Refused, match="Choose one of: newest, all, none"):
        decide_catch_up(make_user("wendy"), looks(source), "moon")


def test_it_builds_by_the_rules_as_they_are_when_it_is_decided(source, git):
    git.commit({"a": "1"})
    question = looks(source)
    BuildRule.objects.update(autobuild=False)
    assert decide_catch_up(make_user("wendy"), question, "all") == []


def test_it_builds_the_newest_without_asking_where_that_is_wished(source, git):
    set_automatic(make_user("wendy"), source, on=True)
    commit = git.commit({"a": "1"})
    assert looks(source) is None
    build = Build.objects.get()
    assert (build.commit, build.cause_detail) == (commit, "a push that was missed, by Imageyard")


def test_it_finds_at_its_very_first_look_what_was_built_before_and_moved(db, git, rings, clock):
    source = make_source(clone_url=git.url)
    make_build(make_rule(source), commit="d" * 40, state="succeeded")
    assert refs(looks(source)) == ["main"]


def test_it_asks_nothing_about_another_git_repository(source, tmp_path):
    other = GitRepository(tmp_path, "other")
    other.commit({"Dockerfile": "FROM scratch\n"})
    Source.objects.update(clone_url=other.url)
    assert looks(source) is None


def test_it_says_that_the_forge_is_down_and_asks_later_and_later(source, git):
    shutil.rmtree(git.bare)
    waits = []
    for _ in range(10):
        look(source)
        waits.append((CatchUpLook.objects.get().next_look_at - NOW).total_seconds() / 60)
    assert sentence().startswith("The last look came to nothing: ")
    assert "It is asked again in about" in sentence()
    assert 4 <= waits[0] <= 6
    assert 16 <= waits[2] <= 24
    assert max(waits) <= 6 * 60 * 1.2


def test_it_finds_what_was_missed_once_the_forge_is_back(source, git, tmp_path):
    commit = git.commit({"a": "1"})
    git.bare.rename(tmp_path / "away.git")
    looks(source)
    (tmp_path / "away.git").rename(git.bare)
    assert looks(source).missed[0]["commit"] == commit
    assert CatchUpLook.objects.get().failures == 0


def test_it_forgets_a_look_at_a_source_that_is_linked_anew_meanwhile(source, git, monkeypatch):
    from builds.pipeline import catchup

    real = catchup.git.list_refs

    def linked_anew(*args, **kwargs):
        Source.objects.update(clone_url="https://git.example.com/other.git")
        return real(*args, **kwargs)

    monkeypatch.setattr(catchup.git, "list_refs", linked_anew)
    git.commit({"a": "1"})
    before = CatchUpLook.objects.get().looked_at
    look(source)
    assert CatchUpLook.objects.get().looked_at == before


def test_it_looks_every_hour_and_spreads_the_looks(source):
    minutes = (CatchUpLook.objects.get().next_look_at - NOW).total_seconds() / 60
    assert 48 <= minutes <= 72


def test_it_rings_for_sources_whose_turn_it_is_and_for_new_ones(source, rings, django_capture_on_commit_callbacks):
    make_source(make_repository("acme/api"))
    with django_capture_on_commit_callbacks(execute=True):
        ring_for_looks(NOW)
    assert rings.count("builds.look_for_missed") == 1
    with django_capture_on_commit_callbacks(execute=True):
        ring_for_looks(NOW + timedelta(hours=2))
    assert rings.count("builds.look_for_missed") == 3


def test_it_rings_again_for_whoever_asked_while_the_worker_looked_elsewhere(
    source, rings, django_capture_on_commit_callbacks
):
    other = make_source(make_repository("acme/other"), clone_url=source.clone_url)
    ask_look(make_user(), other)
    rings.clear()
    with one_at_a_time():
        look_for_missed(str(other.pk))
    assert CatchUpLook.objects.get(pk=other.pk).looked_at is None
    for work in (look_for_missed, probe):
        with django_capture_on_commit_callbacks(execute=True):
            work(str(source.pk))
        assert rings == ["builds.look_for_missed"]
        rings.clear()
    look_for_missed(str(other.pk))
    assert CatchUpLook.objects.get(pk=other.pk).looked_at is not None
    with django_capture_on_commit_callbacks(execute=True):
        look_for_missed(str(source.pk))
    assert rings == []


def test_whoever_asks_comes_before_those_whose_turn_it_is(source, monkeypatch):
    rung = []
    monkeypatch.setattr("builds.actions.catchup.enqueue", lambda _name, pk, **_: rung.append(pk))
    others = [make_source(make_repository(f"acme/r{number}")) for number in range(12)]
    CatchUpLook.objects.bulk_create([CatchUpLook(source=other, next_look_at=NOW) for other in others])
    CatchUpLook.objects.filter(pk=source.pk).update(next_look_at=NOW, asked_at=NOW)
    ring_for_looks(NOW)
    assert (rung[0], len(rung)) == (str(source.pk), 8)


def test_it_looks_soon_after_a_worker_has_started(source):
    look_soon(NOW + timedelta(minutes=30))
    assert CatchUpLook.objects.get().next_look_at <= NOW + timedelta(minutes=31)


def test_it_does_not_hurry_to_a_forge_that_is_down(source, git):
    shutil.rmtree(git.bare)
    for _ in range(6):
        look(source)
    planned = CatchUpLook.objects.get().next_look_at
    look_soon(NOW + timedelta(minutes=30))
    assert CatchUpLook.objects.get().next_look_at == planned


@pytest.mark.django_db(transaction=True)
def test_it_is_taken_by_one_of_those_who_ask():
    source = make_source()
    CatchUpLook.objects.create(source=source, next_look_at=NOW)
    taken = []

    def ask() -> None:
        taken.append(take_look(str(source.pk), NOW + timedelta(minutes=1)))
        connections.close_all()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sum(look is not None for look in taken) == 1


@pytest.fixture
def writer(source) -> Client:
    return as_user(make_member(source.repository.namespace, "wendy", Role.WRITE))


@pytest.fixture
def reader(source) -> Client:
    return as_user(make_member(source.repository.namespace, "bob", Role.READ))


def test_it_asks_on_the_repositorys_pages_and_on_the_home_page(source, git, writer):
    missed_tags(source, git)
    for address in ("/r/acme/web", "/r/acme/web/builds", PAGE):
        page = words(writer.get(address))
        assert "3 pushes were missed." in page
        assert "Build the newest of each rule Build all 3 Build none" in page.replace(
            "ruleBuild", "rule Build"
        ).replace("3Build", "3 Build")
    assert "acme/web: 3 pushes were missed main, v1.10, v1.9: build the newest, all or none." in words(writer.get("/"))


def test_it_takes_the_answer_of_a_writer(source, git, writer):
    question = missed_tags(source, git)
    page = words(writer.post(f"/r/acme/web/catch-up/{question.pk}", {"choice": "all"}, follow=True))
    assert "3 builds asked for." in page
    assert "pushes were missed." not in page
    assert "3 pushes were missed; all built, said wendy" in words(writer.get(PAGE))
    again = words(writer.post(f"/r/acme/web/catch-up/{question.pk}", {"choice": "all"}, follow=True))
    assert "wendy has decided this already." in again


def test_it_says_so_where_the_question_is_gone(source, writer):
    page = words(writer.post("/r/acme/web/catch-up/77", {"choice": "all"}, follow=True))
    assert "This question is gone" in page


def test_it_shows_a_reader_what_was_missed_and_lets_nobody_else_decide(source, git, reader):
    question = missed_tags(source, git)
    page = reader.get("/r/acme/web")
    assert "3 pushes were missed." in words(page)
    assert "/catch-up/" not in page.content.decode()
    stranger = as_user(make_user("charlie"))
    for client, status in ((reader, 403), (stranger, 404)):
        assert client.post(f"/r/acme/web/catch-up/{question.pk}", {"choice": "all"}).status_code == status
        assert client.post(f"{PAGE}/look").status_code == status
        assert client.get(PAGE).status_code == status


def test_it_looks_when_a_writer_says_so(source, writer, rings, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        page = words(writer.post(f"{PAGE}/look", follow=True))
    assert "A worker compares the branches and tags with what was built now." in page
    assert "Next look now: a worker is asking" in page.replace("looknow", "look now")
    assert "builds.look_for_missed" in rings


def test_it_is_told_whether_to_ask(source, writer):
    writer.post(f"{PAGE}/automatic", {"automatic": "on"})
    assert CatchUpLook.objects.get().automatic
    writer.post(f"{PAGE}/automatic", {"automatic": "off"})
    assert not CatchUpLook.objects.get().automatic


def test_it_does_the_same_by_the_api(source, git):
    user = make_member(source.repository.namespace, "wendy", Role.WRITE)
    client = Client(headers={"authorization": f"Bearer {create_token(user, 'test')[1]}"})
    question = missed_tags(source, git)
    told = client.get(API).json()
    assert [push["ref"] for push in told["question"]["missed"]] == ["main", "v1.10", "v1.9"]
    assert client.put(API, {"automatic": True}, content_type="application/json").json()["automatic"]
    assert client.post(f"{API}/look").status_code == 202
    answer = {"id": question.pk, "choice": "newest"}
    made = client.post(f"{API}/decision", answer, content_type="application/json")
    assert (made.status_code, len(made.json()["builds"])) == (201, 2)
    assert client.post(f"{API}/decision", answer, content_type="application/json").status_code == 409
    assert client.get(API).json()["question"] is None
