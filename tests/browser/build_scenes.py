"""Builds in every state with logs, written into the database of a web process under test: scenes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from accounts.models import Role
from builds.core.linetimes import pack
from builds.core.states import State
from builds.logs.archive import archive_log
from builds.logs.frames import compress, decompress, marks_behind
from builds.logs.stream import connect, stream_key
from builds.logs.writer import LogWriter
from builds.models import Build, Step, Worker
from builds.models.log import DatabaseFrames, LogFrame
from tests.browser.compare_scenes import compared, files_found, nobody_looked  # noqa: F401 — scenes
from tests.browser.image_scenes import layer_read, nobody_looked_into, pictured  # noqa: F401 — scenes
from tests.browser.timeline_scenes import timed_build, timed_end, timed_on  # noqa: F401 — scenes
from tests.factories import make_admin, make_build, make_member, make_repository, make_rule, make_source

DIGEST = "sha256:" + "3f1c9a5b7e2d4860" * 4
STEPS: list[tuple[str, dict[str, Any]]] = [
    ("check out main at a1b2c3d", {}),
    ("[internal] load build definition from Dockerfile", {"internal": True, "vertex": "sha256:1"}),
    ("[internal] load .dockerignore", {"internal": True, "vertex": "sha256:2"}),
    ("[base 1/3] FROM docker.io/library/node:20@sha256:5f1c", {"cached": True, "vertex": "sha256:3"}),
    ("[base 2/3] WORKDIR /app", {"cached": True, "vertex": "sha256:4"}),
    ("[base 3/3] COPY package.json package-lock.json ./", {"cached": True, "vertex": "sha256:5"}),
    ("[build 1/3] RUN npm ci --no-audit --no-fund", {"vertex": "sha256:6"}),
    ("[build 2/3] COPY . .", {"vertex": "sha256:7"}),
    ("[build 3/3] RUN npm run build && npm test", {"vertex": "sha256:8"}),
    ("exporting to image", {"vertex": "sha256:9"}),
    ("put the tags", {}),
]
WRITERS: dict[int, LogWriter] = {}


def people() -> dict[str, Any]:
    """An administrator and a reader."""
    make_admin()
    make_member(make_repository("acme/web").namespace, "reader", Role.READ)
    return {}


def build(path: str = "acme/web", state: str = "succeeded", steps_done: int | None = None, **fields: Any) -> Build:
    """A build of `path` whose steps are over up to `steps_done`; the next one runs, or has failed."""
    source = make_source(make_repository(path))
    rule = source.rules.first() or make_rule(source, tags=["latest", "{sourceref}"])
    now = timezone.now()
    plan_tags = [{"name": name, "template": name, "changed_from": None} for name in ("latest", "main")]
    row = make_build(
        rule,
        **{
            "state": state,
            "cause": "push",
            "cause_detail": "push by octo",
            "commit_message": "Fix login\n\nThe session was lost on redirect.",
            "commit_author": "A. Author",
            "delivery_id": "9f3e0000-0000-4000-8000-000000000001",
            "commit": f"{Build.objects.count():040x}"[::-1],
            **fields,
        },
    )
    row.plan = {
        **row.plan,
        "rule": "branch `main` → `latest`, `main`, from `Dockerfile`",
        "tags": plan_tags,
        "build_args": {"VERSION": "1.4.0"},
    }
    if state != "queued":
        row.attempt = 1
        row.started_at = now - timedelta(seconds=95)
    if state in {"succeeded", "failed", "cancelled", "superseded"}:
        row.finished_at = now - timedelta(seconds=3)
    row.save()
    if row.attempt:
        _steps(row, len(STEPS) if steps_done is None else steps_done)
    return row


def _steps(row: Build, done: int) -> None:
    begun = row.started_at
    for index, (name, fields) in enumerate(STEPS[: done + 1 if done < len(STEPS) else done]):
        seconds = 0.1 if fields.get("internal") or fields.get("cached") else 4.0 + 3 * index
        over = index < done
        last = Step.State.FAILED if row.state == "failed" else Step.State.RUNNING
        last = Step.State.CANCELLED if row.state in {"cancelled", "superseded"} else last
        Step.objects.create(
            build=row,
            attempt=row.attempt,
            index=index,
            name=name,
            state=Step.State.SUCCEEDED if over else last,
            started_at=begun,
            finished_at=begun + timedelta(seconds=seconds) if over or row.is_final else None,
            duration_s=seconds if over or row.is_final else None,
            **fields,
        )
        begun += timedelta(seconds=seconds)


def write(build_id: int, attempt: int, texts: dict[str, str], *, seal: bool = True) -> None:
    """Log text by step index. Left open with `seal=False`, so that more can follow."""
    writer = WRITERS.get(build_id)
    if writer is None:
        store = DatabaseFrames(fenced=False)
        writer = LogWriter(build_id, attempt, store=store, redis=connect(settings.REDIS_URL))
        WRITERS[build_id] = writer
    for index, text in texts.items():
        writer.write(int(index), text.encode(errors="surrogateescape"))
    if seal:
        for index in texts:
            writer.finish_step(int(index))
        WRITERS.pop(build_id).close()
    _count(build_id, attempt)


def _count(build_id: int, attempt: int) -> None:
    from builds.views.build_lookup import log_of

    row = Build.objects.get(pk=build_id)
    for index, totals in log_of(row, attempt).totals().items():
        Step.objects.filter(build=row, attempt=attempt, index=index).update(
            lines=totals.lines, size_bytes=totals.size_bytes
        )
    totals = log_of(row, attempt).totals().values()
    Build.objects.filter(pk=build_id).update(
        log_lines=sum(t.lines for t in totals), log_bytes=sum(t.size_bytes for t in totals)
    )


NPM = (
    "\x1b[1mnpm\x1b[22m \x1b[33mwarn\x1b[39m deprecated inflight@1.0.6: This module is not supported, and leaks memory.\n"
    + "".join(f"\rfetching {n:3}/240 [{'#' * (n // 8):30}]" for n in range(0, 241, 20))
    + "\nadded 240 packages in 3s\n"
)
TESTS = "".join(
    f"\x1b[32m  ✓\x1b[39m \x1b[90mlogin keeps the session across redirect {n}\x1b[39m \x1b[2m({n % 7} ms)\x1b[22m\n"
    for n in range(120)
)


def succeeded() -> dict[str, Any]:
    row = build(
        digest=DIGEST,
        size_bytes=84_213_000,
        tags=["build-1", "latest"],
        moves=[
            {"tag": "latest", "moved": True, "sentence": ""},
            {"tag": "main", "moved": False, "sentence": "`main` was not moved: build #43, of a newer commit, has it."},
        ],
        base_images=[{"name": "docker.io/library/node:20", "digest": DIGEST, "platform": "linux/amd64"}],
        warnings=[
            {
                "kind": "build",
                "message": "FromAsCasing: 'as' and 'FROM' keywords' casing do not match",
                "url": "https://docs.docker.com/go/dockerfile/rule/from-as-casing/",
                "line": 3,
                "file": "Dockerfile",
            }
        ],
    )
    row.tags = [row.build_tag, "latest"]
    row.save()
    write(row.pk, 1, {"0": "HEAD is now at a1b2c3d\n", "6": NPM, "8": TESTS, "9": "pushing layers\n", "10": "latest\n"})
    archive_log(row.pk, 1, store=DatabaseFrames(fenced=False))
    return _told(row)


def failed(more: str = "") -> dict[str, Any]:
    row = build(
        state="failed",
        steps_done=8,
        error_kind="user",
        error_message="Step 9 of 11 (`RUN npm run build && npm test`, Dockerfile line 9) ended with exit code 1.",
        error_step="[build 3/3] RUN npm run build && npm test",
        error_line=9,
    )
    wrong = "\x1b[31m  ✗ login refuses a wrong password\x1b[39m\n    expected 401, got 500\n\x1b[31mnpm error\x1b[39m Test failed.\n"
    write(row.pk, 1, {"0": "HEAD is now at a1b2c3d\n", "6": NPM, "8": TESTS + more + ("" if more else wrong)})
    return _told(row)


def running(lines: int = 60) -> dict[str, Any]:
    row = build("acme/api", state="building", steps_done=8, worker="w1@host")
    write(row.pk, 1, {"6": NPM, "8": "".join(f"compiling module {n}\n" for n in range(lines))}, seal=False)
    return _told(row)


def queued() -> dict[str, Any]:
    return _told(build(state="queued"))


def cancelled() -> dict[str, Any]:
    row = build(state="cancelled", steps_done=6, cancelled_by="alice", cancel_reason="Wrong branch.")
    write(row.pk, 1, {"6": NPM})
    return _told(row)


def superseded() -> dict[str, Any]:
    newer = build()
    row = build(state="superseded", steps_done=6, superseded_by=newer)
    return _told(row)


def retried() -> dict[str, Any]:
    row = build(state="succeeded")
    write(row.pk, 1, {"8": "attempt one\n"})
    row.attempt = 2
    row.save()
    _steps(row, len(STEPS))
    write(row.pk, 2, {"8": "attempt two\n"})
    return _told(row)


def with_log(text: str, state: str = "succeeded", has_times: bool = True, **fields: Any) -> dict[str, Any]:
    """A build whose only spoken step printed `text` (surrogate escapes stand for raw bytes)."""
    row = build(state=state, **fields)
    write(row.pk, 1, {"8": text})
    if not has_times:  # as logs were before times were kept
        for frame in LogFrame.objects.filter(build=row):
            frame.data = compress(decompress(bytes(frame.data)))
            frame.save()
    return _told(row)


def hostile() -> dict[str, Any]:
    attack = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'>"
    row = build(
        state="failed",
        steps_done=8,
        ref=f"x/{attack}",
        commit_message=attack,
        commit_author=attack,
        cause_detail=attack,
        delivery_id=None,
        error_kind="user",
        error_message=f"Step `{attack}` ended with exit code 1.",
        warnings=[{"kind": "build", "message": attack, "url": "javascript:alert(1)", "line": 1, "file": attack}],
    )
    Step.objects.filter(build=row, index=8).update(name=f"RUN {attack}\"'")
    row.plan = {**row.plan, "rule": attack, "build_args": {attack: attack}}
    row.save()
    write(row.pk, 1, {"8": f"{attack}\n\x1b]8;;javascript:window.pwned=3\x07click\x1b]8;;\x07\n\x1b[31m{attack}\n"})
    return _told(row)


def million() -> dict[str, Any]:
    return many(1_000_000, "line %d of a million", "acme/large")


def many(lines: int, line: str, path: str) -> dict[str, Any]:
    """A build that is over and printed `line` so often, with its number in it."""
    row = build(path=path)
    store = DatabaseFrames(fenced=False)
    writer = LogWriter(row.pk, 1, store=store, redis=connect(settings.REDIS_URL), cap_bytes=10**9)
    text = line.encode() + b"\n"
    for start in range(0, lines, 10_000):
        writer.write(8, b"".join(text % n for n in range(start + 1, min(lines, start + 10_000) + 1)))
    writer.finish_step(8)
    writer.close()
    archive_log(row.pk, 1, store=store)
    _count(row.pk, 1)
    return _told(row)


def append(build_id: int, step: int, text: str) -> dict[str, Any]:
    write(build_id, 1, {str(step): text}, seal=False)
    return {}


def age_log(build_id: int, seconds: int) -> dict[str, Any]:
    """What a running build has printed so far was printed some time ago."""
    writer = WRITERS[build_id]
    writer.flush()
    connect(settings.REDIS_URL).delete(stream_key(build_id))
    for frame in LogFrame.objects.filter(build_id=build_id):
        marks = marks_behind(bytes(frame.data), frame.first_line)
        older = [(line, at_ms - 1000 * seconds) for line, at_ms in marks]
        frame.data = compress(decompress(bytes(frame.data))) + pack(older, frame.first_line)
        frame.save()
    return {}


def finish(build_id: int) -> dict[str, Any]:
    """The running build ends well."""
    from builds.actions.runs import record_event

    writer = WRITERS.pop(build_id, None)
    if writer is not None:
        for index in range(len(STEPS)):
            writer.finish_step(index)
        writer.close()
    now = timezone.now()
    Step.objects.filter(build_id=build_id, state="running").update(state="succeeded", finished_at=now, duration_s=9)
    Build.objects.filter(pk=build_id).update(state=State.SUCCEEDED, finished_at=now)
    _count(build_id, 1)
    record_event(build_id, "finished", 1, state="succeeded")
    return {}


def begin(build_id: int) -> dict[str, Any]:
    """A worker takes a queued build, and its steps begin to speak."""
    from builds.actions.runs import record_event

    now = timezone.now()
    Build.objects.filter(pk=build_id).update(state="building", attempt=F("attempt") + 1, started_at=now)
    _steps(Build.objects.get(pk=build_id), 8)
    record_event(build_id, "state", 1, state="building")
    write(build_id, 1, {"8": "the first line\n"}, seal=False)
    return {}


def next_step(build_id: int, index: int, title: str) -> dict[str, Any]:
    """The running step ends, and another one begins."""
    from builds.actions.runs import record_event

    now = timezone.now()
    Step.objects.filter(build_id=build_id, state="running").update(state="succeeded", finished_at=now, duration_s=9)
    Step.objects.create(build_id=build_id, attempt=1, index=index, name=title, state="running", started_at=now)
    record_event(build_id, "state", 1, state="building")
    return {}


def ring() -> dict[str, Any]:
    from builds.live import wake

    wake("queue")
    return {}


def queue(waiting: int = 3) -> dict[str, Any]:
    Worker.objects.update_or_create(
        name="w1@host",
        defaults={
            "host": "builder-1",
            "slots": 2,
            "builder": "BuildKit 0.18, Docker 28.5",
            "disk_free_bytes": 91 * 10**9,
        },
    )
    Worker.objects.update_or_create(
        name="w2@host",
        defaults={"host": "builder-2", "slots": 2, "builder_fault": "its Docker Engine does not answer."},
    )
    rows = [build(f"acme/app{n}", state="queued") for n in range(waiting)]
    return {"numbers": [row.number for row in rows]}


def empty_queue() -> dict[str, Any]:
    Build.objects.filter(state__in=["queued", "building"]).delete()
    return {}


def _told(row: Build) -> dict[str, Any]:
    return {"id": row.pk, "number": row.number, "path": row.repository.path, "url": row.get_absolute_url()}
