"""The check of a registry that a person saved: its lines, what they say to do, and what is written down."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import timezone

from accounts.models import Namespace
from lib import http
from registry.actions.accounts_there import request_check, ring_for_checks
from registry.core.kinds import Kind
from registry.errands import checks
from registry.models import Checked, PullCredential, Registry
from tests.fake_registry import FakeRegistry
from tests.images import Pusher, make_image
from tests.odd_registry import PASSWORD, Authority, locked_registry, odd_registry

pytestmark = pytest.mark.django_db
RATE = {"RateLimit-Limit": "100;w=21600", "RateLimit-Remaining": "17;w=21600"}


def checked(host: str, **fields) -> Registry:
    """A registry with the account `bot`, right after its check."""
    given = {"name": host, "host": host, "scheme": "http", "username": "bot", "password": "secret-of-bot", **fields}
    row = Registry.objects.create(**given)
    request_check(row)
    checks.check_registry(row.pk)
    row.refresh_from_db()
    return row


def line(row: Registry | PullCredential, what: str):
    return next(line for line in row.lines if line.what == what)


@pytest.fixture
def trusting(monkeypatch, tmp_path) -> Iterator[Authority]:
    """An authority that this process trusts."""
    made = Authority(tmp_path)
    context = ssl.create_default_context(cafile=str(made.path))
    monkeypatch.setattr(http, "trust", lambda: context)
    return made


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with odd_registry(auth="bearer", tells=True) as server:
        yield server


def test_everything_that_was_tried_is_a_line(fake: FakeRegistry) -> None:
    row = checked(fake.host, test_path="acme/web")
    assert [(line.what, line.ok) for line in row.lines] == [
        ("reach", True),
        ("clock", True),
        ("log-in", True),
        ("pull", True),
        ("push", True),
    ]
    assert (row.check_state, row.check_sentence) == (Checked.GOOD, "It answers; log-in, pull, push work.")
    assert (row.checks_good, row.checks_failed, row.last_error) == (1, 0, "")
    assert row.checked_at is not None


def test_nothing_is_said_of_pushing_where_no_repository_is_named(fake: FakeRegistry) -> None:
    row = checked(fake.host)
    assert line(row, "push").ok is None
    assert "Name a repository there in the form" in line(row, "push").remedy
    assert row.check_state == Checked.GOOD


def test_a_wrong_password_is_saved_and_marked(fake: FakeRegistry) -> None:
    row = checked(fake.host, password="wrong", test_path="acme/web")
    assert row.check_state == Checked.FAILED
    assert "it does not accept the account `bot`" in row.check_sentence
    assert [line.what for line in row.lines] == ["reach", "clock", "log-in"]
    assert line(row, "log-in").remedy.startswith("Check user name and token")
    assert (row.checks_failed, row.last_error) == (1, row.check_sentence)


def test_an_account_that_may_read_but_not_write_is_told_so(fake: FakeRegistry) -> None:
    fake.state.may_push = False
    row = checked(fake.host, test_path="acme/web")
    assert (line(row, "pull").ok, line(row, "push").ok) == (True, False)
    assert "the account `bot` may not write there" in row.check_sentence
    assert "Give the account the right" in line(row, "push").remedy


def test_a_clock_that_is_an_hour_off_is_named_before_tokens_fail(fake: FakeRegistry) -> None:
    fake.state.clock_offset_s = 3600
    row = checked(fake.host)
    assert line(row, "clock").sentence == "Its clock is 1 h 00 m ahead of this machine's."
    assert row.check_state == Checked.FAILED


def test_the_pulls_that_docker_hub_leaves_are_kept() -> None:
    with odd_registry(auth="bearer", tells=True, always=RATE) as fake:
        row = checked(fake.host, kind=Kind.DOCKER_HUB)
    assert (row.rate_limit, row.rate_remaining, row.rate_window_s) == (100, 17, 21600)
    assert line(row, "rate").sentence == "17 of 100 pulls in 6 h are left."
    assert line(row, "rate").ok is None  # few, which keeps nobody from pushing
    assert row.check_state == Checked.GOOD


def test_a_page_of_a_proxy_is_read_for_its_title() -> None:
    with odd_registry(page=b"<html><head><title>503 Back soon</title></head><body>sorry</body></html>") as fake:
        row = checked(fake.host)
    assert "It says: 503 Back soon." in row.check_sentence
    assert line(row, "reach").remedy == "It is the registry's move; check again later."


def test_nobody_at_the_address_is_told_so() -> None:
    row = checked("127.0.0.1:1")
    assert "the connection was refused" in row.check_sentence
    assert line(row, "reach").remedy == "Check that it runs, and that this machine may connect to it."


@pytest.mark.parametrize(
    ("names", "options", "sentence", "remedy"),
    [
        (["127.0.0.1"], {"by_itself": True}, "its certificate is self-signed", "certificate of an authority"),
        (["127.0.0.1"], {"days": -1}, "its certificate has expired", "renewed"),
        (
            ["registry.example.com"],
            {},
            "its certificate is for another name",
            "Use the name that is in the certificate",
        ),
    ],
)
def test_what_is_wrong_with_a_certificate_is_a_sentence(trusting, names, options, sentence, remedy) -> None:
    with odd_registry(tls=trusting.context(*names, **options)) as fake:
        row = checked(fake.host, scheme="https")
    assert sentence in row.check_sentence
    assert remedy in line(row, "reach").remedy


def test_an_authority_that_nobody_here_knows_is_named(tmp_path: Path) -> None:
    with odd_registry(tls=Authority(tmp_path).context("127.0.0.1")) as fake:
        row = checked(fake.host, scheme="https")
    assert "its certificate" in row.check_sentence
    assert "authority" in line(row, "reach").remedy


def test_a_certificate_that_is_trusted_is_good(trusting: Authority) -> None:
    with odd_registry(tls=trusting.context("127.0.0.1")) as fake:
        assert "over TLS" in line(checked(fake.host, scheme="https"), "reach").sentence


def test_plain_http_behind_https_says_what_to_choose(fake: FakeRegistry) -> None:
    row = checked(fake.host, scheme="https")
    assert row.check_state == Checked.FAILED
    assert "choose http" in line(row, "reach").remedy


@pytest.mark.engine
def test_debians_registry_with_a_password_file(tmp_path: Path) -> None:
    with locked_registry(tmp_path / "locked") as host:
        good = checked(host, password=PASSWORD, test_path="acme/web")
        assert [line.ok for line in good.lines] == [True] * 5
        assert "with the password at every request" in line(good, "log-in").sentence
        good.password = "wrong"
        good.save()
        request_check(good)
        checks.check_registry(good.pk)
        good.refresh_from_db()
    assert good.check_state == Checked.FAILED


@pytest.mark.engine
def test_a_registry_that_asks_nobody_did_not_try_the_account(registry_host: str) -> None:
    row = checked(registry_host, test_path="acme/web")
    assert "so that the account `bot` was not tried" in line(row, "log-in").sentence
    assert line(row, "push").ok


def test_a_namespaces_registry_may_not_be_in_our_own_network(fake: FakeRegistry) -> None:
    space = Namespace.objects.create(name="acme")
    row = checked(fake.host, namespace=space)
    assert "Imageyard connects to public addresses only" in row.check_sentence
    assert fake.state.asked == []


def test_a_namespaces_registry_may_not_send_us_into_our_own_network(fake: FakeRegistry, settings) -> None:
    """Its token server is as much a stranger's word as its address."""
    settings.TRUSTED_HOSTS = frozenset({fake.host})
    fake.state.realm = "http://127.0.0.1:1/token"
    row = checked(fake.host, namespace=Namespace.objects.create(name="acme"))
    assert line(row, "log-in").ok is False
    assert "public addresses only" in line(row, "log-in").sentence


