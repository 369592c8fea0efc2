"""From whatever a ref is called to a tag that registries take. Where the text comes from stands in `templates`."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from registry.core.reference import MAX_TAG, is_valid_tag

LEGAL_WORDS = "a tag holds only letters, digits, `_`, `.` and `-`"

_HASH = 7
_ILLEGAL = re.compile(r"[^A-Za-z0-9_.-]")
_RUN = re.compile(r"[^A-Za-z0-9_.]+")
_RESERVED = re.compile(r"build-[0-9]+")


def make_legal(text: str) -> str | None:
    """A legal tag made from `text`, the same one every time; None where nothing readable is left of it.

    Runs of illegal characters become one `-` (as docker/metadata-action does), accents are dropped (`é` is `e`),
    leading `.` and `-` go, and what is longer than 128 characters is cut. A tag that lost letters or was cut ends with
    a short hash of the whole, so that two such names do not meet in one tag.
    """
    if is_valid_tag(text):
        return text
    plain = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    tag = _RUN.sub(_one_hyphen, plain).lstrip(".-")
    if plain and _ILLEGAL.match(plain[-1]):
        tag = tag.removesuffix("-")
    if not tag:
        return None
    lost_letters = any(char.isalnum() for char in _ILLEGAL.findall(plain))
    if lost_letters or len(tag) > MAX_TAG:
        return f"{tag[: MAX_TAG - _HASH - 1].rstrip('.-')}-{_short_hash(text)}"
    return tag


def why_illegal(text: str) -> str:
    """What `text` offends against as a tag, as half a sentence: "a tag holds only letters, …"."""
    if _ILLEGAL.search(text) or not text:
        return LEGAL_WORDS
    if len(text) > MAX_TAG:
        return f"a tag has at most {MAX_TAG} characters"
    return "a tag begins with a letter, a digit or `_`"


def is_reserved(tag: str) -> bool:
    """Whether `tag` is one that builds get by themselves: `build-<number>`, which never moves."""
    return _RESERVED.fullmatch(tag) is not None


def _one_hyphen(run: re.Match[str]) -> str:
    """Hyphens beside an illegal character go with it: `feature-#6` is `feature-6`; `a---b` was legal and stays."""
    return "-" if run.group().strip("-") else run.group()


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH]
