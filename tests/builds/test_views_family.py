"""The Family tab: the picture of what is built from what, what is known of each base, and the switch."""

from __future__ import annotations

import pytest

from builds.actions.bases import move_bases, note_absence, note_digest
from builds.models import BaseImage, Build, Source
from tests.builds.pages import words
from tests.builds.test_bases import NEW, OLD, build_succeeds, rule_of

pytestmark = pytest.mark.django_db
PAGE = "/r/acme/web/family"


@pytest.fixture
def grown(repository):
    """acme/web stands on debian:12 and on acme/middle, which stands on debian:12 too."""
    middle = rule_of("acme/middle")
    made = build_succeeds(middle, ("debian:12", OLD))
    image = f"{middle.source.repository.image}:latest"
    Source.objects.update(rebuild_on_base=True)
    build_succeeds(repository.source.rules.get(), ("debian:12", OLD), (image, made.digest))
    return repository


@pytest.mark.one_database
def test_it_says_where_bases_would_come_from_while_there_are_none(reader):
    page = words(reader.get(PAGE))
    assert "No base images known" in page
    assert "When a base image moves, nothing is built." in page


@pytest.mark.one_database
def test_it_draws_what_the_image_stands_on_and_links_what_is_ours(grown, reader):
    answer = reader.get(PAGE)
    picture = answer.content.decode()
    assert {box.title for box in answer.context["boxes"]} == {"acme/web", "acme/middle", "debian:12"}
    assert 'href="/r/acme/middle"' in picture
    assert len(answer.context["lines"]) == 3
    columns = {box.title: box.x for box in answer.context["boxes"]}
    assert columns["debian:12"] < columns["acme/middle"] < columns["acme/web"]


def test_it_draws_no_image_that_the_visitor_may_not_see(grown, client):
    grown.visibility = "public"
    grown.save()
    boxes = client.get(PAGE).context["boxes"]
    assert "acme/middle" not in {box.title for box in boxes}


def test_it_says_what_a_move_asked_for(grown, reader):
    note_digest(BaseImage.objects.get(tag="12"), NEW)
    move_bases()
    page = words(reader.get(PAGE))
    assert "older in main" in page
    assert "Waits until what it stands on is built" in page


@pytest.mark.one_database
def test_it_says_why_a_registry_could_not_be_asked(grown, reader):
    note_absence(BaseImage.objects.get(tag="12"), "docker.io did not answer: too many requests.")
    assert "docker.io did not answer: too many requests." in words(reader.get(PAGE))


def test_it_lets_a_writer_switch_and_look_and_nobody_less(grown, writer, reader):
    assert reader.post(f"{PAGE}/switch", {"on": "0"}).status_code == 403
    writer.post(f"{PAGE}/switch", {"on": "0"})
    assert not Source.objects.get(repository=grown).rebuild_on_base
    page = words(writer.post(f"{PAGE}/look", follow=True))
    assert "2 base images will be looked at within seconds." in page
    assert Build.objects.filter(cause="base_image").count() == 0
