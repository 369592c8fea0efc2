"""The API of the clean-up and of deleted tags: works · bad input · stranger 404 · reader 403 · nobody 401."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Role
from registry.models import RetentionPolicy, RetentionRun, Tag, TagDeletion
from tests.builds.tag_orders import succeeded
from tests.builds.test_api import Api
from tests.factories import make_member, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rings")]
R = "/repositories/acme/web"
LAST_ONE = {"rules": [{"which": "build", "last": 1}], "seen": True}


@pytest.fixture
def three(repository):
    """Builds #1 to #3, of which #3 has `latest`."""
    return [succeeded(repository, *(["latest"] if letter == "c" else ()), commit=letter * 40) for letter in "abc"]


@pytest.fixture
def admin(repository) -> Api:
    return Api(make_member(repository.namespace, "wendy", Role.ADMIN))


@pytest.fixture
def reader(repository) -> Api:
    return Api(make_member(repository.namespace, "bob", Role.READ))


def test_a_tag_is_deleted_and_the_deletion_is_followed(admin, reader, three):
    answer = admin("DELETE", f"{R}/tags/latest?seen={three[2].digest}")
    deletion = answer.json()
    assert (answer.status_code, deletion["state"], deletion["by"], deletion["build"]) == (202, "asked", "wendy", 3)
    assert admin("DELETE", f"{R}/tags/latest").json()["id"] == deletion["id"]
    assert reader("GET", f"{R}/tags/latest/deletions/{deletion['id']}").json() == deletion
    assert reader("GET", f"{R}/tags/latest/deletions/{deletion['id'] + 9}").status_code == 404


@pytest.mark.parametrize(
    ("tag", "status", "words"),
    [
        ("gone", 404, "acme/web has no tag `gone`."),
        ("latest?seen=sha256:1", 409, "`latest` was left alone: it points to build #3 meanwhile."),
        ("build-1", 409, "`build-1` is not deleted: it is held by bob. Release it first."),
    ],
)
def test_what_cannot_be_deleted_is_a_sentence(admin, three, tag, status, words):
    Tag.objects.filter(name="build-1").update(held_by="bob", held_since=timezone.now())
    answer = admin("DELETE", f"{R}/tags/{tag}")
    assert (answer.status_code, answer.json()["detail"]) == (status, words)
    assert not TagDeletion.objects.exists()


def test_a_policy_is_put_read_and_taken_away(admin, reader, repository):
    assert reader("GET", f"{R}/retention").status_code == 404
    body = {
        "rules": [
            {"which": "build", "last": 10, "per_ref": True},
            {"which": "pattern", "pattern": "/^v/", "always": True},
        ],
        "untagged_days": 14,
        "run_at": "04:30",
        "zone": "Europe/Vienna",
    }
    put = admin("PUT", f"{R}/retention", body)
    assert put.status_code == 200, put.json()
    read = reader("GET", f"{R}/retention").json()
    assert read == put.json()
    assert (read["of"], read["seen"], read["untagged_days"], read["problem"]) == ("repository", False, 14, "")
    assert read["sentences"] == [
        "Of `build-<n>` stay the last 10 of each branch; the others go.",
        "`/^v/` always stay.",
    ]
    assert read["rules"][0]["per_ref"] is True
    assert admin("DELETE", f"{R}/retention").status_code == 204
    assert reader("GET", f"{R}/retention").status_code == 404
    assert admin("DELETE", f"{R}/retention").status_code == 404


def test_a_namespace_has_a_default(admin, reader, repository):
    assert reader("GET", "/namespaces/acme/retention").status_code == 404
    assert admin("PUT", "/namespaces/acme/retention", LAST_ONE).json()["of"] == "namespace"
    assert reader("GET", f"{R}/retention").json()["of"] == "namespace"
    assert admin("PUT", f"{R}/retention", {"rules": []}).json()["rules"] == []
    assert admin("DELETE", "/namespaces/acme/retention").status_code == 204


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"rules": [{"last": 1}, {"which": "build"}]}, "Rule 2: Say what the rule keeps"),
        ({"rules": [{"last": 0}]}, "Write a whole number from 1 to 10,000."),
        ({"rules": [{"which": "pattern", "pattern": "/(/", "last": 1}]}, "does not compile"),
        ({"zone": "Nowhere"}, "`Nowhere` is no time zone"),
        ({"untagged_days": 0}, "from 1 to 3,650"),
        ({"run_at": "25:00"}, "run_at"),
        ({"rules": [{"which": "some", "last": 1}]}, "which"),
        ({"rules": "all"}, "rules"),
    ],
)
def test_a_policy_that_cannot_be_read_is_not_put(admin, repository, body, words):
    answer = admin("PUT", f"{R}/retention", body)
    assert (answer.status_code, words in answer.content.decode()) == (422, True), answer.content
    assert not RetentionPolicy.objects.exists()


