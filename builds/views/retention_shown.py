"""What would go, as a page shows it: one list at a time, searched and paged; and what became of the tags of runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count

from builds.actions.retention_freed import Freed
from builds.actions.retention_policies import PolicyDraft
from builds.actions.retention_preview import Preview
from registry.core.retention import Decision
from registry.models import RetentionRun, TagDeletion

LINES = 50


@dataclass(frozen=True, slots=True)
class ShownPreview:
    """`shows` is the list that is shown, goes or stays; `fingerprint` is of the policy that it is by."""

    total: int
    going: int
    staying: int
    freed: Freed
    shows: str
    search: str
    page: Page[Decision]
    fingerprint: str


def shown_preview(found: Preview, asked: Mapping[str, Any], print_: str) -> ShownPreview:
    """The part of a preview that somebody asks for: `show`, `find`, and a button's `page-2`."""
    shows = "stays" if asked.get("show") == "stays" else "goes"
    search = str(asked.get("find", "")).strip()[:128]
    rows: Sequence[Decision] = found.staying if shows == "stays" else found.going
    if search:
        lower = search.lower()
        rows = [one for one in rows if lower in one.tag.name.lower() or lower in one.because.lower()]
    page = Paginator(rows, LINES).get_page(str(asked.get("do", "")).removeprefix("page-"))
    counts = len(found.decisions), len(found.going), len(found.staying)
    return ShownPreview(*counts, found.freed, shows, search, page, print_)


def fingerprint(draft: PolicyDraft) -> str:
    """The same for drafts that let the same tags go: whoever saves one has seen what its preview listed."""
    chooses = json.dumps([draft.rules, draft.in_use_days], sort_keys=True)
    return hashlib.sha256(chooses.encode()).hexdigest()[:32]


def counted_states(runs: Sequence[RetentionRun]) -> dict[int, dict[str, int]]:
    """How many tags of each run are in which state. One query."""
    rows = TagDeletion.objects.filter(run__in=[run.pk for run in runs]).order_by()
    found: dict[int, dict[str, int]] = {}
    for run, state, count in rows.values_list("run", "state").annotate(count=Count("pk")):
        found.setdefault(run or 0, {})[state] = count
    return found
