"""The last lines on the cards: from Redis, plain, short; and none where there is no Redis."""

from __future__ import annotations

import pytest

from builds.logs.cutter import Position
from builds.logs.stream import Event, Piece, publish, shared_client
from builds.models import Build
from builds.views.last_lines import last_lines


@pytest.fixture
def redis(settings, redis_url):
    settings.REDIS_URL = redis_url
    client = shared_client(redis_url)
    client.flushdb()
    return client


def piece(data: bytes) -> Piece:
    return Piece(1, 2, Position(), data)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"one\ntwo\n", "two"),
        (b"one\n\n  \n", "one"),
        (b"10 %\r20 %\r30 %", "30 %"),
        (b"\x1b[31mred\x1b[0m\n", "red"),
        (b"\x1b]8;;http://x\x1b\\link\n", "link"),
        (b"caf\xe9 \x00\x07\n", "caf\ufffd"),
        (b"x" * 100_000, "x" * 200),
    ],
)
def test_it_takes_the_last_line_as_plain_text(redis, data, line):
    publish(redis, 7, [piece(b"before\n"), piece(data)])
    assert last_lines([Build(pk=7)]) == {7: line}


def test_it_looks_past_events(redis):
    publish(redis, 7, [piece(b"line\n"), Event(1, "step", {"index": 3})])
    assert last_lines([Build(pk=7)]) == {7: "line"}


def test_it_has_none_for_a_build_that_printed_nothing(redis):
    assert last_lines([Build(pk=8)]) == {8: ""}


def test_it_has_none_without_redis(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert last_lines([Build(pk=7)]) == {}
