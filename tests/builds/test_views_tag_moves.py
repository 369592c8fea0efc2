"""Pages of moved tags: what moves from where to where, who may, what is told while a worker puts it."""

from __future__ import annotations

import pytest
from django.utils import timezone

from builds.models import TagOrder
from registry.models import Tag, TagMove
from tests.builds.pages import words
from tests.builds.tag_orders import at, succeeded
from tests.factories import make_build

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rings")]
R = "/r/acme/web"


@pytest.fixture
def two(repository):
    return [succeeded(repository, "latest", commit=letter * 40) for letter in "ab"]


@pytest.mark.one_database
def test_the_page_says_what_moves_from_where_to_where_before_anything_does(writer, two):
    said = words(writer.get(f"{R}/tags/latest/move?build=1"))
    assert "Move latest to build #1" in said
    assert "From build #2 of main at bbbbbbb" in said
    assert "To build #1 of main at aaaaaaa" in said
    assert "Nothing is built: the tag is put on an image that is in the registry already." in said
    assert "The next build whose rule makes latest moves it as ever, unless it is held." in said
    assert not TagOrder.objects.exists()


@pytest.mark.one_database
def test_builds_that_will_move_it_are_named(writer, two):
    make_build(commit="c" * 40, state="building", plan={"tags": [{"name": "latest"}]})
    said = words(writer.get(f"{R}/tags/latest/move?build=1"))
    assert "Build #3 is not over and will move it then, unless it is held." in said


def test_confirming_asks_and_the_tag_page_tells_how_far_it_is(writer, reader, two):
    sent = {"digest": two[0].digest, "seen": two[1].digest, "hold": "on"}
    assert writer.post(f"{R}/tags/latest/move", sent).headers["Location"] == f"{R}/tags/latest"
    order = TagOrder.objects.get()
    assert (order.by, order.build_number, order.hold) == ("wendy", 1, True)
    told = "wendy asked to put latest on build #1 . The next free worker puts it."
    for address in (f"{R}/tags/latest", f"{R}/tags/latest/hand"):
        assert told.replace(" .", ".") in words(reader.get(address)).replace(" .", ".")


def test_a_new_tag_has_a_page_from_the_moment_it_is_asked_for(writer, two):
    answer = writer.post(f"{R}/tags/stable/move", {"build": "1", "seen": ""}, follow=True)
    assert "wendy asked to put stable on build #1. The next free worker puts it." in words(answer)
    assert writer.get(f"{R}/tags/never").status_code == 404


@pytest.mark.one_database
def test_the_history_follows_by_itself(writer, two):
    part = words(writer.get(f"{R}/tags/latest?part=history"))
    assert "Roll back to build #1" in part
    assert "Where it pointed" not in part


@pytest.mark.one_database
def test_what_came_of_it_stands_above_the_history(writer, two):
    order = {"repository": two[0].repository, "tag": "latest", "digest": two[0].digest, "kind": "rollback"}
    ended = {"ended_at": timezone.now(), "by": "wendy"}
    TagOrder.objects.create(**order, **ended, state="failed", sentence="The registry refused it.")
    assert "The registry refused it." in words(writer.get(f"{R}/tags/latest"))


def test_a_tag_that_moved_meanwhile_is_looked_at_again(writer, two):
    answer = writer.post(f"{R}/tags/latest/move", {"digest": two[0].digest, "seen": two[0].digest}, follow=True)
    assert "latest was not moved: it points to build #2 meanwhile." in words(answer)
    assert not TagOrder.objects.exists()


@pytest.mark.one_database
def test_history_offers_the_way_back_to_who_may(writer, reader, two):
    assert f'{R}/tags/latest/move?build=1"' in writer.get(f"{R}/tags/latest").content.decode()
    assert "/move" not in reader.get(f"{R}/tags/latest").content.decode()
    assert "/move" not in writer.get(f"{R}/tags/build-1").content.decode()


@pytest.mark.one_database
def test_what_a_person_moved_can_be_taken_back(writer, repository, two):
    moved = {"from_digest": two[0].digest, "to_digest": two[1].digest, "kind": "rollback", "by": "wendy"}
    TagMove.objects.create(repository=repository, tag="latest", **moved)
    page = writer.get(f"{R}/tags/latest")
    assert "Take it back" in words(page)
    assert f'href="{R}/tags/latest/move?digest={two[0].digest}"' in page.content.decode()


