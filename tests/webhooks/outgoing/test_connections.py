"""Connections: whose token it is, what it lacks, what it sees, and how a GitHub App gets in."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.db import connection as database

from lib.refusal import Refused
from tests.factories import make_admin, make_repository
from tests.forge_server import TOKEN, Reply
from webhooks.actions.connections import ConnectionDraft, request_check, request_listing, save_connection
from webhooks.errands.access import forge_of
from webhooks.errands.connections import check_connection, list_repositories
from webhooks.models import CommitStatus, ForgeConnection, ListedRepository

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rings")]
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def checked() -> ForgeConnection:
    found = ForgeConnection.objects.get()
    request_check(found)
    check_connection(found.pk)
    return ForgeConnection.objects.get()


def listed() -> ForgeConnection:
    found = ForgeConnection.objects.get()
    request_listing(found)
    list_repositories(found.pk)
    return ForgeConnection.objects.get()


def test_a_good_token_it_says_is_taken(linked_github):
    found = checked()
    assert (found.check_state, found.check_sentence) == ("good", "GitHub takes it: octocat.")


def test_every_forge_it_checks(linked, forge):
    found = checked()
    if forge.kind == "bitbucket":
        assert "lacks the scope `repository:write`" in found.check_sentence
    else:
        assert found.check_state == "good"


@pytest.mark.parametrize(
    ("scopes", "said"),
    [("", "`repo`, `admin:repo_hook`"), ("repo", "the scope `admin:repo_hook`"), ("admin:repo_hook", "scope `repo`")],
)
def test_scopes_that_are_missing_it_names(linked_github, github, scopes, said):
    github.headers["X-OAuth-Scopes"] = scopes
    found = checked()
    assert found.check_state == "failed"
    assert said in found.check_sentence


def test_a_fine_grained_token_it_takes_at_its_word(linked_github, github):
    github.headers.clear()
    assert checked().check_state == "good"


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, {"message": "Bad credentials"}, "was revoked or has expired"),
        (502, None, "is at fault itself (it answered 502)"),
        (200, b"<html>log in</html>", "is not the API of GitHub"),
    ],
)
def test_what_is_wrong_it_says(linked_github, github, status, body, said):
    github.trouble = lambda _asked: Reply(status, body)
    assert said in checked().check_sentence


def test_a_forge_that_is_not_there_it_says(linked_github, github, settings):
    settings.TRUSTED_HOSTS = frozenset({"127.0.0.1:1"})
    ForgeConnection.objects.update(api_url="http://127.0.0.1:1")
    assert "the connection was refused" in checked().check_sentence


def test_a_forge_that_does_not_answer_in_time_it_says(linked_github, github, monkeypatch):
    import threading

    from lib.http import Limits
    from webhooks.forges import api

    over = threading.Event()
    monkeypatch.setattr(api, "LIMITS", Limits(total_s=0.2))
    github.trouble = lambda _asked: over.wait(10) and None
    found = checked()
    over.set()
    assert found.check_sentence.endswith(": it did not answer in time.")


def test_a_private_address_it_asks_only_where_the_operator_trusts_it(linked_github, github, settings):
    settings.TRUSTED_HOSTS = frozenset()
    assert "IMAGEYARD_TRUSTED_HOSTS" in checked().check_sentence
    assert github.asked == []


def test_the_repositories_it_lists_in_place_of_those_before(linked_github, github):
    ListedRepository.objects.create(connection=ForgeConnection.objects.get(), full_name="acme/gone", clone_url="x")
    found = listed()
    assert (found.list_state, found.list_sentence) == ("good", "GitHub lists 6 repositories.")
    assert set(found.repositories.values_list("full_name", flat=True)) == {
        f"acme/{page}-{n}" for page in (1, 2, 3) for n in (0, 1)
    }


def test_a_list_that_fails_it_keeps_the_one_before(linked_github, github):
    listed()
    github.fails(500)
    assert listed().list_state == "failed"
    assert ListedRepository.objects.count() == 6


def test_an_answer_that_nobody_waits_for_it_does_not_ask_for(linked_github, github):
    check_connection(ForgeConnection.objects.get().pk)
    assert github.asked == []


def test_the_token_it_keeps_encrypted(linked_github):
    with database.cursor() as cursor:
        cursor.execute("SELECT token FROM webhooks_forgeconnection")
        assert TOKEN not in cursor.fetchone()[0]


# --- a GitHub App -------------------------------------------------------------------------------------------------


@pytest.fixture
def app(linked_github):
    fields = {"kind": "app", "app_id": "123", "installation_id": "456", "private_key": PEM, "token": ""}
    row = ForgeConnection.objects.get()
    for name, value in fields.items():
        setattr(row, name, value)
    row.save()
    return row


def tokens_asked(github) -> int:
    return sum(asked.path == "/app/installations/456/access_tokens" for asked in github.asked)


@time_machine.travel(datetime(2026, 7, 11, 21, 30, tzinfo=UTC), tick=True)
def test_an_app_it_lets_in_by_a_jwt_that_its_key_signed(app, github):
    assert checked().check_state == "good"
    jwt = next(a.headers["authorization"] for a in github.asked if a.path.startswith("/app/")).removeprefix("Bearer ")
    head, claims, signature = (base64.urlsafe_b64decode(part + "==") for part in jwt.split("."))
    KEY.public_key().verify(signature, jwt.rpartition(".")[0].encode(), PKCS1v15(), SHA256())
    now = datetime(2026, 7, 11, 21, 30, tzinfo=UTC).timestamp()
    told = json.loads(claims)
    assert json.loads(head) == {"alg": "RS256", "typ": "JWT"}
    assert told["iss"] == "123"
    assert told["iat"] <= now < told["exp"] <= now + 600


def test_the_token_of_an_app_it_keeps_until_shortly_before_its_end(app, github):
    """The stand-in's tokens end at 22:14:10, as in GitHub's example."""
    with time_machine.travel(datetime(2026, 7, 11, 21, 20, tzinfo=UTC), tick=False) as clock:
        for minute, asked in ((20, 1), (40, 1), (59, 1)):
            clock.move_to(datetime(2026, 7, 11, 21, minute, tzinfo=UTC))
            with forge_of(app) as forge:
                forge.repository("acme/web")
            assert tokens_asked(github) == asked
        clock.move_to(datetime(2026, 7, 11, 22, 10, tzinfo=UTC))
        with forge_of(app) as forge:
            forge.repository("acme/web")
        assert tokens_asked(github) == 2


def test_the_token_of_an_app_it_keeps_encrypted_and_nowhere_else(app, github):
    from django.core.cache import cache

    with time_machine.travel(datetime(2026, 7, 11, 21, 30, tzinfo=UTC)), forge_of(app):
        assert TOKEN not in str(vars(cache._connections[cache._alias] if hasattr(cache, "_alias") else cache))
        app.refresh_from_db()
        assert app.token == ""


@time_machine.travel(datetime(2026, 7, 11, 21, 30, tzinfo=UTC), tick=True)
def test_a_token_of_an_app_that_was_revoked_it_asks_for_anew(app, github):
    checked()
    github.trouble = lambda asked: None if asked.path.startswith("/app/") else Reply(401, {"message": "no"})
    assert checked().check_state == "failed"
    github.heals()
    assert checked().check_state == "good"
    assert tokens_asked(github) == 2


@pytest.mark.parametrize(
    ("status", "said"), [(401, "does not know the App by its private key"), (404, "knows no installation 456")]
)
def test_an_app_that_is_not_let_in_it_says_why(app, github, status, said):
    github.trouble = lambda asked: Reply(status, {"message": "no"}) if asked.path.startswith("/app/") else None
    assert said in checked().check_sentence


# --- making one ---------------------------------------------------------------------------------------------------


def draft(**fields) -> ConnectionDraft:
    return ConnectionDraft(**{"name": "Robot", "forge": "github", "token": "ghp_1", **fields})


def save(**fields) -> ForgeConnection:
    namespace = make_repository().namespace
    return save_connection(make_admin(), namespace, draft(**fields), ForgeConnection.objects.first())


@pytest.mark.parametrize(
    ("forge", "server", "api"),
    [
        ("github", "", "https://api.github.com"),
        ("github", "https://github.com/", "https://api.github.com"),
        ("github", "https://git.acme.test", "https://git.acme.test/api/v3"),
        ("github", "https://acme.ghe.com", "https://api.acme.ghe.com"),
        ("gitlab", "", "https://gitlab.com/api/v4"),
        ("gitlab", "https://acme.test/gitlab/", "https://acme.test/gitlab/api/v4"),
        ("gitea", "https://codeberg.org", "https://codeberg.org/api/v1"),
        ("gitea", "http://git.acme.test:3000/api/v1", "http://git.acme.test:3000/api/v1"),
    ],
)
def test_it_tells_the_api_from_the_address_in_a_browser(forge, server, api):
    assert save(forge=forge, server=server).api_url == api


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"token": ""}, "Paste the access token"),
        ({"token": None}, "Paste the access token"),
        ({"name": " "}, "name"),
        ({"forge": "generic"}, "one of these forges"),
        ({"forge": "gitea"}, "Say where the forge is"),
        ({"forge": "bitbucket"}, "which workspace"),
        ({"forge": "bitbucket", "owner": "acme", "server": "https://git.acme.test"}, "Bitbucket Cloud"),
        ({"server": "git.acme.test"}, "https://"),
        ({"server": "https://robot:pw@git.acme.test"}, "field of its own"),
        ({"token": "one\ntwo"}, "one line"),
        ({"kind": "app", "app_id": "x"}, "App ID is a number"),
        ({"kind": "app", "app_id": "1", "installation_id": "2"}, "Paste the private key"),
        ({"kind": "app", "app_id": "1", "installation_id": "2", "private_key": "hello"}, "not one"),
        ({"kind": "app", "forge": "gitlab"}, "Only GitHub has Apps"),
    ],
)
def test_what_cannot_be_it_refuses_with_a_sentence(fields, said):
    with pytest.raises(Refused, match=said):
        save(**fields)


def test_a_stored_token_it_keeps_for_its_server_and_sends_to_no_other():
    save(token="kept")
    assert save(token=None, name="Renamed").token == "kept"
    with pytest.raises(Refused, match="another server"):
        save(token=None, server="https://evil.example.com")
    assert ForgeConnection.objects.get().api_url == "https://api.github.com"


def test_what_waited_for_a_new_token_it_sends_at_once(linked_github, rings, django_capture_on_commit_callbacks):
    from datetime import timedelta

    from django.utils import timezone

    later = timezone.now() + timedelta(hours=1)
    ForgeConnection.objects.update(paused_until=later, failures=9)
    row = CommitStatus.objects.create(
        source=linked_github, commit="a" * 40, context="c", state="success", next_at=later
    )
    rings.clear()
    with django_capture_on_commit_callbacks(execute=True):
        save(token="new", server=ForgeConnection.objects.get().api_url)
    row.refresh_from_db()
    assert row.next_at < timezone.now() + timedelta(seconds=5)
    assert ForgeConnection.objects.get().paused_until is None
    assert sorted(rings) == ["webhooks.check_connection", "webhooks.send_statuses"]
