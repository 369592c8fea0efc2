"""Point 4: the history of a tag with its pull commands, and two tags, or a tag and what it was, side by side."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from builds.models import Build, BuildRule, ImageLook
from registry.models import Tag, TagMove
from tests.builds.pages import words
from tests.compared_builds import two_builds
from tests.sample_image import add_image
from tests.sample_tags import BY_HAND, add_tags

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]
WEB = "/r/acme/web"


@pytest.fixture
def builds(repository) -> tuple[Build, Build]:
    """#1 is 1.9; #2 is 2, 2.0 and latest, which was #1's."""
    first, second = two_builds(BuildRule.objects.get(source__repository=repository))
    add_image(second)
    add_tags(repository)
    second.refresh_from_db()
    return first, second


def test_each_point_of_the_history_has_its_pull_command_and_leads_to_the_comparison_with_now(
    reader, repository, builds
):
    page = reader.get(f"{WEB}/tags/latest").content.decode()
    for build in builds:
        assert f'data-copy="docker pull {repository.image}@{build.digest}"' in page
    assert f'href="{WEB}/compare-tags/{builds[0].digest}/latest"' in page
    assert f'href="{WEB}/compare-tags/{builds[1].digest}/latest"' not in page


@pytest.mark.both_databases
def test_the_history_says_who_moved_it_from_which_build_and_what_was_refused(reader, repository, builds):
    TagMove.objects.create(repository=repository, tag="latest", to_digest=BY_HAND, by="alice", kind="rollback")
    page = words(reader.get(f"{WEB}/tags/latest"))
    assert "build #2 of main at c3d4e5f push" in page
    assert "alice: not by a build" in page
    assert "latest was not moved: build #2, of a newer commit, already has it." in page


def test_a_tag_names_the_other_tags_of_its_image(reader, builds):
    page = words(reader.get(f"{WEB}/tags/latest"))
    assert "The same image: build-2 2 2.0" in page.replace("build-222.0", "build-2 2 2.0")


@pytest.mark.both_databases
def test_the_history_of_a_tag_costs_as_many_queries_with_a_thousand_moves(reader, repository, builds):
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert reader.get(f"{WEB}/tags/latest").status_code == 200
        return len(seen)

    few = queries()
    TagMove.objects.bulk_create(
        TagMove(repository=repository, tag="latest", to_digest=BY_HAND, build_number=1, at=timezone.now())
        for _ in range(1_000)
    )
    assert queries() == few


def test_two_tags_it_compares_layers_settings_and_platforms(reader, builds):
    page = words(reader.get(f"{WEB}/compare-tags/1.9/latest"))
    assert "The image is 38.0 MB larger: COPY /app/dist /srv (line 9) made 38.0 MB more." in page
    assert "linux/arm64 is only in latest." in page
    assert "Builds #1 and #2 side by side" in page
    assert "Stop signal" in page


def test_what_a_tag_was_it_compares_with_what_it_is(reader, builds):
    page = words(reader.get(f"{WEB}/compare-tags/{builds[0].digest}/latest"))
    assert "The image is 38.0 MB larger" in page
    assert "asked for by its digest" in page


def test_two_tags_of_one_image_it_says_so(reader, builds):
    assert "2 and latest are one image." in words(reader.get(f"{WEB}/compare-tags/2/latest"))


@pytest.mark.both_databases
def test_an_image_that_nobody_has_read_it_waits_for(reader, repository, builds):
    answer = reader.get(f"{WEB}/compare-tags/1.9/pushed-by-hand")
    assert "What differs is told as soon as somebody has read what is in pushed-by-hand." in words(answer)
    assert f'data-refresh-url="{WEB}/compare-tags/1.9/pushed-by-hand?part=tags"' in answer.content.decode()
    assert ImageLook.objects.get(digest=BY_HAND).state == "asked"
    ImageLook.objects.filter(digest=BY_HAND).update(state="failed", sentence="The registry refused it.")
    part = reader.get(f"{WEB}/compare-tags/1.9/pushed-by-hand?part=tags")
    assert part.status_code == 286
    assert "The registry refused it." in words(part)


@pytest.mark.both_databases
def test_who_is_not_logged_in_has_nothing_read(client, repository, builds):
    repository.visibility = "public"
    repository.save()
    assert "Log in to have it read" in words(client.get(f"{WEB}/compare-tags/1.9/pushed-by-hand"))
    assert not ImageLook.objects.filter(digest=BY_HAND).exists()


def test_images_without_a_platform_in_common_it_says_so(reader, repository, builds):
    look = ImageLook.objects.get(digest=builds[0].digest)
    platform = look.facts["platforms"][0]
    look.facts["platforms"] = [platform | {"platform": "linux/s390x"}, platform | {"platform": "linux/ppc64le"}]
    look.save()
    page = words(reader.get(f"{WEB}/compare-tags/1.9/latest"))
    assert "linux/s390x, linux/ppc64le are only in 1.9." in page
    assert "Layers" not in page


def test_the_form_leads_to_an_address_to_keep(reader, builds):
    answer = reader.get(f"{WEB}/compare-tags?before=1.9&after=latest")
    assert (answer.status_code, answer["Location"]) == (302, f"{WEB}/compare-tags/1.9/latest")


@pytest.mark.parametrize(
    "address", ["1.9/none", "none/1.9", "sha256:zz/1.9", "?before=1.9", "?before=a/b&after=c", "?before=&after=1.9"]
)
def test_what_is_no_tag_it_does_not_find(reader, builds, address):
    address = f"{WEB}/compare-tags{'' if address[0] == '?' else '/'}{address}"
    assert reader.get(address).status_code == 404


def test_it_does_not_know_a_private_repository_for_a_stranger(stranger, builds):
    assert stranger.get(f"{WEB}/compare-tags/1.9/latest").status_code == 404


@pytest.mark.both_databases
def test_names_and_settings_of_strangers_it_escapes(reader, repository, builds):
    hostile = "<img src=x onerror=alert(1)>"
    Tag.objects.create(repository=repository, name=hostile, digest=builds[0].digest)
    look = ImageLook.objects.get(digest=builds[0].digest)
    look.facts["platforms"][0]["config"]["user"] = "<script>alert(1)</script>"
    look.save()
    page = reader.get(f"{WEB}/compare-tags/{hostile}/latest")
    assert page.status_code == 200
    assert b"<img src=x" not in page.content
    assert b"<script>alert" not in page.content
