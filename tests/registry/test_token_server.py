"""The token server: who is let in, what of their wish is granted, and the sentence for each log-in that is no good."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client

from accounts.models import ApiToken, AuditEntry, Membership, Namespace, Role, User
from accounts.tokens import create_token, revoke_token
from registry.actions import default_registry
from registry.models import Registry, Repository, SigningKey
from registry.tokens import BuildPass, make_build_pass, signing_leaf
from registry.tokens.certificates import load_key
from registry.tokens.rotation import forget
from registry.views.token import BY_ACCOUNT, BY_ADDRESS
from tests.factories import make_admin, make_member, make_repository, make_user

pytestmark = pytest.mark.django_db
HOST = "registry.example.com"
PASSWORD = "correct horse battery"
Access = dict[str, list[str]]


@pytest.fixture(autouse=True)
def own_registry(settings: Any) -> None:
    settings.REGISTRY_AUTH = "token"
    settings.REGISTRY_HOST = HOST
    cache.clear()
    forget()


@pytest.fixture
def wendy() -> User:
    user = make_member(Namespace.objects.get_or_create(name="acme")[0], "wendy", Role.WRITE)
    user.set_password(PASSWORD)
    user.save()
    return user


def basic(username: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}


def ask(client: Client, *scopes: str, who: tuple[str, str] | None = None, **query: str) -> HttpResponse:
    data = {"service": HOST, "scope": list(scopes), **query}
    return client.get("/registry/token", data, headers=basic(*who) if who else {})


def claims_of(answer: HttpResponse) -> dict[str, Any]:
    assert answer.status_code == 200, answer.content
    key = signing_leaf().private_key.public_key()
    return dict(jwt.decode(answer.json()["token"], key, algorithms=["ES256"], audience=HOST, issuer="imageyard"))


def access_of(answer: HttpResponse) -> Access:
    return {one["name"]: one["actions"] for one in claims_of(answer)["access"]}


def sentence_of(answer: HttpResponse, status: int) -> str:
    assert answer.status_code == status, answer.content
    (error,) = answer.json()["errors"]
    return str(error["message"])


def test_a_token_says_who_and_what_and_names_its_key(client: Client, wendy: User) -> None:
    make_repository("acme/web")
    answer = ask(client, "repository:acme/web:pull,push", who=("wendy", PASSWORD))
    claims = claims_of(answer)
    assert claims["sub"] == wendy.username
    assert claims["access"] == [{"type": "repository", "name": "acme/web", "actions": ["pull", "push"]}]
    said = answer.json()
    assert said["token"] == said["access_token"]
    assert (said["expires_in"], claims["exp"] - claims["iat"]) == (300, 300)
    assert said["issued_at"].endswith("Z")
    assert "refresh_token" not in said
    assert len(jwt.get_unverified_header(said["token"])["x5c"]) == 1
    assert answer["Cache-Control"] == "no-store"


def test_nobody_may_pull_what_is_public_and_nothing_else(client: Client) -> None:
    make_repository("acme/shown", visibility="public")
    make_repository("acme/hidden")
    answer = ask(client, "repository:acme/shown:pull,push", "repository:acme/hidden:pull", "registry:catalog:*")
    assert access_of(answer) == {"acme/shown": ["pull"]}
    assert claims_of(answer)["sub"] == ""


def test_somebody_elses_private_repository_cannot_be_told_from_none(client: Client, wendy: User) -> None:
    make_repository("other/private")
    asked = {"who": ("wendy", PASSWORD)}
    there = ask(client, "repository:other/private:pull,push", **asked)  # type: ignore[arg-type]
    absent = ask(client, "repository:other/absent:pull,push", **asked)  # type: ignore[arg-type]
    assert access_of(there) == access_of(absent) == {}
    assert not Repository.objects.filter(name="absent").exists()


@pytest.mark.parametrize(
    ("role", "actions"),
    [
        (Role.READ, ["pull"]),
        (Role.WRITE, ["pull", "push"]),
        (Role.ADMIN, ["pull", "push", "delete"]),
        (Role.OWNER, ["pull", "push", "delete"]),
    ],
)
def test_the_role_in_the_namespace_decides(client: Client, role: Role, actions: list[str]) -> None:
    repository = make_repository("acme/web")
    user = make_member(repository.namespace, "rolf", role)
    _, text = create_token(user, "ci")
    answer = ask(client, "repository:acme/web:pull,push,delete", who=("rolf", text))
    assert access_of(answer) == {"acme/web": actions}


@pytest.mark.parametrize(("scope", "actions"), [("pull", ["pull"]), ("push", ["pull", "push"])])
def test_a_token_for_the_registry_alone_is_a_ceiling(client: Client, scope: str, actions: list[str]) -> None:
    repository, _ = make_repository("acme/web"), make_repository("acme/other")
    owner = make_member(repository.namespace, "olga", Role.OWNER)
    _, text = create_token(owner, "ci", scope=scope, repositories=["acme/web"])
    answer = ask(
        client,
        "repository:acme/web:pull,push,delete",
        "repository:acme/other:pull",
        "repository:acme/new:pull,push",
        who=("olga", text),
    )
    assert access_of(answer) == {"acme/web": actions}
    assert not Repository.objects.filter(name="new").exists()


def test_administrators_have_everything_and_the_catalogue(client: Client) -> None:
    make_repository("acme/web")
    _, text = create_token(make_admin(), "admin")
    answer = ask(client, "repository:acme/web:*", "registry:catalog:*", who=("admin", text))
    assert access_of(answer) == {"acme/web": ["pull", "push", "delete"], "catalog": ["*"]}
    _, limited = create_token(make_admin(), "limited", scope="pull")
    assert access_of(ask(client, "registry:catalog:*", who=("admin", limited))) == {}


def test_a_push_makes_the_repository_once_private_and_audited(client: Client, wendy: User) -> None:
    for _ in range(2):
        answer = ask(client, "repository:acme/new:pull,push", who=("wendy", PASSWORD))
        assert access_of(answer) == {"acme/new": ["pull", "push"]}
    assert Repository.objects.get(name="new").visibility == "private"
    assert AuditEntry.objects.get(action="repository.create", target="acme/new").actor == wendy
    assert access_of(ask(client, "repository:wendy/own:push", who=("wendy", PASSWORD))) == {"wendy/own": ["push"]}
    assert Membership.objects.get(namespace__name="wendy").role == Role.OWNER


@pytest.mark.parametrize(
    "scope",
    [
        "repository:acme/never:pull",
        "repository:other/new:push",
        "repository:new:push",
        "repository:acme/a/b:push",
        "repository:acme/New:push",
        "repository:acme/x\x01:push",
        "repository:registry.local:5000/acme/new:push",
    ],
)
def test_nothing_is_made_by_a_pull_or_where_it_cannot_be(client: Client, wendy: User, scope: str) -> None:
    assert access_of(ask(client, scope, who=(wendy.username, PASSWORD))) == {}
    assert not Repository.objects.exists()


def test_readers_make_nothing(client: Client) -> None:
    reader = make_member(Namespace.objects.create(name="acme"), "rhea", Role.READ)
    _, text = create_token(reader, "ci")
    assert access_of(ask(client, "repository:acme/new:push", who=("rhea", text))) == {}
    assert not Repository.objects.exists()


def test_repositories_in_another_registry_are_not_here(client: Client, wendy: User) -> None:
    other = Registry.objects.create(name="other", host="other.example.com")
    Repository.objects.create(namespace=Namespace.objects.get(name="acme"), name="far", registry=other)
    assert access_of(ask(client, "repository:acme/far:pull,push", who=(wendy.username, PASSWORD))) == {}


@pytest.mark.parametrize(
    ("who", "sentence"),
    [
        (("wendy", "wrong"), "No account here has this user name and password."),
        (("nobody", PASSWORD), "No account here has this user name and password."),
        (("wendy", "\0"), "No account here has this user name and password."),
        (("wendy", "w" * 5000), "No account here has this user name and password."),
        (("wendy", "iy_unknown"), "This API token is unknown, revoked or expired, or its account is disabled."),
        (("build#1", "iyb_forged"), "This is no pass of a build that is running now."),
    ],
)
def test_a_wrong_log_in_is_401_with_a_sentence(
    client: Client, wendy: User, who: tuple[str, str], sentence: str
) -> None:
    assert wendy.username == "wendy"
    answer = ask(client, who=who)
    assert sentence in sentence_of(answer, 401)
    assert answer["WWW-Authenticate"].startswith("Basic")
    assert answer.json()["errors"][0]["code"] == "UNAUTHORIZED"


@pytest.mark.parametrize("header", ["Basic !!!", "Basic d2VuZHk=", "Bearer abc", "Basic /w=="])
def test_a_log_in_that_cannot_be_read_is_said_so(client: Client, header: str) -> None:
    answer = client.get("/registry/token", headers={"Authorization": header})
    assert "The log-in cannot be read" in sentence_of(answer, 401)


def test_names_are_as_at_the_page_and_a_token_must_be_of_its_user(client: Client, wendy: User) -> None:
    assert claims_of(ask(client, who=("WENDY", PASSWORD)))["sub"] == "wendy"
    _, text = create_token(wendy, "ci")
    assert claims_of(ask(client, who=("Wendy", text)))["sub"] == "wendy"
    assert "not one of “rhea”" in sentence_of(ask(client, who=("rhea", text)), 401)
    make_user("Wendy")  # now only the exact name is meant
    assert claims_of(ask(client, who=("wendy", PASSWORD)))["sub"] == "wendy"
    sentence_of(ask(client, who=("WENDY", PASSWORD)), 401)


def disable(user: User, _token: ApiToken) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def revoke(user: User, token: ApiToken) -> None:
    revoke_token(user, token)


def test_what_docker_keeps_logs_in_again(client: Client, wendy: User) -> None:
    make_repository("acme/web")
    kept = ask(client, who=("wendy", PASSWORD), offline_token="true").json()["refresh_token"]
    answer = refresh(client, kept, scope="repository:acme/web:pull")
    assert access_of(answer) == {"acme/web": ["pull"]}
    assert answer.json()["scope"] == "repository:acme/web:pull"


def refresh(client: Client, kept: str, **more: str) -> HttpResponse:
    data = {"grant_type": "refresh_token", "service": HOST, "client_id": "docker", "refresh_token": kept, **more}
    return client.post("/registry/token", data)


@pytest.mark.parametrize("end", [disable, revoke])
def test_a_refresh_token_ends_with_what_it_was_made_from(
    client: Client, wendy: User, end: Callable[[User, ApiToken], None]
) -> None:
    row, text = create_token(wendy, "ci", scope="pull")
    kept = ask(client, who=("wendy", text), offline_token="true").json()["refresh_token"]
    assert claims_of(refresh(client, kept))["sub"] == "wendy"
    end(wendy, row)
    assert "This log-in is over" in sentence_of(refresh(client, kept), 401)
    sentence_of(ask(client, who=("wendy", text)), 401)


def test_a_refresh_token_of_a_limited_token_is_as_limited(client: Client, wendy: User) -> None:
    make_repository("acme/web")
    _, text = create_token(wendy, "ci", scope="pull")
    kept = ask(client, who=("wendy", text), offline_token="true").json()["refresh_token"]
    assert access_of(refresh(client, kept, scope="repository:acme/web:pull,push")) == {"acme/web": ["pull"]}


def test_another_password_ends_the_log_ins_with_the_old_one(client: Client, wendy: User) -> None:
    kept = ask(client, who=("wendy", PASSWORD), offline_token="true").json()["refresh_token"]
    wendy.set_password("another one, also long")
    wendy.save()
    assert "This log-in is over" in sentence_of(refresh(client, kept), 401)
    sentence_of(refresh(client, kept[:-3] + "abc"), 401)


def test_the_oauth_form_takes_a_password_too(client: Client, wendy: User) -> None:
    data = {"grant_type": "password", "service": HOST, "username": wendy.username, "password": PASSWORD}
    answer = client.post("/registry/token", {**data, "access_type": "offline", "client_id": "x"})
    assert claims_of(answer)["sub"] == "wendy"
    assert answer.json()["refresh_token"].startswith("iyr_")
    assert "No password and no refresh token" in sentence_of(
        client.post("/registry/token", {**data, "password": ""}), 401
    )
    assert "grant_type" in sentence_of(client.post("/registry/token", {"service": HOST}), 400)
    assert client.put("/registry/token")["Allow"] == "GET, POST"


def test_the_wrong_service_is_told_which_is_right(client: Client) -> None:
    said = sentence_of(ask(client, service="other.example.com"), 400)
    assert HOST in said
    assert "auth.token.service" in said


def test_a_registry_that_is_not_ours_gets_no_tokens(client: Client, settings: Any) -> None:
    settings.REGISTRY_AUTH = "none"
    assert "IMAGEYARD_REGISTRY_AUTH" in sentence_of(ask(client), 404)


def test_a_namespace_cannot_make_our_registry_its_own(client: Client, wendy: User) -> None:
    """Imageyard signs tokens without asking only for the registry that is everybody's."""
    space = Namespace.objects.get(name="acme")
    theirs = Registry.objects.create(name="theirs", host=HOST, namespace=space)
    assert default_registry().is_own
    assert not theirs.is_own
    Repository.objects.create(namespace=space, name="theirs", registry=theirs)
    assert access_of(ask(client, "repository:acme/theirs:pull", who=(wendy.username, PASSWORD))) == {}


