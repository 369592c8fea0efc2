"""The post-receive hook that the settings page shows, run by Git itself; what it sends is what Imageyard takes."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from django.template.loader import render_to_string
from django.test import Client

from builds.models import Build
from tests.factories import make_rule, make_source
from tests.git_server import GIT_ENV, git
from tests.http_server import QuietHandler, QuietServer, served
from webhooks.models import Delivery
from webhooks.providers.generic import Generic

pytestmark = pytest.mark.django_db
MESSAGE = 'Say "hi"\n\nA \\ and a\ttab, café 🚀'


class Listener(QuietServer):
    """Keeps what is posted to it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.requests: list[tuple[dict, bytes]] = []
        self.url = f"http://127.0.0.1:{self.server_port}/webhooks/generic/1"


class Answering(QuietHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(202)
        self.end_headers()
        self.wfile.write(b'{"detail": "1 rule: build #1 by `main`."}')


@pytest.fixture
def listener():
    with served(Listener()) as server:
        yield server


@pytest.fixture
def source(db):
    source = make_source(forge="generic")
    make_rule(source, pattern="/.*/")
    make_rule(source, ref_type="tag", pattern="/.*/", tags=["{sourceref}"])
    return source


@pytest.fixture
def work(tmp_path, listener, source):
    """A clone of a bare repository that has the hook, as its text says to install it."""
    bare, work = tmp_path / "web.git", tmp_path / "work"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(bare))
    hook = bare / "hooks" / "post-receive"
    hook.write_text(render_to_string("webhooks/post-receive.sh", {"webhook_url": listener.url}))
    hook.chmod(0o755)
    (bare / "hooks" / "imageyard-secret").write_text(source.webhook_secret + "\n")
    git(tmp_path, "clone", "-q", str(bare), str(work))
    git(work, "checkout", "-q", "-b", "main")
    git(work, "commit", "-q", "--allow-empty", "-m", MESSAGE)
    return work


def push(work, *arguments, **env) -> str:
    """Push, and give back what the hook told whoever pushed."""
    environ = {**GIT_ENV, "USER": "alice", **env}
    done = subprocess.run(
        ["git", "push", "origin", *arguments], cwd=work, env=environ, check=True, capture_output=True, text=True
    )
    return done.stderr


def forward(listener, source):
    """What the hook sent last, handed to Imageyard unchanged."""
    headers, body = listener.requests[-1]
    kept = {name: value for name, value in headers.items() if name.startswith("x-imageyard")}
    answer = Client().post(
        f"/webhooks/generic/{source.pk}", data=body, content_type=headers["content-type"], headers=kept
    )
    assert answer.status_code == 202, answer.content
    return Delivery.objects.order_by("-received_at").first()


def test_a_push_it_signs_and_tells_with_commit_message_and_author(work, listener, source):
    said = push(work, "main")
    delivery = forward(listener, source)
    build = Build.objects.get()
    assert (delivery.status, delivery.sender) == ("built", "alice")
    assert (build.commit, build.ref) == (git(work, "rev-parse", "main"), "main")
    assert build.commit_message == MESSAGE.replace("\t", " ")
    assert build.commit_author == "A. Author"
    assert "remote: Imageyard: {" in said


def test_w03_several_refs_at_once_it_tells_each_and_of_tags_the_commit(work, listener, source):
    git(work, "tag", "-a", "v1", "-m", "release")
    git(work, "tag", "light")
    push(work, "main", "v1", "light")
    delivery = forward(listener, source)
    commit = git(work, "rev-parse", "main")
    assert len(delivery.changes) == 3
    assert {(build.ref, build.commit) for build in Build.objects.all()} == {
        ("main", commit),
        ("v1", commit),
        ("light", commit),
    }


def test_w01_a_deletion_and_a_forced_push_it_tells_as_such(work, listener, source):
    push(work, "main", "main:old")
    git(work, "commit", "-q", "--amend", "--allow-empty", "-m", "again")
    push(work, "--force", "main", ":old")
    _, body = listener.requests[-1]
    told = {change["ref"]: change for change in json.loads(body)["changes"]}
    assert told["refs/heads/main"]["forced"] is True
    assert told["refs/heads/old"]["after"] == "0" * 40
    assert [change["status"] for change in forward(listener, source).changes] == ["built", "ignored"]


@pytest.mark.parametrize("name", ['quo"te', "caf\u00e9/x", "$(id)", "a'b;c&d", "`id`", "100%d"])
def test_a_name_with_odd_characters_it_tells_as_it_is(work, listener, source, name):
    push(work, f"main:refs/heads/{name}")
    assert forward(listener, source).ref == name


def test_the_secret_it_gives_to_no_program_as_an_argument(work, listener, source, tmp_path):
    """Every program that the hook starts by name is one of ours, which writes its arguments down."""
    spies, log = tmp_path / "spies", tmp_path / "log"
    spies.mkdir()
    for name in ("openssl", "curl", "od", "awk", "sed", "tr", "cat", "head"):
        spy = spies / name
        spy.write_text(f'#!/bin/sh\necho "$0 $*" >>{log}\nPATH={os.environ["PATH"]} exec {name} "$@"\n')
        spy.chmod(0o755)
    push(work, "main", PATH=f"{spies}:{os.environ['PATH']}")
    assert "openssl dgst -sha256" in log.read_text()
    assert source.webhook_secret not in log.read_text()
    assert forward(listener, source).status == "built"


def test_nobody_answers_it_says_so_and_the_push_is_not_refused(work, listener):
    listener.shutdown()
    listener.server_close()
    assert "Imageyard was not told of this push: curl:" in push(work, "main")


@pytest.mark.parametrize("secret", ["k", "0" * 64, "päss word", "f" * 63])
def test_the_signature_it_makes_for_any_secret_of_up_to_64_bytes(work, listener, tmp_path, secret):
    (tmp_path / "web.git" / "hooks" / "imageyard-secret").write_text(secret)
    push(work, "main")
    headers, body = listener.requests[-1]
    assert Generic().signature_problem(secret, headers, body) is None


def test_the_documentation_it_shows_the_same_hook():
    page = (Path(__file__).parents[2] / "docs" / "generic-git.md").read_text()
    shown = page.partition("```sh\n")[2].partition("```\n")[0]
    url = shown.partition("url='")[2].partition("'")[0]
    assert shown == render_to_string("webhooks/post-receive.sh", {"webhook_url": url})


def test_the_documented_script_it_runs_and_is_believed(work, listener, source, tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "generic-git.md").read_text()
    script = page.partition("## From a script")[2].partition("```sh\n")[2].partition("```\n")[0]
    script = script.replace(script.split()[-1], listener.url)
    (work / "imageyard-secret").write_text(source.webhook_secret)
    subprocess.run(["sh", "-ec", script], cwd=work, check=True, capture_output=True, env=GIT_ENV)
    headers, body = listener.requests[-1]
    assert Generic().signature_problem(source.webhook_secret, headers, body) is None
    assert Generic().read(headers, body).commit == git(work, "rev-parse", "HEAD")