def test_a_change_meanwhile_is_not_called_good_by_the_check_of_before(fake: FakeRegistry, monkeypatch) -> None:
    row = Registry.objects.create(name="r", host=fake.host, scheme="http", username="bot", password="secret-of-bot")
    request_check(row)
    tried = checks.try_registry

    def slow(registry):
        found = tried(registry)
        Registry.objects.filter(pk=row.pk).update(password="wrong", check_asked_at=timezone.now())
        return found

    monkeypatch.setattr(checks, "try_registry", slow)
    checks.check_registry(row.pk)
    row.refresh_from_db()
    assert row.check_state == Checked.ASKED


def test_a_second_ring_asks_nothing_again(fake: FakeRegistry) -> None:
    row = checked(fake.host)
    before = len(fake.state.asked)
    checks.check_registry(row.pk)
    assert len(fake.state.asked) == before


def test_a_bug_of_ours_leaves_nobody_waiting(fake: FakeRegistry, monkeypatch) -> None:
    monkeypatch.setattr(checks, "open_client", lambda *_, **__: 1 / 0)
    row = checked(fake.host)
    assert row.check_state == Checked.FAILED
    assert "Imageyard itself met a fault (ZeroDivisionError)" in row.check_sentence


def test_a_ring_that_was_lost_is_repeated(fake: FakeRegistry, monkeypatch) -> None:
    rung: list[tuple] = []
    monkeypatch.setattr("registry.actions.accounts_there.enqueue", lambda *args, **_: rung.append(args))
    row = Registry.objects.create(name="r", host=fake.host, scheme="http")
    request_check(row)
    ring_for_checks()
    assert len(rung) == 1
    Registry.objects.update(check_asked_at=timezone.now() - timezone.timedelta(minutes=5))
    ring_for_checks()
    assert rung[1:] == [("registry.check_registry", row.pk)]


def test_no_password_is_in_what_is_written_down(fake: FakeRegistry) -> None:
    fake.state.echoes_password = True
    row = checked(fake.host, password="hunter2-hunter2")
    assert "hunter2" not in f"{row.check_lines}{row.check_sentence}{row.last_error}"


class TestCredentials:
    def checked(self, host: str, **fields) -> PullCredential:
        given = {"host": host, "scheme": "http", "username": "bot", "password": PASSWORD, **fields}
        row = PullCredential.objects.create(**given)
        request_check(row)
        checks.check_credential(row.pk)
        row.refresh_from_db()
        return row

    @pytest.mark.engine
    def test_it_reads_the_private_image_that_it_is_for(self, tmp_path: Path) -> None:
        with locked_registry(tmp_path / "locked") as host:
            pusher = Pusher(host, "library/private")
            pusher.http.auth = ("bot", PASSWORD)
            pusher.image(make_image("private"), "1")
            pusher.close()
            good = self.checked(host, test_image="library/private:1")
            assert (good.check_state, line(good, "pull").sentence) == ("good", "It may read library/private:1.")
            missing = self.checked(f"{host}", namespace=Namespace.objects.create(name="acme"), test_image="x/y:1")
            assert "public addresses only" in missing.check_sentence

    def test_an_image_that_it_cannot_see_is_named(self, fake: FakeRegistry) -> None:
        row = self.checked(fake.host, password="secret-of-bot", test_image="acme/base:1")
        assert "has no acme/base:1 for the account `bot`" in row.check_sentence

    def test_a_wrong_password_is_told(self, fake: FakeRegistry) -> None:
        assert "it does not accept the account `bot`" in self.checked(fake.host, password="wrong").check_sentence
