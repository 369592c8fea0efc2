"""The API's edges: whatever is sent, the answer is a problem document with a sentence, and nothing is half done."""

# ruff: noqa: F811 — fixtures are named as the tests ask for them
from __future__ import annotations

import json

import pytest
from django.test import Client

from accounts.models import AuditEntry, Role
from builds.models import Build, Source
from tests.builds.test_api import PROBLEM, Api, admin, linked, reader, stranger, writer  # noqa: F401 — fixtures
from tests.factories import make_build, make_member, make_repository, make_rule, make_source, make_user

pytestmark = pytest.mark.django_db
WEB = "/repositories/acme/web"


def is_problem(answer, status: int) -> bool:
    assert answer.status_code == status, answer.content
    assert answer["content-type"] == PROBLEM
    assert answer.json()["status"] == status
    return answer.json()["detail"].endswith(".")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nope", 404),
        ("GET", "/repositories/acme", 404),
        ("DELETE", "/repositories", 405),
        ("GET", "/builds/1/cancel", 405),
        ("GET", "/repositories/ac%00me/web", 404),
        ("GET", f"{WEB}/tags?cursor=%00", 400),
        ("GET", f"{WEB}/tags?cursor=YQBi", 422),  # "a", NUL, "b"
    ],
)
def test_it_tells_every_refusal_as_a_problem(admin, linked, method, path, status):
    assert is_problem(admin(method, path), status)


def test_it_names_the_methods_that_a_call_takes(admin):
    answer = admin("DELETE", "/repositories")
    assert "GET" in answer["Allow"]
    assert "does not take DELETE" in answer.json()["detail"]


def test_it_leaves_errors_of_pages_to_people():
    assert Client().get("/nope")["content-type"].startswith("text/html")


def test_it_refuses_a_body_that_no_call_needs(admin):
    body = json.dumps({"namespace": "acme", "name": "web", "description": "x" * 3_000_000})
    answer = admin.client.generic("POST", "/api/v1/repositories", body, content_type="application/json")
    assert is_problem(answer, 413)


