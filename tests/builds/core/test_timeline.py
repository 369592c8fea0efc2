"""Point 1, the timeline: what recorded builds and small graphs look like on one axis of time."""

from __future__ import annotations

import pytest

from builds.core.progress_events import parse_step_name
from builds.core.timeline import TimedStep, lay_out, work_of
from tests.builds.core.timed import recorded_timeline, row_of, timed

FORK = [
    timed(0, (0, 2), name="check out", vertex=""),
    timed(1, (2, 3), name="[base 1/1] FROM debian"),
    timed(2, (3, 9), inputs=[1], name="[web 1/1] RUN npm ci"),
    timed(3, (3, 5), inputs=[1], name="[api 1/1] RUN make"),
    timed(4, (10, 11), inputs=[2, 3], name="[stage-2 1/1] COPY --from=web / /"),
    timed(5, (11, 13), name="exporting to image"),
]


@pytest.mark.parametrize(
    ("recording", "lanes"),
    [
        (
            "ok-multistage",
            {
                "BuildKit": 4,
                "base": 2,
                "mid": 2,
                "stage-2": 1,
                "Export and push": 1,
            },
        ),
        ("interleaved", {"BuildKit": 3, "b": 2, "a": 1, "stage-2": 2, "Export and push": 1}),
        ("metadata/push", {"BuildKit": 4, "base": 2, "mid": 2, "last": 2, "Export and push": 2}),
        ("fail-exit-42", {"BuildKit": 3, "": 3}),
    ],
)
def test_it_puts_each_stage_of_a_recorded_build_into_a_lane(recording: str, lanes: dict[str, int]):
    assert {lane.title: len(lane.rows) for lane in recorded_timeline(recording).lanes} == lanes


def test_it_keeps_platforms_apart():
    names = ["[linux/amd64 a 1/1] RUN x", "[linux/arm64 a 1/1] RUN x"]
    timeline = lay_out([timed(place, (0, 1), name=name) for place, name in enumerate(names)])
    assert [lane.title for lane in timeline.lanes] == ["a linux/amd64", "a linux/arm64"]


def test_it_tells_what_ran_side_by_side_in_a_recorded_build():
    timeline = recorded_timeline("interleaved")
    assert timeline.most_at_once == 2
    assert 0.9 < timeline.parallel_share < 1
    assert timeline.accumulated_s > 1.8 * timeline.real_s
    assert timeline.idle_s == pytest.approx(timeline.real_s - timeline.busy_s)


def test_it_adds_up_real_accumulated_parallel_and_idle_time():
    timeline = lay_out(FORK)
    told = timeline.real_s, timeline.accumulated_s, timeline.busy_s, timeline.parallel_s, timeline.idle_s
    assert told == (13, 14, 12, 2, 1)
    assert timeline.parallel_share == pytest.approx(2 / 12)


@pytest.mark.parametrize(
    ("recording", "critical"),
    [
        ("ok-multistage", [0, 2, 4, 6, 7, 8, 9]),
        ("interleaved", [0, 2, 4, 5, 7, 8]),
        ("fail-exit-42", [0, 1, 4]),
        ("ok-cached", [0, 1, 9]),
        ("cancel-sigkill", [0, 2, 4]),
    ],
)
def test_it_finds_the_chain_that_decides_in_a_recorded_build(recording: str, critical: list[int]):
    timeline = recorded_timeline(recording)
    assert list(timeline.critical) == critical
    assert timeline.critical_s <= timeline.real_s


def test_the_chain_goes_through_the_slower_of_two_stages():
    timeline = lay_out(FORK)
    assert timeline.critical == (0, 1, 2, 4, 5)
    assert timeline.longest is not None
    assert timeline.longest.step.index == 2


def test_the_chain_of_a_running_build_ends_where_most_is_left():
    before = lay_out([timed(0, (0, 9)), timed(1, (0, 3))])
    timeline = lay_out([timed(0, (0, None)), timed(1, (0, None))], now=4, before=before)
    assert timeline.critical == (0,)


def test_a_graph_in_a_circle_ends():
    assert lay_out([timed(0, (0, 1), inputs=[1]), timed(1, (1, 2), inputs=[0])]).critical == (0, 1)


def test_a_step_waits_from_when_all_it_takes_is_there():
    row = lay_out(FORK).rows[4]
    assert (row.ready, row.waited) == (9, 1)
    assert lay_out(FORK).rows[2].waited == 0


