"""The API as CONTRACT has it: works · bad input · stranger 404 · reader 403 · nobody 401."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import Role
from accounts.tokens import create_token
from builds.actions.claim import claim_next
from builds.core.frames import Frame
from builds.logs.frames import compress
from builds.models import Build, Source, Step
from builds.models.log import DatabaseFrames
from tests.factories import make_admin, make_build, make_member, make_repository, make_rule, make_source, make_user

pytestmark = pytest.mark.django_db
PROBLEM = "application/problem+json"


class Api:
    def __init__(self, user) -> None:
        _, token = create_token(user, "test")
        self.client = Client(headers={"authorization": f"Bearer {token}"})

    def __call__(self, method: str, path: str, body=None):
        return self.client.generic(method, f"/api/v1{path}", _json(body), content_type="application/json")


def _json(body) -> str:
    import json

    return "" if body is None else json.dumps(body)


@pytest.fixture
def admin() -> Api:
    return Api(make_admin())


@pytest.fixture
def linked() -> str:
    source = make_source()
    make_rule(source)
    return "/repositories/acme/web"


@pytest.fixture
def reader(linked) -> Api:
    return Api(make_member(make_repository().namespace, "rita", Role.READ))


@pytest.fixture
def writer(linked) -> Api:
    return Api(make_member(make_repository().namespace, "walter", Role.WRITE))


@pytest.fixture
def stranger(linked) -> Api:
    return Api(make_user("sam"))


def test_it_makes_a_repository_and_its_namespace_for_an_administrator(admin):
    answer = admin("POST", "/repositories", {"namespace": "acme", "name": "web", "visibility": "public"})
    assert answer.status_code == 201
    assert answer.json()["path"] == "acme/web"
    assert admin("GET", "/repositories/acme/web").json()["visibility"] == "public"
    assert admin("POST", "/repositories", {"namespace": "acme", "name": "web"}).status_code == 409


@pytest.mark.parametrize("name", ["Web", "-web", "a/b", "we..b", "", "x" * 200, "web:1"])
def test_r04_it_refuses_a_name_that_no_registry_takes(admin, name):
    answer = admin("POST", "/repositories", {"namespace": "acme", "name": name})
    assert (answer.status_code, answer["content-type"]) == (422, PROBLEM)
    assert answer.json()["detail"].endswith(".")


def test_it_shows_the_webhook_secret_once(admin):
    make_repository()
    body = {"forge": "github", "clone_url": "https://git.example.com/acme/web.git"}
    first = admin("PUT", "/repositories/acme/web/source", body).json()
    second = admin("PUT", "/repositories/acme/web/source", body).json()
    assert first["webhook_url"].endswith(f"/webhooks/github/{first['id']}")
    assert len(first["webhook_secret"]) == 64
    assert (second["id"], second["webhook_secret"]) == (first["id"], None)


@pytest.mark.parametrize(("body", "lfs"), [({}, False), ({"lfs": True}, True)])
def test_g04_it_switches_lfs_on_where_it_is_asked_for(admin, body, lfs):
    make_repository()
    body = {"forge": "github", "clone_url": "https://git.example.com/acme/web.git"} | body
    assert admin("PUT", "/repositories/acme/web/source", body).json()["lfs"] is lfs
    assert admin("GET", "/repositories/acme/web").json()["source"]["lfs"] is lfs


def test_g05_a_credential_in_the_url_is_never_shown_again(admin):
    make_repository()
    body = {"forge": "github", "clone_url": "https://oauth2:glpat-A%2FB@git.example.com/acme/web.git"}
    answer = admin("PUT", "/repositories/acme/web/source", body)
    assert answer.json()["clone_url"] == "https://git.example.com/acme/web.git"
    assert b"glpat" not in answer.content + admin("GET", "/repositories/acme/web").content


@pytest.mark.parametrize("url", ["ext::sh -c id", "--upload-pack=id", "-x", "ftp://host/x", "file:///etc", "https://"])
def test_it_refuses_a_clone_url_that_it_could_not_or_must_not_clone(admin, url):
    make_repository()
    answer = admin("PUT", "/repositories/acme/web/source", {"forge": "github", "clone_url": url})
    assert (answer.status_code, answer["content-type"]) == (422, PROBLEM)


@pytest.mark.parametrize(("host", "kept"), [("git.example.com", "hunter2hunter2"), ("other.example.com", "")])
def test_a_token_stays_with_the_server_it_was_given_for(admin, host, kept):
    make_repository()
    body = {"forge": "github", "clone_url": "https://git.example.com/acme/web.git", "credential": "hunter2hunter2"}
    admin("PUT", "/repositories/acme/web/source", body)
    admin("PUT", "/repositories/acme/web/source", {"forge": "github", "clone_url": f"https://{host}/acme/new.git"})
    assert Source.objects.get().token == kept


def test_it_replaces_the_rules_and_keeps_the_ids_of_those_that_stay(admin, linked):
    main = {"ref_type": "branch", "pattern": "main", "tags": ["latest", "{sha7}"]}
    release = {"ref_type": "tag", "pattern": "/^v([0-9.]+)$/", "tags": ["{\\1}"]}
    first = admin("PUT", f"{linked}/rules", [main, release]).json()
    second = admin("PUT", f"{linked}/rules", [release, main]).json()
    assert {rule["pattern"]: rule["id"] for rule in first} == {rule["pattern"]: rule["id"] for rule in second}
    assert second[0]["sentence"] == "tag `/^v([0-9.]+)$/` → `{\\1}`, from `Dockerfile`"


def test_it_saves_no_rule_when_one_is_wrong(admin, linked):
    good = {"ref_type": "branch", "pattern": "dev", "tags": ["dev"]}
    bad = {"ref_type": "tag", "pattern": "/(/", "tags": ["{\\1}"]}
    answer = admin("PUT", f"{linked}/rules", [good, bad])
    assert answer.status_code == 422
    assert answer.json()["problems"][0]["rule"] == 1
    assert [rule["pattern"] for rule in admin("GET", f"{linked}/rules").json()] == ["main"]


def test_the_rule_tester_tells_every_rule_of_every_ref(admin, linked):
    """9. One evaluator: the rule tester and the webhook call the same function."""
    refs = [{"type": "branch", "name": "main"}, {"type": "tag", "name": "v1.2.3"}]
    results = admin("POST", f"{linked}/rules/test", {"refs": refs}).json()["results"]
    assert [result["verdicts"][0]["matched"] for result in results] == [True, False]
    assert results[0]["verdicts"][0]["tags"] == ["latest"]
    assert "wants branches" in results[1]["verdicts"][0]["reason"]


def test_it_triggers_a_build_and_tells_it(writer, linked):
    answer = writer("POST", f"{linked}/builds", {"ref_type": "branch", "ref": "main"})
    build = answer.json()["builds"][0]
    assert (answer.status_code, build["state"], build["cause"], build["tags"]) == (201, "queued", "manual", ["latest"])
    assert build["error"] is None
    assert writer("GET", f"/builds/{build['id']}").json()["sentence"].startswith("No worker is connected")


def test_it_refuses_a_trigger_that_no_rule_builds_with_the_verdicts(writer, linked):
    answer = writer("POST", f"{linked}/builds", {"ref_type": "branch", "ref": "docs/typo"})
    assert answer.status_code == 422
    assert answer.json()["verdicts"][0]["matched"] is False
    assert "no rule matches branch `docs/typo`" in answer.json()["detail"]


def test_it_cancels_a_queued_build_at_once_and_again_without_harm(writer, linked):
    build = make_build()
    assert writer("POST", f"/builds/{build.pk}/cancel").json()["state"] == "cancelled"
    assert writer("POST", f"/builds/{build.pk}/cancel").status_code == 202


def test_it_retries_a_failed_build_as_another_attempt_of_the_same(writer, linked):
    build = make_build()
    claim_next("worker-1")
    Build.objects.filter(pk=build.pk).update(state="failed", error_kind="user", error_message="no")
    answer = writer("POST", f"/builds/{build.pk}/retry").json()
    assert (answer["id"], answer["state"], answer["error"]) == (build.pk, "queued", None)


def test_it_builds_a_success_anew_so_that_its_build_tag_stays(writer, linked):
    build = make_build(state="succeeded")
    answer = writer("POST", f"/builds/{build.pk}/retry").json()
    assert answer["id"] != build.pk
    assert answer["cause"] == "retry"


def test_it_counts_the_lines_of_a_step_that_still_runs(admin, linked):
    build = make_build()
    claim_next("worker-1")
    Step.objects.create(build=build, attempt=1, index=0, name="RUN make", state="running")
    DatabaseFrames().insert(build.pk, 1, [Frame(0, 0, 0, 2, 0, 4, compress(b"a\nb\n"))])
    answer = admin("GET", f"/builds/{build.pk}").json()
    assert (answer["steps"][0]["lines"], answer["log"]["bytes"]) == (2, 4)


def test_it_pages_builds_by_cursor_without_repeating_or_losing_one(admin, linked):
    made = [make_build(commit=f"{n:040x}").pk for n in range(5)]
    seen, cursor = [], ""
    while cursor is not None:
        page = admin("GET", f"{linked}/builds?limit=2&cursor={cursor}").json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
    assert seen == made[::-1]


def test_it_answers_a_foreign_cursor_with_a_sentence(admin, linked):
    assert admin("GET", f"{linked}/builds?cursor=%ff%ff").status_code == 422


CALLS = [
    ("GET", "/repositories/acme/web", None),
    ("GET", "/repositories/acme/web/rules", None),
    ("GET", "/repositories/acme/web/builds", None),
    ("GET", "/repositories/acme/web/tags", None),
    ("POST", "/repositories/acme/web/builds", {"ref_type": "branch", "ref": "main"}),
    ("PUT", "/repositories/acme/web/rules", []),
]
CHANGES = [
    *CALLS[4:],
    ("PUT", "/repositories/acme/web/source", {"forge": "github", "clone_url": "https://git.example.com/x.git"}),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_a_stranger_finds_nothing(stranger, method, path, body):
    answer = stranger(method, path, body)
    assert (answer.status_code, answer["content-type"]) == (404, PROBLEM)


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
def test_a_reader_changes_nothing(reader, method, path, body):
    answer = reader(method, path, body)
    assert (answer.status_code, answer["content-type"]) == (403, PROBLEM)
    assert "role" in answer.json()["detail"]


def test_a_stranger_finds_no_build_and_a_reader_cancels_none(stranger, reader):
    build = make_build()
    assert stranger("GET", f"/builds/{build.pk}").status_code == 404
    assert stranger("POST", f"/builds/{build.pk}/cancel").status_code == 404
    assert reader("POST", f"/builds/{build.pk}/cancel").status_code == 403


@pytest.mark.parametrize("header", [{}, {"authorization": "Bearer nonsense"}, {"authorization": "Basic eDp5"}])
def test_nobody_gets_a_sentence_and_no_data(linked, header):
    answer = Client(headers=header).get("/api/v1/repositories/acme/web")
    assert (answer.status_code, answer["content-type"]) == (401, PROBLEM)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"namespace": 1}', b"\xff", b'{"namespace": "acme"}'])
def test_a_broken_body_gets_a_sentence(admin, body):
    answer = admin.client.generic("POST", "/api/v1/repositories", body, content_type="application/json")
    assert answer.status_code in {400, 422}
    assert answer["content-type"] == PROBLEM


@pytest.mark.one_database
def test_it_describes_itself(client):
    from openapi_spec_validator import validate

    description = client.get("/api/v1/openapi.json").json()
    validate(description)
    assert "/api/v1/repositories/{namespace}/{name}/rules/test" in description["paths"]
    assert client.get("/api/v1/docs").status_code == 200
