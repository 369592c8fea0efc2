"""Keys that sign tokens: made once whoever is first, renewed by themselves, changed without shutting anybody out."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from accounts.models import AuditEntry
from imageyard.supervisor.ports import free_port
from imageyard.supervisor.registry import Registry as RegistryPart
from registry.actions import default_registry
from registry.actions.new_root import try_new_root
from registry.client import RegistryError, RegistryErrorKind
from registry.core.grants import Access
from registry.core.patience import ONCE
from registry.models import SigningKey
from registry.opening import open_client
from registry.tokens import begin_root, bundle_pem, ensure_root, mark_accepted, sign_bearer, signing_leaf, write_bundle
from registry.tokens.rotation import RENEW_BEFORE, forget
from tests.images import Pusher, make_image
from tests.real_parts import running

Settings = Any


@pytest.fixture(autouse=True)
def own_registry(settings: Settings) -> Iterator[None]:
    settings.REGISTRY_AUTH = "token"
    settings.REGISTRY_HOST = f"127.0.0.1:{free_port()}"
    settings.REGISTRY_SCHEME = "http"
    forget()
    yield
    forget()


def leaves() -> list[int]:
    return sorted(SigningKey.objects.filter(kind="leaf").values_list("number", flat=True))


@pytest.mark.django_db(transaction=True)
def test_many_processes_at_their_first_start_make_one_root_and_one_leaf() -> None:
    def start(_: int) -> int:
        try:
            forget()
            return signing_leaf().number
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        used = set(pool.map(start, range(8)))
    assert SigningKey.objects.filter(kind="root").count() == 1
    assert set(leaves()) >= used
    forget()
    assert signing_leaf().number == max(leaves())


@pytest.mark.django_db
def test_a_leaf_is_signed_by_the_root_and_renewed_before_its_end() -> None:
    root = x509.load_pem_x509_certificate(ensure_root().certificate.encode())
    first = signing_leaf()
    x509.load_der_x509_certificate(first.certificate).verify_directly_issued_by(root)
    assert signing_leaf() is first
    SigningKey.objects.filter(kind="leaf").update(not_after=timezone.now() + RENEW_BEFORE - timedelta(minutes=1))
    forget()
    assert signing_leaf().number == first.number + 1
    SigningKey.objects.filter(number=first.number, kind="leaf").update(not_after=timezone.now() - timedelta(days=1))
    SigningKey.objects.filter(kind="leaf", number=first.number + 1).update(not_after=timezone.now() + timedelta(days=1))
    forget()
    assert signing_leaf().number == first.number + 2
    assert leaves() == [first.number + 1, first.number + 2]  # what has ended is gone, its private key with it


@pytest.mark.django_db
def test_a_leaf_never_outlives_its_root() -> None:
    root = ensure_root()
    SigningKey.objects.filter(pk=root.pk).update(not_after=timezone.now() + timedelta(days=3))
    forget()
    leaf = signing_leaf()
    assert leaf.not_after <= timezone.now() + timedelta(days=3)
    forget()
    assert signing_leaf().number == leaf.number


@pytest.mark.django_db
def test_a_new_root_waits_until_it_is_believed_and_is_begun_once() -> None:
    old = signing_leaf()
    new = begin_root()
    assert begin_root().pk == new.pk
    assert bundle_pem().count("BEGIN CERTIFICATE") == 2
    forget()
    assert signing_leaf().certificate == old.certificate
    mark_accepted(new)
    mark_accepted(new)
    assert signing_leaf().certificate != old.certificate
    assert [entry.action for entry in AuditEntry.objects.all()] == ["signing-key.accept", "signing-key.begin"]


@pytest.mark.django_db
def test_the_bundle_is_written_whole_readable_and_only_where_it_changed(tmp_path: Path) -> None:
    path = tmp_path / "new" / "roots.pem"
    assert write_bundle(path)
    assert not write_bundle(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert "PRIVATE" not in path.read_text()
    said = StringIO()
    call_command("registry_keys", bundle=path, new_root=True, stdout=said)
    assert "There is a new root 2. The old one signs until the registry believes it." in said.getvalue()
    assert path.read_text().count("BEGIN CERTIFICATE") == 2
    assert [item.name for item in path.parent.iterdir()] == ["roots.pem"]


@pytest.mark.django_db
def test_keys_are_for_an_own_registry_alone(settings: Settings) -> None:
    settings.REGISTRY_AUTH = "none"
    with pytest.raises(CommandError, match="IMAGEYARD_REGISTRY_AUTH is not `token`"):
        call_command("registry_keys")


@pytest.fixture
def real(settings: Settings, tmp_path: Path, db: None) -> Iterator[RegistryPart]:
    """A real registry that believes the roots of the bundle it starts with."""
    bundle = tmp_path / "roots.pem"
    write_bundle(bundle)
    token = {
        "realm": "http://127.0.0.1:1/registry/token",  # nobody is there: Imageyard's own client asks nobody
        "service": settings.REGISTRY_HOST,
        "issuer": "imageyard",
        "rootcertbundle": str(bundle),
    }
    part = RegistryPart(tmp_path, settings.REGISTRY_HOST, {"auth": {"token": token}})
    with running(part):
        yield part


@pytest.mark.engine
def test_the_own_client_signs_its_tokens_and_asks_nobody(real: RegistryPart, settings: Settings) -> None:
    image = make_image()
    header = sign_bearer("imageyard", [Access("repository", "acme/web", ("pull", "push"))]).text
    pusher = Pusher(settings.REGISTRY_HOST, "acme/web")
    pusher.http.headers["Authorization"] = f"Bearer {header}"
    pusher.image(image, "build-1")
    with open_client(default_registry(), patience=ONCE) as client:
        manifest = client.manifest("acme/web", "build-1")
        assert client.put_manifest("acme/web", "latest", manifest) == image.manifest.digest
        assert sorted(client.tags("acme/web")) == ["build-1", "latest"]
        client.replace_and_delete_tag("acme/web", "latest")
        assert client.head("acme/web", "latest") is None
        client.ping()
    pusher.close()


@pytest.mark.engine
def test_a_root_is_changed_without_breaking_a_running_registry(
    real: RegistryPart, tmp_path: Path, settings: Settings
) -> None:
    old = signing_leaf()
    begin_root()
    said = try_new_root()
    assert said.startswith(f"{settings.REGISTRY_HOST} does not believe root 2 yet, so the old one goes on signing.")
    with open_client(default_registry(), patience=ONCE) as client:
        client.ping()
    write_bundle(tmp_path / "roots.pem")
    real.stop()
    real.child.process = None
    real.start()
    real.wait_ready()
    assert try_new_root() == f"{settings.REGISTRY_HOST} believes root 2: from now on it signs."
    assert try_new_root() == "No new root waits: the registry believes the one that signs."
    assert signing_leaf().certificate != old.certificate
    with open_client(default_registry(), patience=ONCE) as client:
        client.ping()


@pytest.mark.engine
@pytest.mark.parametrize(
    ("hours", "words"), [(1, "1 h 00 m ahead of this machine's"), (-1, "1 h 00 m behind this machine's")]
)
def test_a_clock_that_is_an_hour_off_is_named(
    real: RegistryPart, monkeypatch: pytest.MonkeyPatch, settings: Settings, hours: int, words: str
) -> None:
    """Tokens of a machine whose clock differs from the registry's are not valid yet, or not any more."""
    now = timezone.now() - timedelta(hours=hours)
    monkeypatch.setattr("registry.tokens.bearer.timezone.now", lambda: now)
    monkeypatch.setattr("registry.client.transport.time.time", now.timestamp)
    with open_client(default_registry(), patience=ONCE) as client, pytest.raises(RegistryError) as caught:
        client.ping()
    assert caught.value.kind is RegistryErrorKind.CLOCK
    assert f"the clock of {settings.REGISTRY_HOST} is {words}" in caught.value.message


@pytest.mark.engine
def test_a_registry_that_knows_other_keys_is_told_apart_from_one_that_is_well(real: RegistryPart) -> None:
    SigningKey.objects.all().delete()
    forget()
    with open_client(default_registry(), patience=ONCE) as client, pytest.raises(RegistryError) as caught:
        client.ping()
    assert "does not trust the token that Imageyard has just made" in caught.value.message
