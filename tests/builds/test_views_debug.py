"""Pages and API of a debugged step: the write role sees and does it, a reader does not, a stranger finds nothing."""

from __future__ import annotations

import re

import pytest
from django.core.files.storage import storages
from django.test import Client

from accounts.models import Role
from accounts.tokens import create_token
from builds.core.states import State
from builds.logs.transcripts import Transcript
from builds.models import Build, DebugImage, DebugSession
from lib.clock import database_now
from tests.builds.debugging import make_failed, make_image, make_session
from tests.builds.pages import words
from tests.factories import make_member, make_user

PAGE = "/r/acme/web/builds/1"


@pytest.fixture
def failed(repository) -> Build:
    return make_failed()


def api(repository, role: Role) -> Client:
    _, token = create_token(make_member(repository.namespace, f"api-{role}", role), "test")
    return Client(headers={"Authorization": f"Bearer {token}"}, raise_request_exception=False)


def test_a_failed_build_has_the_button_and_one_click_is_the_order(failed: Build, writer: Client):
    assert 'action="/r/acme/web/builds/1/debug/make"' in writer.get(PAGE).content.decode()
    answer = writer.post(f"{PAGE}/debug/make")
    assert answer["Location"] == f"{PAGE}/debug"
    assert DebugImage.objects.get().state == "asked"
    assert f'href="{PAGE}/debug"' in writer.get(PAGE).content.decode()


@pytest.mark.one_database
@pytest.mark.parametrize(
    "fields", [{"state": State.SUCCEEDED}, {"error_line": None}, {"untrusted": True, "pull_request": {"fork": True}}]
)
def test_no_other_build_has_the_button(repository, writer: Client, fields: dict):
    make_failed(**fields)
    assert "build-debug" not in writer.get(PAGE).content.decode()


@pytest.mark.one_database
def test_a_reader_has_no_button(failed: Build, reader: Client):
    assert "build-debug" not in reader.get(PAGE).content.decode()


@pytest.mark.parametrize("path", ["debug", "debug/fragment", "shell"])
def test_pages_are_for_the_write_role(failed: Build, path: str, writer: Client, reader: Client, stranger: Client):
    make_image(failed)
    assert writer.get(f"{PAGE}/{path}").status_code in (200, 302)
    assert reader.get(f"{PAGE}/{path}").status_code == 403
    assert stranger.get(f"{PAGE}/{path}").status_code == 404


@pytest.mark.parametrize("path", ["debug/make", "debug/remove", "shell/open", "shell/close"])
def test_deeds_are_for_the_write_role(failed: Build, path: str, reader: Client, stranger: Client):
    make_image(failed)
    assert reader.post(f"{PAGE}/{path}").status_code == 403
    assert stranger.post(f"{PAGE}/{path}").status_code == 404
    assert DebugSession.objects.count() == 0


@pytest.mark.one_database
def test_a_strangers_pull_request_gets_neither_image_nor_shell(repository, writer: Client):
    make_failed(untrusted=True, pull_request={"fork": True}, approved_by="alice")
    answer = writer.post(f"{PAGE}/debug/make", follow=True)
    assert "stranger's pull request" in words(answer)
    writer.post(f"{PAGE}/shell/open")
    assert (DebugImage.objects.count(), DebugSession.objects.count()) == (0, 0)


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("state", "sentence", "says"),
    [
        ("asked", "Waiting for a worker.", "Waiting for a worker. Do not make it"),
        ("making", "Step 2 of 3 before it.", "Step 2 of 3 before it. Do not make it"),
        ("failed", "The `base` is gone.", "The base is gone."),
        ("expired", "", "The last one went when its time was over, or was removed."),
    ],
)
def test_the_page_says_how_far_it_is(failed: Build, writer: Client, state: str, sentence: str, says: str):
    make_image(failed, state, sentence=sentence)
    assert says in words(writer.get(f"{PAGE}/debug"))


@pytest.mark.one_database
def test_the_page_has_the_line_to_copy_and_the_step_to_paste(failed: Build, writer: Client):
    image = make_image(failed)
    said = words(writer.get(f"{PAGE}/debug"))
    assert f"docker run --rm -it -e VERSION=1.2 --entrypoint /bin/bash {image.image}" in said
    assert "RUN --mount=type=secret,id=npm make <all>" in said
    assert all(fact in said for fact in ("WORKDIR/app", "USERnode", "SHELL/bin/bash -c", "ARGVERSION=1.2"))
    assert "secrets are never given to either" in said


