"""Which frontend a Dockerfile asks for. One that is not Docker's may hand BuildKit any operation at all."""

from __future__ import annotations

import re

# `# syntax=…`, `// syntax=…` or JSON with "syntax" at the top (BuildKit, frontend/dockerfile/parser/directives.go).
# More is looked at than BuildKit does: anywhere in the file, so that no way of counting lines hides one.
_DIRECTIVE = re.compile(rb"(?:#|//)[ \t\v\f\r]*syntax[ \t\v\f\r]*=[ \t\v\f\r]*(?P<name>[^\s]*)", re.IGNORECASE)
_JSON = re.compile(rb"\{[^\n]*[\"']syntax[\"']|^\s*\{", re.IGNORECASE)
_OWN = re.compile(rb"(?:docker\.io/)?docker/dockerfile(?:-upstream)?(?:[:@][A-Za-z0-9_.:-]+)?")


def foreign_frontend(dockerfile: bytes) -> str | None:
    """The frontend that a Dockerfile names where it is not Docker's own, as text to show; None where it names none."""
    for match in _DIRECTIVE.finditer(dockerfile):
        if not _OWN.fullmatch(match["name"]):
            return match["name"].decode("utf-8", "replace")[:200] or "nothing"
    start = dockerfile.removeprefix(b"\xef\xbb\xbf")
    if start.startswith(b"#!"):
        start = start.partition(b"\n")[2]
    return "JSON" if _JSON.match(start) else None
