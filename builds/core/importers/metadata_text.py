"""Expressions in docker/metadata-action's values, such as `{{version}}` or `${{ github.sha }}`, as templates.

Source of the format: https://github.com/docker/metadata-action, README, "Global expressions" and "Pattern".
"""

from __future__ import annotations

import re
from collections.abc import Callable

_GITHUB = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_HANDLEBARS = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_DATE = re.compile(r"date\s+['\"]([^'\"]*)['\"](?:\s+tz=['\"]([^'\"]*)['\"])?")

_EXPRESSIONS = {
    "version": "{version}", "major": "{major}", "minor": "{minor}", "patch": "{patch}", "raw": "{sourceref}",
    "branch": "{sourceref}", "tag": "{sourceref}", "sha": "{sha7}",
}  # fmt: skip
_GITHUB_EXPRESSIONS = {
    "github.sha": "{sha}",
    "github.ref_name": "{sourceref}",
    "github.head_ref": "{sourceref}",
    "github.run_number": "{build}",
    "github.run_id": "{build}",
}
# https://momentjs.com/docs/#/displaying/format/, those that make digits of a fixed width.
_MOMENT = {
    "YYYY": "%Y", "YY": "%y", "MM": "%m", "DDDD": "%j", "DD": "%d", "HH": "%H", "mm": "%M", "ss": "%S",
    "GGGG": "%G", "WW": "%V", "E": "%u",
}  # fmt: skip
_MOMENT_TOKEN = re.compile(r"\[([^\]]*)\]|(([A-Za-z])\3*)|([^A-Za-z])")


class Untranslatable(ValueError):  # noqa: N818 — the line is reported, nothing failed
    """The value says something that no template can; the message is a sentence."""


def translated(value: str, say: Callable[[str], None]) -> str:
    """The value as a tag template; `say` takes sentences on what became different. Raises Untranslatable."""

    def github(found: re.Match[str]) -> str:
        known = _GITHUB_EXPRESSIONS.get(found[1])
        if known is None:
            raise Untranslatable(f"`{found[0]}` is known only to the workflow.")
        if known == "{build}":
            say(f"`{found[1]}` became the number of the build here.")
        return known

    def handlebars(found: re.Match[str]) -> str:
        if date := _DATE.fullmatch(found[1]):
            return _date(date[1], date[2] or "", say)
        known = _EXPRESSIONS.get(found[1])
        if known is None:
            raise Untranslatable(f"There is nothing like `{found[0]}` here.")
        return known

    return _HANDLEBARS.sub(handlebars, _GITHUB.sub(github, value))


def _date(form: str, zone: str, say: Callable[[str], None]) -> str:
    if zone and zone.upper() not in ("UTC", "ETC/UTC"):
        say(f"The date is that of UTC here, not of {zone}.")
    return f"{{date:{''.join(map(_moment, _MOMENT_TOKEN.finditer(form)))}}}"


def _moment(token: re.Match[str]) -> str:
    literal, letters, _, plain = token.groups()
    if letters and letters not in _MOMENT:
        raise Untranslatable(f"`{letters}` in a date has no like here.")
    return _MOMENT[letters] if letters else literal or plain or ""
