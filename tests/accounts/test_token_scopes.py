"""Tokens by scope: what the API takes, what the registry's token server goes by, and that an end is an end at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import ApiToken, AuditEntry
from accounts.tokens import authenticate_token, create_token, find_token, registry_actions, revoke_token
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def _get(client, text, path="/api/v1/repositories"):
    return client.get(path, headers={"Authorization": f"Bearer {text}"})


def test_a_token_for_everything_is_what_tokens_were_so_far(client):
    _, text = create_token(make_user("wendy"), "script")
    assert find_token(text).scope == "full"
    assert authenticate_token(text) == make_user("wendy")
    assert _get(client, text).status_code == 200


@pytest.mark.parametrize(("scope", "does"), [("pull", "pulls"), ("push", "pulls and pushes")])
def test_the_api_refuses_a_token_for_the_registry_with_a_sentence(client, scope, does):
    _, text = create_token(make_user("wendy"), "cluster", scope=scope)
    answer = _get(client, text)
    assert answer.status_code == 403
    assert answer.json()["detail"].startswith(f"This token {does} at the registry and does nothing else.")
    assert authenticate_token(text) is None
    assert find_token(text).user.username == "wendy"


@pytest.mark.parametrize(
    ("scope", "actions"),
    [
        ("pull", {"pull"}),
        ("push", {"pull", "push"}),
        ("full", {"pull", "push", "delete"}),
        ("", set()),
        ("unheard of", set()),
    ],
)
def test_a_scope_is_a_ceiling_of_what_the_registry_is_asked_for(scope, actions):
    assert registry_actions(scope) == actions


def _expire(token):
    ApiToken.objects.filter(pk=token.pk).update(expires_at=timezone.now() - timedelta(seconds=1))


def _disable(token):
    token.user.is_active = False
    token.user.save()


@pytest.mark.parametrize("end", [_expire, _disable, lambda token: revoke_token(token.user, token)])
@pytest.mark.parametrize("scope", ApiToken.Scope.values)
def test_a_token_that_ended_is_nobody_at_once(client, end, scope):
    token, text = create_token(make_user("wendy"), "script", scope=scope)
    assert find_token(text) == token
    end(token)
    assert find_token(text) is None
    assert _get(client, text).status_code == 401


@pytest.mark.parametrize("text", ["", "iy_", "iy_" + "x" * 100_000, "ï", "a b"])
def test_a_text_that_is_no_token_finds_nothing(text):
    create_token(make_user("wendy"), "script")
    assert find_token(text) is None


def test_a_token_may_be_limited_to_repositories():
    limited, _ = create_token(make_user("wendy"), "one image", scope="push", repositories=["acme/web"])
    free, _ = create_token(make_user("wendy"), "all images", scope="push")
    assert limited.covers("acme/web")
    assert not limited.covers("acme/web2")
    assert not limited.covers("acme")
    assert free.covers("acme/web2")


def test_use_is_written_down_and_the_scope_stands_in_the_audit():
    token, text = create_token(make_user("wendy"), "cluster", scope="pull")
    find_token(text)
    token.refresh_from_db()
    assert token.last_used_at is not None
    assert AuditEntry.objects.get(action="token.create").detail == "of wendy, scope pull"
