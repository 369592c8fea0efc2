"""Builds at Imageyard's own registry: which log-ins they get, and what is said where clocks or keys are wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from builds.core.errors import BuildError, ErrorKind
from builds.models import Build
from builds.pipeline.logins import logins_of, user_of
from builds.pipeline.own_registry import own_reason
from imageyard.supervisor.ports import free_port
from imageyard.supervisor.registry import Registry as RegistryPart
from registry.models import SigningKey
from registry.tokens import read_build_pass, write_bundle
from registry.tokens.rotation import forget
from tests.factories import make_build
from tests.real_parts import running


@pytest.fixture(autouse=True)
def own(settings: Any) -> Iterator[None]:
    settings.REGISTRY_AUTH = "token"
    settings.REGISTRY_HOST = f"127.0.0.1:{free_port()}"
    settings.REGISTRY_SCHEME = "http"
    forget()
    yield
    forget()


@pytest.mark.django_db
def test_a_build_gets_a_pass_for_its_repository_that_ends_with_its_time(settings: Any) -> None:
    build = make_build(attempt=2)
    (login,) = logins_of(build, 600)
    assert (login.host, login.username) == (settings.REGISTRY_HOST, f"build#{build.pk}")
    assert user_of(build) == login.username
    now = timezone.now().timestamp()
    given = read_build_pass(login.password, now)
    assert given is not None
    assert (given.build, given.attempt, given.repository, given.namespace) == (build.pk, 2, "acme/web", "acme")
    assert given.pushes
    assert 600 <= given.until - now <= 900
    assert read_build_pass(login.password, given.until) is None
    (only,) = logins_of(build, 600, pushes=False)
    pulls = read_build_pass(only.password, now)
    assert pulls is not None
    assert not pulls.pushes


@pytest.mark.django_db
def test_a_forks_pull_request_gets_none_and_an_own_branchs_does() -> None:
    fork = make_build(untrusted=True, pull_request={"number": 1, "fork": True})
    assert logins_of(fork, 600) == ()
    own = make_build(untrusted=True, commit="f" * 40, pull_request={"number": 2, "fork": False})
    assert len(logins_of(own, 600)) == 1


@pytest.fixture
def refused(settings: Any, live_server: Any, tmp_path: Path) -> Iterator[tuple[Build, BuildError]]:
    """A build whose push the real registry turned away, with a real token server behind it."""
    settings.PUBLIC_URL = live_server.url
    bundle = tmp_path / "roots.pem"
    write_bundle(bundle)
    token = {
        "realm": f"{live_server.url}/registry/token",
        "service": settings.REGISTRY_HOST,
        "issuer": "imageyard",
        "rootcertbundle": str(bundle),
    }
    with running(RegistryPart(tmp_path, settings.REGISTRY_HOST, {"auth": {"token": token}})):
        said = f"{settings.REGISTRY_HOST} refused the push of acme/web: insufficient_scope."
        yield make_build(), BuildError(ErrorKind.REGISTRY, said, step="pushing")


pytestmark = pytest.mark.engine


@pytest.mark.django_db(transaction=True)
def test_where_all_is_well_the_refusal_stays_as_it_is(refused: tuple[Build, BuildError]) -> None:
    build, error = refused
    assert own_reason(build, error) is error
    passing = BuildError(ErrorKind.REGISTRY, error.message, retryable=True)
    assert own_reason(build, passing) is passing


@pytest.mark.django_db(transaction=True)
def test_a_base_that_is_somebody_elses_is_told_what_builds_may_read(refused: tuple[Build, BuildError]) -> None:
    build, error = refused
    host = error.message.split(" ")[0]
    base = BuildError(ErrorKind.USER, f"{host} did not authorise reading the base image x.", dockerfile_line=1)
    found = own_reason(build, base)
    assert found.message.endswith("Builds of acme read what is in acme and what is public.")
    assert (found.kind, found.dockerfile_line) == (ErrorKind.USER, 1)


@pytest.mark.django_db(transaction=True)
def test_a_token_server_whose_clock_is_an_hour_ahead_is_named(
    refused: tuple[Build, BuildError], monkeypatch: pytest.MonkeyPatch
) -> None:
    build, error = refused
    later = timezone.now() + timedelta(hours=1)
    monkeypatch.setattr("registry.tokens.bearer.timezone.now", lambda: later)
    found = own_reason(build, error)
    assert found.kind is ErrorKind.REGISTRY
    assert found.step == "pushing"
    assert "59 m 00 s ahead of this machine's, so its tokens are not valid now" in found.message
    assert "Set the clock that is wrong (NTP)." in found.message


@pytest.mark.django_db(transaction=True)
def test_keys_that_the_registry_does_not_know_are_named(refused: tuple[Build, BuildError]) -> None:
    build, error = refused
    SigningKey.objects.all().delete()
    forget()
    assert "does not trust the token" in own_reason(build, error).message


@pytest.mark.django_db(transaction=True)
def test_a_token_server_that_the_worker_cannot_reach_is_named(settings: Any, tmp_path: Path) -> None:
    bundle = tmp_path / "roots.pem"
    write_bundle(bundle)
    realm = f"http://127.0.0.1:{free_port()}/registry/token"
    auth = {"realm": realm, "service": settings.REGISTRY_HOST, "issuer": "imageyard", "rootcertbundle": str(bundle)}
    with running(RegistryPart(tmp_path, settings.REGISTRY_HOST, {"auth": {"token": auth}})):
        error = BuildError(ErrorKind.USER, f"{settings.REGISTRY_HOST} did not authorise reading the base image.")
        said = own_reason(make_build(), error).message
    assert "IMAGEYARD_URL must be an address that the worker reaches." in said
