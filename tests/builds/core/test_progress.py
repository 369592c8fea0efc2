"""Reading rawjson: every recorded build, cut anywhere, and what is not BuildKit's."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builds.core import progress
from builds.core.progress import (
    BuildWarning,
    Event,
    ProgressParser,
    StepAnnounced,
    StepBook,
    StepFinished,
    StepLog,
    StepProgress,
    StepStarted,
    parse_step_name,
)
from tests.builds.core.rawjson import SAMPLES, read, recorded


def line(**record: object) -> bytes:
    return json.dumps(record).encode() + b"\n"


def logged(events: list[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, StepLog))


@pytest.mark.parametrize("name", SAMPLES)
def test_b01_it_finds_the_facts_of_every_recording(name):
    events, parser = read(recorded(name))
    facts = SAMPLES[name]
    errors = [event.error for event in events if isinstance(event, StepFinished) and event.error]
    assert parser.tail == facts["non_json_lines"]
    assert list(dict.fromkeys(errors)) == facts["vertex_errors"]
    assert len(logged(events)) == facts["log_bytes"]
    assert parser.dropped_bytes == 0


@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize("name", SAMPLES)
def test_b01_it_reads_the_same_whatever_the_chunk_size(name, size):
    whole, cut = read(recorded(name)), read(recorded(name), size)
    assert cut[0] == whole[0]
    assert cut[1].tail == whole[1].tail


@pytest.mark.parametrize("name", [name for name in SAMPLES if recorded(name).endswith(b"\n")])
def test_it_reads_a_stream_that_lost_its_last_line_end(name):
    assert read(recorded(name)[:-1])[0] == read(recorded(name))[0]


def test_b01_it_does_not_mix_two_steps_that_run_at_once():
    events, _ = read(recorded("interleaved"))
    book = StepBook()
    texts: dict[str, bytes] = {}
    for event in events:
        book.apply(event)
        if isinstance(event, StepLog):
            texts[event.vertex] = texts.get(event.vertex, b"") + event.data
    by_stage = {book.get(vertex).label.stage: text.split() for vertex, text in texts.items()}
    assert by_stage == {stage: [f"{stage}{i}".encode() for i in range(1, 31)] for stage in "ab"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("utf8-split", "café 🚀 done\n".encode()),
        (
            "invalid-utf8",
            b"caf\xe9 latin1\n\xff\xfe\x80 lone continuation\n\xed\xa0\x80 surrogate\n\xc0\xaf overlong\nok\n",
        ),
        ("nul-bytes", b"a\0b\0\0c\nbell\x07 vt\x0b ff\x0c del\x7f\n"),
        ("lines-30k", b"".join(b"%d\n" % i for i in range(1, 30001))),
        ("silent-20s", b"start\nend\n"),
    ],
)
def test_b03_it_keeps_every_byte_that_a_step_printed(name, text):
    assert logged(read(recorded(name))[0]) == text


def test_b02_it_leaves_escape_codes_and_carriage_returns_as_they_are():
    assert b"\x1b[38;5;208m256" in logged(read(recorded("ansi"))[0])
    assert logged(read(recorded("progress-cr"))[0]).count(b"\r") == 23


def test_it_tells_apart_stdout_and_stderr():
    events, _ = read(recorded("ok-multistage"))
    assert [(event.stream, event.data) for event in events if isinstance(event, StepLog)][:2] == [
        (1, b"hello world\n"),
        (2, b"to-stderr\n"),
    ]


def test_it_announces_a_vertex_before_anything_else_and_its_inputs_before_it():
    seen: set[str] = set()
    for event in read(recorded("ok-multistage"))[0]:
        if isinstance(event, StepAnnounced):
            assert set(event.inputs) <= seen
            seen.add(event.vertex)
        else:
            assert event.vertex in seen


def test_it_tells_bytes_sent_and_layers_pushed():
    events = [event for event in read(recorded("push-ok"))[0] if isinstance(event, StepProgress)]
    pushed = [event for event in events if event.id == "pushing layer 83f9af830492"]
    assert (pushed[1].current, pushed[1].total, pushed[1].completed) == (41984, 1982452, False)
    assert pushed[-1].completed
    assert "transferring context:" in {event.id for event in events}


def test_it_reads_a_warning_with_its_place():
    warnings = [event for event in read(recorded("warnings"))[0] if isinstance(event, BuildWarning)]
    assert len(warnings) == 6
    assert warnings[2].short.startswith("MaintainerDeprecated: ")
    assert warnings[2].detail == (
        "The MAINTAINER instruction is deprecated, use a label instead to define an image author",
    )
    assert warnings[2].url.endswith("/maintainer-deprecated/")
    assert (warnings[2].filename, warnings[2].first_line, warnings[2].last_line) == ("Dockerfile", 2, 2)


def test_it_reads_nanoseconds_as_an_aware_time():
    first = next(event for event in read(recorded("ok-multistage"))[0] if isinstance(event, StepStarted))
    assert first.at.isoformat() == "2026-11-25T00:53:29.296738+00:00"


def test_it_takes_the_zero_time_of_a_client_side_step_for_no_time():
    events, _ = read(line(vertexes=[{"digest": "v", "name": "n", "started": "0001-01-01T00:00:00Z"}]))
    assert [type(event) for event in events] == [StepAnnounced]


def test_it_reads_a_step_that_completes_without_a_start():
    events, _ = read(line(vertexes=[{"digest": "v", "name": "n", "completed": "2026-01-01T00:00:00.5Z", "error": "x"}]))
    assert [type(event) for event in events] == [StepAnnounced, StepFinished]
    assert (events[1].started_at, events[1].error) == (None, "x")


def test_it_does_not_repeat_what_buildkit_repeats():
    record = line(vertexes=[{"digest": "v", "started": "2026-01-01T00:00:00Z", "completed": "2026-01-01T00:00:01Z"}])
    assert [type(event) for event in read(record * 3)[0]] == [StepAnnounced, StepStarted, StepFinished]


ENDED = {"digest": "v", "started": "2026-01-01T00:00:00Z", "completed": "2026-01-01T00:00:01Z"}
TWICE = [ENDED, {"digest": "v", "started": "2026-01-01T00:00:02Z"}]


def words(size: int, **more: object) -> bytes:
    return line(logs=[{"vertex": "v", "stream": 1, "data": base64.b64encode(b"x" * size).decode()}], **more)


CUT = words(2**20, vertexes=[ENDED])
OTHER = line(logs=[{"vertex": "w", "stream": 1, "data": "eA=="}])


# BuildKit cuts a batch behind the log that passes 1 MiB; what the step said last then comes after its end.
@pytest.mark.parametrize(
    ("records", "kinds"),
    [
        ([words(1, vertexes=[ENDED]), words(1)], "ASLFL"),
        ([CUT, words(9), words(9), line(statuses=[])], "ASLLLF"),
        ([CUT, words(9), OTHER], "ASLLFL"),
        ([CUT, words(9)], "ASLLF"),
        ([CUT, line(vertexes=TWICE)], "ASLFS"),
        ([words(1, vertexes=TWICE)], "ASFSL"),
    ],
    ids=["one record", "a new batch", "another step", "nothing more", "another run", "two runs in one record"],
)
def test_a_step_ends_behind_its_last_words(records, kinds):
    names = {StepAnnounced: "A", StepStarted: "S", StepLog: "L", StepFinished: "F"}
    assert "".join(names[type(event)] for event in read(b"".join(records))[0]) == kinds


@pytest.mark.parametrize(
    "text",
    [b"{not json", b'{"a": 1}', b"[1]", b"null", b'{"logs": [}', b"[" * 100_000, b'{"logs":' + b"[" * 100_000],
    ids=["broken", "other object", "list", "null", "broken list", "deep", "deep record"],
)
def test_it_keeps_as_text_what_is_no_record(text):
    events, parser = read(text + b"\r\nnext\n")
    assert events == []
    assert parser.tail[0][:9] == text.decode()[:9]
    assert parser.tail[-1] == "next"


def test_it_keeps_both_ends_of_a_long_text_line():
    _, parser = read(b'ERROR: process "' + b"x" * 1_000_000 + b'" exit code: 42\n')
    assert parser.tail[0].startswith("ERROR: process")
    assert parser.tail[0].endswith("exit code: 42")
    assert len(parser.tail[0]) < 20_000


def test_it_bounds_the_text_it_keeps():
    _, parser = read(b"".join(b"line %d\n" % i for i in range(10_000)))
    assert len(parser.tail) == progress.TAIL_LINES
    assert parser.tail[-1] == "line 9999"


@pytest.mark.parametrize("size", [50_000, 0], ids=["in chunks", "in one chunk"])
def test_it_drops_a_line_without_end_and_says_so(monkeypatch, size):
    monkeypatch.setattr(progress, "MAX_LINE_BYTES", 100_000)
    parser = ProgressParser()
    endless = b"x" * 1_000_000
    for at in range(0, len(endless), size or len(endless)):
        parser.feed(endless[at : at + (size or len(endless))])
    assert parser._size == 0
    assert parser.feed(b"\nERROR: later\n") == []
    assert parser.dropped_bytes == 1_000_000
    assert parser.tail == ["[a line longer than 16 MiB was left out]", "ERROR: later"]


def test_it_replaces_nul_in_names_and_errors():
    vertex = {"digest": "v", "name": "a\0b", "completed": "2026-01-01T00:00:00Z", "error": "c\0d"}
    announced, finished = read(line(vertexes=[vertex]))[0]
    assert (announced.name, finished.error) == ("a�b", "c�d")


@pytest.mark.parametrize("odd", [None, 1, "x", [], [1], [[]], [{}], [{"digest": 5}], {"digest": "v"}, True, 1e300])
@pytest.mark.parametrize("key", ["vertexes", "statuses", "logs", "warnings"])
def test_it_survives_a_record_of_the_wrong_shape(key, odd):
    events, parser = read(line(**{key: odd}) + b"ERROR: after\n")
    assert parser.tail == ["ERROR: after"]
    assert all(event.vertex == "" for event in events)


_LEAF = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.just("2026-01-01T00:00:00Z")
)
_FIELDS = ["digest", "name", "inputs", "started", "completed", "cached", "error", "vertex", "id", "current", "total"]
_FIELDS += ["timestamp", "stream", "data", "level", "short", "detail", "url", "sourceInfo", "range", "start", "line"]
_VALUE = st.recursive(
    _LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_FIELDS), inner, max_size=6)
)
_RECORD = st.dictionaries(st.sampled_from(["vertexes", "statuses", "logs", "warnings"]), st.lists(_VALUE, max_size=3))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.binary() | st.just(b"\n") | st.just(b'{"logs":') | _RECORD.map(lambda r: line(**r))))
def test_it_never_raises_whatever_the_bytes(chunks):
    parser, book = ProgressParser(), StepBook()
    for chunk in chunks:
        for event in parser.feed(chunk):
            book.apply(event)
    for event in parser.close():
        book.apply(event)
    book.close()
    assert [step.index for step in book.steps] == list(range(len(book.steps)))


@settings(deadline=None)
@given(st.binary(), st.lists(st.integers(0, 200)))
def test_it_reads_any_bytes_the_same_however_they_are_cut(text, cuts):
    stream = text.replace(b"a", b"\n") + line(logs=[{"data": base64.b64encode(text).decode(), "vertex": "v"}]) + text
    whole, parser = read(stream)
    cut_parser, events, last = ProgressParser(), [], 0
    for at in [*sorted(cuts), len(stream)]:
        events += cut_parser.feed(stream[last:at])
        last = max(last, at)
    assert events + cut_parser.close() == whole
    assert cut_parser.tail == parser.tail


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("[build 2/5] RUN npm ci", ("step", "build", 2, 5, "", "RUN npm ci")),
        ("[ 2/12] RUN x", ("step", "", 2, 12, "", "RUN x")),
        ("[build  2/12] RUN x", ("step", "build", 2, 12, "", "RUN x")),
        ("[linux/amd64 build 2/5] RUN x", ("step", "build", 2, 5, "linux/amd64", "RUN x")),
        ("[linux/amd64->arm64 2/5] RUN x", ("step", "", 2, 5, "linux/amd64->arm64", "RUN x")),
        ("[linux/arm/v7 1/1] FROM a", ("step", "", 1, 1, "linux/arm/v7", "FROM a")),
        ("[stage-2 1/1] RUN a\nb", ("step", "stage-2", 1, 1, "", "RUN a\nb")),
        ("[internal] load build context", ("internal", "", None, None, "", "[internal] load build context")),
        ("[auth] a/b:pull token for r", ("internal", "", None, None, "", "[auth] a/b:pull token for r")),
        ("exporting to image", ("export", "", None, None, "", "exporting to image")),
        ("pushing a/b:c with docker", ("push", "", None, None, "", "pushing a/b:c with docker")),
        ("FROM a/b:c@sha256:1", ("step", "", None, None, "", "FROM a/b:c@sha256:1")),
        ("https://a/b", ("other", "", None, None, "", "https://a/b")),
        ("", ("other", "", None, None, "", "")),
    ],
)
def test_it_takes_a_step_name_apart(name, parts):
    label = parse_step_name(name)
    assert (label.role, label.stage, label.number, label.total, label.platform, label.instruction) == parts
