"""Pages of promotions: choosing where, what is confirmed, how far a copy is, and what both ends tell afterwards."""

from __future__ import annotations

import pytest
from django.utils import timezone

from accounts.models import Role, User
from builds.models import ImageLook, TagOrder
from registry.models import Registry, Repository, Tag, TagMove
from tests.builds.pages import as_user, words
from tests.builds.tag_orders import succeeded
from tests.factories import make_member, make_repository

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rings")]
R, PROD = "/r/acme/web", "/r/acme/prod"


@pytest.fixture
def two(repository):
    return [succeeded(repository, "latest", commit=letter * 40) for letter in "ab"]


@pytest.fixture
def prod(repository):
    return make_repository("acme/prod")


@pytest.fixture
def promoted(repository, prod, two) -> TagMove:
    """Build #1 is `1.2` of acme/prod."""
    moved = {"tag": "1.2", "to_digest": two[0].digest, "kind": "promote", "by": "wendy", "sentence": "Promoted."}
    Tag.objects.create(repository=prod, name="1.2", digest=two[0].digest)
    return TagMove.objects.create(repository=prod, origin=repository, origin_path="acme/web", origin_build=1, **moved)


def order_of(two, prod, **fields) -> TagOrder:
    made = {"source": two[0].repository, "source_path": "acme/web", "source_build": 1, "by": "wendy", **fields}
    return TagOrder.objects.create(repository=prod, tag="1.2", digest=two[0].digest, kind="promote", **made)


@pytest.mark.one_database
def test_the_choice_offers_only_repositories_where_one_may_write(writer, two, prod):
    make_repository("other/web", visibility="public")
    make_repository("secret/web")
    page = writer.get(f"{R}/builds/1/tag").content.decode()
    assert '<option value="acme/prod">' in page
    assert '<option value="acme/web">this repository' in page
    assert "other/web" not in page
    assert "secret/web" not in page


def test_a_build_goes_on_to_the_page_of_the_other_repository(writer, two, prod):
    answer = writer.get(f"{R}/builds/1/tag", {"repository": "acme/prod", "tag": "1.2"})
    assert answer.headers["Location"] == f"{PROD}/tags/1.2/move?from=acme%2Fweb&build=1"
    said = words(writer.get(answer.headers["Location"]))
    assert "Promote acme/web to acme/prod:1.2" in said
    assert "Now nothing yet: the tag is new" in said
    assert "Then acme/web build #1 of main at aaaaaaa" in said
    assert f"Copy Both are in {prod.registry.host}: its parts are linked there, and nothing is sent" in said
    assert "the image is copied bit for bit, so that its digest stays" in said
    assert "An administrator of acme can take it back by deleting the tag." in said
    assert not TagOrder.objects.exists()


@pytest.mark.one_database
def test_it_says_how_much_goes_to_another_registry(writer, two, prod):
    registry = Registry.objects.create(name="away", host="registry.example.com")
    Repository.objects.filter(pk=prod.pk).update(registry=registry)
    said = words(writer.get(f"{PROD}/tags/1.2/move?from=acme/web&build=1"))
    assert (
        "Up to 1.0 kB go from 127.0.0.1:5000 to registry.example.com; parts that are there already are left out."
        in said
    )


def test_a_private_image_that_becomes_public_is_warned_of(writer, two, prod):
    Repository.objects.filter(pk=prod.pk).update(visibility="public")
    said = words(writer.get(f"{PROD}/tags/1.2/move?from=acme/web&build=1"))
    assert "acme/web is private and acme/prod is public: everybody may pull the image then" in said


def test_confirming_asks_and_the_tag_page_tells_how_far_it_is(writer, two, prod):
    sent = {"from": "acme/web", "digest": two[0].digest, "seen": "", "referrers": "on"}
    assert writer.post(f"{PROD}/tags/1.2/move", sent).headers["Location"] == f"{PROD}/tags/1.2"
    order = TagOrder.objects.get()
    told = (order.repository, order.source, order.source_build, order.with_referrers)
    assert told == (prod, two[0].repository, 1, True)
    page = words(writer.get(f"{PROD}/tags/1.2"))
    assert "wendy asked to promote acme/web build #1 (" in page
    assert "The next free worker puts it." in page
    assert "No history yet It begins when the tag is put." in page


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"state": "doing"}, "A worker looks what has to be copied."),
        ({"state": "doing", "bytes_done": 3_100_000, "bytes_total": 12_400_000}, "Copied 3.1 MB of 12.4 MB."),
        ({"state": "doing", "bytes_done": 5, "bytes_total": 5}, "All 5 B are there; the tag is next."),
        ({"state": "asked", "bytes_total": 5, "sentence": "It fails."}, "It fails."),
        ({"state": "failed", "sentence": "It was refused.", "ended_at": timezone.now()}, "It was refused."),
    ],
)
def test_progress_is_told_while_it_copies(reader, two, prod, fields, said):
    order_of(two, prod, **fields)
    page = reader.get(f"{PROD}/tags/1.2/hand")
    assert said in words(page)
    assert ("<progress" in page.content.decode()) == bool(fields["state"] == "doing" and fields.get("bytes_total"))


