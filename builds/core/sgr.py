"""SGR, the sequence that colours: parameters to a look, a look to the tag of a span. Lines are not read here.

Written as ansi_up 6.0.6 reads it, quirks included (colon forms and unknown numbers do nothing), so that a page looks
the same whether the server or the browser drew it. Source of the numbers: ECMA-48, 8.3.117, and xterm's 256 colours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

_NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_LEVELS = (0, 95, 135, 175, 215, 255)
_FOREGROUND, _BACKGROUND = 38, 48
_COLOURS = 256
_CUBE = 16
_GREYS = 232

Colour = str
"""A name of the 16 (`red`, `bright-red`) or `rgb(1,2,3)`; empty for the pane's own."""


@dataclass(frozen=True, slots=True)
class Style:
    """How a run looks."""

    foreground: Colour = ""
    background: Colour = ""
    bold: bool = False
    faint: bool = False
    italic: bool = False
    underline: bool = False


_SIMPLE: dict[int, dict[str, bool | str]] = {
    1: {"bold": True},
    2: {"faint": True},
    3: {"italic": True},
    4: {"underline": True},
    21: {"bold": False},
    22: {"bold": False, "faint": False},
    23: {"italic": False},
    24: {"underline": False},
    39: {"foreground": ""},
    49: {"background": ""},
}
for _offset, _name in enumerate(_NAMES):
    _SIMPLE[30 + _offset] = {"foreground": _name}
    _SIMPLE[40 + _offset] = {"background": _name}
    _SIMPLE[90 + _offset] = {"foreground": f"bright-{_name}"}
    _SIMPLE[100 + _offset] = {"background": f"bright-{_name}"}


def apply_sgr(style: Style, params: str) -> Style:
    """The look after one SGR sequence; `params` is what stands between `ESC [` and `m`."""
    codes = params.split(";")
    while codes:
        number = _number(codes.pop(0))
        if not number:  # absent, or 0
            style = Style()
        elif number in _SIMPLE:
            style = replace(style, **_SIMPLE[number])  # type: ignore[arg-type]  # the table names Style's fields
        elif number in {_FOREGROUND, _BACKGROUND} and codes:
            colour = _extended(codes)
            if colour and number == _FOREGROUND:
                style = replace(style, foreground=colour)
            elif colour:
                style = replace(style, background=colour)
    return style


def _extended(codes: list[str]) -> Colour:
    mode = codes.pop(0)
    if mode == "5" and codes:
        index = _number(codes.pop(0))
        return _palette(index) if index is not None and 0 <= index < _COLOURS else ""
    if mode == "2" and len(codes) > 2:  # noqa: PLR2004 — red, green, blue
        parts = [_number(codes.pop(0)) for _ in range(3)]
        if all(part is not None and 0 <= part < _COLOURS for part in parts):
            return "rgb({},{},{})".format(*parts)
    return ""


def _palette(index: int) -> Colour:
    if index < _CUBE:
        return ("" if index < len(_NAMES) else "bright-") + _NAMES[index % len(_NAMES)]
    if index >= _GREYS:
        grey = 8 + 10 * (index - _GREYS)
        return f"rgb({grey},{grey},{grey})"
    cube = index - _CUBE
    return f"rgb({_LEVELS[cube // 36]},{_LEVELS[cube // 6 % 6]},{_LEVELS[cube % 6]})"


def _number(text: str) -> int | None:
    digits = text.split(":", 1)[0]
    return int(digits[:6]) if digits.isdecimal() else None


def open_span(style: Style) -> str:
    """`<span …>` for a look; empty where the look is the pane's own."""
    styles = [css for is_on, css in _looks(style) if is_on]
    classes = []
    for colour, what, css in ((style.foreground, "fg", "color"), (style.background, "bg", "background-color")):
        if colour.startswith("rgb"):
            styles.append(f"{css}:{colour}")
        elif colour:
            classes.append(f"ansi-{colour}-{what}")
    attributes = f' style="{";".join(styles)}"' if styles else ""
    attributes += f' class="{" ".join(classes)}"' if classes else ""
    return f"<span{attributes}>" if attributes else ""


def _looks(style: Style) -> tuple[tuple[bool, str], ...]:
    return (
        (style.bold, "font-weight:bold"),
        (style.faint, "opacity:0.7"),
        (style.italic, "font-style:italic"),
        (style.underline, "text-decoration:underline"),
    )
