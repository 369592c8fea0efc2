"""Generated data for the page benchmarks: repositories with sources, rules, builds and tags, by bulk inserts.

`python -m bench.generated <repositories> <builds>` fills the database of the environment it runs in.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imageyard.settings")

import django

django.setup()

from django.db import transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts.models import Namespace  # noqa: E402
from builds.models import Build, BuildRecord, BuildRule, BuildSequence, Source, Step  # noqa: E402
from registry.actions import default_registry  # noqa: E402
from registry.models import Repository, Tag  # noqa: E402
from tests.compared_builds import DOCKERFILE  # noqa: E402
from tests.timed_steps import timed_steps  # noqa: E402

BATCH = 5_000
STATES = ["succeeded"] * 8 + ["failed", "cancelled"]
TURNS = {0: "mended", 8: "broke"}
# The repository whose builds are opened.
DETAILED = "r00005"


def fill(repositories: int, builds: int) -> None:
    """Make that many, every repository with the same number of builds."""
    registry = default_registry()
    space, _ = Namespace.objects.get_or_create(name="large")
    with transaction.atomic():
        made = Repository.objects.bulk_create(
            [Repository(namespace=space, name=f"r{n:05d}", registry=registry) for n in range(repositories)], BATCH
        )
        sources = Source.objects.bulk_create(
            [Source(repository=row, clone_url=f"https://git.example.com/large/{row.name}.git") for row in made], BATCH
        )
        rules = BuildRule.objects.bulk_create(
            [BuildRule(source=row, pattern="main", tags=["latest"]) for row in sources], BATCH
        )
        each = max(1, builds // repositories)
        BuildSequence.objects.bulk_create([BuildSequence(repository=row, last=each) for row in made], BATCH)
        Tag.objects.bulk_create(
            [Tag(repository=row, name="latest", digest=f"sha256:{row.pk:064x}", build_number=each) for row in made],
            BATCH,
        )
    now = timezone.now()
    for number in range(1, each + 1):
        rows = [
            Build(
                repository=row,
                source=source,
                rule=rule,
                number=number,
                plan={"rule": "branch `main`", "tags": [{"name": "latest"}]},
                ref_type="branch",
                ref="main",
                commit=f"{row.pk * 1000 + number:040x}",
                state=STATES[(row.pk + number) % len(STATES)],
                turn=TURNS.get((row.pk + number) % len(STATES)),
                **_times(now, each - number, row.pk),
                attempt=1,
                tags=["latest", f"build-{number}"],
                digest=f"sha256:{row.pk * 1000 + number:064x}",
                steps_cacheable=12,
                steps_cached=number % 13,
                saved_s=float(number % 40),
            )
            for row, source, rule in zip(made, sources, rules, strict=True)
        ]
        with transaction.atomic():
            Build.objects.bulk_create(rows, BATCH)
        # A build's own pages: every repository's newest has steps and a record, and all of one repository.
        with transaction.atomic():
            _detail(rows if number == each else [row for row in rows if row.repository.name == DETAILED])


def _times(now: datetime, before: int, pk: int) -> dict[str, datetime]:
    """One build an hour in each repository; the newest ones ended within the last ten hours."""
    began = now - timedelta(hours=before, minutes=pk % 600, seconds=60)
    return {
        "queued_at": began - timedelta(seconds=3),
        "started_at": began,
        "finished_at": began + timedelta(seconds=40),
    }


def _detail(builds: list[Build]) -> None:
    steps = [step for build in builds for step in timed_steps(build)]
    Step.objects.bulk_create(steps, BATCH)
    layers = [{"digest": f"sha256:{n:064x}", "size_bytes": 1_000_000 * n, "step": n} for n in range(6, 16)]
    platforms = [{"platform": "linux/amd64", "layers": layers, "base_layers": 1}]
    records = [
        BuildRecord(build=row, attempt=1, dockerfile=DOCKERFILE, dockerfile_path="Dockerfile", platforms=platforms)
        for row in builds
    ]
    BuildRecord.objects.bulk_create(records, BATCH)


if __name__ == "__main__":
    fill(int(sys.argv[1]), int(sys.argv[2]))
