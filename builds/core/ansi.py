"""What a terminal would show of one log line: carriage returns applied, colours as safe HTML. No lines are split here.

The browser does the same with static/js/log-fold.js and the ansi_up library; `tests/js` holds both to one table.
Control sequences: ECMA-48 (CSI, SGR, OSC) and the OSC 8 hyperlink convention. What is not listed here is dropped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape

from builds.core.sgr import Style, apply_sgr, open_span

Carry = tuple[str, ...]
"""The SGR parameters that are in force, oldest first; goes from one line into the next."""

# A line can be 10 MB. A page shows so much of it, and says how much it left out.
SHOWN_CHARACTERS = 8_000
# A progress bar can be a line of megabytes; what it shows in the end is decided by the end of it.
_READ_CHARACTERS = 200_000
_SENT_CHARACTERS = 20_000
MAX_COLUMN = 10_000
_MAX_DIGITS = 6
_MAX_CARRY = 32
_LINK = re.compile(r"https?://[!-~]{1,500}\Z")
_LINK_TEXT = re.compile(r"[ -~]+\Z")

TOKEN = re.compile(
    r"(?P<text>[^\x00-\x08\x0a-\x1f\x7f-\x9f]+)"
    r"|\x1b\[(?P<private>[<-?]?)(?P<params>[0-9;:]*)(?P<rest>[ -/]*)(?P<final>[@-~])"
    r"|\x1b\](?P<osc>[^\x07\x1b]*)(?:\x07|\x1b\\)"
    r"|\x1b[PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # DCS, SOS, PM, APC: strings for terminals
    r"|\x1b[ -/]+[0-~]|\x1b[0-OQ-WYZ\\`-~]"  # character sets, and two-byte escapes
    r"|(?P<control>.)",
    re.DOTALL,
)
_NEEDS_FOLDING = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring characters of one look: SGR parameters in force, and where they link to (http or https only)."""

    text: str
    sgr: Carry = ()
    link: str = ""


@dataclass(slots=True)
class _Line:
    cells: list[tuple[str, Carry, str]] = field(default_factory=list)
    cursor: int = 0
    sgr: Carry = ()
    link: str = ""

    def put(self, text: str) -> None:
        gap = self.cursor - len(self.cells)
        if gap > 0:
            self.cells.extend([(" ", (), "")] * gap)
        self.cells[self.cursor : self.cursor + len(text)] = [(character, self.sgr, self.link) for character in text]
        self.cursor += len(text)

    def move(self, column: int) -> None:
        self.cursor = max(0, min(column, MAX_COLUMN))

    def erase(self, how: str) -> None:
        if how in {"", "0"}:
            del self.cells[self.cursor :]
        elif how == "1":
            self.cells[: self.cursor + 1] = [(" ", (), "")] * min(self.cursor + 1, len(self.cells))
        elif how == "2":
            self.cells.clear()


def fold_line(line: str, carry: Carry = ()) -> tuple[tuple[Run, ...], Carry]:
    """Apply what moves the cursor within `line` (CR, BS, CSI G C D K) and give the runs that remain to be seen.

    `carry` is what the line before gave back. A sequence that is cut off, or that no line can show (cursor up, titles,
    cursor shapes), is dropped; its introducer alone where it has no end.
    """
    if not _NEEDS_FOLDING.search(line):
        return ((Run(line, carry),) if line else ()), carry
    state = _Line(sgr=carry)
    for token in TOKEN.finditer(_bounded(line)):
        kind = token.lastgroup
        if kind == "text":
            state.put(token["text"])
        elif kind == "final":
            _control_sequence(state, token)
        elif kind == "osc":
            _link(state, token["osc"])
        elif token["control"] == "\r":
            state.move(0)
        elif token["control"] == "\b":
            state.move(state.cursor - 1)
    return _runs(state.cells), state.sgr


def _bounded(line: str) -> str:
    if len(line) <= _READ_CHARACTERS:
        return line
    return line[-_READ_CHARACTERS:] if "\r" in line else line[:_READ_CHARACTERS]


