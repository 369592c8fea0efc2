"""Docker Hub's rules as they are pasted: a table in text, or JSON. Only the reading; what fields mean is next door."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from builds.core.importers.report import ReportLine

MAX_ROWS = 200
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Row:
    """One rule as Docker Hub has it. `context` None: a classic rule, which has none."""

    given: str
    source_type: str = ""
    source: str = ""
    tag: str = ""
    dockerfile: str = "/"
    context: str | None = None
    autobuild: str = ""
    cache: str = ""


# The columns of the page from left to right, and those of the classic one.
_COLUMNS = ("source_type", "source", "tag", "dockerfile", "context", "autobuild", "cache")
_HEADERS = {
    "source type": "source_type", "type": "source_type", "source": "source", "name": "source",
    "docker tag": "tag", "docker tag name": "tag", "tag": "tag", "tag name": "tag",
    "dockerfile location": "dockerfile", "dockerfile": "dockerfile", "build context": "context", "context": "context",
    "autobuild": "autobuild", "build caching": "cache", "caching": "cache",
}  # fmt: skip
_FEW = 3
"""Cells that a rule needs: type, source, tag."""


def read_rows(text: str) -> tuple[list[Row], list[ReportLine]]:
    """The rows, and a report of what is no row. Never raises."""
    stripped = text.strip()
    if stripped.startswith(("{", "[")):
        return _from_json(stripped)
    lines = [line.strip("\r\n") for line in text.splitlines() if line.strip()]
    cells = [_cells(line) for line in lines]
    if all(len(row) == 1 for row in cells):
        cells = _one_cell_a_line([row[0] for row in cells])
    return _from_table(cells)


def _cells(line: str) -> list[str]:
    if "\t" in line:
        return [cell.strip() for cell in line.rstrip("\t ").split("\t")] if line.strip() else []
    if line.strip().startswith("|"):
        return [cell.strip() for cell in line.strip().strip("|").split("|")]
    return re.split(r" {2,}", line.strip())


def _one_cell_a_line(values: Sequence[str]) -> list[list[str]]:
    """Some browsers copy a table cell by cell: a rule then begins with its type."""
    rows: list[list[str]] = []
    for value in values:
        if value.strip().lower() in ("branch", "tag") or not rows:
            rows.append([])
        rows[-1].append(value.strip())
    return rows


def _from_table(table: Iterable[Sequence[str]]) -> tuple[list[Row], list[ReportLine]]:
    columns: Sequence[str] = _COLUMNS
    rows: list[Row] = []
    report: list[ReportLine] = []
    for cells in table:
        names = [_HEADERS.get(cell.strip().lower(), "") for cell in cells]
        given = "  ".join(cells)[:_SHOWN]
        if sum(map(bool, names)) >= _FEW and names[0] == "source_type":
            columns = names
        elif not set("".join(cells)) - set("-: "):
            continue  # the line below the header of a Markdown table
        elif len(cells) < _FEW or len(rows) >= MAX_ROWS:
            why = "has fewer than three cells: type, source and tag" if len(cells) < _FEW else "is one too many"
            report.append(ReportLine("lost", given, f"This line {why}."))
        else:
            values = {name: cell for name, cell in zip(columns, cells, strict=False) if name}
            rows.append(_row(given, values, has_context="context" in columns))
    return rows, report


def _row(given: str, values: Mapping[str, str], *, has_context: bool) -> Row:
    row = Row(given, **values)
    return replace(row, context="") if has_context and row.context is None and "dockerfile" in values else row


def _from_json(text: str) -> tuple[list[Row], list[ReportLine]]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        return [], [ReportLine("lost", text[:60], f"This begins like JSON, and is none{where}.")]
    rows: list[Row] = []
    report: list[ReportLine] = []
    for source in _sources(document):
        report += _beside_the_rules(source)
    for entry in _entries(document)[:MAX_ROWS]:
        given = json.dumps(entry, ensure_ascii=False)[:_SHOWN]
        if isinstance(entry, Mapping) and ("source_name" in entry or "source" in entry):
            rows.append(_entry_row(given, entry))
        elif isinstance(entry, str):
            report.append(ReportLine("lost", given, "This is only the address of a rule: paste what it answers."))
        else:
            report.append(ReportLine("lost", given, "This is no rule: it has no `source_name`."))
    return rows, report


_LISTS = ("build_settings", "build_tags", "results", "objects", "rules")


def _entries(document: Any, depth: int = 0) -> list[Any]:
    """The rules, however deep the list of them stands in the answer."""
    if isinstance(document, list):
        nested = [each for each in document if isinstance(each, Mapping) and set(each) & set(_LISTS)]
        return [rule for each in nested for rule in _entries(each, depth + 1)] if nested and depth < 3 else document  # noqa: PLR2004
    if isinstance(document, Mapping):
        inner = next((document[name] for name in _LISTS if isinstance(document.get(name), list)), None)
        return _entries(inner, depth + 1) if inner is not None else [document]
    return [document]


def _sources(document: Any) -> list[Mapping[str, Any]]:
    """The objects that describe a whole repository, not a rule."""
    candidates = [document, *(document.get("objects", []) if isinstance(document, Mapping) else [])]
    return [each for each in candidates if isinstance(each, Mapping) and "build_settings" in each]


_BESIDE = (
    ("autotests", "Tests: `*.test.yml` files run by themselves here; pull requests are switched on in the settings."),
    ("envvars", "Variables are entered anew under Settings, Variables: Docker Hub does not give out their values."),
    ("repo_links", "Builds when a base image moves are switched on in the settings."),
)


def _beside_the_rules(source: Mapping[str, Any]) -> list[ReportLine]:
    report = []
    for name, sentence in _BESIDE:
        value = source.get(name)
        if value and str(value).upper() != "OFF":
            shown = "[…]" if name == "envvars" else json.dumps(value)[:_SHOWN]  # values are nobody's business
            report.append(ReportLine("lost", f"{name}: {shown}", sentence))
    return report


def _entry_row(given: str, entry: Mapping[str, Any]) -> Row:
    def text(*names: str) -> str | None:
        return next((str(entry[name]) for name in names if entry.get(name) is not None), None)

    nocache = str(entry.get("nocache", "")).lower() == "true"
    return Row(
        given,
        source_type=text("source_type") or "",
        source=text("source_name", "source") or "",
        tag=text("tag", "docker_tag", "name") or "",
        dockerfile=text("dockerfile", "dockerfile_location") or "/",
        context=text("build_context"),
        autobuild=text("autobuild") or "",
        cache="off" if nocache else "",
    )
