"""RegistryClient against a real CNCF Distribution that wants a log-in and deletes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from imageyard.supervisor.ports import free_port
from imageyard.supervisor.registry import Registry
from registry.client import Deletion, Manifest, RegistryClient, RegistryError, RegistryErrorKind, put_tags
from tests.images import Pusher, make_image
from tests.real_parts import running

BOT = ("bot", "secret-of-bot")
HTPASSWD = "bot:$2b$04$fMNlATHs7eNH/u1JM0Z22OJNSz2nwIRuwppUKEaQyw263vtySkc9K\n"
Connect = Callable[..., RegistryClient]


class LockedRegistry(Registry):
    """As ours, but with basic log-in and with deletion switched off."""

    def _settings(self) -> dict[str, object]:
        passwords = self.folder.parent / "htpasswd"
        passwords.write_text(HTPASSWD)
        storage = {"filesystem": {"rootdirectory": str(self.folder)}}
        auth = {"htpasswd": {"realm": "locked", "path": str(passwords)}}
        return {**super()._settings(), "storage": storage, "auth": auth}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home: Path = tmp_path_factory.mktemp("locked")
    with running(LockedRegistry(home, f"127.0.0.1:{free_port()}")) as registry:
        yield registry.host


@pytest.fixture
def bot_pusher(locked: str, repository: str) -> Iterator[Pusher]:
    made = Pusher(locked, repository)
    made.http.close()
    made.http = httpx.Client(auth=BOT, trust_env=False)
    yield made
    made.close()


pytestmark = pytest.mark.engine


def test_it_logs_in(locked: str, connect: Connect, bot_pusher: Pusher, repository: str) -> None:
    image = make_image()
    bot_pusher.image(image, "build-1")
    client = connect(locked, *BOT)
    assert client.put_manifest(repository, "latest", client.manifest(repository, "build-1")) == image.manifest.digest


@pytest.mark.parametrize(
    ("account", "clause"),
    [
        (("bot", "wrong"), "it does not accept the account `bot`"),
        (("", ""), "it wants a log-in, and no user name is set for this registry"),
    ],
)
def test_x04_it_says_that_the_log_in_is_wrong(
    locked: str, connect: Connect, account: tuple[str, str], clause: str
) -> None:
    """Field case X04: push-unauthorized; no retry, and the registry and the account are named."""
    with pytest.raises(RegistryError) as caught:
        connect(locked, *account).put_manifest("acme/web", "1", make_image().manifest)
    assert caught.value.message.startswith(f"{locked} refused the push of acme/web:1: {clause}")
    assert caught.value.kind is RegistryErrorKind.UNAUTHORIZED
    assert not caught.value.retryable


def test_it_takes_no_tag_away_where_nothing_can_be_deleted(
    locked: str, connect: Connect, bot_pusher: Pusher, repository: str
) -> None:
    image = make_image()
    bot_pusher.image(image, "v1")
    client = connect(locked, *BOT)
    assert client.delete_tag(repository, "v1") is Deletion.UNSUPPORTED
    assert client.replace_and_delete_tag(repository, "v1") is Deletion.UNSUPPORTED
    assert client.head(repository, "v1") == image.manifest.digest


def test_it_says_which_new_tag_had_to_stay(locked: str, bot_pusher: Pusher, repository: str) -> None:
    bot_pusher.image(make_image("old"), "latest")
    bot_pusher.image(make_image("new"), "build-2")

    class Refusing(RegistryClient):
        def put_manifest(self, repository: str, reference: str, manifest: Manifest) -> str:
            refused = make_image("never pushed").manifest
            return super().put_manifest(repository, reference, refused if reference == "v2" else manifest)

    with Refusing(locked, "http", *BOT) as client:
        new = client.manifest(repository, "build-2")
        outcome = put_tags(client, repository, new, ["v1", "latest", "v2"], {})
        assert outcome.stuck == ("v1",)
        assert outcome.taken_back == ("latest",)
        assert "`v1` could not be taken back" in outcome.sentence
        assert client.head(repository, "latest") == make_image("old").manifest.digest
