"""Every page that there is: it has a scene, holds nothing inline, says what it is, and stays within its policy."""

from __future__ import annotations

import re
import uuid
from collections import defaultdict

import pytest
from django.contrib.staticfiles import finders
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, get_resolver, resolve, reverse

from accounts.models import User
from tests.factories import log_in, make_admin
from tests.markup import Markup, faults, inline_code
from tests.sample import fill
from tests.sample_builds import add_builds
from tests.sample_forges import connect
from tests.sample_growth import grow
from tests.sample_triggers import ask
from tests.scenes import NO_PAGES, OTHERS, PAGES, Scene, scenes

# Of any page. Home asks the most, for it looks everywhere, and PostgreSQL for its clock besides.
MOST_QUERIES = 36
SAMPLES = {"int": 1, "str": "x", "uuid": uuid.UUID(int=1), "uuidstr": uuid.UUID(int=1)}


def patterns() -> list[URLPattern]:
    """The named addresses outside the API and the administration, which are not pages of ours."""
    found, rest = [], list(get_resolver().url_patterns)
    while rest:
        item = rest.pop(0)
        if isinstance(item, URLPattern):
            found.append(item)
        elif item.namespace is None:
            rest += item.url_patterns
    return [item for item in found if item.name]


def sample_set() -> None:
    admin = make_admin()
    fill(admin)
    connect("acme/web")
    ask(admin, "tools/backup")
    add_builds(admin)


def client_of(username: str) -> Client:
    client = Client(raise_request_exception=True)
    if username:
        log_in(client, User.objects.get(username=username))
    return client


def listed(found: dict[Scene, list[str]]) -> str:
    return "\n".join(f"{scene}: {fault}" for scene, problems in found.items() for fault in problems)


def test_it_has_a_scene_for_every_page(db, admin_client):
    """Point 11. What is neither a page nor known as none must refuse GET."""
    known = {*PAGES, *NO_PAGES, "build", *(scene.name for scene in OTHERS)}
    missing = []
    for item in patterns():
        if item.name not in known:
            values = {name: SAMPLES[converter_name(converter)] for name, converter in item.pattern.converters.items()}
            if admin_client.get(reverse(item.name, kwargs=values)).status_code != 405:
                missing.append(item.name)
    assert not missing, f"These pages need a line in tests/scenes.py: {', '.join(missing)}"


def converter_name(converter: object) -> str:
    return type(converter).__name__.removesuffix("Converter").lower().replace("string", "str")


@pytest.mark.slow  # alone of the fast part it reads every page's code
def test_it_names_no_address_that_is_gone():
    names = {item.name for item in patterns()}
    assert {*PAGES, *NO_PAGES} <= names
    wrong = [
        scene
        for scene in scenes()
        if scene.status == 200 and resolve(scene.address.partition("?")[0]).url_name != scene.name
    ]
    assert not wrong


def test_it_frames_the_description_of_the_api_as_a_page(db, admin_client):
    """What is inside is Swagger's, and no scene: it draws controls within controls. Nothing of it is inline."""
    text = admin_client.get("/api/v1/docs").content.decode()
    page = Markup(text)
    assert not [*inline_code(page), *faults(page)]
    files = re.findall(r'(?:src|href)="/static/([^"]+)"', text)
    assert "ninja/swagger-ui-bundle.js" in files
    assert [file for file in files if finders.find(file) is None] == []


@pytest.mark.timeout(600)  # some two hundred pages, three times on PostgreSQL
def test_every_page_answers_within_its_policy_says_what_it_is_and_asks_no_more_where_there_is_more(db, settings):
    """Point 11. One test, for the sample set and the first look at every page take longer than all that is asked of it.

    How often the pages ask grows on both databases alike, but on PostgreSQL also the clock is asked for: it is counted
    there.
    """
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    sample_set()
    clients = {user: client_of(user) for user in {scene.user for scene in scenes()}}
    answers = {scene: clients[scene.user].get(scene.address) for scene in scenes()}
    pages = {scene: Markup(answer.content.decode()) for scene, answer in answers.items()}
    found: dict[Scene, list[str]] = defaultdict(list)
    for scene, answer in answers.items():
        if answer.status_code != scene.status:
            found[scene].append(f"answers {answer.status_code}")
        # Nothing inline, so that the policy needs no exception; language, landmarks, headings in order, labels, names,
        # no reference to nothing.
        found[scene] += [*loose(scene, answer), *inline_code(pages[scene]), *faults(pages[scene])]
    for title, addresses in by_title(pages).items():
        if len(addresses) > 1:
            found[next(iter(addresses.values()))].append(f"{title!r} is the title of {', '.join(sorted(addresses))}")
    assert not listed(found), listed(found)
    if connection.vendor == "postgresql":
        more = growing(clients)
        assert not more, listed(more)


def loose(scene: Scene, answer: HttpResponse) -> list[str]:
    """What the policy that a page is sent with lets run beyond our own files."""
    parts = [part.split() for part in answer.headers["Content-Security-Policy"].split(";")]
    policy = {part[0]: part[1:] for part in parts}
    # The terminal writes a sheet with its sizes, which the nonce of that one answer allows.
    nonces = [source for source in policy["style-src"] if source.startswith("'nonce-")]
    asked = {
        "script-src": policy["script-src"] == ["'self'"],
        "style-src": [source for source in policy["style-src"] if source not in nonces] == ["'self'"],
        "nonce": len(nonces) == (scene.name == "build-shell"),
        "default-src": policy["default-src"] == ["'none'"],
    }
    return [f"policy: {name}" for name, holds in asked.items() if not holds]


def by_title(pages: dict[Scene, Markup]) -> dict[str, dict[str, Scene]]:
    """The addresses with one title. Searches, pages of a list and what one chose are one page."""
    seen: dict[str, dict[str, Scene]] = defaultdict(dict)
    for scene, page in pages.items():
        address, _, query = scene.address.partition("?")
        seen[page.title][f"{address}?{query}" if query.startswith("tab=") else address] = scene
    return seen


def growing(clients: dict[str, Client]) -> dict[Scene, list[str]]:
    """Pages that take more queries with four times as much of everything, or too many.

    Each was asked for already, over the same sample set: what a process reads once, it has read.
    """
    grow(range(12))
    few = counted_queries(clients)
    grow(range(12, 48))
    many = counted_queries(clients)
    return {
        scene: [f"{few[scene]} queries, then {many[scene]}"]
        for scene in few
        if many[scene] > few[scene] or many[scene] > MOST_QUERIES
    }


def counted_queries(clients: dict[str, Client]) -> dict[Scene, int]:
    """How many statements each page asks."""
    found = {}
    for scene in scenes():
        with CaptureQueriesContext(connection) as seen:
            clients[scene.user].get(scene.address)
        found[scene] = len(seen)
    return found
