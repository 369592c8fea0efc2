"""What a step prints is what the log holds, byte for byte, whatever the bytes are."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.yard import Yard, fresh

# (name, what the step runs, the bytes that it prints)
PRINTED = [
    (
        "invalid-utf8",
        r"printf 'caf\351\n\200\n\355\240\200\n\300\257\n\360\237\n'",
        b"caf\xe9\n\x80\n\xed\xa0\x80\n\xc0\xaf\n\xf0\x9f\n",
    ),
    ("nul", r"printf 'a\0b\n\0\0\n'", b"a\0b\n\0\0\n"),
    ("no-newline", r"printf 'first\nlast'", b"first\nlast"),
    ("progress-bar", r"for i in 1 2 3; do printf '%s%%\r' $i; done; printf '\r\n'", b"1%\r2%\r3%\r\r\n"),
    ("escapes", r"printf '\033[31mred\033[0m \033]0;title\007 \033]8;;javascript:1\007x\n'", None),
    ("separators", r"printf 'a\342\200\250b\fc\vd\302\205e\n'", b"a\xe2\x80\xa8b\x0cc\x0bd\xc2\x85e\n"),
    # More than BuildKit lets through where nobody told it otherwise: 2 MiB for a step, and 200 KiB a second.
    ("one-long-line", "head -c 3145728 /dev/zero | tr '\\\\000' x", b"x" * 3145728),
    (
        "many-lines",
        "awk 'BEGIN{for(i=0;i<100000;i++) printf \"line %d of a long log\\\\n\", i}'",
        b"".join(b"line %d of a long log\n" % i for i in range(100_000)),
    ),
]
ESCAPES = b"\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b]8;;javascript:1\x07x\n"


@pytest.fixture(scope="module")
def printed_all(yard: Yard, base_image: str) -> dict[str, Any]:
    """A build with a step for each of `PRINTED`."""
    linked = yard.link("bytes/printed")
    files = {name: f"#!/bin/sh\n{command}\n".replace("\\\\", "\\") for name, command, _ in PRINTED}
    steps = [f"RUN sh /s/{name}" for name in files]
    build = linked.build({"Dockerfile": fresh(base_image, "COPY . /s", *steps), **files}, timeout_s=120)
    assert build["state"] == "succeeded", build["sentence"]
    return build


@pytest.mark.parametrize(("name", "printed"), [(row[0], row[2]) for row in PRINTED], ids=[row[0] for row in PRINTED])
def test_5_b03_the_log_is_what_was_printed(yard: Yard, printed_all: dict[str, Any], name: str, printed: bytes | None):
    """5. No log byte is lost or reordered within a step."""
    build = printed_all
    printed = ESCAPES if printed is None else printed
    step = next(step for step in build["steps"] if f"RUN sh /s/{name}" in step["name"])
    log = yard.log(build["id"], step=step["index"])
    assert (len(log), hashlib.sha256(log).hexdigest()) == (len(printed), hashlib.sha256(printed).hexdigest())
    assert step["lines"] == printed.count(b"\n") + (not printed.endswith(b"\n"))
    assert build["log"]["clipped"] is False
    found = yard.get(f"/builds/{build['id']}/log?step={step['index']}&from={step['lines'] - 1}&lines=5")
    assert (found["first_line"], found["total"], len(found["lines"])) == (step["lines"] - 1, step["lines"], 1)


def test_5_steps_come_in_order_in_the_whole_log(yard: Yard, printed_all: dict[str, Any]):
    build = printed_all
    parts = [yard.log(build["id"], step=step["index"]) for step in build["steps"]]
    assert sum(map(bool, parts)) > len(PRINTED)
    assert yard.log(build["id"]) == b"".join(parts)
    assert build["log"]["bytes"] == sum(map(len, parts))
    assert build["log"]["lines"] == sum(step["lines"] for step in build["steps"])


def test_5_two_stages_at_once_do_not_mix(yard: Yard, base_image: str):
    count = "RUN i=0; while [ $i -lt 200 ]; do echo {0} $i; i=$((i+1)); sleep 0.002; done; touch /{0}"
    first, second = (fresh(base_image, count.format(name)) for name in ("left", "right"))
    dockerfile = first.replace("\n", " AS left\n", 1) + second.replace("\n", " AS right\n", 1)
    dockerfile += f"FROM {base_image}\nCOPY --from=left /left /\nCOPY --from=right /right /\n"
    linked = yard.link("bytes/stages")
    build = linked.build({"Dockerfile": dockerfile})
    assert build["state"] == "succeeded", build["sentence"]
    for name in ("left", "right"):
        step = next(step for step in build["steps"] if f"echo {name}" in step["name"])
        assert yard.log(build["id"], step=step["index"]) == b"".join(
            b"%s %d\n" % (name.encode(), i) for i in range(200)
        )
