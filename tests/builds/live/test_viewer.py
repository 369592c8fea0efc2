"""A viewer that does not keep up costs bounded memory and loses nothing."""

from __future__ import annotations

import json

from builds.live.state import BuildFacts, LiveState
from builds.live.viewer import MAX_MESSAGES, Viewer
from builds.logs.cutter import Position
from builds.logs.stream import Piece


def state_of(*steps):
    state = LiveState(1)
    state.begin(BuildFacts(1, False, {"state": "building"}, [{"index": i, "state": "running"} for i in steps]))
    return state


def print_line(state, step=0):
    known = state.known(step)
    return state.log(Piece(1, step, known, b"line %d\n" % known.line))


async def test_q06_a_slow_viewer_hears_how_many_lines_there_are_instead_of_each():
    state = state_of(0)
    viewer = Viewer(state.more)
    for _ in range(5000):
        for message in print_line(state):
            viewer.offer(message)
    for message in state.end():
        viewer.offer(message)
    heard = [json.loads(text) for text in await viewer.take()]
    assert len(heard) == MAX_MESSAGES + 2
    assert [message["type"] for message in heard[-2:]] == ["more", "end"]
    assert heard[-2]["lines"] == 5000
    assert state.since(heard[-2]["cursor"]) is not None


async def test_it_keeps_messages_in_order_once_a_viewer_was_late():
    state = state_of(0, 1)
    viewer = Viewer(state.more)
    for number in range(2 * MAX_MESSAGES):
        for message in print_line(state, number % 2):
            viewer.offer(message)
    heard = [json.loads(text) for text in await viewer.take()]
    numbers = [int(message["cursor"].split(".")[1]) for message in heard]
    assert numbers == sorted(numbers)
    for message in print_line(state, 1):
        viewer.offer(message)
    assert json.loads((await viewer.take())[0])["first_line"] == MAX_MESSAGES


async def test_it_gives_what_waits_and_then_ends():
    state = state_of(0)
    viewer = Viewer(state.more)
    viewer.replace(state.snapshot())
    viewer.close()
    assert json.loads((await viewer.take())[0])["type"] == "snapshot"
    assert await viewer.take() == []


def test_it_says_where_the_end_is_behind_a_gap():
    state = state_of(0)
    messages = state.log(Piece(1, 0, Position(1000, 50), b"line 50\n"))
    heard = [json.loads(message.text) for message in messages]
    assert [(message["type"], message["lines"]) for message in heard] == [("more", 50), ("log", ["line 50"])]
    assert heard[1]["first_line"] == 50


def test_it_says_nothing_twice():
    state = state_of(0)
    piece = Piece(1, 0, Position(), b"a\nb")
    assert len(state.log(piece)) == 2
    assert state.log(piece) == []
    fields = {"index": 0, "state": "succeeded", "lines": 2}
    assert len(state.step(fields)) == 1
    assert state.step(fields) == []


async def test_it_hears_of_steps_alone_if_it_wants_no_lines():
    state = state_of(0)
    viewer = Viewer(state.more, deaf={"log", "partial"})
    viewer.replace(state.snapshot())
    for message in [*print_line(state), *state.step({"index": 0, "state": "succeeded"}), *print_line(state)]:
        viewer.offer(message)
    assert [json.loads(text)["type"] for text in await viewer.take()] == ["snapshot", "step"]
