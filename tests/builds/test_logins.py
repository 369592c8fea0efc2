"""Who a build logs in as where: the most specific account wins, forks get none, and every password is masked."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from django.utils import timezone

from accounts.models import Namespace
from builds.models import BaseImage
from builds.pipeline import bases
from builds.pipeline.bases import check_due
from builds.pipeline.logins import base_hosts, logins_of
from builds.pipeline.variables import secrets_of
from registry.models import PullCredential, Registry
from tests.builds.test_bases import OLD, build_succeeds, rule_of
from tests.factories import make_build, make_repository
from tests.fake_registry import FakeRegistry, fake_registry

pytestmark = pytest.mark.django_db
FORK = {"number": 7, "fork": True}


def accounts(build, **options) -> dict[str, tuple[str, str]]:
    return {auth.host: (auth.username, auth.password) for auth in logins_of(build, 60, **options)}


def credential(host: str, username: str, *, of: str = "") -> PullCredential:
    space = Namespace.objects.get_or_create(name=of)[0] if of else None
    return PullCredential.objects.create(host=host, username=username, password=f"pw-{username}", namespace=space)


def test_a_namespaces_own_account_goes_before_one_for_all() -> None:
    build = make_build()
    credential("docker.io", "everybody")
    credential("docker.io", "acme-reader", of="acme")
    credential("docker.io", "somebody-else", of="tools")
    credential("quay.io", "everybody")
    assert accounts(build) == {
        "docker.io": ("acme-reader", "pw-acme-reader"),
        "quay.io": ("everybody", "pw-everybody"),
    }
    used = PullCredential.objects.exclude(last_used_at=None).values_list("username", "host")
    assert set(used) == {("acme-reader", "docker.io"), ("everybody", "quay.io")}


def test_the_account_that_pushes_has_its_host_for_itself() -> None:
    build = make_build()
    registry = build.repository.registry
    Registry.objects.filter(pk=registry.pk).update(username="bot", password="")
    registry.username, registry.password = "bot", "push"
    credential(registry.host, "reader")
    assert accounts(build)[registry.host] == ("bot", "push")


def test_builds_of_forks_get_none() -> None:
    """Never for forks' pull requests, whoever approved them."""
    credential("docker.io", "acme-reader", of="acme")
    build = make_build(untrusted=True, pull_request=FORK)
    assert logins_of(build, 60) == ()
    assert base_hosts(build) == frozenset()
    assert PullCredential.objects.get().last_used_at is None


def test_hooks_and_shells_get_none_of_them() -> None:
    """What a hook gets, whoever writes the repository's hooks can read."""
    credential("docker.io", "acme-reader", of="acme")
    assert accounts(make_build(), reads_bases=False) == {}


def test_their_passwords_are_masked_in_logs() -> None:
    build = make_build()
    credential("docker.io", "acme-reader", of="acme")
    credential("quay.io", "everybody")
    credential("quay.io", "other", of="tools")
    assert {"pw-acme-reader", "pw-everybody"} <= set(secrets_of(build))
    assert "pw-other" not in secrets_of(build)


def test_an_account_whose_key_is_gone_keeps_no_build_from_starting(settings) -> None:
    build = make_build()
    credential("docker.io", "acme-reader", of="acme")
    settings.ENCRYPTION_KEYS = (Fernet.generate_key().decode(),)
    credential("quay.io", "everybody")
    assert set(accounts(build)) == {"quay.io"}


class TestBases:
    @pytest.fixture
    def fake(self):
        with fake_registry(auth="bearer", accounts={"reader": "pw-reader", "all": "pw-all"}) as server:
            yield server

    def asked_as(self, fake: FakeRegistry) -> set[str]:
        return {token.partition("-of-")[2] for token in fake.state.tokens}

    @pytest.fixture(autouse=True)
    def near(self, fake: FakeRegistry, settings) -> None:
        settings.TRUSTED_HOSTS = frozenset({fake.host})

    def check(self) -> None:
        BaseImage.objects.update(next_check_at=timezone.now())
        check_due(timezone.now())

    def test_a_private_base_is_asked_about_with_the_account_of_who_stands_on_it(self, fake: FakeRegistry) -> None:
        build_succeeds(rule_of(), (f"{fake.host}/acme/base:1", OLD))
        credential(fake.host, "all")
        credential(fake.host, "reader", of=make_repository().namespace.name)
        PullCredential.objects.update(scheme="http")
        self.check()
        assert self.asked_as(fake) == {"reader"}

    def test_others_use_the_account_for_all(self, fake: FakeRegistry) -> None:
        build_succeeds(rule_of(), (f"{fake.host}/acme/base:1", OLD))
        credential(fake.host, "all")
        credential(fake.host, "reader", of="tools")
        PullCredential.objects.update(scheme="http")
        self.check()
        assert self.asked_as(fake) == {"all"}

    def test_without_one_nobody_is_asked(self, fake: FakeRegistry) -> None:
        build_succeeds(rule_of(), (f"{fake.host}/acme/base:1", OLD))
        credential(fake.host, "reader", of="tools")
        PullCredential.objects.update(scheme="http")
        self.check()
        assert self.asked_as(fake) == {"nobody"}


def test_docker_hub_is_asked_at_the_address_of_its_api(monkeypatch) -> None:
    made: list[tuple[str, str]] = []

    class Nobody:
        def __init__(self, host: str, _scheme: str, **more: object) -> None:
            made.append((host, str(more["address"])))

        def __enter__(self):
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def head(self, *_: object, **__: object) -> str:
            return OLD

    monkeypatch.setattr(bases, "RegistryClient", Nobody)
    build_succeeds(rule_of(), ("docker.io/library/debian:12", OLD))
    BaseImage.objects.update(next_check_at=timezone.now())
    check_due(timezone.now())
    assert made == [("docker.io", "registry-1.docker.io")]