def test_broken_and_huge_lists_of_scopes(client: Client, wendy: User) -> None:
    who = (wendy.username, PASSWORD)
    assert access_of(ask(client, "repository", "x:y", ":::", "repository:acme/web", who=who)) == {}
    many = [f"repository:acme/r{number}:pull" for number in range(101)]
    assert "More than 100 scopes" in sentence_of(ask(client, *many, who=who), 400)
    assert ask(client, *[f"x{number}" for number in range(2000)]).status_code == 400


def test_a_hundred_scopes_take_no_more_queries_than_one(
    client: Client, wendy: User, django_assert_max_num_queries: Any
) -> None:
    _, text = create_token(wendy, "ci")
    for number in range(100):
        make_repository(f"acme/r{number}")
    ask(client, who=("wendy", text))
    with django_assert_max_num_queries(5):
        answer = ask(client, *[f"repository:acme/r{number}:pull" for number in range(100)], who=("wendy", text))
    assert len(access_of(answer)) == 100


def test_guessing_passwords_is_slowed_down_and_tokens_stay_good(client: Client, wendy: User) -> None:
    for _ in range(BY_ACCOUNT.most - 1):
        sentence_of(ask(client, who=("wendy", "wrong")), 401)
    answer = ask(client, who=("wendy", "wrong"))
    said = sentence_of(answer, 429)
    assert f"Wait {answer['Retry-After']} s" in said
    assert 0 < int(answer["Retry-After"]) <= BY_ACCOUNT.seconds
    assert answer.json()["errors"][0]["code"] == "TOOMANYREQUESTS"
    sentence_of(ask(client, who=("Wendy", PASSWORD)), 429)  # not even tried
    _, text = create_token(wendy, "ci")
    assert claims_of(ask(client, who=("wendy", text)))["sub"] == "wendy"


