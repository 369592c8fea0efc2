"""Tag templates as they are written: placeholders, plain text, and what is wrong with them. Makes no tag."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from builds.core.facts import DATE_FORMAT, date_problem

MAX_TEMPLATE = 255
MAX_GROUP = 9
RESERVED = ("sourceref", "sha", "sha7")
"""No group of a regex may have these names."""
BUILT_IN = (*RESERVED, "version", "major", "minor", "patch", "latest", "date", "build")
"""A group of the regex that has one of the other names stands before it."""

Kind = Literal[
    "text", "sourceref", "sha", "sha7", "group", "name", "version", "major", "minor", "patch", "latest", "date", "build"
]
Need = Literal["commit", "date", "build", "tags"]
"""What may not be known yet."""

_NEEDS: dict[Kind, Need] = {"sha": "commit", "sha7": "commit", "date": "date", "build": "build", "latest": "tags"}
_OF_VERSION = ("version", "major", "minor", "patch", "latest")

_TOKEN = re.compile(r"\{([^{}]*)\}|([{}])|([^{}]+)")
_GROUP = re.compile(r"\\?([0-9]+)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What other tools call the same thing.
_ELSEWHERE = {
    **dict.fromkeys(("branch", "tag", "ref", "ref_name", "source_branch"), "sourceref"),
    **dict.fromkeys(("commit", "short_sha", "sha_short"), "sha7"),
    "source_commit": "sha",
    "raw": "sourceref",
    **dict.fromkeys(("semver", "full_version"), "version"),
    **dict.fromkeys(("build_number", "run_number", "number"), "build"),
    **dict.fromkeys(("timestamp", "today"), "date"),
}


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a template: `value` is the text, the group's number, the group's name or the date's format."""

    kind: Kind
    value: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """A template that was read; `problems` are sentences, and such a template makes no tag."""

    text: str
    parts: tuple[Part, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def is_literal(self) -> bool:
        """Whether it makes the same tag whatever is pushed."""
        return all(part.kind == "text" for part in self.parts)

    @property
    def needs(self) -> frozenset[Need]:
        """What has to be known before it can be written."""
        return frozenset(_NEEDS[part.kind] for part in self.parts if part.kind in _NEEDS)

    @property
    def of_version(self) -> bool:
        """Whether it can be written only of a ref that is a version."""
        return any(part.kind in _OF_VERSION for part in self.parts)

    def uses(self, kind: Kind) -> bool:
        return any(part.kind == kind for part in self.parts)


def split_templates(tags: Iterable[str]) -> tuple[str, ...]:
    """The templates one by one: Docker Hub's comma list `{sourceref},latest` is two. A tag cannot hold a comma."""
    return tuple(part.strip() for tag in tags for part in tag.split(",") if part.strip())


def read_template(text: str, *, group_count: int = 0, group_names: Iterable[str] = ()) -> Template:
    """Read one template against the groups of the rule's regex; never raises."""
    if len(text) > MAX_TEMPLATE:
        return Template(text, (), (f"A tag template has at most {MAX_TEMPLATE} characters; this one has {len(text)}.",))
    if "{{" in text or "}}" in text:
        return Template(
            text, (), (f"`{text}` doubles its braces: a placeholder has one pair, such as `{{sourceref}}`.",)
        )
    names = tuple(group_names)
    parts: list[Part] = []
    problems: list[str] = []
    for inside, stray, plain in _TOKEN.findall(text):
        if plain:
            parts.append(Part("text", plain))
        elif stray:
            problems.append(f"`{text}` has a `{stray}` without its partner.")
        else:
            part = _placeholder(inside.strip(), group_count, names)
            (parts if isinstance(part, Part) else problems).append(part)  # type: ignore[arg-type]
    return Template(text, tuple(parts), tuple(problems))


def _placeholder(inside: str, group_count: int, names: tuple[str, ...]) -> Part | str:
    """The part that `{inside}` stands for, or what is wrong with it."""
    if inside in names and inside not in RESERVED:
        return Part("name", inside)
    if inside == "date" or inside.startswith("date:"):
        return _date(inside)
    if inside in BUILT_IN:
        return Part(inside)  # type: ignore[arg-type]
    if number := _GROUP.fullmatch(inside):
        return _group(inside, number[1], group_count)
    if not inside:
        return "`{}` names nothing: write `{sourceref}`, `{\\1}` or `{sha7}`."
    known = tuple(dict.fromkeys((*BUILT_IN, *names)))
    close = difflib.get_close_matches(inside.lower(), [name.lower() for name in known], n=1, cutoff=0.6)
    meant = _ELSEWHERE.get(inside.lower()) or (close[0] if close else "")
    hint = (
        f"Did you mean `{{{meant}}}`?" if meant else "Known are " + ", ".join(f"`{{{name}}}`" for name in known) + "."
    )
    no_group = " The pattern has no group of that name." if _NAME.fullmatch(inside) and not meant else ""
    return f"`{{{inside}}}` is not a placeholder.{no_group} {hint}"


def _group(inside: str, digits: str, group_count: int) -> Part | str:
    number = int(digits[:4])
    if not 1 <= number <= MAX_GROUP:
        return f"`{{{inside[:20]}}}`: groups go from `{{\\1}}` to `{{\\9}}`; the whole name is `{{sourceref}}`."
    if number > group_count:
        has = {0: "no groups", 1: "1 group"}.get(group_count, f"{group_count} groups")
        return f"`{{{inside}}}` takes group {number}, but the pattern has {has}."
    return Part("group", str(number))


def _date(inside: str) -> Part | str:
    form = inside.removeprefix("date").removeprefix(":") or DATE_FORMAT
    problem = date_problem(form)
    return f"`{{{inside}}}` is no date for a tag: {problem}." if problem else Part("date", form)
