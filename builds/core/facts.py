"""What is known of a build beside its ref and its rule: when, which number, which tags the repository has. No clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from builds.core.patterns import Captures, Pattern
from lib.versions import Version, VersionText, parse_version, read_version


@dataclass(frozen=True)
class Known:
    """Facts for tag templates; what is None is not known yet, and templates that need it stay pending.

    `at` is when the build was queued: it stays the same when it is tried again. `number` is the build's. `tags` are the
    names of the Git tags that the repository has, as far as anybody knows. One `Known` serves many refs.
    """

    at: datetime | None = None
    number: int | None = None
    tags: tuple[str, ...] | None = None
    _highest: dict[str, tuple[Version, str] | None] = field(default_factory=dict, init=False, compare=False, repr=False)

    def highest(self, pattern: Pattern) -> tuple[Version, str] | None:
        """The highest stable version among the tags that `pattern` matches, with its tag's name."""
        if pattern.text not in self._highest:
            self._highest[pattern.text] = _highest(self.tags or (), pattern.match)
        return self._highest[pattern.text]


NOTHING_KNOWN = Known()


def _highest(names: Iterable[str], match: Callable[[str], Captures | None]) -> tuple[Version, str] | None:
    best: tuple[Version, str] | None = None
    for name in names:
        captures = match(name)
        version = version_in(name, captures) if captures is not None else None
        if version is None or version.prerelease is not None:
            continue
        rank = parse_version(version.text)
        if rank is not None and (best is None or rank > best[0]):
            best = rank, name
    return best


def version_in(name: str, captures: Captures) -> VersionText | None:
    r"""The version that a ref stands for: its whole name, else its group `version`, else its first dotted group.

    So `v1.2.3` is one, and so is `api/v1.2.3` where the pattern is `/^api\/v(.*)$/`.
    """
    whole = read_version(name)
    if whole is not None:
        return whole
    if named := captures.named.get("version"):
        return read_version(named)
    dotted = (read_version(group) for group in captures.groups if group and "." in group)
    return next((version for version in dotted if version is not None), None)


# The directives of strftime that make digits alone, whatever the language.
DATE_DIRECTIVES = "YymdHMSjGVu"
DATE_FORMAT = "%Y%m%d"


def date_problem(form: str) -> str | None:
    """Why `form` is no format of a date in a tag, as half a sentence; None if it is one."""
    rest = form
    while rest:
        char, following = rest[0], rest[1:2]
        if char == "%" and (not following or following not in DATE_DIRECTIVES):
            return f"`%{following}` is not taken; there are {' '.join(f'%{each}' for each in DATE_DIRECTIVES)}"
        if char != "%" and not (char.isascii() and (char.isalnum() or char in "._-")):
            return "between the parts stand only letters, digits, `_`, `.` and `-`"
        rest = rest[2:] if char == "%" else rest[1:]
    return None if "%" in form else "it holds no part of a date, such as `%Y`"


def written_date(at: datetime, form: str) -> str:
    """`at` in UTC by a format that `date_problem` has nothing against."""
    return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC).strftime(form)