def test_guessing_at_many_names_is_slowed_down_by_address(client: Client, wendy: User) -> None:
    for number in range(BY_ADDRESS.most):
        ask(client, who=(f"name{number}", "iy_guess"))
    assert "Too many log-ins failed" in sentence_of(ask(client, who=("somebody", "iy_guess")), 429)
    _, text = create_token(wendy, "ci")
    assert claims_of(ask(client, who=("wendy", text)))["sub"] == "wendy"
    assert ask(client).status_code == 200


def test_a_token_check_costs_no_password_hash(client: Client, wendy: User, monkeypatch: pytest.MonkeyPatch) -> None:
    _, text = create_token(wendy, "ci")

    def never(*_: object, **__: object) -> bool:
        raise AssertionError("a password was hashed")

    monkeypatch.setattr("django.contrib.auth.hashers.check_password", never)
    monkeypatch.setattr("registry.actions.entry.make_password", never)
    assert claims_of(ask(client, who=("wendy", text)))["sub"] == "wendy"


def build_pass(**changes: Any) -> tuple[str, str]:
    given = {"build": 7, "attempt": 1, "repository": "acme/web", "namespace": "acme", "pushes": True}
    made = BuildPass(**{"until": int(time.time()) + 600, **given, **changes})
    return made.username, make_build_pass(made)


