"""Registries as people keep them: what is refused, what stays secret, what is checked before it is called good."""

from __future__ import annotations

import dataclasses

import pytest
from django.db import connection

from accounts.models import AuditEntry, Namespace
from lib.refusal import Refused
from registry.actions import default_registry
from registry.actions.external import RegistryDraft, delete_registry, save_registry
from registry.core.kinds import Kind
from registry.models import Checked, Destination, Registry
from tests.factories import make_admin, make_repository

pytestmark = pytest.mark.django_db
GOOD = RegistryDraft(
    name="GitHub",
    kind=Kind.GHCR,
    host="ghcr.io",
    username="bot",
    password="hunter2",
    path_template="example-org/{name}",
)


def saved(**fields) -> Registry:
    return save_registry(make_admin(), dataclasses.replace(GOOD, **fields))


def change(row: Registry, **fields) -> Registry:
    return save_registry(make_admin(), dataclasses.replace(GOOD, **{"password": None, **fields}), row)


def test_what_is_saved_is_not_good_before_it_was_checked() -> None:
    row = saved()
    assert (row.check_state, row.host, row.username) == (Checked.ASKED, "ghcr.io", "bot")
    Registry.objects.update(check_state=Checked.GOOD)
    assert change(Registry.objects.get(pk=row.pk), name="other").check_state == Checked.ASKED


def test_the_password_is_encrypted_and_in_no_audit() -> None:
    row = saved()
    with connection.cursor() as cursor:
        cursor.execute("SELECT password FROM registry_registry WHERE id = %s", [row.pk])
        assert "hunter2" not in cursor.fetchone()[0]
    entry = AuditEntry.objects.get(action="registry.save")
    assert "hunter2" not in f"{entry.target}{entry.detail}"
    assert "hunter2" not in repr(dataclasses.replace(GOOD))
    assert Registry.objects.get(pk=row.pk).password == "hunter2"


def test_an_empty_password_keeps_the_stored_one() -> None:
    row = change(saved(), username="bot2")
    assert Registry.objects.get(pk=row.pk).password == "hunter2"


def test_docker_hub_is_known_by_one_name() -> None:
    row = saved(name="Hub", kind=Kind.DOCKER_HUB, host="index.docker.io")
    assert row.host == "docker.io"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": " "}, "Give the registry a name"),
        ({"kind": "other"}, "Registries are one of these kinds"),
        ({"scheme": "ftp"}, "https or http"),
        ({"host": "github.com"}, "is `ghcr.io`"),
        ({"path_template": "example-org/web"}, "needs `{name}`"),
        ({"test_path": "Example-Org/web"}, "write `example-org/web`"),
        ({"username": "a:b"}, "neither a colon"),
        ({"password": "two\nlines"}, "one line"),
        ({"password": ""}, "Give the password"),
        ({"username": ""}, "Say whose password it is"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(fields, words) -> None:
    with pytest.raises(Refused, match=words):
        saved(**fields)
    assert not Registry.objects.filter(kind=Kind.GHCR).exists()


def test_the_stored_password_is_not_sent_to_another_server() -> None:
    row = saved(name="Q", kind=Kind.QUAY, host="quay.io")
    with pytest.raises(Refused, match="The stored one is not sent there"):
        change(row, name="Q", kind=Kind.QUAY, host="quay.example.com")
    with pytest.raises(Refused, match="The stored one is not sent there"):
        change(row, name="Q", kind=Kind.QUAY, host="quay.io", scheme="http")
    moved = change(row, name="Q", kind=Kind.QUAY, host="quay.example.com", password="new")
    assert moved.host == "quay.example.com"


def test_a_registry_with_images_keeps_its_host() -> None:
    row = saved(name="Q", kind=Kind.QUAY, host="quay.io")
    Destination.objects.create(repository=make_repository("acme/web"), registry=row, remote_path="example-org/web")
    with pytest.raises(Refused, match=r"acme/web has images at quay\.io") as caught:
        change(row, name="Q", kind=Kind.QUAY, host="quay.example.com", password="new")
    assert caught.value.code == "conflict"


def test_one_that_is_used_is_not_deleted_and_the_list_says_by_what() -> None:
    row = saved()
    for number in range(7):
        repository = make_repository(f"acme/web{number}")
        Destination.objects.create(repository=repository, registry=row, remote_path=f"example-org/web{number}")
    with pytest.raises(Refused, match=r"acme/web0, .*acme/web4 and others use ghcr\.io") as caught:
        delete_registry(make_admin(), row)
    assert caught.value.code == "conflict"
    Destination.objects.all().delete()
    delete_registry(make_admin(), row)
    assert not Registry.objects.filter(pk=row.pk).exists()
    assert AuditEntry.objects.filter(action="registry.delete").exists()


def test_the_default_registry_stays() -> None:
    with pytest.raises(Refused, match="New repositories go there"):
        delete_registry(make_admin(), default_registry())


def test_a_host_is_there_once_for_all_and_once_for_each_namespace() -> None:
    saved()
    with pytest.raises(Refused, match=r"ghcr\.io is there already"):
        saved(name="again")
    with pytest.raises(Refused, match="called “GitHub” already"):
        saved(kind=Kind.QUAY, host="quay.io")
    space = Namespace.objects.create(name="acme")
    own = save_registry(make_admin(), dataclasses.replace(GOOD, name="acme's"), namespace=space)
    assert own.namespace == space
    assert list(Registry.objects.usable_in(space).filter(host="ghcr.io")) != []
    other = Namespace.objects.create(name="tools")
    assert own not in Registry.objects.usable_in(other)


def test_the_role_of_the_machine_is_not_for_namespaces() -> None:
    """Whoever administers a namespace does not act as the machine that Imageyard runs on."""
    ecr = dataclasses.replace(
        GOOD,
        name="ECR",
        kind=Kind.ECR,
        host="123456789012.dkr.ecr.eu-central-1.amazonaws.com",
        username="",
        password=None,
    )
    with pytest.raises(Refused, match="Give an access key"):
        save_registry(make_admin(), ecr, namespace=Namespace.objects.create(name="acme"))
    assert save_registry(make_admin(), ecr).username == ""


def test_an_account_that_is_taken_away_takes_its_password_along() -> None:
    row = change(saved(), username="")
    assert Registry.objects.get(pk=row.pk).password == ""
