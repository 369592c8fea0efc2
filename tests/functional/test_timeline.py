"""Point 1 on real parts: what a build with two stages side by side leaves behind, and what is told of its time."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from tests.yard import Yard, until

DOCKERFILE = """\
ARG BASE
FROM ${BASE} AS base
RUN echo NONCE > /made

FROM base AS left
RUN sleep 2 && echo left > /left

FROM base AS right
COPY context.bin /
RUN sleep 1 && echo right > /right

FROM base
COPY --from=left /left /
COPY --from=right /right /
RUN cat /left /right > /both
"""


def link(yard: Yard, base_image: str, path: str) -> Any:
    rule = {"ref_type": "branch", "pattern": "main", "tags": ["latest"], "build_args": {"BASE": base_image}}
    return yard.link(path, rules=[rule])


def rows_of(yard: Yard, build_id: int) -> list[dict[str, Any]]:
    names = (
        "index",
        "name",
        "state",
        "inputs",
        "intervals",
        "transfers",
        "operation",
        "fingerprint",
        "dockerfile_lines",
    )
    columns = ", ".join(f'"{name}"' for name in names)
    found = yard.sql(f'SELECT {columns} FROM builds_step WHERE build_id = ? ORDER BY "index"', build_id)
    rows = [dict(zip(names, row, strict=True)) for row in found]
    for row in rows:
        row |= {name: json.loads(row[name]) for name in ("inputs", "intervals", "transfers", "dockerfile_lines")}
    return rows


def step(rows: list[dict[str, Any]], words: str) -> dict[str, Any]:
    (found,) = [row for row in rows if words in row["name"]]
    return found


def record_of(yard: Yard, build_id: int) -> tuple[Any, ...] | None:
    """The record with its platforms, which are written behind the end."""
    columns = "dockerfile, dockerfile_path, platforms, builder, attempt"
    found = yard.sql(f"SELECT {columns} FROM builds_buildrecord WHERE build_id = ? AND platforms != '[]'", build_id)
    return found[0] if found else None


def test_a_build_with_parallel_stages_leaves_its_graph_its_times_and_its_record_and_is_told_of(
    yard: Yard, base_image: str
):
    linked = link(yard, base_image, "acme/timeline")
    dockerfile = DOCKERFILE.replace("NONCE", uuid4().hex)
    built = linked.build({"Dockerfile": dockerfile, "context.bin": "x" * 300_000})
    assert built["state"] == "succeeded", built["error"]
    rows = rows_of(yard, built["id"])

    base, left, right = step(rows, "/made"), step(rows, "sleep 2"), step(rows, "sleep 1")
    assert left["inputs"] == [base["index"]]
    assert right["inputs"] == [step(rows, "COPY context.bin")["index"]]
    assert step(rows, "COPY --from=right")["inputs"] == [step(rows, "COPY --from=left")["index"], right["index"]]
    (one,), (other,) = left["intervals"], right["intervals"]
    assert max(one[0], other[0]) < min(one[1], other[1])  # side by side
    assert sum(part["current"] for part in step(rows, "load build context")["transfers"]) > 300_000
    assert (left["operation"], left["dockerfile_lines"]) == ("exec", [6])
    assert len(left["fingerprint"]) == 64

    text, path, platforms, builder, attempt = until(lambda: record_of(yard, built["id"]), what="the record")
    assert (text, path, attempt) == (dockerfile, "Dockerfile", 1)
    assert " · " in builder
    (platform,) = json.loads(platforms)
    assert platform["base_layers"] == 1
    assert [layer["step"] for layer in platform["layers"]][1] == base["index"]

    told = yard.get(f"/builds/{built['id']}/timeline")
    assert told["most_at_once"] >= 2
    assert told["parallel_s"] > 0.8
    assert told["accumulated_s"] > told["real_s"] - told["idle_s"]
    names = {row["index"]: row["name"] for row in told["steps"]}
    on_chain = " ".join(names[index] for index in told["critical"])
    assert "sleep 2" in on_chain
    assert "sleep 1" not in on_chain
    assert told["before"] is None

    again = linked.build({"other.txt": "y"})
    told = yard.get(f"/builds/{again['id']}/timeline")
    (left,) = [row for row in told["steps"] if "sleep 2" in row["name"]]
    assert left["cached"]
    assert told["before"] == built["number"]
    assert left["before"][2] > 1.5


def test_the_dockerfile_of_a_build_that_failed_is_kept_masked(yard: Yard, base_image: str):
    linked = link(yard, base_image, "acme/timeline-failed")
    yard.send(
        "POST",
        "/repositories/acme/timeline-failed/variables",
        {"name": "TOKEN", "value": "hunter2-secret", "kind": "secret"},
    )
    dockerfile = f"ARG BASE\nFROM ${{BASE}}\nRUN echo {uuid4().hex} hunter2-secret\nRUN exit 3\n"
    built = linked.build({"Dockerfile": dockerfile})
    assert built["state"] == "failed"
    ((text, platforms),) = yard.sql(
        "SELECT dockerfile, platforms FROM builds_buildrecord WHERE build_id = ?", built["id"]
    )
    assert "hunter2-secret" not in text
    assert text.endswith("***\nRUN exit 3\n")
    assert json.loads(platforms) == []
    names = " ".join(row["name"] for row in rows_of(yard, built["id"]))
    assert "RUN echo" in names
    assert "hunter2-secret" not in names
