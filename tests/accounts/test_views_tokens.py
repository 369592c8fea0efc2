"""One's own API tokens over HTTP: made, shown once, revoked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import ApiToken, AuditEntry
from accounts.tokens import authenticate_token, create_token
from tests.factories import make_user

pytestmark = pytest.mark.django_db

TOKENS = "/account/tokens"


@pytest.fixture
def alice(client):
    user = make_user("alice")
    client.force_login(user)
    return user


def test_it_asks_visitors_to_log_in(client):
    assert client.get(TOKENS).status_code == 302


@pytest.mark.one_database
def test_it_says_what_tokens_are_for_when_there_are_none(client, alice):
    assert "No tokens yet" in client.get(TOKENS).content.decode()


def test_it_shows_a_new_token_once_and_keeps_only_its_hash(client, alice):
    client.post(TOKENS, {"name": "deploy script", "days": "90"})
    assert "iy_" not in str(dict(client.session))
    page = client.get(TOKENS)
    text = page.context["new"].text
    assert authenticate_token(text) == alice
    assert text in page.content.decode()
    assert text not in client.get(TOKENS).content.decode()


@pytest.mark.parametrize(("days", "delta"), [("30", timedelta(days=30)), ("", None)])
def test_it_ends_when_it_was_told_to(client, alice, days, delta):
    client.post(TOKENS, {"name": "x", "days": days})
    end = ApiToken.objects.get().expires_at
    assert end is None if delta is None else abs(end - timezone.now() - delta) < timedelta(minutes=1)


@pytest.mark.parametrize("fields", [{"name": "", "days": "30"}, {"name": "x", "days": "7000"}, {"name": "x" * 101}])
def test_it_makes_nothing_when_the_form_is_wrong(client, alice, fields):
    assert client.post(TOKENS, fields).status_code == 422
    assert not ApiToken.objects.exists()


def test_it_revokes_a_token_and_writes_it_down(client, alice):
    token, text = create_token(alice, "old")
    client.post(f"{TOKENS}/{token.pk}/revoke")
    assert authenticate_token(text) is None
    assert AuditEntry.objects.get(action="token.revoke").actor == alice


@pytest.mark.one_database
def test_it_does_not_know_another_persons_token(client, alice):
    token, text = create_token(make_user("bob"), "another script")
    assert client.post(f"{TOKENS}/{token.pk}/revoke").status_code == 404
    assert authenticate_token(text) is not None
    assert "another script" not in client.get(TOKENS).content.decode()


@pytest.mark.one_database
def test_it_revokes_nothing_by_get(client, alice):
    token, _ = create_token(alice, "old")
    assert client.get(f"{TOKENS}/{token.pk}/revoke").status_code == 405
