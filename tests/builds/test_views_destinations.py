"""The pages of where images go: who may choose, what is said, and pushing again from the page of a build."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import Role
from builds.core.states import State
from builds.models import DestinationPush
from registry.core.kinds import Kind
from registry.models import Destination, Registry, Repository
from tests.factories import make_build, make_member, make_repository, make_user

pytestmark = pytest.mark.django_db
PAGE = "/r/acme/web/settings/registries"


@pytest.fixture
def ghcr() -> Registry:
    return Registry.objects.create(
        name="gh",
        host="ghcr.io",
        kind=Kind.GHCR,
        path_template="example-org/{name}",
        username="bot",
        password="hunter2",
    )


def client_of(role: Role | None, name: str = "wendy") -> Client:
    made = Client()
    made.force_login(make_member(make_repository().namespace, name, role) if role else make_user(name))
    return made


@pytest.fixture
def wendy(ghcr: Registry) -> Client:
    return client_of(Role.ADMIN)


def copied(ghcr: Registry, **fields) -> DestinationPush:
    build = make_build(state=State.SUCCEEDED, digest=f"sha256:{'a' * 64}", tags=["build-1", "latest"])
    to = Destination.objects.create(repository=build.repository, registry=ghcr, remote_path="example-org/web")
    given = {"host": "ghcr.io", "path": "example-org/web", "digest": build.digest, **fields}
    return DestinationPush.objects.create(build=build, destination=to, **given)


def test_images_are_copied_to_one_more_registry(wendy: Client, ghcr: Registry) -> None:
    assert "gh: ghcr.io/example-org/web" in wendy.get(PAGE).content.decode()
    answer = wendy.post(f"{PAGE}/add", {"further-registry": ghcr.pk}, follow=True)
    assert "are copied to ghcr.io/example-org/web." in answer.content.decode()
    row = Destination.objects.get()
    wendy.post(f"{PAGE}/{row.pk}/switch", {"on": "0"})
    row.refresh_from_db()
    assert not row.is_on
    assert "switched off" in wendy.get(PAGE).content.decode()
    wendy.post(f"{PAGE}/{row.pk}/remove")
    assert not Destination.objects.exists()


def test_another_path_is_for_whoever_keeps_the_registry(wendy: Client, ghcr: Registry) -> None:
    answer = wendy.post(f"{PAGE}/add", {"further-registry": ghcr.pk, "further-remote_path": "example-org/payroll"})
    assert answer.status_code == 422
    assert "whoever keeps that registry" in answer.content.decode()
    assert not Destination.objects.exists()


def test_the_main_registry_is_chosen(wendy: Client, ghcr: Registry) -> None:
    answer = wendy.post(f"{PAGE}/main", {"main-registry": ghcr.pk}, follow=True)
    assert "the next build goes to ghcr.io/example-org/web" in answer.content.decode()
    assert Repository.objects.get().remote_path == "example-org/web"
    assert "hunter2" not in answer.content.decode()


def test_a_registry_of_another_namespace_is_not_offered(wendy: Client) -> None:
    other = Registry.objects.create(name="t", host="r.example.com", namespace=make_repository("tools/x").namespace)
    assert "r.example.com" not in wendy.get(PAGE).content.decode()
    assert wendy.post(f"{PAGE}/add", {"further-registry": other.pk}).status_code == 422


@pytest.mark.one_database
def test_writers_and_strangers_may_not(ghcr: Registry) -> None:
    assert client_of(Role.WRITE, "walter").get(PAGE).status_code == 403
    assert client_of(None, "eve").get(PAGE).status_code == 404
    assert client_of(None, "eve").post(f"{PAGE}/main", {"main-registry": ghcr.pk}).status_code == 404


def test_the_page_of_a_build_tells_of_each_copy(wendy: Client, ghcr: Registry) -> None:
    push = copied(
        ghcr, state="failed", sentence="ghcr.io refused it: the account `bot` may not write there.", not_moved=[]
    )
    page = wendy.get(push.build.get_absolute_url()).content.decode()
    assert "the account <code>bot</code> may not write there." in page
    assert "Push again" in page
    wendy.post(f"/r/acme/web/builds/1/destinations/{push.pk}")
    push.refresh_from_db()
    assert (push.state, push.by) == ("asked", "wendy")
    part = wendy.get("/r/acme/web/builds/1/destinations").content.decode()
    assert "hx-get" in part
    assert "Push again" not in part


@pytest.mark.one_database
def test_readers_see_it_and_may_not_push_again(ghcr: Registry) -> None:
    push = copied(ghcr, state="failed", sentence="No.")
    rita = client_of(Role.READ, "rita")
    assert "Push again" not in rita.get(push.build.get_absolute_url()).content.decode()
    assert rita.post(f"/r/acme/web/builds/1/destinations/{push.pk}").status_code == 403


@pytest.mark.parametrize("count", [1, 8])
def test_the_page_takes_the_same_number_of_queries(wendy: Client, django_assert_max_num_queries, count) -> None:
    build = make_build(state=State.SUCCEEDED, digest="sha256:x")
    for number in range(count):
        row = Registry.objects.create(name=f"r{number}", host=f"r{number}.example.com")
        to = Destination.objects.create(repository=build.repository, registry=row, remote_path="x/y")
        DestinationPush.objects.create(build=build, destination=to, host=row.host, path="x/y", digest="sha256:x")
    with django_assert_max_num_queries(17):
        wendy.get(PAGE)
