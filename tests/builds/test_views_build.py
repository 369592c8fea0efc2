"""The build page over HTTP: who sees it, what it says, what one may do, and how it escapes what strangers wrote."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core.files.storage import storages
from django.utils import timezone

from accounts.models import Role
from builds.core.states import State
from builds.logs.archive import archive_log
from builds.logs.cutter import StepCutter
from builds.models import Build, Step
from builds.models.log import DatabaseFrames
from tests.factories import make_admin, make_build, make_member, make_repository, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

ATTACK = "<script>alert(1)</script>\"'"


@pytest.fixture(autouse=True)
def logs_in_memory(settings):
    settings.STORAGES = {**settings.STORAGES, "logs": {"BACKEND": "django.core.files.storage.InMemoryStorage"}}
    settings.REDIS_URL = "redis://127.0.0.1:1/0"  # nobody answers there: a page must not need it


@pytest.fixture
def admin(client):
    client.force_login(make_admin())
    return client


def make_step(build: Build, index: int, name: str, **fields) -> Step:
    fields = {"state": "succeeded", "started_at": build.started_at, "finished_at": build.finished_at, **fields}
    return Step.objects.create(build=build, attempt=max(build.attempt, 1), index=index, name=name, **fields)


def ended(state: str = "succeeded", **fields) -> Build:
    now = timezone.now()
    begun = now - timedelta(seconds=64)
    return make_build(state=state, attempt=1, started_at=begun, finished_at=now, **fields)


def write_log(build: Build, step: int, data: bytes, *, archived: bool = True) -> None:
    cutter = StepCutter(step)
    cuts = [*cutter.feed(data), *cutter.finish()]
    store = DatabaseFrames(fenced=False)
    store.insert(build.pk, build.attempt, [cut.frame() for cut in cuts])
    if archived:
        archive_log(build.pk, build.attempt, store=store, storage=storages["logs"])
    Step.objects.filter(build=build, index=step).update(lines=data.count(b"\n"))


def text_of(answer) -> str:
    return answer.content.decode()


PAGES = ["", "/fragment", "/lines?step=0", "/log"]


@pytest.mark.parametrize("page", PAGES)
def test_it_tells_a_stranger_that_there_is_no_such_build(client, page):
    build = ended()
    client.force_login(make_user("stranger"))
    assert client.get(f"{build.get_absolute_url()}{page}").status_code == 404


@pytest.mark.parametrize("page", PAGES)
def test_it_shows_a_public_build_to_everybody(client, page):
    make_repository("acme/web", visibility="public")
    assert client.get(f"{ended().get_absolute_url()}{page}").status_code == 200


@pytest.mark.both_databases
@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_it_lets_a_reader_change_nothing(client, action, rings):
    build = ended("failed") if action == "retry" else make_build()
    client.force_login(make_member(build.repository.namespace, "reader", Role.READ))
    assert client.post(f"{build.get_absolute_url()}/{action}").status_code == 403
    build.refresh_from_db()
    assert build.state == ("failed" if action == "retry" else "queued")
    assert f"/{action}" not in text_of(client.get(build.get_absolute_url()))


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_it_changes_nothing_for_a_stranger_or_a_link(client, action):
    build = make_build()
    client.force_login(make_user("stranger"))
    assert client.post(f"{build.get_absolute_url()}/{action}").status_code == 404
    client.force_login(make_admin())
    assert client.get(f"{build.get_absolute_url()}/{action}").status_code == 405


@pytest.mark.both_databases
def test_it_cancels_a_queued_build(client, rings):
    build = make_build()
    client.force_login(make_member(build.repository.namespace, "writer", Role.WRITE))
    answer = client.post(f"{build.get_absolute_url()}/cancel", follow=True)
    assert "Cancelled by writer." in text_of(answer)
    build.refresh_from_db()
    assert build.state == State.CANCELLED


@pytest.mark.both_databases
def test_it_says_why_it_cannot_cancel(admin, rings):
    build = ended()
    answer = admin.post(f"{build.get_absolute_url()}/cancel", follow=True)
    assert f"Build #{build.number} is over already" in text_of(answer)


@pytest.mark.both_databases
def test_it_retries_a_failed_build(admin, rings):
    build = ended("failed", error_kind="user", error_message="Step 2 ended with exit code 1.")
    answer = admin.post(f"{build.get_absolute_url()}/retry", follow=True)
    build.refresh_from_db()
    assert (answer.status_code, build.state) == (200, State.QUEUED)


def test_it_says_what_a_queued_build_waits_for(admin):
    assert "No worker is connected" in text_of(admin.get(make_build().get_absolute_url()))


def test_it_names_ref_commit_author_and_cause(admin):
    build = ended(commit_message="Fix login\n\nmore", commit_author="A. Author", cause_detail="by octo")
    page = text_of(admin.get(build.get_absolute_url()))
    for part in (">main<", ">a1b2c3d<", "“Fix login”", "A. Author", "push, by octo", "took 1 m 04 s"):
        assert part in page


def test_it_names_whose_fault_a_failure_is_and_what_to_try(admin):
    message = "Step 4 of 7 (`RUN npm ci`, Dockerfile line 9) ended with exit code 127."
    page = text_of(admin.get(ended("failed", error_kind="user", error_message=message).get_absolute_url()))
    assert "Step 4 of 7 (<code>RUN npm ci</code>, Dockerfile line 9) ended with exit code 127." in page
    assert "your build" in page
    assert "Your move:" in page
    assert "command was not found in the image" in page


def test_it_tells_moved_tags_from_those_that_stayed(admin):
    sentence = "`latest` was not moved: build #43, of a newer commit, already has it."
    moves = [{"tag": "main", "moved": True, "sentence": ""}, {"tag": "latest", "moved": False, "sentence": sentence}]
    build = ended(tags=["build-1", "main"], moves=moves, digest="sha256:" + "ab" * 32)
    page = text_of(admin.get(build.get_absolute_url()))
    assert "<code>latest</code> was not moved: build #43" in page
    assert "<code>latest</code> not moved</li>" in page
    assert f"docker pull {build.repository.image}:build-{build.number}" in page


def test_it_folds_cached_steps_into_one_row_and_internal_ones_at_the_end(admin):
    build = ended()
    make_step(build, 0, "[internal] load build definition", internal=True)
    make_step(build, 1, "FROM debian", cached=True)
    make_step(build, 2, "COPY a b", cached=True)
    make_step(build, 3, "RUN make")
    page = text_of(admin.get(f"{build.get_absolute_url()}/fragment"))
    assert page.index("2 cached steps") < page.index("RUN make") < page.index("1 internal step of BuildKit")


@pytest.mark.both_databases
def test_it_opens_a_failed_build_at_the_failing_step_without_scripts(admin):
    build = ended("failed", error_kind="user", error_message="Step 2 ended.", error_step="RUN make")
    make_step(build, 0, "RUN apt-get update")
    make_step(build, 1, "RUN make", state="failed")
    write_log(build, 1, b"".join(b"line %d\n" % n for n in range(1, 501)))
    page = text_of(admin.get(build.get_absolute_url()))
    assert 'data-chosen="1"' in page
    assert 'id="s1-l500"' in page
    assert 'id="s1-l301"' in page
    assert 'id="s1-l300"' not in page


def test_it_opens_another_step_when_asked(admin):
    build = ended()
    make_step(build, 0, "RUN one")
    make_step(build, 1, "RUN two")
    write_log(build, 0, b"first\n")
    assert ">first<" in text_of(admin.get(f"{build.get_absolute_url()}?step=0"))


def test_it_keeps_earlier_attempts(admin):
    build = ended()
    make_step(build, 0, "RUN once")
    write_log(build, 0, b"of the first attempt\n")
    Build.objects.filter(pk=build.pk).update(attempt=2)
    Step.objects.create(build=build, attempt=2, index=0, name="RUN twice", state="succeeded")
    newest = text_of(admin.get(build.get_absolute_url()))
    assert "RUN twice" in newest
    assert "RUN once" not in newest
    earlier = text_of(admin.get(f"{build.get_absolute_url()}?attempt=1"))
    assert "of the first attempt" in earlier
    assert "data-live" not in earlier
    assert admin.get(f"{build.get_absolute_url()}?attempt=3").status_code == 404


def test_b02_it_escapes_all_that_strangers_wrote(admin):
    texts = dict.fromkeys(("ref", "commit_message", "commit_author", "cause_detail", "error_message"), ATTACK)
    warnings = [{"kind": "build", "message": ATTACK, "url": "javascript:alert(1)", "line": 1, "file": ATTACK}]
    build = ended("failed", error_kind="user", warnings=warnings, **texts)
    Build.objects.filter(pk=build.pk).update(plan={"rule": ATTACK, "build_args": {ATTACK: ATTACK}})
    make_step(build, 0, ATTACK, state="failed")
    write_log(build, 0, f"{ATTACK}\n\x1b[31m{ATTACK}\n".encode())
    for page in ("", "?tab=inputs", "/fragment"):
        text = text_of(admin.get(f"{build.get_absolute_url()}{page}"))
        assert "<script>alert" not in text
        assert 'href="javascript:' not in text


@pytest.mark.both_databases
def test_it_needs_no_redis_and_no_more_queries_for_more_steps(admin, django_assert_max_num_queries):
    build = ended()
    for index in range(40):
        make_step(build, index, f"RUN step {index}")
    write_log(build, 7, b"hello\n")
    with django_assert_max_num_queries(16):
        assert admin.get(build.get_absolute_url()).status_code == 200


@pytest.mark.both_databases
def test_it_says_what_went_in(admin):
    build = ended(base_images=[{"name": "docker.io/library/debian:12", "digest": "sha256:" + "0f" * 32}])
    Build.objects.filter(pk=build.pk).update(
        plan={"rule": "branch `main` → `latest`", "build_args": {"VERSION": "1.4"}, "dockerfile": "web/Dockerfile"}
    )
    page = text_of(admin.get(f"{build.get_absolute_url()}?tab=inputs"))
    for part in ("branch <code>main</code>", "VERSION", "1.4", "docker.io/library/debian:12", "web/Dockerfile"):
        assert part in page


# --- the log over HTTP ------------------------------------------------------------------------------------------------


def lines(client, build: Build, **query):
    return client.get(f"{build.get_absolute_url()}/lines", query)


def test_it_gives_lines_by_range(admin):
    build = ended()
    make_step(build, 0, "RUN seq")
    write_log(build, 0, b"".join(b"line %d\n" % n for n in range(1000)))
    answer = lines(admin, build, step=0, **{"from": 600}, lines=2).json()
    assert answer == {"first_line": 600, "lines": ["line 600", "line 601"], "total": 1000, "times": []}


@pytest.mark.both_databases
@pytest.mark.parametrize("query", [{"step": "x"}, {"step": "0", "from": "-1"}, {"step": "9" * 30}, {"step": "¹"}])
def test_it_refuses_ranges_that_are_none(admin, query):
    assert lines(admin, ended(), **query).status_code == 404


@pytest.mark.both_databases
def test_it_asks_for_a_step(admin):
    answer = lines(admin, ended())
    assert answer.status_code == 400
    assert "?step=2" in answer.json()["detail"]


@pytest.mark.both_databases
def test_b03_it_gives_bad_bytes_and_long_lines_in_a_form_that_can_be_shown(admin):
    build = ended()
    make_step(build, 0, "RUN cat")
    write_log(build, 0, b"caf\xe9 \x00\n" + b"x" * 10_000_000 + b"\nafter\n")
    first, long, after = (lines(admin, build, step=0, **{"from": n}, lines=1).json()["lines"][0] for n in range(3))
    assert first == "caf\ufffd \x00"
    assert long.endswith("more characters; the raw log has them")
    assert len(long) < 10_000
    assert after == "after"


def body_of(answer) -> bytes:
    return b"".join(answer.streaming_content)


def test_b02_it_gives_the_raw_log_as_it_was_printed(admin):
    build = ended()
    make_step(build, 0, "RUN a")
    make_step(build, 3, "RUN b")
    raw = b"\x1b[31mred\x1b[0m\r\rcaf\xe9\n"
    write_log(build, 0, raw, archived=False)
    write_log(build, 3, b"second", archived=True)
    answer = admin.get(f"{build.get_absolute_url()}/log")
    assert body_of(answer) == raw + b"second"
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="acme-web-{build.number}.log"'
    assert body_of(admin.get(f"{build.get_absolute_url()}/log?step=3")) == b"second"


@pytest.mark.both_databases
def test_it_answers_json_that_a_browser_does_not_run(admin):
    build = ended()
    make_step(build, 0, "RUN a")
    write_log(build, 0, b"</script><script>alert(1)</script>\n")
    answer = lines(admin, build, step=0)
    assert answer["Content-Type"] == "application/json"
    assert json.loads(answer.content)["lines"] == ["</script><script>alert(1)</script>"]


def test_it_shows_the_inputs_of_a_build_whose_plan_says_nothing_of_arguments(admin):
    """Of a plan that is older than they are."""
    build = make_build(state="succeeded", attempt=1, plan={"rule": "branch `main`"})
    assert b"This rule sets none." in admin.get(f"{build.get_absolute_url()}?tab=inputs").content