def test_a_held_tag_says_by_whom_and_is_released(writer, reader, repository, two):
    Tag.objects.filter(name="latest").update(held_by="wendy", held_since=timezone.now())
    assert "Held at build #2 by wendy" in words(reader.get(f"{R}/tags/latest"))
    assert "Release it" not in words(reader.get(f"{R}/tags/latest"))
    answer = writer.post(f"{R}/tags/latest/release", follow=True)
    assert "latest is released: the next build of its rule moves it." in words(answer)
    assert Tag.objects.get(name="latest").held_since is None


@pytest.mark.one_database
def test_a_build_offers_a_tag_for_its_image(writer, reader, two):
    assert f'href="{R}/builds/1/tag"' in writer.get(f"{R}/builds/1").content.decode()
    assert "Put a tag on it" not in words(reader.get(f"{R}/builds/1"))
    assert "Put a tag on build #1" in words(writer.get(f"{R}/builds/1/tag"))
    answer = writer.get(f"{R}/builds/1/tag?tag=stable")
    assert answer.headers["Location"] == f"{R}/tags/stable/move?build=1"
    assert "Put stable on build #1" in words(writer.get(answer.headers["Location"]))


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("build-9", "build-9 is the tag of a build, and those never move. Choose another tag."),
        ("a b", "a b cannot be a tag: a tag holds only letters"),
        ("1.0", "1.0 was not moved: it never moves in this repository, and this one is there and points to build #3."),
    ],
)
def test_a_tag_that_cannot_be_put_is_refused_where_it_is_typed(writer, repository, two, tag, said):
    repository.fixed_tags = "1.0"
    repository.save()
    succeeded(repository, "1.0", commit="c" * 40)
    answer = writer.get(f"{R}/builds/1/tag", {"tag": tag})
    assert (answer.status_code, said in words(answer)) == (422, True)


def test_only_writers_move_tags_and_only_administrators_fix_them(reader, stranger, writer, two):
    for who, status in ((reader, 403), (stranger, 404)):
        assert who.get(f"{R}/tags/latest/move?build=1").status_code == status
        assert who.post(f"{R}/tags/latest/move", {"build": "1"}).status_code == status
        assert who.post(f"{R}/tags/latest/release").status_code == status
        assert who.get(f"{R}/builds/1/tag").status_code == status
    assert stranger.get(f"{R}/tags/latest/hand").status_code == 404
    assert writer.post(f"{R}/settings/fixed-tags", {"patterns": "x"}).status_code == 403
    assert not TagOrder.objects.exists()


def test_patterns_show_what_they_cover_before_they_are_saved(owner, repository, two):
    answer = owner.post(f"{R}/settings/fixed-tags", {"patterns": "/^la/\nnone", "check": "1"})
    assert "With these lines, not saved yet /^la/ 1 tag: latest none no tag yet" in words(answer)
    repository.refresh_from_db()
    assert repository.fixed_tags == ""
    answer = owner.post(f"{R}/settings/fixed-tags", {"patterns": "/^la/"}, follow=True)
    assert "Saved. From now on nobody moves the tags that are listed here, not even builds." in words(answer)
    repository.refresh_from_db()
    assert repository.fixed_tags == "/^la/"


def test_a_pattern_that_cannot_be_read_is_not_saved(owner, repository):
    answer = owner.post(f"{R}/settings/fixed-tags", {"patterns": "/(/\nok"})
    assert answer.status_code == 422
    assert "The pattern does not compile: missing closing parenthesis at character 2." in words(answer)
    assert "/(/" in answer.content.decode()
    repository.refresh_from_db()
    assert repository.fixed_tags == ""


def test_the_page_of_a_fixed_tag_says_so_and_offers_nothing(writer, repository, two):
    repository.fixed_tags = "/^la/"
    repository.save()
    page = writer.get(f"{R}/tags/latest")
    assert "Tags that match /^la/ never move in this repository: nobody puts it on another image" in words(page)
    assert "/move" not in page.content.decode()
    assert at(repository, "latest") == 2