def _control_sequence(state: _Line, token: re.Match[str]) -> None:
    params, final = token["params"], token["final"]
    if token["private"] or token["rest"]:
        return
    count = count_of(params)
    if final == "m":
        state.sgr = _after(state.sgr, params)
    elif final == "K":
        state.erase(params)
    elif final == "G":
        state.move(max(count, 1) - 1)
    elif final == "C":
        state.move(state.cursor + max(count, 1))
    elif final == "D":
        state.move(state.cursor - max(count, 1))


def count_of(params: str) -> int:
    """The number that a control sequence names; 1 where it names none that makes sense."""
    return int(params) if params.isdecimal() and len(params) < _MAX_DIGITS else 1


def _after(carry: Carry, params: str) -> Carry:
    if params in {"", "0", "00"}:
        return ()
    if params.startswith("0;"):
        return (params,)
    return (*carry, params)[-_MAX_CARRY:]


def _link(state: _Line, osc: str) -> None:
    kind, _, rest = osc.partition(";")
    if kind == "8":
        address = rest.partition(";")[2]
        state.link = address if _LINK.match(address) else ""


def _runs(cells: list[tuple[str, Carry, str]]) -> tuple[Run, ...]:
    runs: list[Run] = []
    start = 0
    for end in range(1, len(cells) + 1):
        if end == len(cells) or cells[end][1:] != cells[start][1:]:
            _, sgr, link = cells[start]
            runs.append(Run("".join(cell[0] for cell in cells[start:end]), sgr, link))
            start = end
    return tuple(runs)


def plain_line(line: str) -> str:
    """The line as a terminal would show it, without any colour; not escaped for HTML."""
    return "".join(run.text for run in fold_line(line)[0])


def shorten_line(line: str) -> str:
    """A line that is fit to be sent: as it is, or what a terminal would show of it, cut, without colours."""
    if len(line) <= _SENT_CHARACTERS:
        return line
    plain = plain_line(line)
    if len(plain) <= SHOWN_CHARACTERS:
        return plain
    kept = plain[: SHOWN_CHARACTERS - 100]
    return f"{kept}… {len(plain) - len(kept):,} more characters; the raw log has them"


def html_line(line: str, carry: Carry = ()) -> tuple[str, Carry]:
    """The line as HTML in which every character of it is escaped, and the carry for the next line.

    Markup: `<span>` with classes `ansi-red-fg`, `ansi-bright-blue-bg`, …, with style attributes for bold, faint,
    italic, underline and for colours out of the 16, as ansi_up 6 with `use_classes` writes them; `<a>` for links.
    """
    runs, after = fold_line(line, carry)
    shown, left_out = _cut(runs)
    html = "".join(_html_run(run) for run in shown)
    if left_out:
        html += f'<span class="log-cut">… {left_out:,} more characters; the raw log has them</span>'
    return html, after


def html_lines(lines: list[str]) -> list[str]:
    """Several lines in a row, colours carried from one to the next."""
    carry: Carry = ()
    rendered = []
    for line in lines:
        html, carry = html_line(line, carry)
        rendered.append(html)
    return rendered


def _cut(runs: tuple[Run, ...]) -> tuple[list[Run], int]:
    room, shown = SHOWN_CHARACTERS, []
    for run in runs:
        if room > 0:
            shown.append(run if len(run.text) <= room else Run(run.text[:room], run.sgr, run.link))
        room -= len(run.text)
    return shown, max(0, -room)


def _html_run(run: Run) -> str:
    if run.link and _LINK_TEXT.match(run.text):
        address = _escape(run.link)
        return f'<a rel="noopener noreferrer nofollow" target="_blank" href="{address}">{_escape(run.text)}</a>'
    style = Style()
    for params in run.sgr:
        style = apply_sgr(style, params)
    opening = open_span(style)
    text = _escape(run.text)
    return f"{opening}{text}</span>" if opening else text


def _escape(text: str) -> str:
    return escape(text, quote=True)
