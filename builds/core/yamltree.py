"""YAML as a small tree that knows the line of everything, from text that a stranger wrote. Makes no objects of it.

Only plain data is taken: no tags of languages, no merge keys, no key twice. Aliases may be used, but what they spell
out is bounded, so that a few lines cannot unfold into millions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from builds.core.refnames import quoted

MAX_BYTES = 64 * 1024
_MAX_NODES = 20_000
_MAX_DEPTH = 12
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PREFIX = "tag:yaml.org,2002:"
_KINDS = ("str", "null", "bool", "int", "float", "timestamp", "value")


@dataclass(frozen=True, slots=True, order=True)
class FileProblem:
    """What is wrong, and where: line and column count from 1; `message` is a sentence."""

    line: int
    column: int
    message: str


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value as it is written: `1.10` stays `1.10`. `kind` is what YAML takes it for: str, bool, int, null, …"""

    text: str
    kind: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class List:
    items: tuple[Item, ...]
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Map:
    """`keys` has the place of every key, as a scalar."""

    items: Mapping[str, Item]
    keys: Mapping[str, Scalar]
    line: int
    column: int


Item = Scalar | List | Map
"""What stands in the file."""


def read_tree(text: str | bytes) -> tuple[Item | None, tuple[FileProblem, ...]]:
    """The tree, None where there is none (an empty file, or one that is no YAML), and what is wrong. Never raises."""
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        return None, (FileProblem(1, 1, f"The file has {size:,} bytes; {MAX_BYTES:,} is the most."),)
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            return None, (FileProblem(line, 1, "The file is not UTF-8 text."),)
    try:
        root = yaml.compose(text.removeprefix("\ufeff"), Loader=_LOADER)
    except (yaml.YAMLError, RecursionError, UnicodeError) as error:
        return None, (_syntax(error, text),)
    builder = _Builder()
    tree = builder.build(root, 0) if root is not None else None
    return tree, tuple(builder.problems)


def _syntax(error: Exception, text: str) -> FileProblem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        what = str(getattr(error, "problem", "") or "it cannot be read")
        context = f"{getattr(error, 'context', '')} {what}"
        char = "*" if "alias" in context else "!" if "scanning a tag" in context else ""
        hint = f" A text that begins with `{char}` stands in quotes." if char else ""
        return FileProblem(mark.line + 1, mark.column + 1, f"This is no YAML: {what}.{hint}")
    position = getattr(error, "position", None)  # of a character that YAML does not take
    line = text.count("\n", 0, position) + 1 if isinstance(position, int) else 1
    what = "a control character stands here" if isinstance(position, int) else "it is nested too deep"
    return FileProblem(line, 1, f"This is no YAML: {what}.")


class _TooMuch(Exception):  # noqa: N818 — ends the walk, never leaves this module
    pass


@dataclass
class _Builder:
    problems: list[FileProblem] = field(default_factory=list)
    nodes: int = 0

    def build(self, root: yaml.Node, depth: int) -> Item | None:
        try:
            return self._item(root, depth)
        except _TooMuch:
            message = f"The file spells out more than {_MAX_NODES:,} values, or nests more than {_MAX_DEPTH} deep."
            self.problems = [FileProblem(1, 1, message)]
            return None

    def _item(self, node: yaml.Node, depth: int) -> Item:
        self.nodes += 1
        if self.nodes > _MAX_NODES or depth > _MAX_DEPTH:
            raise _TooMuch
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        if isinstance(node, yaml.SequenceNode):
            self._check_tag(node, ("seq",))
            return List(tuple(self._item(each, depth + 1) for each in node.value), line, column)
        if isinstance(node, yaml.MappingNode):
            self._check_tag(node, ("map",))
            return self._map(node.value, line, column, depth)
        self._check_tag(node, _KINDS)
        return Scalar(str(node.value), str(node.tag).removeprefix(_PREFIX), line, column)

    def _map(self, pairs: Sequence[tuple[yaml.Node, yaml.Node]], line: int, column: int, depth: int) -> Map:
        items: dict[str, Item] = {}
        keys: dict[str, Scalar] = {}
        for key_node, value_node in pairs:
            value = self._item(value_node, depth + 1)
            if not isinstance(key_node, yaml.ScalarNode):
                self._say(key_node, "A key is one word, not a list or a mapping.")
            elif key_node.tag == f"{_PREFIX}merge":
                self._say(key_node, "`<<` is not read here: write the keys out.")
            elif key_node.value in items:
                first = keys[key_node.value].line
                self._say(key_node, f"{quoted(key_node.value)} is given twice; the first is in line {first}.")
            else:
                items[key_node.value] = value
                mark = key_node.start_mark
                keys[key_node.value] = Scalar(key_node.value, "str", mark.line + 1, mark.column + 1)
        return Map(items, keys, line, column)

    def _check_tag(self, node: yaml.Node, allowed: Sequence[str]) -> None:
        tag = str(node.tag)
        if tag.removeprefix(_PREFIX) not in allowed:
            shown = tag.replace(_PREFIX, "!!")
            self._say(node, f"{quoted(shown)} is not read here: a text that begins with `!` stands in quotes.")

    def _say(self, node: yaml.Node, message: str) -> None:
        self.problems.append(FileProblem(node.start_mark.line + 1, node.start_mark.column + 1, message))
