"""Where a repository's images go: who says so, and that no two repositories meet in one place."""

from __future__ import annotations

import pytest

from accounts.models import AuditEntry, Namespace, Role
from lib.refusal import Refused
from registry.actions import default_registry
from registry.actions.destinations import MOST, remove_destination, save_destination, set_main_registry
from registry.core.kinds import Kind
from registry.models import Destination, Registry
from tests.factories import make_admin, make_member, make_repository

pytestmark = pytest.mark.django_db


@pytest.fixture
def ghcr() -> Registry:
    return Registry.objects.create(name="gh", host="ghcr.io", kind=Kind.GHCR, path_template="example-org/{name}")


@pytest.fixture
def wendy():
    return make_member(make_repository().namespace, "wendy", Role.ADMIN)


def test_a_repository_goes_by_the_name_that_the_registry_maps_it_to(ghcr: Registry, wendy) -> None:
    repository = make_repository()
    made = save_destination(wendy, repository, ghcr)
    assert made.image == "ghcr.io/example-org/web"
    assert AuditEntry.objects.filter(action="destination.save").exists()
    set_main_registry(wendy, make_repository("acme/api"), ghcr)
    assert make_repository("acme/api").image == "ghcr.io/example-org/api"


def test_whoever_keeps_the_registry_says_where_images_go(ghcr: Registry, wendy) -> None:
    """Its account may write more than this repository: a member must not reach the rest through it."""
    repository = make_repository()
    with pytest.raises(Refused, match="whoever keeps that registry says where images go"):
        save_destination(wendy, repository, ghcr, "example-org/payroll")
    with pytest.raises(Refused, match="whoever keeps that registry"):
        set_main_registry(wendy, repository, ghcr, "example-org/payroll")
    assert save_destination(make_admin(), repository, ghcr, "example-org/site").remote_path == "example-org/site"


def test_a_namespace_chooses_within_its_own_registry(wendy) -> None:
    repository = make_repository()
    own = Registry.objects.create(name="own", host="quay.io", kind=Kind.QUAY, namespace=repository.namespace)
    assert save_destination(wendy, repository, own, "acme/anything").remote_path == "acme/anything"
    tools = Registry.objects.create(name="t", host="r.example.com", namespace=Namespace.objects.create(name="tools"))
    with pytest.raises(Refused, match="no such registry"):
        save_destination(wendy, repository, tools)


def test_no_two_repositories_are_in_one_place(ghcr: Registry) -> None:
    admin = make_admin()
    save_destination(admin, make_repository("acme/web"), ghcr)
    with pytest.raises(Refused, match="where the images of another repository go"):
        save_destination(admin, make_repository("tools/web"), ghcr)
    with pytest.raises(Refused, match="where the images of another repository go"):
        set_main_registry(admin, make_repository("tools/web"), ghcr)
    with pytest.raises(Refused, match="where the images of another repository go"):
        plain = Registry.objects.create(name="p", host="r.example.com")
        set_main_registry(admin, make_repository("acme/api"), plain)
        save_destination(admin, make_repository("tools/x"), plain, "acme/api")


def test_the_main_registry_is_no_further_one(ghcr: Registry) -> None:
    admin, repository = make_admin(), make_repository()
    with pytest.raises(Refused, match="it is the main registry"):
        save_destination(admin, repository, default_registry())
    save_destination(admin, repository, ghcr)
    with pytest.raises(Refused, match="Remove it there first"):
        set_main_registry(admin, repository, ghcr)


@pytest.mark.parametrize(("path", "words"), [("Example-Org/web", "upper-case"), ("web", "1 part"), ("a/b:c", "tag")])
def test_a_path_that_the_registry_does_not_take_is_refused(ghcr: Registry, path, words) -> None:
    with pytest.raises(Refused, match=words):
        save_destination(make_admin(), make_repository(), ghcr, path)


def test_our_own_registry_knows_repositories_by_their_names(settings) -> None:
    settings.REGISTRY_AUTH = "token"
    with pytest.raises(Refused, match="own registry it is acme/web"):
        set_main_registry(make_admin(), make_repository(), default_registry(), "other/web")


def test_changing_switching_off_and_removing(ghcr: Registry) -> None:
    admin, repository = make_admin(), make_repository()
    made = save_destination(admin, repository, ghcr, "example-org/site")
    off = save_destination(admin, repository, ghcr, is_on=False, destination=made)
    assert (off.pk, off.is_on, off.remote_path) == (made.pk, False, "example-org/site")
    with pytest.raises(Refused, match=r"copied to ghcr\.io already"):
        save_destination(admin, repository, ghcr, "example-org/more")
    remove_destination(admin, made)
    assert not Destination.objects.exists()


def test_there_is_an_end_to_them(ghcr: Registry) -> None:
    repository = make_repository()
    for number in range(MOST):
        row = Registry.objects.create(name=f"r{number}", host=f"r{number}.example.com")
        Destination.objects.create(repository=repository, registry=row, remote_path="x/y")
    with pytest.raises(Refused, match="at most 10"):
        save_destination(make_admin(), repository, ghcr)
