"""The page and the API of the storage's clean-up: what a superuser reads and starts, and what nobody else sees."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from accounts.tokens import create_token
from lib.clock import database_now
from registry.actions import collections as actions
from registry.actions import default_registry
from registry.errands.collect import collect_due
from registry.models import CollectionRun
from registry.storage.layout import StorageProblem
from registry.storage.removal import finish_removals, remove_repository
from registry.storage.report import Report
from tests.factories import make_admin, make_user
from tests.registry.storage.tree import Tree
from tests.sample_collections import add_collections

pytestmark = pytest.mark.django_db
PAGE, START, API = "/storage/clean-up", "/storage/clean-up/start", "/api/v1/storage/collections"


@pytest.fixture(autouse=True)
def own(settings, tmp_path: Path):
    settings.REGISTRY_AUTH = "token"
    settings.REGISTRY_STORAGE = str(tmp_path)
    return default_registry()


@pytest.fixture
def admin(client):
    client.force_login(make_admin())
    return client


@pytest.fixture
def call(client):
    def ask(who, method, path="", body=None):
        token = create_token(who, "test")[1]
        return client.generic(
            method,
            f"{API}{path}",
            data="" if body is None else json.dumps(body),
            content_type="application/json",
            headers={"Authorization": f"Bearer {token}"},
        )

    return ask


def test_nobody_but_superusers_sees_it(client, call):
    client.force_login(make_user("wendy"))
    assert client.get(PAGE).status_code == 404
    assert client.post(START).status_code == 404
    assert call(make_user("wendy"), "GET").status_code == 404
    assert call(make_user("wendy"), "POST", body={}).status_code == 404
    assert not CollectionRun.objects.exists()


def test_the_first_visit_says_when_it_runs_and_offers_a_look(admin):
    text = admin.get(PAGE).content.decode()
    assert "The next clean-up begins by itself at 04:00 UTC." in text
    assert "Look what would go" in text
    assert "No clean-up yet" in text


def test_what_would_go_is_listed_by_repository_and_so_is_what_nobody_knows(admin):
    add_collections()
    text = admin.get(PAGE).content.decode()
    assert "What would go" in text
    assert "290.0 MB" in text
    assert "acme/legacy-shop" in text
    assert "tools/cron: the manifest" in text
    assert "12 images that no tag leads to and 40 stored files went; 842.0 MB are free again." in text


def test_a_run_is_started_by_a_button_and_its_progress_is_shown(admin):
    assert admin.post(START, {"clean": "1"}).status_code == 302
    run = CollectionRun.objects.get()
    assert (run.is_dry, run.by) == (False, "admin")
    CollectionRun.objects.update(state="running", step="blobs", repositories=3, images=12, blobs=40)
    text = admin.get(f"{PAGE}?part=rows").content.decode()
    assert "looking at layers" in text
    assert "3 repositories and 12 images looked at, 40 stored files" in text
    assert "Clean up now" not in text


def test_one_that_nobody_takes_up_says_whose_move_it_is(admin):
    admin.post(START, {"dry": "1"})
    assert "No process that reaches" not in admin.get(PAGE).content.decode()
    CollectionRun.objects.update(asked_at=database_now() - timedelta(minutes=2))
    assert "No process that reaches the registry's folder has taken it up." in admin.get(PAGE).content.decode()


def test_a_registry_of_others_is_said_to_be_theirs(admin, settings):
    settings.REGISTRY_AUTH = "none"
    text = admin.get(PAGE).content.decode()
    assert "cleans up the storage of its own registry only" in text
    assert "Clean up now" not in text


def test_the_api_starts_lists_and_reads(call):
    made = call(make_admin(), "POST", body={"dry_run": True})
    assert made.status_code == 202
    assert made.json()["state"] == "asked"
    CollectionRun.objects.all().delete()
    add_collections()
    listed = call(make_admin(), "GET", "?limit=2").json()
    assert [item["dry_run"] for item in listed["items"]] == [True, False]
    assert listed["next"]
    whole = call(make_admin(), "GET", f"/{listed['items'][0]['id']}").json()
    assert whole["going"][0] == {"repository": "acme/hello", "images": 3, "layers": 7, "freed_bytes": 290_000_000}
    assert whole["unknown_count"] == 2
    assert call(make_admin(), "GET", "/999999").status_code == 404


def test_only_what_the_last_look_found_is_removed(call):
    add_collections()
    refused = call(make_admin(), "POST", body={"remove": ["acme/hello"]})
    assert refused.status_code == 404
    assert "none of the repositories that only the registry knows" in refused.json()["detail"]
    assert call(make_admin(), "POST", body={"remove": ["acme/legacy-shop"], "dry_run": True}).status_code == 422
    made = call(make_admin(), "POST", body={"remove": ["acme/legacy-shop"]})
    assert made.status_code == 202
    assert CollectionRun.objects.get(pk=made.json()["id"]).removes == ["acme/legacy-shop"]


def test_a_worker_that_has_no_folder_does_not_take_it(admin, settings):
    admin.post(START, {"clean": "1"})
    settings.REGISTRY_STORAGE = ""
    assert not collect_due("w1", lambda: False)


# --- removing ------------------------------------------------------------------------------------------------------
@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    tree = Tree(tmp_path / "removal")
    for name in ("old/shop", "old/shop/nested", "acme/web"):
        tree.tag(name, "latest", tree.manifest(name, tree.layer(name, name.encode())))
    return tree


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> None:
    (tmp_path / "removal").mkdir()


def parts(tree: Tree, name: str) -> bool:
    return (tree.v2 / "repositories" / name / "_manifests").exists()


def test_a_repository_goes_whole_and_those_below_its_name_stay(tree: Tree):
    remove_repository(tree.storage, "old/shop", lambda _: False, window_s=-3600)
    assert not parts(tree, "old/shop")
    assert parts(tree, "old/shop/nested")
    assert parts(tree, "acme/web")


@pytest.mark.parametrize("name", ["../../etc", "old", "old/none", ""])
def test_a_name_that_is_no_repository_removes_nothing(tree: Tree, name: str):
    with pytest.raises(StorageProblem, match="has no repository"):
        remove_repository(tree.storage, name, lambda _: False, window_s=-3600)
    assert parts(tree, "old/shop")


def test_one_that_was_pushed_to_a_moment_ago_stays(tree: Tree):
    with pytest.raises(StorageProblem, match="a moment ago"):
        remove_repository(tree.storage, "old/shop", lambda _: False, window_s=60)
    assert parts(tree, "old/shop")


def test_one_that_somebody_makes_at_that_moment_comes_back(tree: Tree):
    answers = iter([False, True])
    with pytest.raises(StorageProblem, match="became a repository"):
        remove_repository(tree.storage, "old/shop", lambda _: next(answers), window_s=-3600)
    assert parts(tree, "old/shop")


def test_what_a_killed_removal_left_aside_is_finished_by_the_next_run(tree: Tree):
    def die(_: str) -> bool:
        if parts(tree, "old/shop"):
            return False
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        remove_repository(tree.storage, "old/shop", die, window_s=-3600)
    finish_removals(tree.storage, lambda _: True)
    assert parts(tree, "old/shop")
    with pytest.raises(KeyboardInterrupt):
        remove_repository(tree.storage, "old/shop", die, window_s=-3600)
    finish_removals(tree.storage, lambda _: False)
    assert not parts(tree, "old/shop")
    assert not (Path(tree.storage.trash) / "removed").exists()


def test_old_runs_are_forgotten_at_last(own):
    at = timezone.now()
    CollectionRun.objects.bulk_create(
        CollectionRun(registry=own, state="done", ended_at=at) for _ in range(actions.KEPT_RUNS + 5)
    )
    actions.ask_collection(make_admin(), is_dry=False)
    run = actions.take_run("w1")
    assert run is not None
    actions.end_run(run, Report())
    assert CollectionRun.objects.count() == actions.KEPT_RUNS
