"""What the body of a trigger call asks for: nothing, a ref as we say it, or as Docker Hub's triggers said it. Pure.

Docker Hub (never in its documentation; docker/hub-feedback#330, #2270): `{"source_type": "Branch", "source_name":
"x"}`, `{"docker_tag": "latest"}`, and `build=true` or nothing for everything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from builds.core.refnames import Ref, RefType, bare_name, commit_problem, name_problem, parse_ref, quoted
from webhooks.providers.base import FormatError

_KINDS: dict[str, RefType] = {"branch": "branch", "tag": "tag"}
_KNOWN = ("ref", "ref_type", "commit", "source_type", "source_name", "docker_tag")
_EXAMPLE = '`{"ref": "main"}` or `{"ref_type": "tag", "ref": "v1.0"}`'
MOST_FIELDS = 100


@dataclass(frozen=True, slots=True)
class Wish:
    """`ref` None: every rule's own. `commit` "" is the newest. `docker_tag`: only rules that make this tag."""

    ref: Ref | None = None
    commit: str = ""
    docker_tag: str = ""


def read_wish(body: bytes, content_type: str = "") -> Wish:
    """The wish of a body. What is not ours in it is left aside: other services call with bodies of their own.

    Raises FormatError with a sentence for what cannot be meant.
    """
    fields = _fields(body, content_type)
    given = {name: _text(name, fields[name]) for name in _KNOWN if fields.get(name) not in (None, "")}
    commit = given.get("commit", "").lower()
    if commit and (wrong := commit_problem(commit)):
        raise FormatError(wrong)
    return Wish(_ref(given), commit, given.get("docker_tag", ""))


def _ref(given: Mapping[str, str]) -> Ref | None:
    name = given.get("ref") or given.get("source_name", "")
    kind = (given.get("ref_type") or given.get("source_type", "")).lower()
    if kind and kind not in _KINDS:
        raise FormatError(f"{quoted(kind)} is no kind of ref that a trigger builds: say `branch` or `tag`.")
    if not name:
        if kind:
            raise FormatError(f"The body says {quoted(kind)} and names none. Write for example {_EXAMPLE}.")
        return None
    if not kind and (full := parse_ref(name)) is not None:
        return full
    ref_type = _KINDS.get(kind, "branch")
    bare = bare_name(ref_type, name)
    if wrong := name_problem(bare):
        raise FormatError(f"{quoted(bare)} is not a name that Git allows for a {ref_type}: {wrong}.")
    return Ref(ref_type, bare)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise FormatError(f"`{name}` has to be a text, such as {_EXAMPLE}.")
    return value.strip()


def _fields(body: bytes, content_type: str) -> Mapping[str, Any]:
    try:
        text = body.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise FormatError(f"The body is not UTF-8. Send JSON, for example {_EXAMPLE}, a form, or nothing.") from error
    # `curl -d '{…}'` calls JSON a form, so what stands there decides and not what it is called.
    if text.startswith(("{", "[")) or "json" in content_type.lower():
        return _json(text) if text else {}
    if text and "multipart/" in content_type.lower():
        raise FormatError(f"A form with parts is not read here. Send JSON, for example {_EXAMPLE}, or `-d ref=main`.")
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError as error:
        raise FormatError(
            f"The form has more than {MOST_FIELDS} fields. A trigger reads: {', '.join(_KNOWN)}."
        ) from error


def _json(text: str) -> Mapping[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"The body is not JSON. Send for example {_EXAMPLE}, or nothing.") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise FormatError(f"The body has to be a JSON object, such as {_EXAMPLE}, or nothing.")
    return document
