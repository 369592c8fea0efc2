"""What is wrong with a page's HTML as it left the server: scripts in it, names that are missing, references to nothing.

A browser with axe sees more; this sees every page within a second, and what no browser shows: that nothing is inline.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
REFERENCES = ("for", "aria-labelledby", "aria-describedby", "aria-controls", "list", "form")
NAMED = ("button", "a", "summary", "h1", "h2", "h3", "h4", "th", "legend", "label")
FIELDS = ("input", "select", "textarea")


class Element:
    """An element with its attributes, the text below it, and what it stands in."""

    def __init__(self, tag: str, attributes: dict[str, str], parent: Element | None) -> None:
        self.tag, self.attributes, self.parent = tag, attributes, parent
        self.text = ""

    @property
    def path(self) -> Iterator[Element]:
        here: Element | None = self
        while here is not None:
            yield here
            here = here.parent

    @property
    def name(self) -> str:
        """Roughly what a screen reader says: enough to tell an empty name from one."""
        given = self.attributes.get("aria-label") or self.attributes.get("aria-labelledby")
        return (given or self.text or self.attributes.get("title") or "").strip()

    def __str__(self) -> str:
        shown = " ".join(f'{key}="{value}"' for key, value in list(self.attributes.items())[:4])
        return f"<{self.tag} {shown}>".replace(" >", ">")


class Markup(HTMLParser):
    """The elements of a page in their order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {key: value or "" for key, value in attrs}
        element = Element(tag, attributes, self._open[-1] if self._open else None)
        self.elements.append(element)
        if alternative := attributes.get("alt"):
            self.handle_data(alternative)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        while self._open:
            if self._open.pop().tag == tag:
                return

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, *tags: str) -> list[Element]:
        return [element for element in self.elements if element.tag in tags]

    @property
    def title(self) -> str:
        return next((element.text.strip() for element in self.all("title")), "")


def inline_code(page: Markup) -> list[str]:
    """Scripts and style elements in the page, handlers in attributes, addresses that are code."""
    # JSON in a page is data: no browser runs it, and no policy has to allow it.
    scripts = [element for element in page.all("script") if element.attributes.get("type") != "application/json"]
    found = [f"{element} holds text" for element in scripts if element.text.strip()]
    found += [f"{element} has no src" for element in scripts if not element.attributes.get("src")]
    found += [f"{element} stands in the page" for element in page.all("style")]
    for element in page.elements:
        for key, value in element.attributes.items():
            code = value.strip().lower().startswith(("javascript:", "data:text/html"))
            if key.startswith(("on", "hx-on")) or (code and key in ("href", "src", "action", "formaction")):
                found.append(f"{element}: {key}")
    return found


def faults(page: Markup) -> list[str]:
    """What of structure, names and references is not right."""
    return [*_frame(page), *_headings(page), *_references(page), *_names(page)]


def _frame(page: Markup) -> Iterator[str]:
    html = page.all("html")
    if not html or html[0].attributes.get("lang") != "en":
        yield "the page does not say its language"
    if not page.title:
        yield "the page has no title"
    if len(page.all("main")) != 1:
        yield f"{len(page.all('main'))} main landmarks"
    navigations = Counter(element.name for element in page.all("nav"))
    yield from (
        f"{count} navigations are named “{name}”" for name, count in navigations.items() if count > 1 or not name
    )


def _headings(page: Markup) -> Iterator[str]:
    levels = [int(element.tag[1]) for element in page.all("h1", "h2", "h3", "h4", "h5", "h6")]
    if levels.count(1) != 1:
        yield f"{levels.count(1)} headings of the first level"
    for above, level in zip([0, *levels], levels, strict=False):
        if level > above + 1:
            yield f"a heading of level {level} follows one of level {above}"


def _references(page: Markup) -> Iterator[str]:
    ids = Counter(element.attributes["id"] for element in page.elements if element.attributes.get("id"))
    yield from (f"the id {name} is there {count} times" for name, count in ids.items() if count > 1)
    for element in page.elements:
        for key in REFERENCES:
            missing = [name for name in element.attributes.get(key, "").split() if name not in ids]
            if missing:
                yield f"{element}: {key} names {missing[0]}, which is not there"


def _names(page: Markup) -> Iterator[str]:
    labelled = {element.attributes.get("for") for element in page.all("label")}
    for element in page.elements:
        hidden = any("hidden" in up.attributes or up.attributes.get("aria-hidden") == "true" for up in element.path)
        if element.tag in NAMED and not element.name and not hidden:
            yield f"{element} has no name"
        if element.tag in FIELDS and not hidden and element.attributes.get("type") not in ("hidden", "submit"):
            inside = any(up.tag == "label" for up in element.path)
            if not (inside or element.attributes.get("id") in labelled or element.name):
                yield f"{element} has no label"
        if element.tag == "img" and "alt" not in element.attributes:
            yield f"{element} has no text instead"
        if element.tag == "svg" and element.attributes.get("aria-hidden") != "true" and not element.name:
            yield f"{element} is neither named nor hidden"