def test_a_builds_pass_pushes_to_its_repository_alone(client: Client) -> None:
    for path, visibility in (("acme/web", "private"), ("acme/base", "private"), ("other/shown", "public")):
        make_repository(path, visibility=visibility)
    make_repository("other/hidden")
    names = ("acme/web", "acme/base", "other/shown", "other/hidden", "acme/new")
    answer = ask(client, *[f"repository:{name}:pull,push,delete" for name in names], who=build_pass())
    assert access_of(answer) == {"acme/web": ["pull", "push"], "acme/base": ["pull"], "other/shown": ["pull"]}
    assert claims_of(answer)["sub"] == "build:7"
    only_pulls = ask(client, "repository:acme/web:pull,push", who=build_pass(pushes=False))
    assert access_of(only_pulls) == {"acme/web": ["pull"]}
    assert not Repository.objects.filter(name="new").exists()


def test_a_builds_pass_ends_and_is_nobody_elses(client: Client) -> None:
    _, ended = build_pass(until=int(time.time()) - 1)
    assert "no pass of a build" in sentence_of(ask(client, who=("build#7", ended)), 401)
    _, good = build_pass()
    assert "no pass of a build" in sentence_of(ask(client, who=("build#8", good)), 401)
    assert "refresh_token" not in ask(client, who=("build#7", good), offline_token="true").json()
    username, short = build_pass(until=int(time.time()) + 5)
    assert ask(client, who=(username, short)).json()["expires_in"] == 60


def test_a_page_session_is_no_log_in_here(client: Client, wendy: User) -> None:
    make_repository("acme/web")
    client.force_login(wendy)
    assert access_of(ask(client, "repository:acme/web:pull")) == {}


def test_leaves_are_p256_keys_that_can_be_read(client: Client) -> None:
    ask(client)
    row = SigningKey.objects.get(kind="leaf")
    assert load_key(row.private_key).key_size == 256
    assert (
        "PRIVATE"
        not in SigningKey.objects.filter(pk=row.pk)
        .extra(select={"raw": "private_key"})
        .values_list("raw", flat=True)
        .get()
    )
