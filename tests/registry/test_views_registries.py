"""The pages of registries and of accounts for base images: who sees what, and that no password comes back."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts.models import Namespace, Role
from registry.models import Checked, Destination, PullCredential, Registry
from tests.factories import make_admin, make_build, make_member, make_repository, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]
FORM = {
    "kind": "ghcr",
    "name": "GitHub",
    "username": "bot",
    "password": "hunter2",
    "path_template": "example-org/{name}",
    "test_path": "example-org/web",
}


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(make_admin())
    return client


@pytest.fixture
def acme() -> Namespace:
    return Namespace.objects.create(name="acme")


def logged_in(namespace: Namespace | None = None, role: Role = Role.ADMIN, name: str = "wendy") -> Client:
    made = Client()
    made.force_login(make_member(namespace, name, role) if namespace else make_user(name))
    return made


@pytest.mark.both_databases
def test_a_registry_is_saved_and_its_password_never_shown(admin: Client) -> None:
    answer = admin.post("/registries", FORM, follow=True)
    assert answer.status_code == 200
    row = Registry.objects.get(host="ghcr.io")
    assert (row.check_state, row.scheme, row.namespace) == (Checked.ASKED, "https", None)
    page = admin.get(f"/registries?change={row.pk}").content.decode()
    assert "hunter2" not in page
    assert "stored; paste to replace it" in page
    assert "checking" in page


@pytest.mark.both_databases
def test_what_is_wrong_is_said_and_nothing_is_saved(admin: Client) -> None:
    answer = admin.post("/registries", {**FORM, "path_template": "Example-Org/{name}"})
    assert answer.status_code == 422
    assert "upper-case letters" in answer.content.decode()
    assert "hunter2" not in answer.content.decode()
    assert not Registry.objects.filter(host="ghcr.io").exists()


def test_the_lines_of_a_check_tell_good_from_bad_in_words(admin: Client) -> None:
    lines = [
        {"what": "reach", "ok": True, "sentence": "It answers.", "remedy": ""},
        {"what": "push", "ok": False, "sentence": "It may not write `x`.", "remedy": "Let it."},
    ]
    Registry.objects.create(name="r", host="r.example.com", check_state="failed", check_lines=lines)
    page = admin.get("/registries").content.decode()
    assert 'visually-hidden">bad:' in page
    assert "It may not write <code>x</code>." in page
    assert "Let it." in page


@pytest.mark.both_databases
def test_one_that_is_used_is_not_removed_and_says_by_what(admin: Client) -> None:
    row = Registry.objects.create(name="r", host="r.example.com")
    Destination.objects.create(repository=make_repository("acme/web"), registry=row, remote_path="x/web")
    page = admin.post(f"/registries/{row.pk}/delete", follow=True).content.decode()
    assert "acme/web uses r.example.com." in page
    assert Registry.objects.filter(pk=row.pk).exists()


@pytest.mark.both_databases
def test_strangers_and_members_find_no_registry_of_everybody(acme: Namespace) -> None:
    row = Registry.objects.create(name="secret registry", host="r.example.com")
    assert Client().get("/registries").status_code == 302
    someone = logged_in(acme, Role.WRITE)
    page = someone.get("/registries")
    assert page.status_code == 200
    assert "secret registry" not in page.content.decode()
    assert "admin of no namespace" in page.content.decode()
    for what in ("check", "delete"):
        assert someone.post(f"/registries/{row.pk}/{what}").status_code == 404
    assert someone.get(f"/registries?change={row.pk}").status_code == 404
    assert someone.get(f"/registries/{row.pk}/state").status_code == 404


@pytest.mark.both_databases
def test_an_administrator_of_a_namespace_keeps_its_own_registries(acme: Namespace) -> None:
    wendy = logged_in(acme)
    answer = wendy.post("/registries", {**FORM, "namespace": "acme"})
    assert answer.status_code == 302
    assert Registry.objects.get(host="ghcr.io").namespace == acme
    other = Namespace.objects.create(name="tools")
    for given in ("", "tools"):
        answer = wendy.post("/registries", {**FORM, "name": "more", "namespace": given})
        assert answer.status_code == 422
    assert not Registry.objects.filter(namespace=other).exists()
    assert not Registry.objects.filter(namespace=None, host="ghcr.io").exists()


@pytest.mark.both_databases
def test_the_state_is_asked_until_the_worker_is_done(admin: Client) -> None:
    row = Registry.objects.create(name="r", host="r.example.com")
    admin.post(f"/registries/{row.pk}/check")
    assert "hx-get" in admin.get(f"/registries/{row.pk}/state").content.decode()
    Registry.objects.update(check_state="good")
    assert "hx-get" not in admin.get(f"/registries/{row.pk}/state").content.decode()


def test_the_cache_for_docker_hub_says_how_it_is(admin: Client, settings) -> None:
    cache.clear()
    settings.HUB_CACHE = ""
    assert "IMAGEYARD_HUB_CACHE=1" in admin.get("/registries").content.decode()
    settings.HUB_CACHE = "127.0.0.1:5001"
    assert "not looked at yet" in admin.get("/registries").content.decode()
    cache.set("hub-cache", {"host": "127.0.0.1:5001", "answers": True, "size_bytes": 5_000_000})
    page = admin.get("/registries").content.decode()
    assert "answers" in page
    assert "5.0 MB" in page


def test_few_pulls_are_shown(admin: Client) -> None:
    Registry.objects.create(name="Hub", host="docker.io", kind="docker_hub", rate_limit=100, rate_remaining=3)
    assert "3 of 100 pulls in 6 h are left." in admin.get("/registries").content.decode()


@pytest.mark.both_databases
@pytest.mark.parametrize("count", [2, 12])
def test_the_list_takes_the_same_number_of_queries(admin: Client, django_assert_max_num_queries, count) -> None:
    for number in range(count):
        Registry.objects.create(name=f"r{number}", host=f"r{number}.example.com", password="x")
    with django_assert_max_num_queries(8):
        admin.get("/registries")


class TestCredentials:
    FORM = {"host": "index.docker.io", "username": "reader", "password": "hunter2", "test_image": "acme/base:1"}

    def test_an_administrator_keeps_those_of_the_namespace(self, acme: Namespace) -> None:
        wendy = logged_in(acme)
        assert wendy.post("/n/acme/credentials", self.FORM).status_code == 302
        row = PullCredential.objects.get()
        assert (row.namespace, row.host, row.check_state) == (acme, "docker.io", Checked.ASKED)
        page = wendy.get(f"/n/acme/credentials?change={row.pk}").content.decode()
        assert "hunter2" not in page
        assert "reader" in page
        wendy.post(f"/credentials/{row.pk}/delete")
        assert not PullCredential.objects.exists()

    def test_members_below_are_refused_and_strangers_find_nothing(self, acme: Namespace) -> None:
        row = PullCredential.objects.create(namespace=acme, host="r.example.com", username="u", password="p")
        assert logged_in(acme, Role.WRITE, "bob").get("/n/acme/credentials").status_code == 403
        stranger = logged_in(name="eve")
        assert stranger.get("/n/acme/credentials").status_code == 404
        assert stranger.get("/registries/credentials").status_code == 404
        for what in ("check", "delete"):
            assert stranger.post(f"/credentials/{row.pk}/{what}").status_code == 404

    def test_one_of_another_namespace_is_not_changed_through_mine(self, acme: Namespace) -> None:
        tools = Namespace.objects.create(name="tools")
        make_member(tools, "wendy", Role.ADMIN)
        row = PullCredential.objects.create(namespace=tools, host="r.example.com", username="u", password="p")
        assert logged_in(acme).get(f"/n/acme/credentials?change={row.pk}").status_code == 404

    def test_those_for_all_are_superusers(self, admin: Client) -> None:
        assert admin.post("/registries/credentials", self.FORM).status_code == 302
        assert PullCredential.objects.get().namespace is None
        assert "docker.io" in admin.get("/registries/credentials").content.decode()

    def test_members_see_that_there_is_one_for_all_but_not_whose(self, acme: Namespace) -> None:
        PullCredential.objects.create(host="r.example.com", username="robot-of-all", password="p")
        page = logged_in(acme).get("/n/acme/credentials").content.decode()
        assert "r.example.com" in page
        assert "robot-of-all" not in page

    def test_the_password_stays_with_its_server(self, acme: Namespace) -> None:
        row = PullCredential.objects.create(namespace=acme, host="r.example.com", username="u", password="p")
        answer = logged_in(acme).post(
            f"/n/acme/credentials?change={row.pk}", {"host": "evil.example.com", "username": "u", "password": ""}
        )
        assert answer.status_code == 422
        assert "The stored one is not sent there" in answer.content.decode()
        assert PullCredential.objects.get().host == "r.example.com"

    def test_ecr_needs_a_key_and_not_a_password(self, acme: Namespace) -> None:
        host = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
        answer = logged_in(acme).post("/n/acme/credentials", {**self.FORM, "host": host})
        assert "end after 12 hours" in answer.content.decode()


class TestFewPulls:
    def registry(self, **fields) -> Registry:
        given = {"name": "Hub", "host": "docker.io", "kind": "docker_hub", "rate_limit": 100, "rate_remaining": 3}
        return Registry.objects.create(**{**given, "rate_seen_at": timezone.now(), **fields})

    def test_superusers_hear_of_them_at_home_before_builds_fail(self, admin: Client) -> None:
        self.registry()
        assert "3 of 100 pulls in 6 h are left." in admin.get("/").content.decode()
        assert "pulls in" not in logged_in(name="bob").get("/").content.decode()

    @pytest.mark.parametrize("fields", [{"rate_remaining": 90}, {"rate_seen_at": None}, {"rate_remaining": None}])
    def test_nothing_is_said_of_enough_or_of_what_is_old(self, admin: Client, fields) -> None:
        self.registry(**fields)
        assert "gives few more images" not in admin.get("/").content.decode()

    @pytest.mark.both_databases
    def test_a_build_that_met_the_limit_says_how_many_were_left(self, admin: Client) -> None:
        self.registry()
        build = make_build(
            state="failed",
            error_kind="registry",
            error_message="docker.io was asked too often for `debian:12` (toomanyrequests).",
        )
        page = admin.get(build.get_absolute_url()).content.decode()
        assert "When docker.io was last asked: 3 of 100 pulls in 6 h are left." in page
        Registry.objects.filter(host="docker.io").update(namespace=Namespace.objects.create(name="tools"))
        assert "pulls in" not in admin.get(build.get_absolute_url()).content.decode()