def test_a_pending_step_of_a_running_build_waits_until_now():
    steps = [timed(0, (0, 4)), timed(1, inputs=[0]), timed(2, inputs=[1])]
    rows = lay_out(steps, now=7).rows
    assert [row.waited for row in rows] == [0, 3, 0]


def test_a_running_bar_reaches_to_now_and_grows():
    bars = [lay_out([timed(0, (10, None))], now=now).rows[0].bars for now in (12, 15)]
    assert bars == [((0, 2),), ((0, 5),)]


def test_a_step_that_was_cut_off_ends_where_the_build_did():
    assert lay_out([timed(0, (10, None), state="cancelled")], ended=13).rows[0].seconds == 3


def test_intervals_that_touch_are_one_bar_and_others_are_several():
    row = lay_out([timed(0, (0, 1), (1, 2), (5, 6))]).rows[0]
    assert row.bars == ((0, 2), (5, 6))
    assert row.seconds == 3


def test_the_build_before_stands_behind_steps_of_the_same_name_and_place():
    before = lay_out(FORK)
    changed = [*FORK[:2], timed(9, (3, 4), name="[base 2/2] RUN new", inputs=[1]), *FORK[2:]]
    timeline = lay_out(changed, before=before)
    ghost = row_of(timeline, "npm ci").ghost
    assert (ghost.begin, ghost.end, ghost.seconds) == (3, 9, 6)
    assert row_of(timeline, "RUN new").ghost is None
    assert timeline.ghost_s == 13


def test_builds_with_little_in_common_are_paired_by_name_alone():
    kept = timed(0, (0, 2), name="RUN kept")
    before = lay_out([kept, *[timed(n, (n, n + 1), name=f"RUN old-{n}") for n in range(1, 60)]])
    timeline = lay_out([kept, *[timed(n, (n, n + 1), name=f"RUN new-{n}") for n in range(1, 60)]], before=before)
    assert [row.step.name for row in timeline.rows if row.ghost] == ["RUN kept"]


def test_the_ghost_of_a_cached_build_is_the_time_the_cache_saved():
    timeline = recorded_timeline("ok-cached", before=recorded_timeline("ok-multistage"))
    ghosts = {row.label.instruction: row.ghost for row in timeline.rows if row.step.cached}
    assert ghosts["RUN cat /a"].seconds == pytest.approx(0.09, abs=0.01)
    assert not ghosts["RUN cat /a"].cached


@pytest.mark.parametrize(
    ("name", "operation", "work"),
    [
        ("[internal] load build definition from Dockerfile", "", "transfer"),
        ("[internal] load build context", "source", "transfer"),
        ("[internal] load metadata for docker.io/library/node:20", "", "pull"),
        ("importing cache manifest from registry/x", "", "pull"),
        ("[a 1/2] FROM docker.io/library/node:20", "source", "pull"),
        ("FROM docker.io/library/node:20", "", "pull"),
        ("[a 2/2] RUN npm ci", "", "exec"),
        ("[a 2/2] COPY . .", "", "file"),
        ("[a 2/2] ADD https://example.com/a.tar /", "source", "pull"),
        ("[a 2/2] RUN <<EOF", "exec", "exec"),
        ("exporting to image", "", "export"),
        ("pushing registry.example.com/acme/web with docker", "", "export"),
        ("resolving provenance for metadata file", "", "export"),
    ],
)
def test_it_sorts_work_into_the_classes_that_docker_desktop_has(name: str, operation: str, work: str):
    label = parse_step_name(name)
    step = TimedStep(0, name, "succeeded", vertex="v", internal=label.internal, operation=operation)
    assert work_of(step, label) == work


def test_a_step_without_a_vertex_is_imageyards_own():
    assert lay_out(FORK).lanes[0].kind == "imageyard"
    assert lay_out(FORK).work_s == {"exec": 8, "imageyard": 2, "export": 2, "pull": 1, "file": 1}


def test_it_counts_bytes_of_the_context_in_a_recorded_build():
    timeline = recorded_timeline("containerd-store/disk-context")
    assert row_of(timeline, "load build context").moved_bytes == (38_476_703, 0)


def test_nothing_at_all_is_a_timeline_too():
    timeline = lay_out([])
    assert (timeline.rows, timeline.real_s, timeline.critical, timeline.parallel_share) == ((), 0, (), 0)
