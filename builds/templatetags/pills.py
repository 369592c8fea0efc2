"""The pill of a state: one word, one colour, one icon. Drawn by hand, since every list has one in each row."""

from __future__ import annotations

from django.utils.html import format_html
from django.utils.safestring import SafeString

from builds.templatetags.icons import draw


def pill(tone: str, icon_name: str, word: str, *, more: str = "", title: str = "", icon_class: str = "") -> SafeString:
    """`tone` is ok, bad, run, warn or idle; `more` stands lighter behind the word, `title` is shown by the pointer.

    It ends with a space, so that what follows is another word, also where it is read aloud or copied.
    """
    return format_html(
        '<span class="pill pill-{}"{}>{}<span class="pill-word">{}</span>{}</span>\n',
        tone,
        format_html(' title="{}"', title) if title else "",
        draw(icon_name, icon_class),
        word,
        format_html('<span class="pill-more">{}</span>', more) if more else "",
    )
