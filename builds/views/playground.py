"""What the rules of a form make of the repository's own refs: filtered, searched, a page at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from builds.actions import known_of
from builds.core.playground import SHOWS, Show, judge_refs
from builds.core.refnames import name_problem
from builds.core.rules import Ref
from builds.forms import RulesForm
from builds.models import Source, SourceRefs
from lib.versions import parse_version

ROWS = 40
TYPED = 20
_KINDS = {"branch": "branch", "tag": "tag", "pr": "pull_request", "pull_request": "pull_request"}
_LABELS: dict[Show, str] = {"all": "All", "built": "Built", "not": "Not built", "clash": "Clashing"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person wants to see: refs of their own, a filter, a word, a page."""

    typed: str = ""
    show: Show = "all"
    find: str = ""
    page: int = 1

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Asked:
        """From the fields of a form, whatever they hold. Another filter begins at its first page."""
        show: Show = next((show for show in SHOWS if show == fields.get("show")), "all")
        find = str(fields.get("find", ""))[:200]
        turned = str(fields.get("do", "")).partition("page-")[2]
        same = fields.get("seen") == f"{show} {find}"
        page = turned or (str(fields.get("page", "")) if same else "")
        number = int(page) if page.isascii() and page.isdigit() and len(page) < 7 else 1  # noqa: PLR2004
        return cls(str(fields.get("refs", "")), show, find, max(1, number))


def effects(source: Source | None, form: RulesForm, asked: Asked | None = None) -> dict[str, Any]:
    """What the page shows of the rules' effects; counts are of all refs, the rows of one page."""
    asked = asked or Asked()
    specs = form.specs
    own = list(_typed_refs(asked.typed))
    seen = SourceRefs.objects.filter(source=source).first() if source else None
    known = [ref for ref in _known_refs(source, seen) if ref not in set(own)]
    judged = judge_refs([*own, *known], specs, known_of(source, specs, also=own))
    chosen = judged.chosen(asked.show, asked.find)
    pages = max(1, -(-len(chosen) // ROWS))
    page = min(asked.page, pages)
    counts, kept = judged.counts, _kept(form)
    return {
        "asked": asked,
        "typed": asked.typed,
        "judged": judged,
        "shows": [(show, _LABELS[show], counts[show]) for show in SHOWS],
        "rows": [(one, kept.get(one.key, ())) for one in chosen[(page - 1) * ROWS : page * ROWS]],
        "chosen": len(chosen),
        "from_row": (page - 1) * ROWS + 1,
        "to_row": min(page * ROWS, len(chosen)),
        "page": page,
        "pages": pages,
        "refs_known": bool(known),
        "refs_left_out": judged.left_out + (max(0, seen.total - len(seen.refs)) if seen else 0),
    }


def _kept(form: RulesForm) -> dict[str, list[int]]:
    """For each ref that is an example, the places of its rules."""
    kept: dict[str, list[int]] = {}
    for place, row in enumerate(form.rows, 1):
        for one in row.checked:
            kept.setdefault(f"{one.example.ref.type} {one.example.ref.name}", []).append(place)
    return kept


def _known_refs(source: Source | None, seen: SourceRefs | None) -> list[Ref]:
    """The refs that a worker found: the default branch, other branches, tags from the highest version down."""
    if source is None:
        return []
    rows = [(kind, name) for kind, name, _ in seen.refs] if seen else [(r["type"], r["name"]) for r in source.refs]
    refs = [Ref(kind, name) for kind, name in rows]
    branches = sorted((ref for ref in refs if ref.type == "branch"), key=lambda ref: ref.name != source.default_branch)
    tags = [ref for ref in refs if ref.type != "branch"]
    ranks = {ref: parse_version(ref.name) for ref in tags}
    versions = sorted((ref for ref in tags if ranks[ref]), key=lambda ref: ranks[ref] or (), reverse=True)
    return [*branches, *versions, *(ref for ref in tags if not ranks[ref])]


def _typed_refs(text: str) -> Iterator[Ref]:
    """`tag v1.2` is a tag, `branch x` or a bare name a branch; what Git would not allow is left out."""
    for line in dict.fromkeys(text.splitlines()[:TYPED]):
        first, _, rest = line.strip().partition(" ")
        kind, name = (_KINDS[first], rest.strip()) if first in _KINDS and rest.strip() else ("branch", line.strip())
        if name and name_problem(name) is None:
            yield Ref(kind, name)  # type: ignore[arg-type]  # _KINDS holds nothing but RefType
