"""The pages on which tags are deleted and put back: one, several, those that stay; who may do it."""

from __future__ import annotations

import pytest
from django.contrib.messages import get_messages
from django.utils import timezone

from accounts.models import Role
from registry.actions import record_deletion
from registry.models import Tag, TagDeletion
from tests.builds.pages import as_user, words
from tests.builds.tag_orders import succeeded
from tests.factories import make_member

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rings")]
PAGE = "/r/acme/web/delete-tags"
TAGS = "/r/acme/web/tags"


@pytest.fixture
def two(repository):
    return [succeeded(repository, "latest", commit=letter * 40) for letter in "ab"]


@pytest.fixture
def admin(repository):
    return as_user(make_member(repository.namespace, "ada", Role.ADMIN))


def told(answer) -> list[str]:
    return [str(one) for one in get_messages(answer.wsgi_request)]


def test_the_page_of_a_tag_leads_to_the_question_and_that_names_what_goes(admin, two):
    assert f'href="{PAGE}?tag=latest"' in admin.get(f"{TAGS}/latest").content.decode()
    text = words(admin.get(f"{PAGE}?tag=latest"))
    assert "Delete the tag latest" in text
    assert "points to build #2" in text
    assert "1 other tag keeps the image" in text
    assert not TagDeletion.objects.exists()


def test_it_is_asked_for_with_the_digest_that_was_seen(admin, two):
    answer = admin.post(PAGE, {"tag": ["latest"], "seen": [two[1].digest]})
    assert (answer.status_code, answer["location"]) == (302, f"{TAGS}/latest")
    deletion = TagDeletion.objects.get()
    assert (deletion.tag, deletion.by, deletion.digest) == ("latest", "ada", two[1].digest)
    text = words(admin.get(f"{TAGS}/latest"))
    assert "ada asked to delete latest. The next free worker does it." in text
    assert "Delete this tag" not in text


def test_a_tag_that_moved_since_the_look_stays(admin, two):
    answer = admin.post(PAGE, {"tag": ["latest"], "seen": [two[0].digest]})
    assert told(answer) == ["`latest` was left alone: it points to build #2 meanwhile."]
    assert not TagDeletion.objects.exists()


def test_several_are_ticked_in_the_list_and_those_that_stay_say_why(admin, two):
    Tag.objects.filter(name="build-1").update(held_by="bob", held_since=timezone.now())
    picking = admin.get(f"{TAGS}?kind=all&pick=1").content.decode()
    assert picking.count('type="checkbox" name="tag"') == 3
    text = words(admin.get(f"{PAGE}?tag=latest&tag=build-1&tag=gone"))
    assert "Delete 1 tag" in text
    assert "build-1 is not deleted: it is held by bob. Release it first." in text
    assert "gone is not there." in text
    answer = admin.post(PAGE, {"tag": ["latest", "build-2"], "seen": [two[1].digest] * 2})
    assert told(answer) == ["2 tags to be deleted: a worker is asked. The page of each says what came of it."]
    assert set(TagDeletion.objects.values_list("tag", flat=True)) == {"latest", "build-2"}


def test_where_none_was_ticked_it_says_so(admin, two):
    assert "No tag was chosen." in words(admin.get(PAGE))
    assert told(admin.post(PAGE, {})) == ["No tag was chosen, so nothing is deleted."]


@pytest.mark.one_database
def test_a_deleted_tag_says_so_and_is_put_back(admin, writer, reader, two):
    sentence = "`latest`, which pointed to build #2, was deleted by ada."
    TagDeletion.objects.create(
        repository=two[0].repository, tag="latest", digest=two[1].digest, state="done", sentence=sentence,
        ended_at=timezone.now(),
    )  # fmt: skip
    record_deletion(two[0].repository, "latest", two[1].digest, kind="delete", by="ada", sentence=sentence)
    page = writer.get(f"{TAGS}/latest")
    assert "latest, which pointed to build #2, was deleted by ada." in words(page)
    back = f"{TAGS}/latest/move?digest={two[1].digest}"
    assert f'href="{back}"' in page.content.decode()
    assert "Put latest on build #2" in words(writer.get(back))
    assert "Put it back" not in words(reader.get(f"{TAGS}/latest"))


@pytest.mark.one_database
def test_the_tag_of_a_build_is_put_back_on_its_own_image(writer, two):
    record_deletion(two[0].repository, "build-1", two[0].digest, kind="retention", by="", sentence="")
    assert "Put build-1 on build #1" in words(writer.get(f"{TAGS}/build-1/move?digest={two[0].digest}"))


def test_it_takes_the_admin_role(two, writer, reader, stranger, client):
    """Whoever may push may not delete."""
    for somebody, status in ((writer, 403), (reader, 403), (stranger, 404), (client, 302)):
        assert somebody.get(f"{PAGE}?tag=latest").status_code == status
        assert somebody.post(PAGE, {"tag": ["latest"], "seen": [two[1].digest]}).status_code == status
    assert "Delete this tag" not in words(writer.get(f"{TAGS}/latest"))
    assert 'type="checkbox"' not in writer.get(f"{TAGS}?pick=1").content.decode()
    assert not TagDeletion.objects.exists()


def test_hostile_names_harm_nothing(admin, two):
    page = admin.get(PAGE, {"tag": ["<script>alert(1)</script>", "a/b", "x" * 500]})
    assert "<script>alert" not in page.content.decode()
    assert admin.post(PAGE, {"tag": ["a/b"], "seen": ["x"]}, follow=True).status_code in (200, 404)


def test_the_default_of_a_namespace_counts_what_would_go_in_each_repository(admin, two, reader, stranger):
    page = "/n/acme/retention"
    form = {
        "rules": "1", "rule-0-which": "build", "rule-0-does": "keep", "rule-0-last": "1", "in_use_days": "7",
        "run_at": "03:00", "zone": "UTC", "is_on": "on",
    }  # fmt: skip
    preview = admin.post(page, form | {"do": "preview"})
    assert "web: 1 of 3 tags would go" in words(preview)
    admin.post(page, form | {"do": "save", "previewed": preview.context["fingerprint"]})
    text = words(admin.get(page))
    assert "Of build-<n> stay the last one; the others go." in text
    assert "It runs by itself next" in text
    assert "The clean-up of acme counts here" in words(admin.get("/r/acme/web/settings/retention"))
    admin.post(f"{page}/act", {"do": "drop"})
    assert "There is no default" in words(admin.get(page))
    assert reader.get(page).status_code == 403
    assert stranger.get(page).status_code == 404
