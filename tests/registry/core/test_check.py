"""The lines of a check, and the pulls that are left, as text alone."""

from __future__ import annotations

import pytest

from registry.core.check import Line, clock_line, failed_line, read_lines, sum_up
from registry.core.errors import RegistryError, RegistryErrorKind
from registry.core.rate import Rate, parse_rate


@pytest.mark.parametrize(
    ("headers", "rate"),
    [
        ({"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "88;w=21600"}, Rate(100, 88)),
        ({"ratelimit-limit": "200", "ratelimit-remaining": " 3 ; w=60"}, Rate(200, 3, 60)),
        ({"ratelimit-limit": "100;w=21600"}, None),
        ({"ratelimit-limit": "many", "ratelimit-remaining": "3"}, None),
        ({"ratelimit-limit": "-1", "ratelimit-remaining": "3"}, None),
        ({}, None),
    ],
)
def test_the_headers_of_docker_hub_are_read(headers, rate):
    assert parse_rate(headers) == rate


def test_few_pulls_are_told_before_there_are_none():
    assert Rate(100, 20).is_low
    assert not Rate(100, 21).is_low
    assert Rate(100, 88).sentence == "88 of 100 pulls in 6 h are left."
    assert Rate(10, 9, 90).sentence == "9 of 10 pulls in 1 m 30 s are left."


def test_a_clock_that_is_an_hour_off_is_named():
    line = clock_line(3599.4)
    assert line.ok is False
    assert line.sentence == "Its clock is 1 h 00 m ahead of this machine's."
    assert clock_line(-3600.0).sentence == "Its clock is 1 h 00 m behind this machine's."
    assert clock_line(1.0).ok
    assert clock_line(None).ok is None


@pytest.mark.parametrize(
    ("clause", "remedy"),
    [
        ("its certificate is self-signed, so nobody vouches for it", "certificate of an authority"),
        ("its certificate is for another name", "Use the name that is in the certificate"),
        ("its certificate has expired", "renewed"),
        ("its certificate is not trusted here", "Add the authority"),
        ("it does not speak TLS there", "choose http"),
        ("the connection was refused", "Check that it runs"),
    ],
)
def test_what_is_wrong_with_a_connection_says_what_to_do(clause, remedy):
    error = RegistryError(f"it cannot be reached: {clause}.", kind=RegistryErrorKind.NETWORK)
    assert remedy in failed_line("reach", error).remedy


@pytest.mark.parametrize("kind", list(RegistryErrorKind))
def test_a_failed_line_keeps_the_sentence(kind):
    line = failed_line("push", RegistryError("No.", kind=kind))
    assert (line.ok, line.sentence, line.name) == (False, "No.", "Push")


def test_a_check_is_as_good_as_its_worst_line():
    good = [Line("reach", ok=True, sentence="a"), Line("log-in", ok=True, sentence="b"), Line("push", None, "c")]
    assert sum_up(good) == (True, "It answers; log-in works.")
    assert sum_up([*good, Line("pull", ok=True, sentence="d")]) == (True, "It answers; log-in, pull work.")
    assert sum_up([*good, Line("push", ok=False, sentence="It may not.")]) == (False, "It may not.")
    assert sum_up([]) == (True, "It answers.")


def test_lines_survive_the_database_and_nonsense_does_not():
    line = Line("push", ok=False, sentence="It may not.", remedy="Let it.")
    assert read_lines([line.as_json(), {"what": "nonsense"}, 7]) == (line,)
    assert read_lines("nonsense") == ()
