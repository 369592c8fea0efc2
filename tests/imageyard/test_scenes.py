"""Every page that there is: it has a scene, holds nothing inline, says what it is, and stays within its policy."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator

import pytest
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, get_resolver, resolve, reverse

from accounts.models import User
from tests.factories import make_admin
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


@pytest.fixture(scope="module")
def answers(django_db_setup, django_db_blocker) -> Iterator[dict[Scene, HttpResponse]]:
    """Every scene's answer, asked for once."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch, transaction.atomic():
        patch.setattr("django.conf.settings.REDIS_URL", "redis://127.0.0.1:1/0")
        sample_set()
        yield {scene: client_of(scene.user).get(scene.address) for scene in scenes()}
        transaction.set_rollback(True)


def sample_set() -> None:
    admin = make_admin()
    fill(admin)
    connect("acme/web")
    ask(admin, "tools/backup")
    add_builds(admin)


def client_of(username: str) -> Client:
    client = Client(raise_request_exception=True)
    if username:
        client.force_login(User.objects.get(username=username))
    return client


@pytest.fixture(scope="module")
def pages(answers) -> dict[Scene, Markup]:
    return {scene: Markup(answer.content.decode()) for scene, answer in answers.items()}


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


def test_it_names_no_address_that_is_gone():
    names = {item.name for item in patterns()}
    assert {*PAGES, *NO_PAGES} <= names
    wrong = [
        scene
        for scene in scenes()
        if scene.status == 200 and resolve(scene.address.partition("?")[0]).url_name != scene.name
    ]
    assert not wrong


def test_it_answers_every_scene(answers):
    wrong = {
        scene: [str(answer.status_code)] for scene, answer in answers.items() if answer.status_code != scene.status
    }
    assert not wrong, listed(wrong)


def test_it_holds_no_script_handler_or_style_of_its_own(pages):
    """Point 11: nothing inline, so that the policy needs no exception."""
    found = {scene: inline_code(page) for scene, page in pages.items()}
    assert not listed(found), listed(found)


def test_it_sends_a_policy_that_runs_no_inline_script_with_every_page(answers):
    for scene, answer in answers.items():
        parts = [part.split() for part in answer.headers["Content-Security-Policy"].split(";")]
        policy = {part[0]: part[1:] for part in parts}
        assert policy["script-src"] == ["'self'"], scene
        # The terminal writes a sheet with its sizes, which the nonce of that one answer allows.
        allowed = [source for source in policy["style-src"] if not source.startswith("'nonce-")]
        assert allowed == ["'self'"], scene
        assert len(policy["style-src"]) == 1 + (scene.name == "build-shell"), scene
        assert policy["default-src"] == ["'none'"], scene


def test_it_frames_the_description_of_the_api_as_a_page(db, admin_client):
    """What is inside is Swagger's, and no scene: it draws controls within controls. Nothing of it is inline."""
    page = Markup(admin_client.get("/api/v1/docs").content.decode())
    assert not [*inline_code(page), *faults(page)]


def test_it_says_what_everything_is(pages):
    """Point 11: language, landmarks, headings in order, labels, names, no reference to nothing."""
    found = {scene: faults(page) for scene, page in pages.items()}
    assert not listed(found), listed(found)


def test_it_tells_pages_apart_by_their_titles(pages):
    seen: dict[str, set[str]] = defaultdict(set)
    for scene, page in pages.items():
        address, _, query = scene.address.partition("?")
        seen[page.title].add(f"{address}?{query}" if query.startswith("tab=") else address)
    shared = {title: sorted(addresses) for title, addresses in seen.items() if len(addresses) > 1}
    assert not shared, shared


def counted_queries() -> dict[Scene, list[str]]:
    """The statements that each page asks."""
    found = {}
    clients = {user: client_of(user) for user in {scene.user for scene in scenes()}}
    for scene in scenes():
        with CaptureQueriesContext(connection) as seen:
            clients[scene.user].get(scene.address)
        found[scene] = [query["sql"] for query in seen.captured_queries]
    return found


def test_it_asks_no_more_of_the_database_where_there_is_more(answers, db):
    """Point 11: each page takes the same number of queries with four times as much of everything.

    Each was asked for by `answers`, over the same sample set: what a process reads once, it has read.
    """
    grow(range(12))
    few = counted_queries()
    grow(range(12, 48))
    many = counted_queries()
    more = {
        scene: [f"{len(few[scene])} queries, then {len(many[scene])}"]
        for scene in few
        if len(many[scene]) > len(few[scene])
    }
    assert not more, listed(more)
    largest = {scene: [f"{len(queries)} queries"] for scene, queries in many.items() if len(queries) > MOST_QUERIES}
    assert not largest, listed(largest)
