"""A README as safe HTML: Markdown in, markup out that cannot script, track by referrer, or pose as the page. Pure."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import nh3

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

MAX_CHARACTERS = 256 * 1024
_LOWEST_HEADING = 6

_NAMES = (
    "a abbr b blockquote br caption code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p "
    "pre q s samp small span strong sub summary sup table tbody td tfoot th thead tr tt u ul var"
)
_TAGS = frozenset(_NAMES.split())
# No id, name, class or style: a README must not be able to look like, or be addressed as, a part of the page.
_ATTRIBUTES = {
    "a": {"href", "title"},
    "abbr": {"title"},
    "details": {"open"},
    "div": {"align"},
    "img": {"src", "alt", "title", "width", "height", "align"},
    "ol": {"start"},
    "p": {"align"},
    "td": {"align", "colspan", "rowspan"},
    "th": {"align", "colspan", "rowspan"},
} | {f"h{level}": {"align"} for level in range(1, _LOWEST_HEADING + 1)}


def render_readme(markdown: str, *, forge_url: str = "") -> str:
    """Render CommonMark with tables and strike-through; HTML inside it is kept as far as it is harmless.

    Links go to http, https and mailto, with `rel="nofollow noopener noreferrer"`; images come from https alone and
    without a referrer. A relative link leads below `forge_url` (`https://github.com/acme/web/blob/main/`), or nowhere
    where that is empty; a relative image shows its alternative text. Headings are one level lower than they say, as
    the page has its own first. What is longer than 256 Ki characters is cut.
    """
    reader = _markdown()
    tokens = reader.parse(markdown[:MAX_CHARACTERS])
    for token in tokens:
        _adapt(token)
    return nh3.clean(
        reader.renderer.render(tokens, reader.options, {}),
        tags=set(_TAGS),
        attributes=_ATTRIBUTES,
        attribute_filter=_filter(forge_url),
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow noopener noreferrer",
        set_tag_attribute_values={"img": {"referrerpolicy": "no-referrer", "loading": "lazy"}},
    )


@cache
def _markdown() -> MarkdownIt:
    """Loaded for the first README: as much to load as the rest of this room, and most processes never meet one."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def _adapt(token: Token) -> None:
    if token.type in {"heading_open", "heading_close"}:
        token.tag = f"h{min(int(token.tag[1:]) + 1, _LOWEST_HEADING)}"
    # The renderer says alignment as a style, which the content security policy forbids.
    style = str(token.attrGet("style") or "")
    if style.startswith("text-align:"):
        token.attrSet("align", style.removeprefix("text-align:"))


def _filter(forge_url: str) -> Callable[[str, str, str], str | None]:
    def keep(tag: str, attribute: str, value: str) -> str | None:
        if tag == "img" and attribute == "src":
            return value if _scheme(value) == "https" else None
        if tag == "a" and attribute == "href":
            # Scripts and other schemes are gone by now: what has none is relative.
            return value if _scheme(value) else _below(forge_url, value)
        if attribute in {"width", "height", "colspan", "rowspan", "start"}:
            return value if value.rstrip("%").isdecimal() and len(value) <= len("9999%") else None
        return value

    return keep


def _scheme(url: str) -> str:
    try:
        return urlsplit(url).scheme.lower()
    except ValueError:
        return ""


def _below(base: str, url: str) -> str | None:
    """Resolve a relative link; None where it would leave `base`'s repository or only jumps within the page."""
    # A browser takes a backslash for a slash; a path from the root means the repository's, as on the forge.
    if not base or url.startswith(("#", "//")) or "\\" in url:
        return None
    try:
        target = urljoin(base, url.lstrip("/"))
    except ValueError:
        return None
    return target if target.startswith(base) else None


def first_sentence(markdown: str, most: int = 100) -> str:
    """The first sentence of the first paragraph that is text, for a description; "" where there is none."""
    inline = False
    for token in _markdown().parse(markdown[:MAX_CHARACTERS]):
        if token.type == "paragraph_open":
            inline = True
        elif token.type == "paragraph_close":
            inline = False
        elif inline and token.type == "inline":
            words = " ".join(_plain(token).split())
            if words:
                return _cut(words, most)
    return ""


def _plain(token: Token) -> str:
    """The text of a paragraph without pictures (badges stand first in many READMEs) and without markup."""
    parts = []
    for child in token.children or []:
        if child.type in ("text", "code_inline"):
            parts.append(child.content)
        elif child.type in ("softbreak", "hardbreak"):
            parts.append(" ")
    return "".join(parts)


def _cut(words: str, most: int) -> str:
    end = words.find(". ")
    sentence = words[: end + 1] if end >= 0 else words
    return sentence if len(sentence) <= most else sentence[: most - 1].rstrip() + "…"
