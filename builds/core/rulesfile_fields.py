"""The keys of one rule in `.imageyard.yml`, each read into a plain value. What values mean is the rules' business."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator

from builds.core.refnames import ONE, Ref, RefType, quoted
from builds.core.yamltree import FileProblem, Item, List, Map, Scalar

REF_KEYS: tuple[RefType, ...] = ("branch", "tag", "pull_request")
RULE_KEYS = (
    *REF_KEYS, "tags", "dockerfile", "context", "target", "platforms", "build_args", "autobuild", "cache",
    "supersedes_running", "timeout", "paths", "schedule", "examples",
)  # fmt: skip
MAX_TIMEOUT_S = 7 * 86400
MAX_LIST = 200
MAX_EXAMPLES = 50
_CRON_FIELDS = 5

Place = tuple[int, int]

_DURATION = re.compile(r"(?:(\d{1,6})h)?\s*(?:(\d{1,6})m(?:in)?)?\s*(?:(\d{1,7})s)?")
_BOOLS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
# What people write after other tools.
_ELSEWHERE = {
    "file": "dockerfile", "docker_tag": "tags", "args": "build_args", "build-args": "build_args", "arg": "build_args",
    "platform": "platforms", "branches": "branch", "pull-request": "pull_request", "pr": "pull_request",
    "nocache": "cache", "stage": "target", "cron": "schedule", "path": "paths", "source": "branch",
}  # fmt: skip


def unknown_key(key: Scalar, known: Iterable[str]) -> FileProblem:
    """The sentence for a key that means nothing here, with what was probably meant."""
    known = tuple(known)
    close = difflib.get_close_matches(key.text.lower(), known, n=1, cutoff=0.6)
    meant = _ELSEWHERE.get(key.text.lower(), close[0] if close else "")
    if meant not in known:
        meant = ""
    hint = f"Did you mean `{meant}`?" if meant else f"Known are {', '.join(f'`{name}`' for name in known)}."
    return FileProblem(key.line, key.column, f"{quoted(key.text)} means nothing here. {hint}")


class RuleReader:
    """Reads the keys of one rule; what is wrong gathers in `problems`, and a default stands in for the value."""

    def __init__(self, rule: Map) -> None:
        self.rule = rule
        self.problems: list[FileProblem] = []

    def place(self, field: str) -> Place:
        """Where a field of `RuleSpec` stands, the rule's beginning where it is not written."""
        parent: Map = self.rule
        name = field
        if field in {"pattern", "ref_type"}:
            name = next((key for key in REF_KEYS if key in self.rule.keys), field)
        elif field.startswith("schedule"):
            name = "schedule"
        elif field.startswith("paths_"):
            inner = self.rule.items.get("paths")
            name = "paths"
            if isinstance(inner, Map):
                parent, name = inner, field.removeprefix("paths_")
        key = parent.keys.get(name)
        return (key.line, key.column) if key else (self.rule.line, self.rule.column)

    def has_told(self, field: str) -> bool:
        """Whether the lines of a field have a problem already: what stood in for its value is not judged."""
        first = self.place(field)[0]
        after = min((key.line for key in self.rule.keys.values() if key.line > first), default=None)
        return any(first <= told.line and (after is None or told.line < after) for told in self.problems)

    def say(self, where: Item, message: str) -> None:
        self.problems.append(FileProblem(where.line, where.column, message))

    def refuse_unknown(self, known: Iterable[str]) -> None:
        self._refuse_unknown(self.rule, known)

    def _refuse_unknown(self, item: Map, known: Iterable[str]) -> None:
        self.problems += [unknown_key(key, known) for name, key in item.keys.items() if name not in tuple(known)]

    def ref(self) -> tuple[RefType, str]:
        """The kind of ref and the pattern: `branch: main`, `tag: /^v/`."""
        return self._ref(
            self.rule, "A rule says which refs it is for: `branch: main`, `tag: /^v/` or `pull_request: main`."
        )

    def _ref(self, item: Map, missing: str) -> tuple[RefType, str]:
        given = [key for key in REF_KEYS if key in item.items]
        if not given:
            self.say(item, missing)
            return "branch", ""
        if len(given) > 1:
            kinds = " and ".join(ONE[kind] for kind in given)
            self.say(item.keys[given[1]], f"This is for a {kinds} at once: write two.")
        return given[0], self._text(item.items[given[0]], given[0])

    def text(self, name: str, default: str = "") -> str:
        item = self.rule.items.get(name)
        return default if item is None else self._text(item, name)

    def _text(self, item: Item, name: str) -> str:
        if not isinstance(item, Scalar):
            self.say(item, f"`{name}` is one value, not a {'list' if isinstance(item, List) else 'mapping'}.")
            return ""
        if item.kind == "null":
            self.say(item, f"`{name}` has no value: write one, or leave the key out.")
            return ""
        return item.text

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; one text alone is a list of one."""
        item = self.rule.items.get(name)
        return () if item is None else self._texts(item, name)

    def _texts(self, item: Item, name: str) -> tuple[str, ...]:
        if isinstance(item, Map):
            self.say(item, f"`{name}` is a list, not a mapping.")
            return ()
        items = item.items if isinstance(item, List) else (item,)
        if len(items) > MAX_LIST:
            self.say(item, f"`{name}` has {len(items)} entries; {MAX_LIST} is the most.")
            return ()
        return tuple(self._text(each, name) for each in items)

    def pairs(self, name: str) -> dict[str, str]:
        """`NAME: value`; numbers and switches stay as they are written."""
        item = self.rule.items.get(name)
        if item is None:
            return {}
        if not isinstance(item, Map):
            self.say(item, f"`{name}` is a mapping: `NAME: value` on lines of their own.")
            return {}
        return {key: self._text(value, key) for key, value in item.items.items()}

    def switch(self, name: str, *, default: bool) -> bool:
        item = self.rule.items.get(name)
        if item is None:
            return default
        if isinstance(item, Scalar) and item.text.lower() in _BOOLS:
            return _BOOLS[item.text.lower()]
        self.say(item, f"`{name}` is `true` or `false`.")
        return default

    def duration(self, name: str) -> int | None:
        """Seconds of `90s`, `30m`, `2h`, `1h 30m`; a plain number is minutes, as in the form."""
        item = self.rule.items.get(name)
        if item is None:
            return None
        text = item.text.strip() if isinstance(item, Scalar) else ""
        text = f"{text}m" if text.isascii() and text.isdigit() else text
        found = _DURATION.fullmatch(text) if text else None
        hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
        total = hours * 3600 + minutes * 60 + seconds
        if not 1 <= total <= MAX_TIMEOUT_S:
            self.say(item, f"`{name}` is a time of at most 7 days, such as `30m` or `1h 30m`.")
            return None
        return total

    def paths(self, which: str) -> tuple[str, ...]:
        """Globs of `paths: {include: …, exclude: …}`; a list alone is what to include."""
        item = self.rule.items.get("paths")
        if item is None:
            return ()
        if not isinstance(item, Map):
            return self._texts(item, "paths") if which == "include" else ()
        if which == "include":
            self._refuse_unknown(item, ("include", "exclude"))
        inner = item.items.get(which)
        return () if inner is None else self._texts(inner, which)

    def schedule(self) -> tuple[str, str]:
        """Five cron fields and their time zone: `schedule: "0 3 * * *"` or `{cron: …, time_zone: …}`."""
        item = self.rule.items.get("schedule")
        if item is None:
            return "", "UTC"
        zone, cron = "UTC", item
        if isinstance(item, Map):
            self._refuse_unknown(item, ("cron", "time_zone"))
            zone = self._text(item.items["time_zone"], "time_zone") if "time_zone" in item.items else "UTC"
            cron = item.items.get("cron", item)
        text = " ".join(self._text(cron, "cron").split()) if isinstance(cron, Scalar) else ""
        if len(text.split()) != _CRON_FIELDS or len(text) > 100:  # noqa: PLR2004 — what the row holds
            self.say(cron, 'A schedule has five fields, such as `"0 3 * * *"`: minute, hour, day, month, day of week.')
            return "", "UTC"
        return text, zone

    def examples(self) -> Iterator[tuple[Ref, tuple[str, ...]]]:
        """The rule's own tests: `- tag: v1.2.3` with `tags: [1.2.3, latest]`."""
        item = self.rule.items.get("examples")
        if item is None:
            return
        if not isinstance(item, List) or len(item.items) > MAX_EXAMPLES:
            self.say(item, f"`examples` is a list of at most {MAX_EXAMPLES} entries.")
            return
        for each in item.items:
            if not isinstance(each, Map):
                self.say(each, "An example is a ref and its tags: `tag: v1.2.3` and `tags: [1.2.3]`.")
                continue
            self._refuse_unknown(each, (*REF_KEYS, "tags"))
            kind, name = self._ref(each, "An example names a ref: `branch: main` or `tag: v1.2.3`.")
            yield Ref(kind, name), self._texts(each.items["tags"], "tags") if "tags" in each.items else ()
