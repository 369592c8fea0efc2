"""A push whose message asks for no build: never silence, but a row among the builds with the reason and a way on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Role
from builds.actions.skips import note_skipped
from builds.core.refnames import Ref
from builds.models import Build, SkippedPush
from tests.builds.pages import as_user, words
from tests.factories import make_build, make_member, make_rule, make_source, make_user
from tests.webhooks.forges import SENDERS, deliver
from tests.webhooks.sending import COMMIT, post, push_payload
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db
BUILDS = "/r/acme/web/builds"
MARKS = ["[skip ci]", "[ci skip]", "[no ci]", "[skip build]", "***NO_CI***"]


@pytest.fixture
def writer(source):
    return as_user(make_member(source.repository.namespace, "wendy", Role.WRITE))


@pytest.fixture
def reader(source):
    return as_user(make_member(source.repository.namespace, "bob", Role.READ))


def skipped(source, ref="main", commit=COMMIT, **ago) -> SkippedPush:
    note_skipped(source, Ref("branch", ref), commit, "Skipped: the newest commit's message says `[skip ci]`.")
    rows = SkippedPush.objects.filter(commit=commit)
    rows.update(at=timezone.now() - timedelta(**ago))
    return rows.get()


def order(answer) -> list[str]:
    """What the page lists, from the top: numbers of builds, commits of skipped pushes."""
    return [str(build.number) if build else skip.push.commit[:1] for build, _, skip in answer.context["rows"]]


@pytest.mark.parametrize("mark", MARKS)
def test_w12_it_shows_a_skipped_push_among_the_builds_with_the_reason(source, writer, rings, mark):
    post(source, push_payload(message=f"Reword the guide {mark}"))
    page = words(writer.get(BUILDS))
    assert f"Skipped: the newest commit's message says {mark}. Start the build by hand to build it anyway." in page
    assert f"main a1b2c3d Reword the guide {mark}" in page.replace("maina1b2c3d", "main a1b2c3d ").replace("  ", " ")
    assert not Build.objects.exists()


def test_it_builds_it_anyway_where_somebody_says_so(source, writer, rings):
    post(source, push_payload(message="docs [skip ci]"))
    assert "Build it anyway" in words(writer.get(BUILDS))
    writer.post("/r/acme/web/build", {"ref_type": "branch", "ref": "main", "commit": COMMIT})
    build = Build.objects.get()
    assert (build.cause, build.commit) == ("manual", COMMIT)
    page = words(writer.get(BUILDS))
    assert "Built all the same: #1" in page
    assert "Build it anyway" not in page


def test_it_leads_to_the_delivery(source, writer, rings):
    post(source, push_payload(message="docs [skip ci]"))
    assert f'href="{Delivery.objects.get().get_absolute_url()}"' in writer.get(BUILDS).content.decode()


def test_it_gives_a_reader_the_reason_without_the_button(source, reader, rings):
    post(source, push_payload(message="docs [skip ci]"))
    assert "Build it anyway" not in words(reader.get(BUILDS))
    assert "Skipped: the newest" in words(reader.get(BUILDS))


def test_it_shows_a_stranger_of_a_public_repository_no_delivery(source, rings):
    source.repository.visibility = "public"
    source.repository.save()
    post(source, push_payload(message="docs [skip ci]"))
    page = as_user(make_user("charlie")).get(BUILDS).content.decode()
    assert "Skipped: the newest" in page
    assert "deliveries/" not in page


def test_it_keeps_one_row_of_a_push_that_is_delivered_twice(source, rings):
    post(source, push_payload(message="docs [skip ci]"))
    post(source, push_payload(message="docs [skip ci]"))
    assert SkippedPush.objects.count() == 1


def test_it_keeps_a_row_for_each_ref_of_one_delivery_that_was_skipped(source, rings):
    post(source, push_payload("refs/tags/v1", message="docs [skip ci]"))
    post(source, push_payload("refs/heads/other", message="docs [skip ci]"))
    assert not SkippedPush.objects.exists()  # tags ignore the mark, and no rule wants the other


def test_it_stands_where_its_time_is(source, writer):
    make_build(queued_at=timezone.now() - timedelta(hours=3))
    skipped(source, commit="b" * 40, hours=2)
    make_build(queued_at=timezone.now() - timedelta(hours=1), commit="")
    skipped(source, commit="a" * 40, minutes=1)
    assert order(writer.get(BUILDS)) == ["a", "2", "b", "1"]


def test_it_is_on_one_page_of_many(source, writer, monkeypatch):
    monkeypatch.setattr("builds.views.repositories.PAGE", 2)
    for hours in range(6, 0, -2):
        make_build(queued_at=timezone.now() - timedelta(hours=hours), commit="")
        skipped(source, commit=str(hours) * 40, hours=hours - 1)
    first = writer.get(BUILDS)
    second = writer.get(BUILDS, {"before": first.context["older"]})
    assert (order(first), order(second)) == (["2", "3", "4", "2"], ["6", "1"])


def test_it_is_found_by_the_filters(source, writer):
    make_build(state="failed")
    skipped(source, minutes=1)
    skipped(source, ref="docs", commit="d" * 40, minutes=2)
    assert order(writer.get(BUILDS, {"state": "failed"})) == ["1"]
    assert order(writer.get(BUILDS, {"state": "skipped"})) == ["a", "d"]
    assert order(writer.get(BUILDS, {"state": "skipped", "ref": "doc"})) == ["d"]


def test_it_finds_builds_that_were_skipped_for_their_paths_too(source, writer):
    make_build(state="cancelled", cancelled_by="Imageyard", skip_reason="Skipped: no path that the rule watches.")
    make_build(state="cancelled", cancelled_by="wendy", commit="")
    assert order(writer.get(BUILDS, {"state": "skipped"})) == ["1"]


def test_it_is_said_on_the_overview_while_it_is_the_newest(source, writer):
    make_build(state="succeeded", queued_at=timezone.now() - timedelta(hours=1))
    skipped(source, minutes=1)
    assert "Skipped: the newest commit's message says" in words(writer.get("/r/acme/web"))
    make_build(state="queued", commit="")
    assert "Skipped: the newest commit's message says" not in words(writer.get("/r/acme/web"))


def test_it_keeps_the_last_ones_alone(source, monkeypatch):
    monkeypatch.setattr("builds.actions.skips.KEPT", 3)
    make_rule(source, pattern="x")
    for place in range(6):
        skipped(source, commit=str(place) * 40)
    assert SkippedPush.objects.count() == 3


def test_it_costs_a_constant_number_of_queries(source, writer, django_assert_max_num_queries):
    for place in range(20):
        skipped(source, commit=f"{place:040x}", minutes=place)
    with django_assert_max_num_queries(18):
        assert len(writer.get(BUILDS).context["rows"]) == 20


@pytest.mark.parametrize("forge", SENDERS)
@pytest.mark.parametrize("mark", MARKS)
def test_w12_it_keeps_a_row_for_every_mark_of_every_forge(db, rings, forge, mark):
    sender = SENDERS[forge]()
    source = make_source(forge=sender.forge, clone_url="https://mirror.example.org/acme/web.git")
    make_rule(source)
    deliver(source, sender, sender.push("refs/heads/main", message=f"Reword the guide {mark}"))
    (push,) = SkippedPush.objects.all()
    assert (push.ref, push.commit, push.sentence.startswith(f"Skipped: the newest commit's message says `{mark}`")) == (
        "main", COMMIT, True,
    )  # fmt: skip
