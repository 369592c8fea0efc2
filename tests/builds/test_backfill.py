"""Back-fill: asking for builds of what exists, on its page and by the API."""

from __future__ import annotations

import json

import pytest

from accounts.models import AuditEntry, Role
from accounts.tokens import create_token
from builds.actions.backfill import back_fill, gaps_of
from builds.actions.claim import queued_in_order
from builds.core.states import State
from builds.models import Build, SourceRefs
from lib.refusal import Refused
from tests.builds.pages import COMMIT, as_user, owner, reader, repository, stranger, words, writer  # noqa: F401
from tests.factories import make_build, make_member, make_rule, make_user

PAGE = "/r/acme/web/rules/back-fill"
API = "/api/v1/repositories/acme/web/backfill"
TAGS = ["v1.10.0", "v1.9.0", "v1.2.0"]


@pytest.fixture
def source(repository):  # noqa: F811
    source = repository.source
    source.probed_at = source.created_at
    source.save()
    make_rule(source, ref_type="tag", pattern="/^v/", tags=["{version}"], position=1)
    refs = [["branch", "main", COMMIT], *(["tag", name, f"{place:040d}"] for place, name in enumerate(TAGS, 1))]
    SourceRefs.objects.create(source=source, refs=refs, total=4)
    return source


def test_it_asks_for_each_ref_without_an_image_older_versions_first_and_behind_everything_else(source):
    builds = back_fill(make_user(), source)
    assert [build.ref for build in builds] == ["v1.2.0", "v1.9.0", "v1.10.0", "main"]
    assert {build.cause for build in builds} == {"back_fill"}
    assert {build.priority for build in builds} == {Build.Priority.SCHEDULE}
    pushed = make_build(source.rules.first(), ref="other", priority=Build.Priority.PUSH)
    assert [build.ref for build in queued_in_order()] == [pushed.ref, "v1.2.0", "v1.9.0", "v1.10.0", "main"]


def test_it_makes_no_second_build_of_the_same_rule_ref_and_commit(source):
    back_fill(make_user(), source)
    with pytest.raises(Refused, match="has its image, or is under way"):
        back_fill(make_user(), source)
    Build.objects.update(state=State.SUCCEEDED)
    with pytest.raises(Refused):
        back_fill(make_user(), source, ["branch main"])
    assert Build.objects.count() == 4


def test_it_builds_a_ref_anew_once_it_points_elsewhere(source):
    make_build(source.rules.first(), ref="main", commit=COMMIT, state=State.SUCCEEDED)
    assert "main" not in [gap.ref.name for gap in gaps_of(source)]
    SourceRefs.objects.update(refs=[["branch", "main", "f" * 40]])
    assert [gap.ref.name for gap in gaps_of(source)] == ["main"]


def test_it_leaves_alone_what_failed_unless_it_is_chosen(source):
    make_build(source.rules.first(), ref="main", commit=COMMIT, state=State.FAILED)
    assert [build.ref for build in back_fill(make_user(), source)] == ["v1.2.0", "v1.9.0", "v1.10.0"]
    assert [build.ref for build in back_fill(make_user(), source, ["branch main"])] == ["main"]


def test_it_refuses_more_builds_at_once_than_anybody_wants(source, monkeypatch):
    monkeypatch.setattr("builds.actions.backfill.MOST_BUILDS", 3)
    with pytest.raises(Refused, match="These would be 4 builds, and 3 at once are the most"):
        back_fill(make_user(), source)
    assert not Build.objects.exists()


def test_it_writes_down_who_asked(source):
    back_fill(make_user("alice"), source)
    entry = AuditEntry.objects.get(action="build.back_fill")
    assert (entry.actor.username, entry.detail) == ("alice", "4 refs, 4 builds")


def test_it_lists_ten_thousand_refs_and_looks_at_the_rows_in_pieces(source, django_assert_max_num_queries):
    refs = [["tag", f"v1.0.{number}", f"{number:040x}"] for number in range(10_000)]
    SourceRefs.objects.update(refs=refs)
    with django_assert_max_num_queries(25):
        assert len(gaps_of(source)) == 10_000


