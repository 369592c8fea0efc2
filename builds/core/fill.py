"""Tag templates filled in: the text of a tag, or why there is none this time. Does not make the text legal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from builds.core.facts import Known, version_in, written_date
from builds.core.patterns import Captures, Pattern
from builds.core.refnames import quoted
from builds.core.templates import Kind, Part, Template
from lib.versions import VersionText, parse_version


@dataclass(frozen=True, slots=True)
class Unset:
    """A template that makes no tag this time; `why` is half a sentence."""

    why: str


@dataclass(frozen=True, slots=True)
class Moment:
    """All that a template may draw on: the ref, what the pattern caught of it, and what is known of the build."""

    sourceref: str
    pattern: Pattern
    captures: Captures
    commit: str
    known: Known

    @property
    def version(self) -> VersionText | None:
        return version_in(self.sourceref, self.captures)


def render(template: Template, moment: Moment) -> str | Unset:
    """The text of the tag, not yet made legal; `Unset` where a part of it has no value.

    The template must have no problems, must have been read against the groups of the same pattern, and what it `needs`
    must be known.
    """
    text = ""
    for part in template.parts:
        value = _value(part, moment)
        if isinstance(value, Unset):
            return value
        text += value
    return text


def _value(part: Part, moment: Moment) -> str | Unset:
    fill = _FILL.get(part.kind)
    return fill(part, moment) if fill is not None else _of_version(part.kind, moment)


def _group(part: Part, moment: Moment) -> str | Unset:
    value = moment.captures.groups[int(part.value) - 1]
    return value or _nothing_for(moment, f"\\{part.value}")  # an empty group would leave "1." behind as an unset one


def _date(part: Part, moment: Moment) -> str:
    assert moment.known.at is not None
    return written_date(moment.known.at, part.value)


_FILL: dict[Kind, Callable[[Part, Moment], str | Unset]] = {
    "text": lambda part, _: part.value,
    "sourceref": lambda _, moment: moment.sourceref,
    "sha": lambda _, moment: moment.commit,
    "sha7": lambda _, moment: moment.commit[:7],
    "group": _group,
    "name": lambda part, moment: moment.captures.named[part.value] or _nothing_for(moment, part.value),
    "date": _date,
    "build": lambda _, moment: str(moment.known.number),
}


def _nothing_for(moment: Moment, placeholder: str) -> Unset:
    return Unset(f"{quoted(moment.sourceref)} has nothing for `{{{placeholder}}}`")


def _of_version(kind: Kind, moment: Moment) -> str | Unset:
    name, version = quoted(moment.sourceref), moment.version
    if version is None:
        return Unset(f"{name} is not a version such as `v1.2.3`, and no group of the pattern catches one")
    if kind == "version":
        return version.text
    if version.prerelease is not None:
        what = "is never `latest`" if kind == "latest" else "makes no tag that people take for a release"
        return Unset(f"{name} is a pre-release, which {what}: take `{{version}}` for it")
    if kind == "latest":
        return _latest(version, moment)
    parts = {"major": version.major, "minor": version.minor, "patch": version.patch}
    return parts[kind] or _nothing_for(moment, kind)


def _latest(version: VersionText, moment: Moment) -> str | Unset:
    highest, own = moment.known.highest(moment.pattern), parse_version(version.text)
    if highest is not None and own is not None and highest[0] > own:
        return Unset(f"{quoted(moment.sourceref)} is not the highest: {quoted(highest[1])} is")
    return "latest"
