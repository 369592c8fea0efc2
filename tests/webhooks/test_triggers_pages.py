"""The page and the API of triggers: the address is shown once, to admins; the lines to copy work in a real shell."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import pytest
from django.test import Client

from accounts.models import Role
from accounts.tokens import create_token
from builds.models import Build
from imageyard.supervisor.ports import free_port, http_status
from tests.builds.pages import as_user, words
from tests.factories import make_member, make_repository, make_source, make_user
from tests.yard import until
from webhooks.models import TriggerToken

PAGE = "/r/acme/web/settings/triggers"
API = "/api/v1/repositories/acme/web/triggers"
CHECKOUT = Path(__file__).resolve().parents[2]
COPIED = re.compile(r'data-copy="([^"]*)"')


def copied(answer) -> list[str]:
    """What the copy buttons of a page put into the clipboard."""
    return [unescape(text) for text in COPIED.findall(answer.content.decode())]


@pytest.fixture
def admin(source) -> Client:
    return as_user(make_member(source.repository.namespace, "ada", Role.ADMIN))


@pytest.fixture
def writer(source) -> Client:
    return as_user(make_member(source.repository.namespace, "wendy", Role.WRITE))


@pytest.fixture
def stranger(source) -> Client:
    return as_user(make_user("charlie"))


def test_it_shows_the_address_once(admin):
    first = admin.post(PAGE, {"name": "nightly import"}, follow=True)
    address = next(text for text in copied(first) if "/hooks/trigger/" in text and not text.startswith("curl"))
    assert Client().post(address.partition("127.0.0.1:8000")[2], {}, content_type="application/json").status_code == 201
    again = admin.get(PAGE)
    assert address not in again.content.decode()
    assert "nightly import" in words(again)


def test_it_tells_its_browser_to_keep_no_copy(admin):
    assert admin.post(PAGE, {"name": "x"}, follow=True)["Cache-Control"] == "private, no-store"


def test_it_shows_lines_without_a_secret_afterwards(admin):
    admin.post(PAGE, {"name": "x"}, follow=True)
    lines = [text for text in copied(admin.get(PAGE)) if text.startswith("curl")]
    assert len(lines) == 4
    assert all(line.endswith('"$IMAGEYARD_TRIGGER"') for line in lines)


def test_it_says_what_the_last_calls_came_to(admin):
    admin.post(PAGE, {"name": "nightly import"})
    answer = admin.get(PAGE)
    url = next(text for text in copied(answer) if "/hooks/trigger/" in text and not text.startswith("curl"))
    Client().post(url.partition("127.0.0.1:8000")[2], {"ref": "docs/typo"}, content_type="application/json")
    text = words(admin.get(PAGE))
    assert "nothing to build nightly import · 127.0.0.1" in text
    assert "Nothing to build: no rule matches branch docs/typo. Rules: main." in text
    assert '{"ref": "docs/typo"}' in text


def test_it_revokes_a_token(admin):
    admin.post(PAGE, {"name": "nightly import"})
    token = TriggerToken.objects.get()
    answer = admin.post(f"{PAGE}/{token.pk}/revoke", follow=True)
    assert "“nightly import” is revoked: its address answers 404 from now on." in words(answer)


def test_it_says_what_is_wrong_with_a_name(admin):
    answer = admin.post(PAGE, {"name": " "})
    assert answer.status_code == 422
    assert "Give the token a name" in words(answer)


def test_it_has_a_way_on_where_no_git_repository_is_linked(db):
    repository = make_repository("acme/new")
    client = as_user(make_member(repository.namespace, "ada", Role.ADMIN))
    assert "No Git repository is linked yet" in words(client.get("/r/acme/new/settings/triggers"))
    assert "No Git repository is linked yet" in words(client.post("/r/acme/new/settings/triggers", {"name": "x"}))


@pytest.mark.one_database
@pytest.mark.parametrize(("who", "status"), [("writer", 403), ("stranger", 404)])
def test_it_is_for_admins_alone(request, admin, who, status):
    admin.post(PAGE, {"name": "x"})
    client, token = request.getfixturevalue(who), TriggerToken.objects.get()
    assert client.get(PAGE).status_code == status
    assert client.post(PAGE, {"name": "y"}).status_code == status
    assert client.post(f"{PAGE}/{token.pk}/revoke").status_code == status
    assert client.get(API).status_code in (status, 401)


def test_it_has_no_token_of_another_repository(admin):
    admin.post(PAGE, {"name": "x"})
    other = make_source(make_repository("acme/api")).repository
    token = TriggerToken.objects.get()
    assert admin.post(f"/r/acme/{other.name}/settings/triggers/{token.pk}/revoke").status_code == 404


class Api:
    def __init__(self, user) -> None:
        self.client = Client(headers={"authorization": f"Bearer {create_token(user, 'test')[1]}"})

    def __call__(self, method: str, path: str = API, body=None):
        return self.client.generic(method, path, json.dumps(body or {}), content_type="application/json")


def test_it_does_by_the_api_what_the_page_does(source):
    api = Api(make_member(source.repository.namespace, "ada", Role.ADMIN))
    made = api("POST", body={"name": "nightly import"})
    assert made.status_code == 201
    url = made.json()["url"].partition("127.0.0.1:8000")[2]
    assert Client().post(url, {"ref": "main"}, content_type="application/json").status_code == 201
    (token,) = api("GET").json()
    assert (token["name"], token["url"], token["created_by"]) == ("nightly import", None, "ada")
    (row,) = api("GET", f"{API}/calls").json()["items"]
    assert (row["status"], row["ref"], row["builds"]) == ("built", "main", [Build.objects.get().pk])
    assert api("DELETE", f"{API}/{token['id']}").status_code == 204
    assert Client().post(url).status_code == 404


@pytest.mark.one_database
def test_it_refuses_by_the_api_what_the_page_refuses(source):
    api = Api(make_member(source.repository.namespace, "ada", Role.ADMIN))
    assert api("POST", body={"name": ""}).status_code == 422
    assert api("DELETE", f"{API}/{source.pk}").status_code == 404
    wendy = Api(make_member(source.repository.namespace, "wendy", Role.WRITE))
    assert wendy("POST", body={"name": "x"}).status_code == 403


MAKE = """
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0, skip_checks=True)
from django.test import Client
from accounts.models import Role
from tests.factories import make_member, make_rule, make_source
source = make_source(); make_rule(source)
make_rule(source, ref_type="tag", pattern="/^v/", tags=["{sourceref}"])
client = Client(); client.force_login(make_member(source.repository.namespace, "ada", Role.ADMIN))
page = "/r/acme/web/settings/triggers"
print(client.post(page, {"name": "shell"}, follow=True, headers={"host": "127.0.0.1"}).content.decode())
"""


@dataclass
class Served:
    url: str
    lines: list[str]
    log: Path


@pytest.fixture(scope="module")
def served(redis_url: str, tmp_path_factory) -> Iterator[Served]:
    """A real uvicorn that writes an access log too, and the lines that its page shows."""
    port, log = free_port(), tmp_path_factory.mktemp("log") / "web.log"
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("IMAGEYARD_", "DATABASE_"))},
        "IMAGEYARD_HOME": str(tmp_path_factory.mktemp("home")),
        "IMAGEYARD_HTTP": f"127.0.0.1:{port}",
        "REDIS_URL": redis_url,
        "DJANGO_SETTINGS_MODULE": "imageyard.settings",
        "PYTHONWARNINGS": "ignore",
    }
    python = {"cwd": CHECKOUT, "env": environ}
    page = subprocess.run([sys.executable, "-c", MAKE], check=True, capture_output=True, text=True, **python).stdout
    lines = [line for line in map(unescape, COPIED.findall(page)) if line.startswith("curl")]
    serve = [sys.executable, "-m", "uvicorn", "imageyard.asgi:application", "--port", str(port), "--lifespan", "off"]
    with log.open("wb") as output:
        process = subprocess.Popen([*serve, "--access-log"], stdout=output, stderr=output, **python)
    served = Served(f"http://127.0.0.1:{port}", lines, log)
    try:
        until(lambda: http_status("127.0.0.1", port, "/healthz"), timeout_s=60, what="web")
        yield served
    finally:
        process.terminate()
        process.wait(10)


def shell(line: str) -> dict:
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)


@pytest.mark.redis
@pytest.mark.slow
def test_it_shows_lines_that_work_in_a_real_shell_and_writes_their_secret_into_no_log(served: Served):
    assert len(served.lines) == 4
    answers = [shell(line) for line in served.lines]
    refs = [[(build["ref_type"], build["ref"]) for build in answer["builds"]] for answer in answers]
    assert refs == [[("branch", "main")], [("branch", "main")], [("tag", "v1.0")], [("branch", "main")]]
    secret = served.lines[0].rpartition("/")[2].strip("'")
    nothing = subprocess.run(
        ["sh", "-c", served.lines[1].replace('"main"', '"nope"')], capture_output=True, check=False
    )
    assert nothing.returncode == 22  # what curl makes of 422
    log = served.log.read_text()
    assert log.count("/hooks/trigger/***") >= 5, log
    assert secret not in log
