"""Settings over HTTP: what is said of a repository, its source with secrets that are shown once, and its end."""

from __future__ import annotations

import re

import pytest

from builds.models import Source
from registry.models import Repository
from tests.builds.pages import words

pytestmark = pytest.mark.django_db

SETTINGS = "/r/acme/web/settings"
SOURCE = {"clone_url": "https://github.com/acme/web.git", "forge": "", "submodules": "on", "parallel_builds": "1"}
ACTIONS = ["general", "source", "probe", "webhook-secret", "deploy-key", "host-keys", "delete"]


def test_it_saves_the_description_and_the_visibility(owner):
    owner.post(f"{SETTINGS}/general", {"description": "The shop", "visibility": "public"})
    found = Repository.objects.get()
    assert (found.description, found.visibility) == ("The shop", "public")


@pytest.mark.one_database
def test_it_refuses_a_visibility_that_is_none(owner):
    assert owner.post(f"{SETTINGS}/general", {"visibility": "secret"}).status_code == 422


def test_it_tells_the_forge_from_the_address(owner):
    owner.post(f"{SETTINGS}/source", SOURCE)
    source = Source.objects.get()
    assert (source.clone_url, source.forge) == (SOURCE["clone_url"], "github")


@pytest.mark.one_database
@pytest.mark.parametrize("url", ["ext::sh -c id", "file:///etc", "--upload-pack=x", "ftp://example.com/x", ""])
def test_it_refuses_an_address_that_cannot_be_cloned_and_keeps_the_old_one(owner, url):
    answer = owner.post(f"{SETTINGS}/source", {**SOURCE, "clone_url": url})
    assert answer.status_code == 422
    assert "field-wrong" in answer.content.decode()
    assert Source.objects.get().clone_url == "https://git.example.com/acme/web.git"


def test_g04_it_switches_lfs_on_and_off_and_shows_which(owner):
    owner.post(f"{SETTINGS}/source", {**SOURCE, "lfs": "on"})
    assert Source.objects.get().lfs
    assert re.search(r'<input type="checkbox" name="lfs"[^>]* checked', owner.get(SETTINGS).content.decode())
    owner.post(f"{SETTINGS}/source", SOURCE)
    assert not Source.objects.get().lfs


def test_it_never_shows_a_token_again(owner):
    owner.post(f"{SETTINGS}/source", {**SOURCE, "token": "ghp_very_secret"})
    assert Source.objects.get().token == "ghp_very_secret"
    page = owner.get(SETTINGS).content.decode()
    assert "ghp_very_secret" not in page
    assert "stored; type to replace it" in page


@pytest.mark.parametrize(("fields", "token"), [({}, "kept"), ({"token": "new"}, "new"), ({"forget_token": "on"}, "")])
def test_it_keeps_the_token_until_told_otherwise(owner, repository, fields, token):
    Source.objects.filter(pk=repository.source.pk).update(clone_url=SOURCE["clone_url"])
    source = Source.objects.get()
    source.token = "kept"
    source.save()
    owner.post(f"{SETTINGS}/source", {**SOURCE, **fields})
    assert Source.objects.get().token == token


def test_it_shows_a_new_webhook_secret_once_and_keeps_it_out_of_the_session(owner):
    owner.post(f"{SETTINGS}/webhook-secret")
    secret = Source.objects.get().webhook_secret
    assert secret not in str(dict(owner.session))
    assert secret in owner.get(SETTINGS).content.decode()
    assert secret not in owner.get(SETTINGS).content.decode()


def test_it_makes_a_deploy_key_and_shows_its_public_half_alone(owner):
    owner.post(f"{SETTINGS}/deploy-key")
    source = Source.objects.get()
    page = owner.get(SETTINGS).content.decode()
    assert source.deploy_key_public.split()[1] in page.replace("&#x2B;", "+")
    assert "PRIVATE KEY" not in page


def test_it_asks_a_worker_to_look_at_the_source(owner, rings, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        page = words(owner.post(f"{SETTINGS}/probe", headers={"HX-Request": "true"}))
    assert "asking" in page
    assert rings == ["builds.probe_source"]


@pytest.mark.one_database
def test_it_shows_what_the_worker_found_when_asked_again(owner):
    assert "reachable" in words(owner.get(f"{SETTINGS}?part=probe"))


def test_it_deletes_the_repository_once_its_name_is_typed(owner):
    answer = owner.post(f"{SETTINGS}/delete", {"confirm": "acme/web"}, follow=True)
    assert "acme/web is deleted. Its images stay in the registry." in words(answer)
    assert not Repository.objects.exists()


@pytest.mark.parametrize("typed", ["", "web", "acme/api"])
def test_it_deletes_nothing_when_another_name_is_typed(owner, typed):
    assert owner.post(f"{SETTINGS}/delete", {"confirm": typed}).status_code == 422
    assert Repository.objects.exists()


@pytest.mark.one_database
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("who", ["reader", "writer"])
def test_it_refuses_everybody_below_admin_with_403(request, who, action):
    client = request.getfixturevalue(who)
    assert client.post(f"{SETTINGS}/{action}", {**SOURCE, "confirm": "acme/web"}).status_code == 403
    assert Source.objects.get().clone_url == "https://git.example.com/acme/web.git"


@pytest.mark.one_database
@pytest.mark.parametrize("action", ACTIONS)
def test_it_does_not_know_the_page_for_a_stranger(stranger, repository, action):
    assert stranger.post(f"{SETTINGS}/{action}", {"confirm": "acme/web"}).status_code == 404


@pytest.mark.one_database
@pytest.mark.parametrize("action", ACTIONS)
def test_it_changes_nothing_by_get(owner, action):
    assert owner.get(f"{SETTINGS}/{action}").status_code == 405


@pytest.mark.one_database
@pytest.mark.parametrize("action", ["probe", "webhook-secret", "deploy-key", "host-keys"])
def test_it_says_404_where_no_source_is_linked_yet(owner, repository, action):
    repository.source.delete()
    assert owner.post(f"{SETTINGS}/{action}").status_code == 404


def test_it_shows_the_page_before_a_source_is_linked(owner, repository):
    repository.source.delete()
    assert "Link it" in words(owner.get(SETTINGS))
