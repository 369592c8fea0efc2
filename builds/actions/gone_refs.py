"""What is known of refs that are gone: told by forges, noticed by looks, forgotten once the ref is back.

Tags that are to die with their branch or pull request wait from then on; so nothing is taken for gone on a guess.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import QuerySet

from builds.models import Build, GoneRef, Source
from registry.models import Tag

_AT_ONCE = 500
_LONGEST = 255


def note_gone(source: Source, ref_type: str, ref: str) -> None:
    """It was deleted or closed, as its forge says. Again changes nothing: the first time counts."""
    GoneRef.objects.get_or_create(source=source, ref_type=ref_type, ref=ref[:_LONGEST])


def note_back(source: Source, ref_type: str, ref: str) -> None:
    """It is there: pushed to, or opened again."""
    GoneRef.objects.filter(source=source, ref_type=ref_type, ref=ref[:_LONGEST]).delete()


def note_branches(source: Source, branches: Collection[str]) -> None:
    """All branches that a look found. What was built of others is of branches that are gone.

    A server that names no branch at all tells nothing: it may have been set up anew.
    """
    if not branches:
        return
    there = {name[:_LONGEST] for name in branches}
    known = set(GoneRef.objects.filter(source=source, ref_type="branch").values_list("ref", flat=True))
    back = sorted(known & there)
    for start in range(0, len(back), _AT_ONCE):
        GoneRef.objects.filter(source=source, ref_type="branch", ref__in=back[start : start + _AT_ONCE]).delete()
    missed = set(_built(source).values_list("ref", flat=True).distinct()) - there - known
    rows = [GoneRef(source=source, ref_type="branch", ref=ref) for ref in sorted(missed)]
    GoneRef.objects.bulk_create(rows, batch_size=_AT_ONCE, ignore_conflicts=True)


def _built(source: Source) -> QuerySet[Build]:
    """The builds of branches whose image still has a tag."""
    tagged = Tag.objects.filter(repository=source.repository_id).exclude(build_number=None).values("build_number")
    return Build.objects.filter(source=source, ref_type="branch", number__in=tagged).order_by()
