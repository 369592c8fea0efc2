"""What an account may do at a registry, found out without changing anything there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from registry.client import RegistryClient, RegistryError, RegistryErrorKind
from registry.core.rate import Rate
from tests.fake_registry import fake_registry
from tests.odd_registry import PASSWORD, locked_registry, odd_registry

BOT = ("bot", "secret-of-bot")
Connect = Callable[..., RegistryClient]


@pytest.fixture(scope="module")
def locked(tmp_path_factory) -> str:
    with locked_registry(tmp_path_factory.mktemp("locked")) as host:
        yield host


@pytest.mark.engine
class TestDebiansRegistryWithAPasswordFile:
    def test_the_right_password_logs_in_and_may_push(self, locked: str, connect: Connect) -> None:
        client = connect(locked, "bot", PASSWORD)
        assert client.log_in().how == "basic"
        assert client.check_pull("acme/never-pushed") is False
        client.check_push("acme/never-pushed")

    def test_a_push_that_is_tried_leaves_nothing_there(self, locked: str, connect: Connect, tmp_path: Path) -> None:
        client = connect(locked, "bot", PASSWORD)
        client.check_push("acme/tried")
        assert list(client.tags("acme/tried")) == []

    @pytest.mark.parametrize("account", [("bot", "wrong"), ("nobody", "x")])
    def test_a_wrong_password_is_told_from_a_missing_right(self, locked: str, connect: Connect, account) -> None:
        for attempt in (lambda c: c.log_in(), lambda c: c.check_push("acme/web"), lambda c: c.check_pull("acme/web")):
            with pytest.raises(RegistryError) as caught:
                attempt(connect(locked, *account))
            assert caught.value.kind is RegistryErrorKind.UNAUTHORIZED
            assert f"it does not accept the account `{account[0]}`" in caught.value.message

    def test_no_account_is_told_that_one_is_wanted(self, locked: str, connect: Connect) -> None:
        with pytest.raises(RegistryError, match="it wants a log-in, and no user name is set"):
            connect(locked).log_in()


@pytest.mark.engine
def test_a_registry_that_asks_nobody_says_so(registry_host: str, connect: Connect, repository: str) -> None:
    client = connect(registry_host)
    assert client.log_in().how == "none"
    client.check_push(repository)
    assert client.check_pull(repository) is False


@pytest.mark.parametrize("tells", [True, False])
def test_a_token_server_is_asked_for_pull_and_push(connect: Connect, tells: bool) -> None:
    """Where the token tells its rights nothing is begun; an opaque one is tried by an upload that is given up."""
    with odd_registry(auth="bearer", tells=tells) as fake:
        client = connect(fake.host, *BOT)
        client.check_push("acme/web")
        asked = [path for _, path in fake.state.asked if path.startswith("/token")]
        assert all("repository%3Aacme%2Fweb%3Apull%2Cpush" in path for path in asked)
        assert fake.state.count("POST") == (0 if tells else 1)
        assert fake.state.count("DELETE") == (0 if tells else 1)


@pytest.mark.parametrize("tells", [True, False])
def test_x04_a_scope_that_does_not_suffice_is_found_before_anything_is_built(connect: Connect, tells: bool) -> None:
    with odd_registry(auth="bearer", tells=tells, may_push=False) as fake:
        with pytest.raises(RegistryError) as caught:
            connect(fake.host, *BOT).check_push("acme/web")
        assert caught.value.kind is RegistryErrorKind.DENIED
        assert f"{fake.host} refused the push of acme/web: the account `bot` may not write there." in str(caught.value)


def test_a_403_is_a_missing_right_and_a_401_a_wrong_password(connect: Connect) -> None:
    with fake_registry() as fake:
        with pytest.raises(RegistryError) as denied:
            connect(fake.host, *BOT).check_push("denied/web")
        assert denied.value.kind is RegistryErrorKind.DENIED
    with fake_registry(auth="bearer") as fake:
        with pytest.raises(RegistryError) as wrong:
            connect(fake.host, "bot", "wrong").log_in()
        assert wrong.value.kind is RegistryErrorKind.UNAUTHORIZED
        assert "wrong" not in wrong.value.message.replace("user name", "")


def test_a_token_server_that_sends_the_password_back_does_not_get_it_into_a_message(connect: Connect) -> None:
    with fake_registry(auth="bearer", echoes_password=True) as fake:
        with pytest.raises(RegistryError) as caught:
            connect(fake.host, "bot", "hunter2-hunter2").log_in()
        assert "hunter2" not in caught.value.message


def test_a_token_server_that_is_down_may_come_back(connect: Connect) -> None:
    with fake_registry(auth="bearer", token_faults=[503]) as fake:
        with pytest.raises(RegistryError) as caught:
            connect(fake.host, *BOT).log_in()
        assert caught.value.retryable


def test_an_upload_that_goes_on_elsewhere_is_left_alone(connect: Connect) -> None:
    with odd_registry(location="https://storage.example.com") as fake:
        connect(fake.host).check_push("acme/web")
        assert fake.state.count("DELETE") == 0


def test_the_pulls_that_are_left_are_told_by_a_head(connect: Connect) -> None:
    headers = {"RateLimit-Limit": "100;w=21600", "RateLimit-Remaining": "17;w=21600"}
    with odd_registry(always=headers) as fake:
        assert connect(fake.host).ask_rate("ratelimitpreview/test", "latest") == Rate(100, 17)
        assert [method for method, _ in fake.state.asked] == ["HEAD"]
    with odd_registry() as fake:
        assert connect(fake.host).ask_rate("ratelimitpreview/test", "latest") is None
    with odd_registry() as fake:
        assert connect(fake.host).ask_rate("pulls/test", "latest") == Rate(0, 0)


def test_its_api_may_be_at_another_address_than_its_name(connect: Connect) -> None:
    with odd_registry(auth="bearer") as fake:
        client = connect("docker.io", *BOT, address=fake.host)
        client.check_push("acme/web")
        with pytest.raises(RegistryError, match=r"^docker\.io has no acme/web:1"):
            client.manifest("acme/web", "1")