def test_it_shows_what_would_be_built_with_the_sum(writer, source):  # noqa: F811
    page = words(writer.get(PAGE))
    assert "4 builds of 4 refs, 4 tags" in page
    assert page.index("v1.10.0") < page.index("v1.9.0")


def test_it_sums_up_what_is_chosen(writer, source):  # noqa: F811
    answer = writer.post(f"{PAGE}/total", {"refs": ["tag v1.9.0", "branch main"]})
    assert words(answer) == "2 builds of 2 refs, 2 tags"
    assert words(writer.post(f"{PAGE}/total", {})) == "Nothing is chosen."


def test_it_builds_what_was_chosen(writer, source):  # noqa: F811
    answer = writer.post(PAGE, {"refs": ["tag v1.9.0", "tag v1.2.0"]}, follow=True)
    assert "Asked for 2 builds, #1 to #2." in words(answer)
    assert sorted(Build.objects.values_list("ref", flat=True)) == ["v1.2.0", "v1.9.0"]


def test_it_builds_those_too_that_the_page_had_no_room_for(writer, source, monkeypatch):  # noqa: F811
    monkeypatch.setattr("builds.views.backfill.SHOWN", 1)
    page = writer.get(PAGE)
    assert "And the 3 older ones for which there is no room here" in words(page)
    writer.post(PAGE, {"refs": ["tag v1.9.0"], "shown": ["branch main", "tag v1.9.0"], "rest": "1"})
    assert sorted(Build.objects.values_list("ref", flat=True)) == ["v1.10.0", "v1.2.0", "v1.9.0"]


def test_it_finds_refs_by_a_part_of_their_name(writer, source):  # noqa: F811
    page = words(writer.get(PAGE, {"find": "1.9"}))
    assert "v1.9.0" in page
    assert "v1.10.0" not in page


def test_it_ticks_none_where_somebody_wants_to_choose_a_few(writer, source):  # noqa: F811
    page = writer.get(PAGE, {"tick": "none", "find": "v1"})
    assert "Nothing is chosen." in words(page)
    assert " checked" not in page.content.decode()


def test_it_says_that_nothing_was_chosen(writer, source):  # noqa: F811
    answer = writer.post(PAGE, {})
    assert answer.status_code == 409
    assert "Nothing was chosen." in words(answer)


def test_it_says_when_everything_has_its_image(writer, source):  # noqa: F811
    for rule in source.rules.all():
        make_build(rule, ref="main", commit=COMMIT, state=State.SUCCEEDED)
    SourceRefs.objects.update(refs=[["branch", "main", COMMIT]])
    assert "Everything has its image" in words(writer.get(PAGE))


@pytest.mark.parametrize("address", [PAGE, f"{PAGE}/total"])
def test_it_refuses_a_reader_with_403_and_does_not_know_the_page_for_a_stranger(reader, stranger, source, address):  # noqa: F811
    assert reader.post(address).status_code == 403
    assert stranger.post(address).status_code == 404
    assert not Build.objects.exists()


@pytest.fixture
def api(repository, client):  # noqa: F811
    _, secret = create_token(make_member(repository.namespace, "wendy", Role.WRITE), "laptop")

    def call(method, **body):
        headers = {"Authorization": f"Bearer {secret}"}
        return client.generic(method, API, json.dumps(body), "application/json", headers=headers)

    return call


def test_it_tells_the_api_what_has_no_image(api, source):
    refs = api("GET").json()["refs"]
    assert [ref["name"] for ref in refs] == ["v1.2.0", "v1.9.0", "v1.10.0", "main"]
    assert refs[0] == {
        "type": "tag", "name": "v1.2.0", "commit": f"{3:040d}", "builds": 1, "tags": ["1.2.0"], "tried": False,
    }  # fmt: skip


def test_it_builds_by_the_api_all_or_some_and_says_422_where_nothing_is_left(api, source):
    answer = api("POST", refs=[{"type": "tag", "name": "v1.9.0"}])
    assert answer.status_code == 201
    assert [(build["ref"], build["cause"]) for build in answer.json()["builds"]] == [("v1.9.0", "back_fill")]
    assert [build["ref"] for build in api("POST").json()["builds"]] == ["v1.2.0", "v1.10.0", "main"]
    assert api("POST").status_code == 422