def test_a_shell_is_opened_and_its_page_has_the_terminal(failed: Build, writer: Client):
    make_image(failed)
    assert writer.post(f"{PAGE}/shell/open")["Location"] == f"{PAGE}/shell"
    page = writer.get(f"{PAGE}/shell")
    assert f'data-socket="/ws/debug/{DebugSession.objects.get().pk}/"' in page.content.decode()


def test_the_terminals_page_alone_lets_styles_with_its_nonce_in(failed: Build, writer: Client):
    make_image(failed)
    writer.post(f"{PAGE}/shell/open")
    page = writer.get(f"{PAGE}/shell")
    nonce = re.search(r'data-style-nonce="([^"]+)"', page.content.decode())
    policy = [directive.strip() for directive in page["Content-Security-Policy"].split(";")]
    assert nonce is not None and f"style-src 'self' 'nonce-{nonce[1]}'" in policy
    assert "script-src 'self'" in policy and "style-src 'self' 'unsafe-inline'" not in policy
    assert "nonce" not in writer.get(f"{PAGE}/debug")["Content-Security-Policy"]


def test_the_page_of_the_terminal_leads_back_where_none_is_open(failed: Build, writer: Client):
    make_image(failed)
    assert writer.get(f"{PAGE}/shell")["Location"] == f"{PAGE}/debug"


def test_closing_ends_the_persons_own_shell_alone(failed: Build, writer: Client):
    image = make_image(failed)
    other = make_session(image, make_user("will"))
    writer.post(f"{PAGE}/shell/open")
    writer.post(f"{PAGE}/shell/close")
    assert list(DebugSession.objects.open()) == [other]


def test_the_transcript_is_for_administrators(failed: Build, owner: Client, writer: Client, settings, tmp_path):
    logs = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = {**settings.STORAGES, "logs": logs}
    kept = Transcript(storages["logs"], failed.pk, 1)
    kept.add(b"\x1b[1mls\x1b[0m\r\n")
    session = make_session(make_image(failed), make_user("will"), closed_at=database_now(), transcript=kept.save()[0])
    answer = owner.get(f"{PAGE}/shells/{session.pk}")
    assert answer.content == b"\x1b[1mls\x1b[0m\r\n"
    assert answer["Content-Disposition"].startswith("attachment")
    assert writer.get(f"{PAGE}/shells/{session.pk}").status_code == 403
    assert "Download" not in words(writer.get(f"{PAGE}/debug"))


def test_queries_do_not_grow_with_the_shells(failed: Build, owner: Client, django_assert_max_num_queries):
    image = make_image(failed)
    for number in range(20):
        make_session(image, make_user(f"user-{number}"), closed_at=database_now())
    with django_assert_max_num_queries(10):
        owner.get(f"{PAGE}/debug")


def test_the_api_makes_reads_and_removes_it(failed: Build, repository):
    client, path = api(repository, Role.WRITE), f"/api/v1/builds/{failed.pk}/debug-image"
    assert client.get(path).status_code == 404
    made = client.post(path)
    assert (made.status_code, made.json()["state"], made.json()["run"]) == (202, "asked", "")
    DebugImage.objects.all().delete()
    image = make_image(failed)
    told = client.get(path).json()
    assert told["run"].endswith(image.image) and told["command"] == "make <all>"
    assert client.delete(path).status_code == 202
    image.refresh_from_db()
    assert image.expires_at <= database_now()


@pytest.mark.one_database
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_the_api_wants_the_write_role(failed: Build, repository, method: str):
    make_image(failed)
    path = f"/api/v1/builds/{failed.pk}/debug-image"
    assert getattr(api(repository, Role.READ), method)(path).status_code == 403
    _, token = create_token(make_user("charlie"), "test")
    assert getattr(Client(headers={"Authorization": f"Bearer {token}"}), method)(path).status_code == 404


def test_the_api_says_why_there_is_none(repository):
    build = make_failed(untrusted=True, pull_request={"fork": True})
    answer = api(repository, Role.WRITE).post(f"/api/v1/builds/{build.pk}/debug-image")
    assert answer.status_code == 409
    assert "stranger's pull request" in answer.json()["detail"]
