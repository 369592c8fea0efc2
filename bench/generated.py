"""Generated data for the page benchmarks: repositories with sources, rules, builds and tags, by bulk inserts.

`python -m bench.generated <repositories> <builds>` fills the database of the environment it runs in.
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imageyard.settings")

import django

django.setup()

from django.db import transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts.models import Namespace  # noqa: E402
from builds.models import Build, BuildRule, BuildSequence, Source  # noqa: E402
from registry.actions import default_registry  # noqa: E402
from registry.models import Repository, Tag  # noqa: E402

BATCH = 5_000
STATES = ["succeeded"] * 8 + ["failed", "cancelled"]


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
    began = timezone.now() - timedelta(days=365)
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
                queued_at=began + timedelta(minutes=number),
                started_at=began + timedelta(minutes=number),
                finished_at=began + timedelta(minutes=number, seconds=40),
                tags=["latest", f"build-{number}"],
            )
            for row, source, rule in zip(made, sources, rules, strict=True)
        ]
        with transaction.atomic():
            Build.objects.bulk_create(rows, BATCH)


if __name__ == "__main__":
    fill(int(sys.argv[1]), int(sys.argv[2]))
