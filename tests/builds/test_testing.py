"""The switches of tests and hooks: who may move which, on the page and in the API."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from accounts.models import AuditEntry, Role
from accounts.tokens import create_token
from builds.actions import SourceDraft, save_source
from builds.models import Source
from tests.builds.pages import as_user, words
from tests.factories import make_admin, make_build, make_member

pytestmark = pytest.mark.django_db
PAGE = "/r/acme/web/settings/tests"
API = "/api/v1/repositories/acme/web/tests"


@pytest.fixture
def admin(repository) -> Client:
    return as_user(make_member(repository.namespace, "adam", Role.ADMIN))


@pytest.fixture
def superuser(repository) -> Client:
    return as_user(make_admin())


def put(user, body: dict) -> object:
    token = create_token(user, "test")[1]
    client = Client(headers={"authorization": f"Bearer {token}"})
    return client.put(API, json.dumps(body), content_type="application/json")


def test_an_admin_switches_the_tests(repository, admin):
    assert admin.post(f"{PAGE}/autotest", {}).status_code == 302
    assert not Source.objects.get().autotest
    admin.post(f"{PAGE}/autotest", {"autotest": "on"})
    assert Source.objects.get().autotest
    assert AuditEntry.objects.filter(action="source.autotest").count() == 2


def test_a_writer_has_no_such_page(writer):
    assert writer.get(PAGE).status_code in (403, 404)
    assert writer.post(f"{PAGE}/autotest", {}).status_code in (403, 404)


def test_hooks_are_trusted_by_an_administrator_of_the_server_alone(repository, admin, superuser):
    answer = admin.post(f"{PAGE}/hooks", {"trusted": "on"}, follow=True)
    assert "Only an administrator of this Imageyard" in words(answer)
    assert not Source.objects.get().hooks_trusted
    superuser.post(f"{PAGE}/hooks", {"trusted": "on"})
    assert Source.objects.get().hooks_trusted
    assert AuditEntry.objects.get(action="source.hooks").detail == "trusted"


def test_the_api_holds_to_the_same(repository):
    admin = make_member(repository.namespace, "adam", Role.ADMIN)
    refused = put(admin, {"hooks_trusted": True})
    assert (refused.status_code, Source.objects.get().hooks_trusted) == (403, False)
    assert put(admin, {"autotest": False, "hooks_trusted": False}).json() == {"autotest": False, "hooks_trusted": False}
    assert put(make_admin(), {"hooks_trusted": True}).json() == {"autotest": False, "hooks_trusted": True}


def test_the_api_of_the_source_has_the_switch_and_leaves_it_alone_where_nothing_is_said(repository):
    admin = make_admin()
    draft = SourceDraft(forge="generic", clone_url="https://git.example.com/acme/web.git", autotest=False)
    assert not save_source(admin, repository, draft).source.autotest
    draft = SourceDraft(forge="generic", clone_url="https://git.example.com/acme/web.git")
    assert not save_source(admin, repository, draft).source.autotest


def test_another_git_repository_takes_the_trust_away(repository):
    Source.objects.update(hooks_trusted=True)
    person = make_member(repository.namespace, "adam", Role.ADMIN)
    same = SourceDraft(forge="github", clone_url=repository.source.clone_url)
    assert save_source(person, repository, same).source.hooks_trusted
    other = SourceDraft(forge="github", clone_url="https://github.com/acme/other.git")
    assert not save_source(person, repository, other).source.hooks_trusted


def test_the_page_shows_how_the_newest_tests_ended(repository, admin):
    tests = [{"file": "docker-compose.test.yml", "state": "failed", "seconds": 1.5, "sentence": "`sut` ended."}]
    make_build(repository.source.rules.get(), tests=tests)
    shown = words(admin.get(PAGE))
    assert "docker-compose.test.yml" in shown
    assert "failed" in shown and "sut ended." in shown
