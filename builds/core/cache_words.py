"""How two texts of one step differ, as people say it: words of a command, build arguments, lines of the Dockerfile."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

_SHOWN = 100
_MOST_WORDS = 400
MOST_LINES = 1500
"""Of a Dockerfile that is compared with another: who writes a longer one must not keep a worker or a page busy."""
# What changes the surroundings of the steps below it, without being a step itself.
_SETTINGS = re.compile(r"\s*(?:ENV|ARG|USER|SHELL|WORKDIR)\s", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ArgChange:
    """A build argument whose value is another one; None where one of the builds was not given it."""

    name: str
    before: str | None
    after: str | None

    @property
    def sentence(self) -> str:
        """As in: build argument `VERSION` changed from `1` to `2`."""
        if self.before is None:
            return f"build argument `{self.name}` is given now, as {quote(self.after or '')}"
        if self.after is None:
            return f"build argument `{self.name}` is not given any more; it was {quote(self.before)}"
        return f"build argument `{self.name}` changed from {quote(self.before)} to {quote(self.after)}"


def changed_args(before: Mapping[str, str], after: Mapping[str, str]) -> list[ArgChange]:
    """In the order of `after`, those that are gone at the end."""
    names = dict.fromkeys([*after, *before])
    return [ArgChange(n, before.get(n), after.get(n)) for n in names if before.get(n) != after.get(n)]


def explained_by(arg: ArgChange, before: str, after: str) -> bool:
    """Whether the new value of the argument in the place of the old one makes one text the other."""
    old, new = arg.before or "", arg.after or ""
    return bool(old) and old in before and new in after and before.replace(old, new) == after


def word_change(before: str, after: str) -> str:
    """As in: `npm ci` became `npm ci --omit=dev`; cut to the words that differ; the first of several places."""
    old, new = before.split(), after.split()
    if max(len(old), len(new)) > _MOST_WORDS:
        return f"{quote(before)} became {quote(after)}"
    places = [row for row in SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if row[0] != "equal"]
    if not places:
        return "only the space between its words changed"
    kind, a1, a2, b1, b2 = places[0]
    was, now = " ".join(old[a1:a2]), " ".join(new[b1:b2])
    said = {
        "insert": f"{quote(now)} is new",
        "delete": f"{quote(was)} is gone",
        "replace": f"{quote(was)} became {quote(now)}",
    }[kind]
    return said if len(places) == 1 else f"{said}, and {_places(len(places) - 1)}"


def _places(count: int) -> str:
    return "one more place differs" if count == 1 else f"{count} more places differ"


def setting_change(before: str, after: str, line: int | None) -> str:
    """The first line above `line` of the Dockerfile that changes what steps run in, as a clause; "" where none does."""
    old, new = before.splitlines(), after.splitlines()
    if max(len(old), len(new)) > MOST_LINES:
        return ""
    for kind, a1, a2, b1, b2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal" or (line is not None and b1 >= line):
            continue
        gone = [text for text in old[a1:a2] if _SETTINGS.match(text)]
        come = [(at, text) for at, text in enumerate(new[b1:b2], b1 + 1) if _SETTINGS.match(text)]
        if gone and come:
            return f"{quote(gone[0])} became {quote(come[0][1])} (Dockerfile line {come[0][0]})"
        if come:
            return f"{quote(come[0][1])} is new (Dockerfile line {come[0][0]})"
        if gone:
            return f"{quote(gone[0])} is gone from the Dockerfile"
    return ""


def mentioned(dockerfile: str, args: Sequence[ArgChange], line: int | None) -> list[ArgChange]:
    """Those arguments that the Dockerfile names above `line`; all of them where its text is not known."""
    if not dockerfile:
        return list(args)
    above = "\n".join(dockerfile.splitlines()[:line])
    return [arg for arg in args if re.search(rf"(?<![A-Za-z0-9_]){re.escape(arg.name)}(?![A-Za-z0-9_])", above)]


def quote(text: str) -> str:
    """In backticks and on one line, with its middle left out where it is long; without backticks of its own."""
    flat = " ".join(text.replace("`", "'").split())
    if len(flat) > _SHOWN:
        half = _SHOWN // 2
        flat = f"{flat[:half]} … {flat[-half:]}"
    return f"`{flat}`" if flat else "nothing"
