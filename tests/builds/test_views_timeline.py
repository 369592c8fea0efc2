"""Point 1 on the page and in the API: the timeline of builds that are over, run, failed or wait, and who sees it."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from builds.core.states import State
from builds.models import Build, Step
from builds.views.tab_timeline import _ticks as ticks_of
from tests.builds.pages import as_user
from tests.factories import make_admin, make_build, make_repository, make_rule, make_source, make_user
from tests.timed_steps import GRAPH, add_timed_steps

pytestmark = pytest.mark.django_db


@pytest.fixture
def rule():
    return make_rule(make_source(make_repository("acme/web")))


@pytest.fixture
def admin() -> Client:
    return as_user(make_admin())


def made(rule, state: str = "succeeded", *, ago_s: float = 1000, took_s: float | None = 63.4, **steps) -> Build:
    """A build of the rule with the steps of `tests.timed_steps`."""
    started = timezone.now() - timedelta(seconds=ago_s)
    ended = None if took_s is None else started + timedelta(seconds=took_s)
    commit = f"{Build.objects.count():040x}"
    build = make_build(rule, state=state, attempt=1, started_at=started, finished_at=ended, commit=commit)
    add_timed_steps(build, **steps)
    return build


def page(client: Client, build: Build, query: str = "") -> str:
    answer = client.get(f"{build.get_absolute_url()}?tab=timeline{query}")
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def api(client: Client, build: Build, query: str = "") -> dict:
    answer = client.get(f"/api/v1/builds/{build.pk}/timeline{query}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def row_of(html: str, index: int) -> str:
    return re.search(rf'data-time-row="{index}">.*?</li>', html, re.DOTALL)[0]


def test_it_puts_stages_side_by_side_and_links_each_step_to_its_log(rule, admin):
    build = made(rule)
    html = page(admin, build)
    lanes = re.findall(r'class="time-name">(?:Stage <strong>)?([^<]+)<', html)
    assert lanes[:1] == ["Imageyard"]
    assert [lane for lane in lanes if lane in {"base", "web", "api", "stage-3"}] == ["base", "web", "api", "stage-3"]
    assert f'href="{build.get_absolute_url()}?step=8#s8"' in row_of(html, 8)


def test_marks_of_the_axis_are_round_and_late_ones_are_told_apart():
    """A phone has no room for the words of a late one (`test_timeline_page.py`), and nothing for those behind 95 %."""
    assert ticks_of(193) == [
        *((30 * place, round(30 * place / 193 * 100, 3), False) for place in range(5)),
        (150, 77.72, True),
        (180, 93.264, True),
    ]
    assert ticks_of(189)[-1] == (150, 79.365, True)


def test_it_marks_the_chain_that_decides_and_what_waited(rule, admin):
    html = page(admin, made(rule))
    critical = [index for index in range(len(GRAPH)) if "is-critical" in html.partition(f'time-row="{index}"')[0][-99:]]
    assert critical == [0, 1, 2, 3, 4, 8, 9, 10, 13, 14, 15, 16, 17]
    assert "time-wait" in row_of(html, 12)
    assert "time-wait" not in row_of(html, 8)
    assert "Most of it is <code>RUN npm ci --no-audit --no-fund</code>, 21 s" in html


def test_it_folds_cached_steps_and_those_that_a_failed_build_never_reached(rule, admin):
    assert "2 cached steps" in page(admin, made(rule))
    html = page(admin, made(rule, "failed", took_s=26.4, until_s=26.4, fails_at=8))
    assert "3 steps not reached" in html
    assert "is-failed" in row_of(html, 8)


def test_it_counts_bytes_of_the_context_and_tells_what_the_export_did(rule, admin):
    html = page(admin, made(rule))
    assert "24.1 MB sent" in row_of(html, 5)
    assert "exporting layers 2.0 s, pushing layers 4.6 s" in row_of(html, 16)


def test_the_last_success_of_the_rule_stands_behind_it(rule, admin):
    made(rule, ago_s=5000)
    before = made(rule, ago_s=4000, pace=1.5)
    made(rule, "failed", ago_s=3000, took_s=26.4, until_s=26.4, fails_at=8)
    other = make_rule(rule.source, pattern="dev")
    made(other, ago_s=2500)
    html = page(admin, made(rule, ago_s=2000))
    assert html.count("time-ghost") > 10
    assert f"build #{before.number}</a>, the last success of the rule before" in html
    assert "−10 s" in row_of(html, 8)  # 21 s after 31.5 s


def test_the_first_build_of_a_rule_has_nothing_behind_it(rule, admin):
    html = page(admin, made(rule))
    assert "time-ghost" not in html


def test_a_running_build_says_how_long_it_still_takes_and_grows(rule, admin):
    for ago in (5000, 4000, 3000):
        made(rule, ago_s=ago)
    html = page(admin, made(rule, "building", ago_s=21, took_s=None, until_s=21))
    assert re.search(r"About \d+ s are left: usually it takes 1 m 03 s \(the median of its rule's last 3", html)
    assert "data-grows" in row_of(html, 8)
    assert "data-grows" in row_of(html, 12)
    assert re.search(r"data-live data-span=\"[6-9]\d\.", html)


@pytest.mark.one_database
def test_the_api_tells_what_the_page_shows(rule, admin):
    made(rule, ago_s=3000, pace=1.5)
    told = api(admin, made(rule))
    assert (told["before"], told["live"], told["most_at_once"]) == (1, False, 2)
    assert told["real_s"] == pytest.approx(63.4, abs=0.01)
    assert told["accumulated_s"] == pytest.approx(80, abs=1)
    step = told["steps"][12]
    assert (step["stage"], step["work"], step["inputs"]) == ("api", "exec", [11])
    assert step["waited"] == pytest.approx(3.2, abs=0.01)
    assert step["before"][2] == pytest.approx(21, abs=0.01)
    assert told["expected"] is None


def test_the_api_and_home_expect_the_same_of_a_running_build(rule, admin):
    made(rule, ago_s=3000)
    running = made(rule, "building", ago_s=21, took_s=None, until_s=21)
    told = api(admin, running)["expected"]
    assert told["usual_s"] == pytest.approx(63.4, abs=0.1)
    assert 20 < told["left_s"] < 45
    for html in (admin.get("/").content.decode(), page(admin, running)):
        (said,) = re.findall(r"about (\d+) s left", html)
        assert int(said) == pytest.approx(told["left_s"], abs=5)  # they are asked one after the other


@pytest.mark.parametrize("state", [State.QUEUED, State.CANCELLED])
def test_a_build_without_steps_says_so(rule, admin, state: str):
    html = page(admin, make_build(rule, state=state))
    assert ("The timeline begins here" in html) is (state == State.QUEUED)
    assert ("No step ran." in html) is (state == State.CANCELLED)


def test_an_earlier_attempt_has_its_own_timeline(rule, admin):
    build = made(rule, ago_s=2000)
    Build.objects.filter(pk=build.pk).update(attempt=2)
    Step.objects.create(
        build=build, attempt=2, index=0, name="check out", state="succeeded", started_at=build.started_at
    )
    assert len(api(admin, build)["steps"]) == 1
    assert len(api(admin, build, "?attempt=1")["steps"]) == len(GRAPH)
    assert "?attempt=1&step=8#s8" in page(admin, build, "&attempt=1")
    assert admin.get(f"/api/v1/builds/{build.pk}/timeline?attempt=3").status_code == 404


def test_builds_from_before_steps_had_inputs_have_a_timeline(rule, admin):
    build = made(rule)
    Step.objects.update(inputs=[], intervals=[], transfers=[], vertex="")
    told = api(admin, build)
    assert told["real_s"] == pytest.approx(63.4, abs=0.01)
    assert [step["waited"] for step in told["steps"]] == [0] * len(GRAPH)


def test_names_of_steps_are_escaped(rule, admin):
    build = made(rule)
    Step.objects.filter(build=build, index=8).update(name="[a 1/1] RUN <script>alert(1)</script>\"'")
    html = admin.get(f"{build.get_absolute_url()}?tab=timeline").content.decode()
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)" in row_of(html, 8)


@pytest.mark.one_database
def test_strangers_see_no_timeline(rule):
    build = made(rule)
    stranger = as_user(make_user("charlie"))
    for path in (f"{build.get_absolute_url()}/timeline", f"/api/v1/builds/{build.pk}/timeline"):
        assert stranger.get(path).status_code == 404


def test_it_asks_no_more_of_the_database_for_more_steps(rule, admin, django_assert_num_queries):
    made(rule, ago_s=3000)
    build = made(rule, "building", ago_s=21, took_s=None, until_s=21)
    url = f"{build.get_absolute_url()}/timeline"
    admin.get(url)
    with django_assert_num_queries(11) as few:
        admin.get(url)
    rows = [
        Step(build=build, attempt=1, index=100 + n, name=f"[s {n}/900] RUN {n}", vertex=f"v{n}") for n in range(900)
    ]
    Step.objects.bulk_create(rows)
    with django_assert_num_queries(len(few.captured_queries)):
        assert admin.get(url).status_code == 200