def test_a_preview_says_what_would_go_and_why(admin, reader, three):
    admin("PUT", f"{R}/retention", LAST_ONE)
    found = reader("GET", f"{R}/retention/preview").json()
    assert (found["total"], found["going"], found["staying"]) == (4, 2, 2)
    assert [(line["tag"], line["goes"], line["because"]) for line in found["lines"]] == [
        ("build-2", True, "not the last of `build-<n>`"),
        ("build-1", True, "not the last of `build-<n>`"),
    ]
    assert len(reader("GET", f"{R}/retention/preview?all=true").json()["lines"]) == 4
    tried = reader("POST", f"{R}/retention/preview", {"rules": [{"which": "build", "last": 2}]}).json()
    assert [line["tag"] for line in tried["lines"]] == ["build-1"]
    broken = reader("POST", f"{R}/retention/preview", {"rules": [{"last": 0}]}).json()
    assert (broken["going"], broken["problem"]) == (0, "Write a whole number from 1 to 10,000.")
    assert Tag.objects.count() == 4


def test_a_run_is_asked_for_and_read(admin, reader, three):
    assert admin("POST", f"{R}/retention/runs", {}).status_code == 404
    revision = admin("PUT", f"{R}/retention", LAST_ONE).json()["revision"]
    assert admin("POST", f"{R}/retention/runs", {"dry": False, "revision": revision - 1}).status_code == 409
    run = admin("POST", f"{R}/retention/runs", {"dry": False, "revision": revision}).json()
    assert (run["dry"], run["by"], run["state"]) == (False, "wendy", "asked")
    RetentionRun.objects.update(reasons=[[True, "old", 2]], going=2, total=4, state="done")
    row = RetentionRun.objects.get()
    for tag in ("build-1", "build-2"):
        TagDeletion.objects.create(repository=row.repository, run=row, tag=tag, digest="d", state="done", why="old")
    assert reader("GET", f"{R}/retention/runs").json()["items"][0]["id"] == run["id"]
    read = reader("GET", f"{R}/retention/runs/{run['id']}").json()
    assert read["reasons"] == [{"goes": True, "why": "old", "tags": 2}]
    lines = reader("GET", f"{R}/retention/runs/{run['id']}/tags?limit=1").json()
    assert [line["tag"] for line in lines["items"]] == ["build-1"]
    more = reader("GET", f"{R}/retention/runs/{run['id']}/tags?limit=1&cursor={lines['next']}").json()
    assert [line["tag"] for line in more["items"]] == ["build-2"]
    assert reader("GET", f"{R}/retention/runs/{run['id'] + 9}").status_code == 404


CALLS = [
    ("DELETE", f"{R}/tags/latest", None),
    ("PUT", f"{R}/retention", {}),
    ("DELETE", f"{R}/retention", None),
    ("PUT", "/namespaces/acme/retention", {}),
    ("DELETE", "/namespaces/acme/retention", None),
    ("POST", f"{R}/retention/runs", {}),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_it_takes_the_admin_role(repository, three, reader, method, path, body):
    """Whoever may push may not delete."""
    assert reader(method, path, body).status_code == 403
    assert Api(make_member(repository.namespace, "walter", Role.WRITE))(method, path, body).status_code == 403
    assert Api(make_user("charlie"))(method, path, body).status_code == 404
    assert Client().generic(method, f"/api/v1{path}").status_code == 401


def test_a_stranger_sees_none_of_it(repository, three, admin):
    admin("PUT", f"{R}/retention", LAST_ONE)
    charlie = Api(make_user("charlie"))
    for path in (f"{R}/retention", f"{R}/retention/preview", f"{R}/retention/runs", "/namespaces/acme/retention"):
        assert charlie("GET", path).status_code == 404


def test_a_deletion_is_put_back(admin, three):
    """`POST …/tags/{tag}` with the digest of the deletion."""
    admin("DELETE", f"{R}/tags/latest")
    TagDeletion.objects.update(state="done", ended_at=timezone.now() - timedelta(minutes=1))
    from registry.actions import record_deletion

    record_deletion(three[2].repository, "latest", three[2].digest, kind="delete", by="wendy", sentence="")
    order = admin("POST", f"{R}/tags/latest", {"digest": three[2].digest, "seen": ""}).json()
    assert (order["state"], order["digest"], order["from_digest"]) == ("asked", three[2].digest, "")
