"""Mask secrets and URL credentials in text and byte streams before anything is stored. No storage, no models."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

import re2

MASK = "***"
_MASK = MASK.encode()

# Shorter than this a "secret" is a common word, and masking it would destroy the log instead of protecting it. Pages
# that take secrets say so.
MIN_SECRET = 4
MIN_LINE = 6  # of a secret that spans lines: "}" or "-----" alone must not be masked
_MIN_BASE64 = 6
# Where `base64` (coreutils, busybox) and `openssl base64` break lines, in characters of four for three bytes.
_WRAPPED_AT = (76, 64)
_MIN_WRAPPED = 12
_PIECE = _WRAPPED_AT[0]
_START = 6
_DFA_MEMORY = 64 << 20


def _base64_forms(secret: bytes) -> Iterable[bytes]:
    """What `secret` looks like inside the base64 of something longer, for each of the three ways it can be aligned.

    Characters that also carry bits of the neighbours are left out, as they cannot be known.
    """
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + secret)
        first = (0, 2, 3)[before]
        last = len(whole) - (0, 3, 2)[(before + len(secret)) % 3]
        core = whole[first:last]
        if len(core) >= _MIN_BASE64:
            yield core
            yield core.translate(bytes.maketrans(b"+/", b"-_"))


def _wrapped_forms(secret: bytes) -> Iterable[bytes]:
    """The lines of a secret that a tool encoded by itself, too long for one line; `echo` adds a line break to it."""
    for text in dict.fromkeys((secret, secret.rstrip(b"\n"), secret.rstrip(b"\n") + b"\n")):
        whole = base64.b64encode(text)
        for width in _WRAPPED_AT:
            pieces = _cut(whole, width)
            yield from (piece for piece in pieces if len(pieces) > 1 and len(piece) >= _MIN_WRAPPED)


def _quoted_forms(secret: str) -> Iterable[str]:
    """The percent-encodings in use (with and without `/`, `+` for a blank, hex digits in either case) and JSON's."""
    for form in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield form
        yield re.sub(r"%[0-9A-F]{2}", lambda match: match.group().lower(), form)
    yield json.dumps(secret)[1:-1]


def _forms(secret: str) -> Iterable[bytes]:
    """Every byte string that gives `secret` away; none holds a line break."""
    lines = secret.splitlines()
    several = len(lines) > 1
    shortest = MIN_LINE if several else MIN_SECRET
    kept = [line for line in (line.strip() if several else line for line in lines) if len(line) >= shortest]
    for line in kept:
        yield line.encode()
        yield from _base64_forms(line.encode())
        yield from (form.encode() for form in _quoted_forms(line))
        if not several:
            yield from _wrapped_forms(line.encode())
        # A URL with an unescaped @ in its password is cut at the first @, and Git then prints the rest as the host.
        before, at, rest = line.rpartition("@")
        if before and at and len(rest) > 1:
            yield f"{rest}@".encode()
    if several and kept:  # encoded as a whole, with either world's line breaks; escaped, its lines stand in it as above
        unix = secret.replace("\r\n", "\n")
        for text in dict.fromkeys((secret, unix)):
            yield from _base64_forms(text.encode())
            yield from _wrapped_forms(text.encode())


def _pieces(form: bytes) -> Iterable[bytes]:
    """A long form cut where `base64` would cut it; what is too short to stand alone stays with the piece before it."""
    yield from (piece for piece in _cut(form, _PIECE) if len(piece) == _PIECE or len(form) <= _PIECE)
    rest = len(form) % _PIECE
    if len(form) > _PIECE and rest:
        yield form[-rest:] if rest >= _MIN_WRAPPED else form[-rest - _PIECE :]


def _cut(text: bytes, size: int) -> list[bytes]:
    return [text[start : start + size] for start in range(0, len(text), size)]


