"""Searching a log on its page and by the API, the first error, and lines that an address names, without scripts."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.utils import timezone

from accounts.models import Role
from accounts.tokens import create_token
from builds.core.linetimes import pack
from builds.logs.archive import archive_log
from builds.logs.frames import Frame, compress
from builds.logs.search import SearchPart
from builds.models import Build, Step
from builds.models.log import DatabaseFrames
from builds.views import log_search
from imageyard.handler import ThreadHandler
from tests.factories import make_admin, make_build, make_member, make_repository, make_user

pytestmark = pytest.mark.django_db
AT_MS = 1_790_000_000_000


@pytest.fixture
def admin(client):
    client.force_login(make_admin())
    return client


def spoke(texts: dict[int, str], *, archived: bool = True, failed: int | None = None, **fields) -> Build:
    """A build that is over; its steps printed `texts`, every line of each a second after the one before."""
    now = timezone.now()
    state = "succeeded" if failed is None else "failed"
    build = make_build(
        **{"state": state, "attempt": 1, "started_at": now - timedelta(seconds=9), "finished_at": now, **fields}
    )
    store = DatabaseFrames(fenced=False)
    for index, text in texts.items():
        lines = text.count("\n")
        Step.objects.create(
            build=build,
            attempt=1,
            index=index,
            name=f"RUN step {index}",
            state="failed" if index == failed else "succeeded",
            lines=lines,
            started_at=now,
        )
        times = pack([(line, AT_MS + 1000 * line) for line in range(lines)], 0)
        frames = [Frame(index, 0, 0, lines, 0, len(text.encode()), compress(text.encode()) + times)] if text else []
        store.insert(build.pk, 1, frames)
    if archived:
        archive_log(build.pk, 1, store=store)
    return build


def search(client, build, **asked):
    return client.get(f"{build.get_absolute_url()}/log/search", asked)


@pytest.mark.parametrize("archived", [False, True])
def test_it_finds_lines_of_the_whole_build_or_of_a_step(admin, archived):
    build = spoke({0: "HEAD is now\n", 3: "npm warn\nall well\n\x1b[31mnpm\x1b[0m warn again\n"}, archived=archived)
    found = search(admin, build, q="NPM warn").json()
    assert found["matches"] == [
        {"step": 3, "line": 0, "spans": [[0, 8]]},
        {"step": 3, "line": 2, "spans": [[0, 8]]},
    ]
    assert (found["searched"], found["total"], found["next"]) == (4, 4, None)
    assert found["sentence"] == "Searched 4 of 4 lines: 2 lines match."
    assert search(admin, build, q="npm", step=0).json()["matches"] == []
    assert search(admin, build, q="NPM", case="1").json()["matches"] == []
    assert len(search(admin, build, q=r"^\w+ wa", regex="1").json()["matches"]) == 2


@pytest.mark.one_database
def test_it_goes_on_where_an_answer_ended(admin, monkeypatch):
    monkeypatch.setattr("builds.logs.search.BUDGET_S", 0.0)
    monkeypatch.setattr(log_search.search_log, "__kwdefaults__", {**log_search.search_log.__kwdefaults__, "most": 3})
    build = spoke({1: "".join(f"line {n}\n" for n in range(8))})
    lines, start, answers = [], "", 0
    while start is not None:
        found = search(admin, build, q="line", start=start).json()
        lines += [match["line"] for match in found["matches"]]
        answers, start = answers + 1, found["next"]
        assert found["searched"] == (len(lines) if start else 8)
    assert (lines, answers) == (list(range(8)), 3)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({}, "Type what to search for."),
        ({"q": "(", "regex": "1"}, "The regex does not compile: a closing parenthesis is missing."),
        ({"q": "a", "start": "7"}, "`start` is what `next` said: a step and a line, such as 3.500."),
    ],
)
def test_it_says_what_is_wrong_with_a_search(admin, asked, says):
    answer = search(admin, spoke({0: "a\n"}), **asked)
    assert (answer.status_code, answer.json()["detail"]) == (400, says)


def test_it_asks_for_patience_when_several_search(admin, monkeypatch):
    monkeypatch.setattr(log_search, "_PATIENCE_S", 0.01)
    for _ in range(log_search.AT_ONCE):
        log_search._turns.acquire()
    try:
        answer = search(admin, spoke({0: "a\n"}), q="a")
    finally:
        for _ in range(log_search.AT_ONCE):
            log_search._turns.release()
    assert (answer.status_code, "ask again in a moment" in answer.json()["detail"]) == (503, True)


@pytest.mark.parametrize("page", ["/log/search?q=a", "/log/error"])
def test_it_shows_nothing_of_a_private_log_to_a_stranger(client, page):
    build = spoke({0: "a\n"})
    client.force_login(make_user("stranger"))
    assert client.get(f"{build.get_absolute_url()}{page}").status_code == 404
    client.force_login(make_member(build.repository.namespace, "reader", Role.READ))
    assert client.get(f"{build.get_absolute_url()}{page}", headers={"accept": "application/json"}).status_code == 200


# --- the first error --------------------------------------------------------------------------------------------------


def first_error(client, build):
    return client.get(f"{build.get_absolute_url()}/log/error", headers={"accept": "application/json"}).json()


def test_it_finds_the_first_error_among_the_last_lines_of_the_failing_step(admin):
    text = "error: an early one\n" + "fine\n" * 300 + "E: Unable\nmake: *** error 2\nfine\n"
    found = first_error(admin, spoke({0: "error: not here\n", 2: text}, failed=2))
    assert (found["step"], found["line"]) == (2, 302)
    assert found["sentence"] == (
        "Line 303 of the failing step is the first of its last 200 lines that looks like an error."
    )


@pytest.mark.one_database
def test_it_goes_to_the_end_of_a_failing_step_that_names_no_error(admin):
    found = first_error(admin, spoke({0: "error: not here\n", 2: "fine\nfine\n"}, failed=2))
    assert (found["step"], found["line"]) == (2, 1)
    assert found["sentence"] == "The end of the failing step: nothing in its 2 lines looks like an error."


@pytest.mark.one_database
def test_it_looks_through_the_whole_log_where_no_step_failed(admin):
    found = first_error(admin, spoke({0: "fine\n", 2: "0 errors\nwarning\nfatal: no\n"}))
    assert (found["step"], found["line"]) == (2, 2)
    assert found["sentence"] == "Line 3 of this step is the first that looks like an error."


def test_it_says_that_no_line_looks_like_an_error(admin):
    assert first_error(admin, spoke({0: "fine\n"})) == {
        "step": None,
        "line": None,
        "sentence": "No line looks like an error.",
    }


def test_it_goes_to_the_first_error_without_scripts(admin):
    build = spoke({2: "fine\nfatal: no\n"}, failed=2)
    answer = admin.get(f"{build.get_absolute_url()}/log/error")
    assert answer["Location"] == f"{build.get_absolute_url()}?step=2&line=2#s2-l2"
    page = admin.get(answer["Location"].partition("#")[0]).content.decode()
    assert "Line 2 of the failing step is the first of its 2 lines that looks like an error." in page
    assert '<div class="log-row is-linked" id="s2-l2">' in page


# --- lines that an address names, without scripts ---------------------------------------------------------------------


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("line", "marked"), [("500", [500]), ("500-502", [500, 501, 502]), ("502-500", [500, 501, 502])]
)
def test_it_shows_the_lines_that_an_address_names(admin, line, marked):
    build = spoke({1: "".join(f"line {n}\n" for n in range(1, 1001))})
    page = admin.get(f"{build.get_absolute_url()}?step=1&line={line}").content.decode()
    linked = page.split('class="log-row is-linked" id="s1-l')[1:]
    assert [int(part.partition('"')[0]) for part in linked] == marked
    assert 'id="s1-l401"' in page
    assert f"{build.get_absolute_url()}?step=1&amp;line=301" in page, "earlier lines"


@pytest.mark.parametrize("line", ["x", "0-", "-5", "1-2-3", "9" * 40, "١"])
def test_it_shows_the_newest_lines_for_an_address_that_names_none(admin, line):
    build = spoke({1: "".join(f"line {n}\n" for n in range(1, 1001))})
    page = admin.get(f"{build.get_absolute_url()}?step=1&line={line}")
    assert page.status_code == 200
    assert b'id="s1-l1000"' in page.content


# --- times, and the API -----------------------------------------------------------------------------------------------


@pytest.mark.one_database
def test_it_says_when_lines_began(admin):
    build = spoke({1: "a\nb\nc\n"})
    answer = admin.get(f"{build.get_absolute_url()}/lines", {"step": 1, "from": 1, "lines": 2}).json()
    assert answer["times"] == [[1, AT_MS + 1000], [2, AT_MS + 2000]]


@pytest.fixture
def api(client, db):
    headers = {"authorization": f"Bearer {create_token(make_admin(), 'test')[1]}"}
    return lambda address: client.get(f"/api/v1{address}", headers=headers)


def test_the_api_searches_a_log(api):
    build = spoke({1: "a needle\nhay\n", 2: "needles\n"})
    found = api(f"/builds/{build.pk}/log/search?q=needle").json()
    assert [(match["step"], match["line"], match["spans"]) for match in found["matches"]] == [
        (1, 0, [[2, 8]]),
        (2, 0, [[0, 6]]),
    ]
    assert (found["searched"], found["total"], found["next"]) == (3, 3, None)
    assert len(api(f"/builds/{build.pk}/log/search?q=s$&regex=true&step=2").json()["matches"]) == 1


@pytest.mark.parametrize(
    ("query", "status"), [("", 422), ("?q=", 422), ("?q=(&regex=1", 422), ("?q=a&attempt=7", 404), ("?q=a&step=x", 422)]
)
def test_the_api_says_what_is_wrong_with_a_search(api, query, status):
    answer = api(f"/builds/{spoke({1: 'a'}).pk}/log/search{query}")
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_the_api_finds_the_first_error(api):
    build = spoke({1: "fatal: no\n"}, failed=1)
    assert api(f"/builds/{build.pk}/log/error").json() == {
        "step": 1,
        "line": 0,
        "sentence": "Line 1 of the failing step is the first of what it printed that looks like an error.",
    }


@pytest.mark.one_database
def test_the_api_says_when_lines_began_where_it_is_asked_to(api):
    build = spoke({1: "a\nb\n"})
    plain = api(f"/builds/{build.pk}/log?step=1&from=0&lines=5").json()
    assert plain == {"first_line": 0, "lines": ["a", "b"], "total": 2}
    timed = api(f"/builds/{build.pk}/log?step=1&from=0&lines=5&times=1").json()
    assert timed == {**plain, "times": [[0, AT_MS], [1, AT_MS + 1000]]}


@pytest.mark.one_database
def test_the_api_hides_a_log_from_who_may_not_see_it(client):
    build = spoke({1: "a\n"})
    make_repository("acme/other")
    token = create_token(make_user("stranger"), "test")[1]
    for page in ("search?q=a", "error"):
        answer = client.get(f"/api/v1/builds/{build.pk}/log/{page}", headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 404


@pytest.mark.django_db(transaction=True)
async def test_it_stops_searching_when_the_client_has_left(monkeypatch):
    """Through the ASGI handler and all middleware, as a browser that closes the tab would have it."""
    begun, stopped = threading.Event(), threading.Event()

    def search_log(*_, is_stopped, **__):
        begun.set()
        for _ in range(1000):
            if is_stopped():
                stopped.set()
                break
            time.sleep(0.01)
        return SearchPart([], 0, 0, None)

    monkeypatch.setattr(log_search, "search_log", search_log)
    build = await sync_to_async(public_build)()
    path = f"{build}/log/search"
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"q=a",
        "headers": [(b"host", b"testserver")],
    }
    browser = ApplicationCommunicator(ThreadHandler(), {**scope, "http_version": "1.1", "scheme": "http"})
    await browser.send_input({"type": "http.request", "body": b""})
    assert await sync_to_async(begun.wait, thread_sensitive=False)(10)
    await browser.send_input({"type": "http.disconnect"})
    assert await sync_to_async(stopped.wait, thread_sensitive=False)(5)
    await browser.wait(5)


def public_build() -> str:
    make_repository("acme/web", visibility="public")
    return spoke({1: "a\n"}, archived=False).get_absolute_url()
