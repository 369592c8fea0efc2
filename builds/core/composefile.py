"""A compose file as a stranger wrote it, read as plain data, and everything that Compose would open while it reads it.

Compose gets what is read here, written anew as JSON, so that both see the same: no second reading of YAML can differ.
What its services may do is judged in `composevet`, after Compose has spelled the file out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from builds.core.refnames import quoted

MAX_BYTES = 256 * 1024
MAX_VALUES = 20_000
MAX_DEPTH = 40
_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ComposeRefused(Exception):  # noqa: N818 — a verdict, not an accident
    """The file cannot be used; `problems` are clauses that stand after a colon, without a full stop."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class _Loader(_BASE):  # type: ignore[misc]  # which of the two loaders it is depends on the machine
    """YAML 1.2's words for plain values, as Compose takes them: `on` and `12:30` are text, no dates."""

    yaml_implicit_resolvers: dict[str, Any] = {}


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o?[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})\\Z"), list(_first))


def _integer(loader: Any, node: Any) -> int:
    text = str(loader.construct_scalar(node)).lower()
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-")
    if digits.startswith("0x"):
        return sign * int(digits, 16)
    octal = digits.removeprefix("0o") if digits.startswith("0o") else digits
    if digits.startswith("0") and len(digits) > 1 and set(octal) <= set("01234567"):
        return sign * int(octal or "0", 8)
    return sign * int(digits[:400], 10)


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)


def read_compose(content: bytes) -> dict[str, Any]:
    """The file's content with `services` in it. Raises ComposeRefused.

    Files of Compose's first format, which have the services at the top, are taken as well: much of what was written
    for Docker Hub is of that time.
    """
    if len(content) > MAX_BYTES:
        raise ComposeRefused(f"it has {len(content):,} bytes, and {MAX_BYTES:,} is the most")
    try:
        found = yaml.load(content.decode("utf-8-sig"), Loader=_Loader)  # noqa: S506 — a safe loader with fewer words
    except UnicodeDecodeError:
        raise ComposeRefused("it is not UTF-8 text") from None
    except yaml.MarkedYAMLError as error:
        where = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ComposeRefused(f"it is not valid YAML{where}: {error.problem or error.context}") from None
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        raise ComposeRefused(f"it is not valid YAML: {str(error)[:200]}") from None
    document = _plain(found)
    if not isinstance(document, dict):
        raise ComposeRefused("it holds no services")
    if "services" not in document and isinstance(document.get("sut"), dict):
        document = {"services": {name: one for name, one in document.items() if isinstance(one, dict)}}
    services = document.get("services")
    if not isinstance(services, dict) or "sut" not in services:
        named = ", ".join(quoted(name) for name in list(services)[:8]) if isinstance(services, dict) else ""
        there = f"; its services are {named}" if named else ""
        raise ComposeRefused(f"it has no service `sut`, whose exit code is the result{there}")
    check_raw(document)
    return document


def read_part(content: bytes) -> dict[str, Any]:
    """Another file that a service `extends`, which needs no `sut`. Raises ComposeRefused."""
    if len(content) > MAX_BYTES:
        raise ComposeRefused(f"it has {len(content):,} bytes, and {MAX_BYTES:,} is the most")
    try:
        document = _plain(yaml.load(content.decode("utf-8-sig"), Loader=_Loader))  # noqa: S506 — as above
    except (yaml.YAMLError, UnicodeError, RecursionError, ValueError, TypeError):
        raise ComposeRefused("it is not valid YAML") from None
    if not isinstance(document, dict) or not isinstance(document.get("services"), dict):
        raise ComposeRefused("it holds no services")
    check_raw(document)
    return document


def check_raw(document: Mapping[str, Any]) -> None:
    """Refuse what makes Compose run programs or fetch files before anybody could look at the result."""
    problems = []
    if document.get("include"):
        problems.append("it uses `include`: write what it includes into this file")
    if document.get("models"):
        problems.append("it uses `models`, which tests cannot have")
    for name, service in document["services"].items():
        if service is not None and not isinstance(service, dict):
            problems.append(f"service {quoted(name)} is not a mapping")
            continue
        for key, why in _BEFOREHAND.items():
            if service and service.get(key):
                problems.append(f"service {quoted(name)} {why}")
    if problems:
        raise ComposeRefused(*problems)


_BEFOREHAND = {
    "provider": "uses `provider`, a program of the machine that it runs on",
    "label_file": "uses `label_file`: labels mean nothing in a test, remove it",
    "credential_spec": "uses `credential_spec`, a file of the machine that it runs on",
    "use_api_socket": "asks for the Docker Engine's socket (`use_api_socket`), which gives it the machine it runs on",
}


def _plain(found: Any) -> Any:
    """The same data with text for keys, checked for size: a few aliases can stand for millions of values."""
    _Counter().count(found, 0)
    return _texts(found)


def _texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {_key(key): _texts(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_texts(one) for one in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:  # noqa: PLR2004 — exact up to there
        return int(value)
    return value


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, str | int):
        return str(key)
    raise ComposeRefused("a key in it is not text")


class _Counter:
    """Counts what is there once all aliases are spelled out, and finds those that stand in themselves."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}
        self._inside: set[int] = set()

    def count(self, value: Any, depth: int) -> int:
        if not isinstance(value, dict | list):
            if not isinstance(value, str | int | float | bool | None):
                raise ComposeRefused(f"it holds a value of a kind that compose files do not have: {str(value)[:40]}")
            return 1
        key = id(value)
        if key in self._inside or depth > MAX_DEPTH:
            raise ComposeRefused("it is nested without end" if key in self._inside else "it is nested too deeply")
        if key not in self._known:
            self._inside.add(key)
            parts = value.values() if isinstance(value, dict) else value
            self._known[key] = 1 + sum(self.count(one, depth + 1) for one in parts)
            self._inside.discard(key)
        if self._known[key] > MAX_VALUES:
            raise ComposeRefused(f"its aliases spell out more than {MAX_VALUES:,} values")
        return self._known[key]
