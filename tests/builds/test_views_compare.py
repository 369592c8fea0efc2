"""Point 7: two builds side by side: what went in, steps and times, layers and sizes, and the sentence above it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from builds.models import CommitChanges
from registry.models import Repository
from tests.builds.pages import as_user, words
from tests.builds.test_views_build import logs_in_memory  # noqa: F401 — fixture
from tests.compared_builds import NEW, OLD, add_build, two_builds
from tests.factories import make_admin, make_build, make_repository, make_rule, make_source, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


@pytest.fixture
def admin(client):
    client.force_login(make_admin())
    return client


def pair(client, text: str = "1...2", path: str = "acme/web", **query: str):
    return client.get(f"/r/{path}/compare/{text}", query)


def test_it_says_what_made_the_image_larger(admin):
    two_builds()
    said = words(pair(admin))
    assert "The image is 38.0 MB larger: COPY --from=build /app/dist /srv (line 9) made 38.0 MB more." in said
    assert "It was 61.0 MB and is 99.0 MB." in said


def test_it_says_what_made_the_build_longer(admin):
    two_builds()
    assert "It took 18 s longer: RUN pip install -r requirements.txt took 6.3 s longer." in words(pair(admin))


def test_inputs_that_differ_stand_side_by_side(admin):
    two_builds()
    said = words(pair(admin))
    assert "Argument VERSION 1 2" in said
    assert "+ENV WORKERS=2" in said
    assert "2 changed files requirements.txtsrc/app.py" in said


def test_the_forge_shows_the_difference_of_the_commits(admin):
    make_source(clone_url="https://github.com/acme/web.git", forge="github")
    two_builds()
    assert f"https://github.com/acme/web/compare/{OLD}...{NEW}" in pair(admin).content.decode()


def test_a_step_that_came_from_the_cache_says_so(admin):
    two_builds()
    said = words(pair(admin))
    assert "build WORKDIR /app 0.1 s cached" in said


def test_an_edited_step_shows_both_its_words(admin):
    rule = make_rule()
    add_build(rule, OLD)
    add_build(rule, NEW, more=" --no-cache-dir", base="b")
    said = words(pair(admin))
    assert "edited build RUN pip install -r requirements.txt RUN pip install -r requirements.txt --no-cache-dir" in said
    assert "Base image debian:12 aaaaaaaaaaaa bbbbbbbbbbbb" in said


@pytest.mark.both_databases
def test_the_order_is_the_one_that_was_asked_for(admin):
    two_builds()
    assert "The image is 38.0 MB smaller" in words(pair(admin, "2...1"))


def test_the_form_leads_to_an_address_to_keep(admin):
    two_builds()
    answer = admin.get("/r/acme/web/compare", {"before": "1", "after": "2"})
    assert answer.url == "/r/acme/web/compare/1...2"


@pytest.mark.both_databases
@pytest.mark.parametrize("text", ["1", "1..2", "1...1", "1...99", "a...b", "-1...2", "1...2...3", "9999999999...1"])
def test_no_such_pair_is_a_404(admin, text):
    two_builds()
    assert pair(admin, text).status_code == 404


@pytest.mark.both_databases
def test_builds_of_two_repositories_are_not_compared(admin):
    two_builds()
    other = make_build(make_rule(make_source(make_repository("acme/other"))), state="succeeded", attempt=1)
    first = admin.get("/api/v1/repositories/acme/web/builds").json()["items"][-1]["id"]
    assert admin.get(f"/api/v1/builds/{first}/compare/{other.pk}").status_code == 404
    assert pair(admin, "1...2", "acme/other").status_code == 404


@pytest.mark.both_databases
@pytest.mark.parametrize("url", ["/r/acme/web/compare/1...2", "/r/acme/web/compare?before=1&after=2"])
def test_a_stranger_finds_nothing(url):
    two_builds()
    assert as_user(make_user("charlie")).get(url).status_code == 404


def test_the_tab_compares_with_the_build_before_of_the_same_rule(admin):
    rule = make_rule()
    two_builds(rule)
    make_build(make_rule(rule.source, pattern="other"), state="succeeded", attempt=1)
    third = add_build(rule, "e" * 40)
    answer = admin.get(f"{third.get_absolute_url()}?tab=compare")
    assert "/r/acme/web/compare/2...4" in answer.content.decode()
    assert '<option value="2" selected>' in answer.content.decode()
    chosen = admin.get(f"{third.get_absolute_url()}?tab=compare&with=1").content.decode()
    assert "/r/acme/web/compare/1...4" in chosen


def test_the_tab_of_the_only_build_says_so(admin):
    build = make_build(state="building", attempt=1)
    assert "no other build of this repository" in words(admin.get(f"{build.get_absolute_url()}?tab=compare"))


def test_a_build_without_an_image_is_compared_all_the_same(admin):
    rule = make_rule()
    add_build(rule, OLD)
    make_build(rule, state="failed", attempt=1, commit=NEW)
    assert "Build #2 made no image." in words(pair(admin))


def test_what_strangers_wrote_is_escaped(admin):
    rule = make_rule()
    add_build(rule, OLD)
    add_build(rule, NEW, more=" <script>alert(1)</script>", args={"VERSION": "<img src=x>"}, dockerfile="<b>")
    page = pair(admin).content.decode()
    assert "<script>alert(1)" not in page
    assert "<img src=x>" not in page


@pytest.mark.both_databases
def test_changed_files_are_asked_of_a_worker_once(admin, django_capture_on_commit_callbacks):
    two_builds()
    CommitChanges.objects.all().delete()
    assert "List the changed files" in words(pair(admin))
    with django_capture_on_commit_callbacks() as rung:
        assert admin.post("/r/acme/web/compare/1...2/changes").status_code == 302
        admin.post("/r/acme/web/compare/1...2/changes")
    assert len(rung) == 1
    assert "A worker lists the changed files" in words(pair(admin))


@pytest.mark.both_databases
def test_it_asks_as_often_for_large_builds_as_for_small_ones(admin, django_assert_num_queries):
    rule = make_rule()
    two_builds(rule)
    with CaptureQueriesContext(connection) as few:
        pair(admin)
    for number in range(40):
        add_build(rule, f"{number:040x}")
    with django_assert_num_queries(len(few)):
        pair(admin)


def test_the_api_tells_the_same(admin):
    first, second = two_builds()
    found = admin.get(f"/api/v1/builds/{first.pk}/compare/{second.pk}").json()
    assert found["headlines"][0].startswith("The image is 38.0 MB larger")
    assert {"kind": "argument", "name": "VERSION", "before": "1", "after": "2", "change": "changed"} in found["inputs"]
    assert found["files"] == {"state": "good", "total": 2, "paths": ["requirements.txt", "src/app.py"], "sentence": ""}
    pip = next(step for step in found["steps"] if "pip install" in step["words"])
    assert pip["delta_s"] == pytest.approx(6.3)
    layer = next(row for row in found["layers"][0]["rows"] if row["delta_bytes"])
    assert layer["delta_bytes"] == 38_000_000


@pytest.mark.both_databases
def test_the_api_asks_a_worker_for_the_files(admin, django_capture_on_commit_callbacks):
    first, second = two_builds()
    CommitChanges.objects.all().delete()
    url = f"/api/v1/builds/{first.pk}/compare/{second.pk}"
    assert admin.get(url).json()["files"]["state"] == "unknown"
    with django_capture_on_commit_callbacks() as rung:
        answer = admin.post(f"{url}/files")
    assert (answer.status_code, answer.json()["state"], len(rung)) == (202, "asked", 1)


def document(made_by: str, size_mb: int, **config) -> dict:
    """What the registry told of an image: a base layer and one of our own."""
    settings = {
        "platform": "linux/amd64",
        "entrypoint": [],
        "cmd": ["sh"],
        "env": [["MODE", "a"]],
        "user": "",
        **config,
    }
    layers = [("base", 50, []), (f"own{size_mb}", size_mb, [4])]
    rows = [
        {"digest": f"sha256:{name}", "size_bytes": mb * 1_000_000, "vertex": "", "lines": lines, "media_type": ""}
        for name, mb, lines in layers
    ]
    history = [{"words": words, "layer": place} for place, words in enumerate(["ADD rootfs /", made_by])]
    platform = {
        "platform": "linux/amd64",
        "config": settings,
        "layers": rows,
        "history": history,
        "base_layers": 1,
    }
    return {"platforms": [platform]}


def test_settings_of_the_image_that_differ_stand_side_by_side(admin):
    rule = make_rule()
    add_build(rule, OLD, image=document("RUN pip install x", 10))
    add_build(rule, NEW, image=document("RUN pip install x", 48, env=[["MODE", "b"], ["API_TOKEN", "abc"]], user="app"))
    said = words(pair(admin))
    assert "Image settings" in said
    assert "Variable MODEab" in said
    assert "Userrootapp" in said
    assert "abc" not in said
    assert "The image is 38.0 MB larger: RUN pip install x (line 4) made 38.0 MB more." in said


def test_same_settings_say_so(admin):
    rule = make_rule()
    for commit in (OLD, NEW):
        add_build(rule, commit, image=document("RUN pip install x", 10))
    assert "Entrypoint, command, environment, user, ports, volumes and labels are the same." in words(pair(admin))


@pytest.mark.both_databases
def test_only_members_ask_a_worker(repository, stranger, reader):
    Repository.objects.update(visibility="public")
    first, second = two_builds(repository.source.rules.get())
    CommitChanges.objects.all().delete()
    page = stranger.get("/r/acme/web/compare/1...2")
    assert page.status_code == 200
    assert "List the changed files" not in words(page)
    assert stranger.post("/r/acme/web/compare/1...2/changes").status_code == 403
    assert stranger.post(f"/api/v1/builds/{first.pk}/compare/{second.pk}/files").status_code == 403
    assert "List the changed files" in words(reader.get("/r/acme/web/compare/1...2"))


@pytest.mark.both_databases
def test_a_worker_that_never_answered_can_be_asked_again(admin):
    two_builds()
    CommitChanges.objects.update(state="asked")
    assert "List the changed files" not in words(pair(admin))
    CommitChanges.objects.update(asked_at=timezone.now() - timedelta(minutes=2))
    assert "List the changed files" in words(pair(admin))