def test_the_page_of_a_tag_promotes_what_it_points_to_now(writer, two, prod):
    assert f'href="{R}/tags/latest/promote"' in writer.get(f"{R}/tags/latest").content.decode()
    page = writer.get(f"{R}/tags/latest/promote")
    assert "Promote latest to another repository" in words(page)
    assert "It points to build #2" in words(page)
    assert '<option value="acme/web">' not in page.content.decode()
    answer = writer.get(f"{R}/tags/latest/promote", {"repository": "acme/prod", "tag": "stable"})
    assert (
        answer.headers["Location"]
        == f"{PROD}/tags/stable/move?from=acme%2Fweb&digest={two[1].digest.replace(':', '%3A')}"
    )


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("path", "tag", "said"),
    [
        ("acme/nothing", "1.2", "There is no repository acme/nothing, or you do not have the write role there."),
        ("secret/web", "1.2", "There is no repository secret/web, or you do not have the write role there."),
        ("other/web", "1.2", "There is no repository other/web, or you do not have the write role there."),
        ("acme/prod", "build-1", "build-1 is the tag of a build, and those never move. Choose another tag."),
        ("acme/prod", "1.0", "1.0 was not moved: it never moves in this repository, and this one is there"),
    ],
)
def test_what_cannot_be_promoted_is_refused_where_it_is_typed(writer, two, prod, path, tag, said):
    make_repository("secret/web")
    make_repository("other/web", visibility="public")
    Repository.objects.filter(pk=prod.pk).update(fixed_tags="1.0")
    Tag.objects.create(repository=prod, name="1.0", digest="sha256:" + "f" * 64)
    answer = writer.get(f"{R}/builds/1/tag", {"repository": path, "tag": tag})
    assert (answer.status_code, said in words(answer)) == (422, True), words(answer)


def test_who_reads_here_and_writes_elsewhere_may_promote(reader, two, repository):
    assert reader.get(f"{R}/tags/latest/promote").status_code == 403
    assert "Promote…" not in words(reader.get(f"{R}/tags/latest"))
    mine = make_repository("bob/web")
    make_member(mine.namespace, "bob", Role.WRITE)
    bob = as_user(User.objects.get(username="bob"))
    assert "Promote…" in words(bob.get(f"{R}/tags/latest"))
    assert "Put a tag on it" in words(bob.get(f"{R}/builds/1"))
    assert bob.post("/r/bob/web/tags/1.2/move", {"from": "acme/web", "build": "1", "seen": ""}).status_code == 302
    assert TagOrder.objects.get().by == "bob"
    refused = bob.get(f"{R}/builds/1/tag", {"repository": "acme/web", "tag": "x"})
    assert refused.status_code == 422


@pytest.mark.one_database
def test_strangers_promote_nothing(stranger, two, prod):
    mine = make_repository("charlie/web")
    make_member(mine.namespace, "charlie", Role.OWNER)
    assert stranger.get(f"{R}/tags/latest/promote").status_code == 404
    answer = stranger.post("/r/charlie/web/tags/x/move", {"from": "acme/web", "build": "1", "seen": ""}, follow=True)
    assert "There is no repository acme/web, or it is private and you are not a member." in words(answer)
    assert not TagOrder.objects.exists()


def test_the_source_tells_where_it_was_promoted_to(writer, promoted):
    for address in (f"{R}/builds/1", f"{R}/tags/build-1"):
        page = writer.get(address)
        assert "Promoted to acme/prod:1.2 by wendy" in words(page)
        assert f'href="{PROD}/tags/1.2"' in page.content.decode()
    assert "Promoted to" not in words(writer.get(f"{R}/builds/2"))
    Tag.objects.filter(repository=promoted.repository).update(digest="sha256:" + "f" * 64)
    assert "which has moved since" in words(writer.get(f"{R}/builds/1"))


@pytest.mark.one_database
def test_only_to_those_who_see_where_it_went(reader, promoted, two):
    hidden = make_repository("secret/web")
    TagMove.objects.filter(pk=promoted.pk).update(repository=hidden)
    assert "Promoted to" not in words(reader.get(f"{R}/builds/1"))


@pytest.mark.one_database
def test_the_target_tells_where_it_came_from_and_links_to_no_wrong_build(writer, promoted, prod):
    for address in (f"{PROD}/tags", f"{PROD}/tags/1.2"):
        page = writer.get(address)
        assert "acme/web build #1" in words(page)
        assert f'href="{R}/builds/1"' in page.content.decode()
        assert f'href="{PROD}/builds/1"' not in page.content.decode()
    assert "promoted" in words(writer.get(f"{PROD}/tags/1.2"))


def test_who_may_not_see_the_source_reads_its_name_and_finds_no_link(promoted, repository, prod):
    other = make_repository("shop/web", visibility="public")
    TagMove.objects.filter(pk=promoted.pk).update(repository=other)
    Tag.objects.filter(repository=prod).update(repository=other)
    page = as_user(User.objects.create(username="dora")).get("/r/shop/web/tags/1.2")
    assert "acme/web build #1" in words(page)
    assert f'href="{R}/builds/1"' not in page.content.decode()


def test_a_source_that_is_gone_is_still_named(writer, promoted, repository):
    repository.delete()
    page = writer.get(f"{PROD}/tags/1.2")
    assert "acme/web build #1" in words(page)
    assert f'href="{R}/builds/1"' not in page.content.decode()


def test_the_image_of_a_promoted_tag_is_looked_at_like_any_other(writer, promoted, prod):
    assert writer.get(f"{PROD}/images/{promoted.to_digest}").status_code == 200
    look = ImageLook.objects.get(repository=prod)
    assert (look.kind, look.digest, look.state) == ("image", promoted.to_digest, "asked")