def test_a_fault_of_ours_is_a_problem_too(admin, linked, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("of a secret")

    monkeypatch.setattr("builds.api.shapes.last_builds", broken)
    answer = admin("GET", "/repositories")
    assert is_problem(answer, 500)
    assert "secret" not in answer.content.decode()


@pytest.mark.parametrize("text", ["a\\u0000b", "\\ud800"])
def test_it_refuses_text_that_a_database_cannot_hold(admin, text):
    body = f'{{"namespace": "acme", "name": "web", "description": "{text}"}}'
    answer = admin.client.generic("POST", "/api/v1/repositories", body, content_type="application/json")
    assert is_problem(answer, 400)


def test_it_says_where_a_body_is_no_json(admin):
    answer = admin.client.generic("POST", "/api/v1/repositories", '{"name": ', content_type="application/json")
    assert is_problem(answer, 400)
    assert "line 1 column 10" in answer.json()["detail"]


@pytest.mark.parametrize("commit", ["v1.0", "main", "abc", "a" * 41, "0" * 40, "a" * 300, "--help"])
def test_it_refuses_a_commit_that_is_none(writer, commit):
    assert is_problem(writer("POST", f"{WEB}/builds", {"ref": "main", "commit": commit}), 422)
    assert not Build.objects.exists()


@pytest.mark.parametrize(
    ("commit", "kept"), [("ABCDEF0", "abcdef0"), (" " + "A" * 40, "a" * 40), ("b" * 64, "b" * 64), ("", ""), (None, "")]
)
def test_it_takes_a_commit_as_people_paste_it(writer, commit, kept):
    answer = writer("POST", f"{WEB}/builds", {"ref": "main", "commit": commit})
    assert (answer.status_code, Build.objects.get().commit) == (201, kept)


@pytest.mark.parametrize("ref", ["refs/heads/main", " main ", ""])
def test_it_takes_a_branch_by_its_full_name_and_the_default_one_by_none(writer, ref):
    answer = writer("POST", f"{WEB}/builds", {"ref_type": "branch", "ref": ref})
    assert answer.json()["builds"][0]["ref"] == "main"


def test_it_asks_for_a_branch_while_the_default_one_is_not_known(writer):
    Source.objects.update(default_branch="")
    answer = writer("POST", f"{WEB}/builds", {"ref": ""})
    assert is_problem(answer, 422)
    assert "default branch" in answer.json()["detail"]


def test_a_trigger_that_nothing_builds_is_not_called_a_delivery(writer):
    detail = writer("POST", f"{WEB}/builds", {"ref": "docs"}).json()["detail"]
    assert detail.startswith("Nothing to build: no rule matches branch `docs`.")


def test_it_saves_no_more_rules_than_a_push_can_be_judged_by(admin, linked):
    rules = [{"ref_type": "branch", "pattern": f"b{n}", "tags": ["x"]} for n in range(101)]
    assert is_problem(admin("PUT", f"{WEB}/rules", rules), 422)
    assert is_problem(admin("POST", f"{WEB}/rules/test", {"refs": [], "rules": rules}), 422)
    assert [rule["pattern"] for rule in admin("GET", f"{WEB}/rules").json()] == ["main"]


@pytest.mark.parametrize(
    "more",
    [
        {"clone_url": f"https://git.example.com/{'a' * 1000}"},
        {"default_branch": "b" * 300},
        {"default_branch": "a..b"},
        {"credential": {"username": "u" * 300, "token": "secret-token"}},
    ],
)
def test_it_refuses_a_source_longer_than_it_can_keep(admin, linked, more):
    body = {"forge": "github", "clone_url": "https://git.example.com/acme/web.git", **more}
    assert is_problem(admin("PUT", f"{WEB}/source", body), 422)


def test_a_link_without_a_credential_keeps_user_and_token(admin):
    source = make_source(token="the-token", username="bot")
    admin("PUT", f"{WEB}/source", {"forge": "gitea", "clone_url": source.clone_url})
    source.refresh_from_db()
    assert (source.forge, source.username, source.token) == ("gitea", "bot", "the-token")


def test_a_stranger_cannot_tell_a_namespace_that_is_there_from_one_that_is_not(stranger):
    there = stranger("POST", "/repositories", {"namespace": "acme", "name": "new"})
    not_there = stranger("POST", "/repositories", {"namespace": "other", "name": "new"})
    assert (there.status_code, not_there.status_code) == (404, 404)
    assert there.json()["detail"].replace("acme", "other") == not_there.json()["detail"]


def test_a_reader_is_told_which_role_it_takes(linked):
    api = Api(make_member(make_repository().namespace, "rita", Role.READ))
    assert is_problem(api("POST", "/repositories", {"namespace": "acme", "name": "new"}), 403)


def test_a_failed_build_names_no_tag_that_it_never_put(admin, linked):
    plan = {"tags": [{"name": "latest", "template": "latest", "changed_from": None}]}
    build = make_build(state="failed", plan=plan, error_kind="user", error_message="Step 4 of 7 ended.")
    assert admin("GET", f"/builds/{build.pk}").json()["tags"] == []


def test_making_a_token_is_in_the_audit():
    Api(make_user("alice"))
    assert AuditEntry.objects.get(action="token.create").actor.username == "alice"


def test_the_admin_lets_nobody_guess_passwords_beside_the_login_page(client):
    answer = client.get("/admin/login/?next=/admin/")
    assert (answer.status_code, answer["location"]) == (302, "/accounts/login/?next=%2Fadmin%2F")


@pytest.mark.parametrize("path", ["password/reset/", "email/", "confirm-email/", "login/code/confirm/"])
def test_it_has_no_account_page_that_would_send_mail(client, path):
    client.force_login(make_user("alice"))
    assert client.get(f"/accounts/{path}").status_code == 404


def test_a_session_needs_its_csrf_token_for_changes(linked):
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user("alice"))
    assert is_problem(client.post("/api/v1/repositories", "{}", content_type="application/json"), 403)


def test_a_list_of_repositories_costs_as_many_queries_as_one(admin, django_assert_num_queries):
    """Pages of 200 repositories are asked for: the token, the repositories, their sources and their last builds."""
    for number in range(5):
        make_build(make_rule(make_source(make_repository(f"acme/r{number}"))))
    admin("GET", "/repositories")  # writes down when the token was used
    with django_assert_num_queries(4):
        answer = admin("GET", "/repositories")
    assert [row["last_build"]["number"] for row in answer.json()["items"]] == [1] * 5
    assert all(row["source"]["webhook_secret"] is None for row in answer.json()["items"])
