"""Two builds of one rule as their ends leave them: steps, records, and the report of the second made from both."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Any

from django.utils import timezone

from builds.core.cache_files import ChangedFiles
from builds.core.cache_reasons import Circumstances
from builds.core.cache_report import make_report, took
from builds.core.cache_sides import Side
from builds.models import Build, BuildRecord, BuildRule, CommitChanges, Step
from builds.models.ran import ran_of
from tests.factories import make_build, make_rule

MB = 1_000_000
OLD, NEW = "a1b2c3d" + "0" * 33, "c3d4e5f" + "1" * 33
BASE = "docker.io/library/debian:12"
DOCKERFILE = """\
FROM debian:12 AS build
WORKDIR /app
COPY requirements.txt ./
RUN pip install -r requirements.txt
COPY . .
RUN make dist
FROM debian:12
ENV MODE=production
COPY --from=build /app/dist /srv
RUN useradd app
"""
# Name, operation, what it takes of the context, seconds, layer in MB, Dockerfile line, inputs.
GRAPH: list[tuple[str, str, list[str], float, int, int | None, list[int]]] = [
    ("[internal] load build context", "source", [], 0.4, 0, None, []),
    ("[build 1/6] FROM {base}", "source", [], 1.2, 48, 1, []),
    ("[build 2/6] WORKDIR /app", "file", [], 0.1, 0, 2, [2]),
    ("[build 3/6] COPY requirements.txt ./", "file", ["/requirements.txt"], 0.2, 0, 3, [3, 1]),
    ("[build 4/6] RUN pip install -r requirements.txt{more}", "exec", [], 31.5, 0, 4, [4]),
    ("[build 5/6] COPY . .", "file", ["/"], 0.3, 0, 5, [5, 1]),
    ("[build 6/6] RUN make dist", "exec", [], 12.0, 0, 6, [6]),
    ("[stage-1 2/3] COPY --from=build /app/dist /srv", "file", ["/app/dist"], 0.6, 12, 9, [2, 7]),
    ("[stage-1 3/3] RUN useradd app", "exec", [], 0.8, 1, 10, [8]),
    ("exporting to image", "", [], 3.0, 0, None, [9]),
]


def add_build(rule: BuildRule, commit: str, *, cached: tuple[int, ...] = (), pace: float = 1.0, **fields: Any) -> Build:
    """A success. `fields`: base (a digit of its digest), more (words of pip), sizes {index: MB}, args, dockerfile."""
    digest, more = fields.pop("base", "a") * 64, fields.pop("more", "")
    sizes, args = fields.pop("sizes", {}), fields.pop("args", {"VERSION": "1"})
    dockerfile, config = fields.pop("dockerfile", DOCKERFILE), fields.pop("image", {})
    now = timezone.now()
    build = make_build(
        rule,
        state=fields.pop("state", "succeeded"),
        attempt=1,
        commit=commit,
        started_at=now - timedelta(seconds=90 * pace),
        finished_at=now,
        digest="sha256:" + commit[0] * 64,
        base_images=[{"name": "debian:12", "digest": f"sha256:{digest}", "platform": "linux/amd64"}],
        **fields,
    )
    build.plan = build.plan | {"passed": {"args": args, "secrets": [], "ssh": []}}
    layers, steps = [], []
    for index, (name, operation, paths, seconds, size, line, inputs) in enumerate(GRAPH, 1):
        full = name.format(base=f"{BASE}@sha256:{digest}", more=more)
        size_mb = sizes.get(index, size)
        hit = index in cached
        steps.append(Step(
            build=build, attempt=1, index=index, name=full, vertex=f"sha256:{build.pk}{index}", state="succeeded",
            internal=name.startswith("[internal]"), cached=hit, duration_s=0.0 if hit else seconds * pace,
            started_at=build.started_at, finished_at=now, operation=operation, paths=paths, inputs=inputs,
            fingerprint=sha256(f"{operation} {full.partition('] ')[2]}".encode()).hexdigest(), dockerfile_line=line,
            dockerfile_lines=[line] if line else [], layer_bytes=size_mb * MB or None,
        ))  # fmt: skip
        if size_mb and operation:
            key = digest[:2] if index == 2 else f"{index}{commit[:5]}" if size_mb != size or index == 8 else f"{index}"
            layers.append({"digest": f"sha256:{key}", "size_bytes": size_mb * MB, "step": index})
    Step.objects.bulk_create(steps)
    build.size_bytes = sum(layer["size_bytes"] for layer in layers)
    build.save()
    BuildRecord.objects.create(
        build=build, attempt=1, dockerfile=dockerfile, dockerfile_path="Dockerfile", builder="builder-1 · default",
        image=config, platforms=[{"platform": "linux/amd64", "layers": layers, "base_layers": 1}],
    )  # fmt: skip
    return build


def report_on(build: Build, before: Build | None, files: tuple[str, ...] = ()) -> dict[str, Any]:
    """Make the cache report of a build from rows, and write it down as its end does."""
    this, that = _side(build), _side(before) if before else None
    earlier = Build.objects.filter(repository=build.repository, number__lt=build.number).order_by("-number")
    known = took((step, step.seconds) for one in earlier for step in _side(one).steps if not step.cached)
    report = make_report(this, that, None, Circumstances(files=ChangedFiles(paths=files)), known)
    BuildRecord.objects.filter(build=build).update(cache_report=report.document)
    sums = {"steps_cacheable": report.cacheable, "steps_cached": report.cached, "saved_s": report.saved_s}
    Build.objects.filter(pk=build.pk).update(**sums)
    return report.document


def two_builds(rule: BuildRule | None = None) -> tuple[Build, Build]:
    """#1 ran everything; of #2 the list of packages changed, so pip ran again and made 38 MB more."""
    rule = rule or make_rule()
    first = add_build(rule, OLD, commit_message="Begin", sizes={8: 12})
    second = add_build(
        rule, NEW, cached=(3,), pace=1.2, commit_message="Add numpy", sizes={8: 50}, args={"VERSION": "2"},
        dockerfile=DOCKERFILE.replace("MODE=production", "MODE=production\nENV WORKERS=2"),
    )  # fmt: skip
    report_on(first, None)
    report_on(second, first, ("requirements.txt", "src/app.py"))
    CommitChanges.objects.create(
        source=rule.source, base=OLD, head=NEW, state="good", files=["requirements.txt", "src/app.py"], total=2
    )
    return first, second


def _side(build: Build) -> Side:
    steps = ran_of(Step.objects.filter(build=build).order_by("index"))
    return Side(
        build.number, build.commit, tuple(steps), args=build.plan["passed"]["args"],
        dockerfile=build.record.dockerfile, builder=build.record.builder,
    )  # fmt: skip
