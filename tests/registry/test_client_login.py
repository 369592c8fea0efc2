"""RegistryClient and log-ins: basic, tokens that end, scopes that do not suffice, clocks that differ, no secrets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from lib.addresses import AddressRefused
from registry.client import RegistryClient, RegistryError, RegistryErrorKind
from tests.fake_registry import FakeRegistry, fake_registry
from tests.images import make_image
from tests.registry.core.test_refusal import jwt

IMAGE = make_image().manifest
BOT = ("bot", "secret-of-bot")
Connect = Callable[..., RegistryClient]


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with fake_registry(auth="bearer") as server:
        yield server


def refused(client: RegistryClient, *, push: bool = True) -> RegistryError:
    with pytest.raises(RegistryError) as caught:
        client.put_manifest("acme/web", "1.0", IMAGE) if push else client.manifest("acme/web", "1.0")
    return caught.value


def test_it_logs_in_once_for_each_scope(fake: FakeRegistry, connect: Connect) -> None:
    client = connect(fake.host, *BOT)
    for tag in ("1.0", "1.1", "latest"):
        client.put_manifest("acme/web", tag, IMAGE)
    client.manifest("acme/web", "1.0")
    assert fake.state.count("GET", "/token") == 2
    assert {scopes for _, scopes in fake.state.tokens.values()} == {
        "repository:acme/web:pull,push",
        "repository:acme/web:pull",
    }


def test_x04_it_gets_a_new_token_when_the_old_one_has_ended(fake: FakeRegistry, connect: Connect) -> None:
    """Field case X04: a token that lives 60 s and a build that lasts longer."""
    client = connect(fake.host, *BOT)
    client.put_manifest("acme/web", "1.0", IMAGE)
    for token, (_, scopes) in fake.state.tokens.items():
        fake.state.tokens[token] = (0.0, scopes)
    client.put_manifest("acme/web", "1.1", IMAGE)
    assert fake.state.count("GET", "/token") == 2


def test_it_does_not_send_a_token_that_is_about_to_end(fake: FakeRegistry, connect: Connect) -> None:
    fake.state.token_lifetime_s = 0.1
    client = connect(fake.host, *BOT)
    client.put_manifest("acme/web", "1.0", IMAGE)
    time.sleep(0.12)
    client.put_manifest("acme/web", "1.1", IMAGE)
    assert [path for method, path in fake.state.asked if method == "PUT"].count("/v2/acme/web/manifests/1.1") == 2
    assert fake.state.count("GET", "/token") == 2


def test_it_reads_public_images_as_nobody(fake: FakeRegistry, connect: Connect) -> None:
    connect(fake.host, *BOT).put_manifest("acme/web", "1.0", IMAGE)
    assert connect(fake.host).manifest("acme/web", "1.0") == IMAGE


def test_x04_it_says_that_the_account_may_not_push(fake: FakeRegistry, connect: Connect) -> None:
    """Field case X04: insufficient_scope is not tried again and names registry and user."""
    fake.state.may_push = False
    error = refused(connect(fake.host, *BOT))
    assert error.message == (
        f"{fake.host} refused the push of acme/web:1.0: the account `bot` may not write there. "
        "It says: authentication required."
    )
    assert error.kind is RegistryErrorKind.DENIED
    assert fake.state.count("PUT") == 2


def test_x04_it_says_that_the_password_is_wrong(fake: FakeRegistry, connect: Connect) -> None:
    """Field case X04: push-unauthorized."""
    error = refused(connect(fake.host, "bot", "wrong"))
    assert error.message == (
        f"{fake.host} refused the push of acme/web:1.0: it does not accept the account `bot`; check the user name "
        "and password of this registry. It says: incorrect username or password."
    )
    assert error.kind is RegistryErrorKind.UNAUTHORIZED


def test_it_logs_in_with_basic_where_that_is_asked(fake: FakeRegistry, connect: Connect) -> None:
    fake.state.auth = "basic"
    assert connect(fake.host, *BOT).put_manifest("acme/web", "1.0", IMAGE) == IMAGE.digest
    assert refused(connect(fake.host, "bot", "wrong")).kind is RegistryErrorKind.UNAUTHORIZED
    assert "no user name is set for this registry" in refused(connect(fake.host)).message


def test_it_tries_a_token_server_in_trouble_again(fake: FakeRegistry, connect: Connect) -> None:
    fake.state.token_faults = [503, 502]
    assert connect(fake.host, *BOT).put_manifest("acme/web", "1.0", IMAGE) == IMAGE.digest
    assert fake.state.count("GET", "/token") == 3


def test_it_says_that_a_token_server_gives_no_token(fake: FakeRegistry, connect: Connect) -> None:
    fake.state.token_extra = {"token": None}
    assert "its token server 127.0.0.1 answered without a token" in refused(connect(fake.host, *BOT)).message


@pytest.mark.parametrize("realm", ["ftp://auth.example.com/", "https://user@auth.example.com/", "/token", "https://"])
def test_it_sends_no_password_to_a_strange_address(fake: FakeRegistry, connect: Connect, realm: str) -> None:
    fake.state.realm = realm
    assert "its token server has no usable address" in refused(connect(fake.host, *BOT)).message


def test_it_asks_no_token_server_that_is_not_allowed(fake: FakeRegistry, connect: Connect) -> None:
    def allow(url: str) -> None:
        if "internal" in url:
            raise AddressRefused("internal.example is on a private network.")

    fake.state.realm = "http://internal.example/token"
    error = refused(connect(fake.host, *BOT, allow=allow))
    assert error.message == "internal.example is on a private network."
    assert not error.retryable


def test_x04_it_names_a_clock_that_is_an_hour_off(fake: FakeRegistry, connect: Connect) -> None:
    """Field case X04: a skew of more than 5 s is named as such."""
    fake.state.clock_offset_s, fake.state.token_lifetime_s = 3600, -1
    error = refused(connect(fake.host, *BOT))
    assert error.message == (
        f"{fake.host} did not take the log-in for the push of acme/web:1.0: the clock of {fake.host} is 1 h 00 m "
        "ahead of this machine's, so its tokens are not valid now. Set the clock that is wrong (NTP)."
    )
    assert error.kind is RegistryErrorKind.CLOCK
    assert not error.retryable


def test_x04_it_names_a_token_that_begins_to_be_good_later(fake: FakeRegistry, connect: Connect) -> None:
    """Field case X04: a token whose nbf is 30 s in the future."""
    fake.state.token_extra = {"token": jwt(nbf=time.time() + 30)}
    error = refused(connect(fake.host, *BOT))
    assert error.kind is RegistryErrorKind.CLOCK
    assert "30 s ahead of this machine's" in error.message


def test_it_blames_no_clock_for_a_token_that_began_long_ago(fake: FakeRegistry, connect: Connect) -> None:
    fake.state.token_extra = {"token": jwt(nbf=time.time() - 300)}
    assert refused(connect(fake.host, *BOT)).message == (
        f"{fake.host} refused the push of acme/web:1.0: it does not trust the token that {fake.host} has just made. "
        "The key or issuer set in the registry does not belong to that token server."
    )


def test_it_tells_no_secret_that_a_registry_sends_back(fake: FakeRegistry, connect: Connect) -> None:
    fake.state.accounts["bot"] = "another"
    fake.state.echoes_password = True
    message = refused(connect(fake.host, "bot", "pa55word")).message
    assert "pa55word" not in message
    assert "…" in message


def test_it_measures_the_clock_of_a_registry(fake: FakeRegistry, connect: Connect) -> None:
    fake.state.clock_offset_s = -3600
    skew_s = connect(fake.host).ping().skew_s
    assert skew_s is not None
    assert abs(skew_s + 3600) < 5