class Redactor:
    """Masks a fixed set of secrets: as they are, base64-encoded at any alignment, percent-encoded, JSON-escaped.

    A secret of several lines is masked line by line (lines of at least `MIN_LINE` characters), and as a whole where it
    was encoded or escaped; base64 also where it was wrapped into lines. Secrets shorter than `MIN_SECRET` are ignored.
    Without secrets every call returns its argument.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {piece for secret in secrets for form in _forms(secret) if form for piece in _pieces(form)}
        self.longest = max(map(len, forms), default=0)
        self._beginnings = frozenset(form[:end] for form in forms for end in range(1, len(form)))
        # Looked for are the beginnings of forms, since a program of all of them would be too large for its automaton.
        self._by_start: dict[bytes, list[bytes]] = {}
        for form in sorted(forms, key=lambda form: (-len(form), form)):
            self._by_start.setdefault(form[:_START], []).append(form)
        self._pattern = None
        if forms:
            # RE2 compiles the alternation to one automaton: 600 MB/s for a hundred forms, where `re` does 20.
            options = re2.Options()
            options.encoding = re2.Options.Encoding.LATIN1
            options.max_mem = _DFA_MEMORY
            starts = sorted(self._by_start, key=lambda start: (-len(start), start))
            self._pattern = re2.compile(b"|".join(re2.escape(start) for start in starts), options)

    def __bool__(self) -> bool:
        return self._pattern is not None

    def mask(self, data: bytes) -> bytes:
        """`data` with every secret replaced by the mask; pieces of one that touch share a mask."""
        done, out = 0, list[bytes]()
        for start, end in self._matches(data):
            out += (data[done:start], _MASK) if start > done or not out else ()
            done = end
        return b"".join([*out, data[done:]]) if out else data

    def text(self, text: str) -> str:
        """`text` with every secret replaced by the mask."""
        if self._pattern is None:
            return text
        return self.mask(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def stream(self) -> RedactingStream:
        """A new stream, for bytes that come in chunks."""
        return RedactingStream(self)

    def _matches(self, data: bytes) -> Iterable[tuple[int, int]]:
        """Where forms stand in `data`, from left to right, the longest at each place, none over another."""
        at = 0
        while self._pattern is not None and (found := self._pattern.search(data, at)) is not None:
            start = found.start()
            form = self._form_at(data, start)
            if form is None:
                at = start + 1
            else:
                at = start + len(form)
                yield start, at

    def _form_at(self, data: bytes, start: int) -> bytes | None:
        """The longest form that begins at this place."""
        for length in range(_START, 0, -1):
            for form in self._by_start.get(data[start : start + length], ()):
                if data.startswith(form, start):
                    return form
        return None

    def _hold_from(self, data: bytes, start: int) -> int:
        """Where the longest end of `data` begins, at or after `start`, that could be the beginning of a secret."""
        # No form holds a line break, so nothing before the last one can still grow into a secret.
        start = max(start, data.rfind(b"\n") + 1, len(data) - self.longest + 1)
        for position in range(start, len(data)):
            if data[position:] in self._beginnings:
                return position
        return len(data)


class RedactingStream:
    """Masks secrets in a stream, also where one is cut over chunks.

    The output does not depend on where the chunks are cut. Only an end that could be the beginning of a secret is held
    back, until the next chunk decides or `flush()` lets it go.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = b""
        self._is_after_mask = False

    def feed(self, data: bytes) -> bytes:
        """What is now known to be free of secrets."""
        redactor = self._redactor
        if not redactor:
            return data
        if self._held:
            data = self._held + data
        hold = redactor._hold_from(data, 0)  # noqa: SLF001 — the other half of the same thing
        done = 0
        out: list[bytes] = []
        for start, end in redactor._matches(data):  # noqa: SLF001
            if start >= hold:
                break  # may still become a longer secret
            out += self._with_mask(data[done:start])
            done = end
            if end > hold:
                hold = redactor._hold_from(data, end)  # noqa: SLF001
        self._is_after_mask = self._is_after_mask and done == hold
        out.append(data[done:hold])
        self._held = data[hold:]
        return b"".join(out)

    def _with_mask(self, before: bytes) -> tuple[bytes, ...]:
        """What stood between two masks and the second one, which is left out where they touch."""
        touches, self._is_after_mask = self._is_after_mask and not before, True
        return () if touches else (before, _MASK)

    def flush(self) -> bytes:
        """The rest, when no more comes."""
        done, out = 0, list[bytes]()
        for start, end in self._redactor._matches(self._held):  # noqa: SLF001
            out += self._with_mask(self._held[done:start])
            done = end
        rest, self._held = self._held[done:], b""
        return b"".join([*out, rest])


def redact_text(text: str, secrets: Iterable[str]) -> str:
    """`text` with each of `secrets` masked in every form that `Redactor` knows."""
    return Redactor(secrets).text(text)


# A trigger's address is its secret (`/hooks/trigger/<secret>`, and Docker Hub's form of it).
_TRIGGER = re.compile(r"(/hooks/trigger/|/trigger/(?=[^/\s]+/call))[^/\s?#\"'<>]+")


def strip_trigger_secrets(text: str) -> str:
    """`text` with the secret end of every trigger's address masked."""
    return _TRIGGER.sub(rf"\1{MASK}", text)


_SCHEME = r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*)://"
# Greedy up to the last @ before the path, so that an unescaped @ in a password takes nothing of it along. The second
# form is a password with an unescaped slash; a number after the colon is a port, and then the @ belongs to the path.
_CREDENTIALS = re.compile(
    _SCHEME + r"(?P<user>[^\s/?#\"'<>]*|[^\s/?#\"'<>@:]*:(?!\d{1,5}(?:[/\s]|$))[^\s\"'<>]*)@",
)
_SSH_USER = re.compile(r"[\w.-]{1,32}")


def _strip(match: re.Match[str]) -> str:
    scheme, user = match["scheme"], match["user"]
    if scheme.lower() in {"ssh", "git+ssh"} and _SSH_USER.fullmatch(user):
        return match.group()  # `git@` is an address, not a credential
    return f"{scheme}://"


def strip_url_credentials(text: str) -> str:
    """`text` with the `user:password@` of every URL in it removed; scheme, host and path stay.

    Handles a password with an unescaped `@` or `/`. The user of an SSH address stays, as it is no secret.
    """
    return _CREDENTIALS.sub(_strip, text)
