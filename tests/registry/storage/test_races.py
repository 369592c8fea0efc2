"""Each gap between two steps of the registry, with the collector exactly in it: a second look heals, or a push fails.

The steps are those of Distribution's code (docs/garbage-collection.md names the places): check, write, link, tag.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from registry.storage.collect import Terms, collect
from registry.storage.judge import Wish
from registry.storage.layout import LAYERS, REVISIONS, StorageProblem
from registry.storage.report import Report
from registry.storage.trash import Trash, holding
from tests.registry.storage.tree import Tree

NOW = Terms(window_s=-3600, grace_s=0)
WEB = "acme/web"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def run(tree: Tree, **at: Callable[[], object]) -> Report:
    """Collect; `after_images`, `after_blobs`: what happens after these were taken aside, before the second look."""
    seen: list[str] = []
    wait_calls = []

    def tell(step: str, _: Report) -> None:
        seen.append(step)

    def wait(_: float) -> None:
        wait_calls.append(seen[-1])
        deed = at.pop(f"after_{seen[-1]}", None)
        if deed is not None:
            deed()

    report = collect(tree.storage, lambda _: Wish(untagged_s=0), NOW, tell, wait)
    assert not at
    return report


def test_a_manifest_written_after_its_layers_were_checked_gets_its_layer_back(tree: Tree) -> None:
    """manifeststore: Stat of every layer, then Put. The layer's link goes in between."""
    layer = tree.layer(WEB, b"layer")
    made: list[bytes] = []

    def put() -> None:
        made.append(tree.manifest(WEB, layer))
        tree.tag(WEB, "latest", made[0])
        assert not tree.has_link(WEB, LAYERS, layer)

    report = run(tree, after_images=put)
    assert tree.has_link(WEB, LAYERS, layer)
    assert tree.has_blob(layer)
    assert report.put_back == 1
    assert report.gone_blobs == 0


def test_a_tag_put_on_an_image_after_it_was_judged_gets_its_image_back(tree: Tree) -> None:
    layer = tree.layer(WEB, b"layer")
    image = tree.manifest(WEB, layer)
    run(tree, after_images=lambda: tree.tag(WEB, "latest", image))
    assert tree.has_link(WEB, REVISIONS, image)
    assert tree.has_link(WEB, LAYERS, layer)
    assert tree.has_blob(image)
    assert tree.has_blob(layer)


def test_an_index_put_after_its_platforms_were_checked_gets_them_back(tree: Tree) -> None:
    """manifestlisthandler: Exists of every child, then Put."""
    layer = tree.layer(WEB, b"layer")
    child = tree.manifest(WEB, layer)

    def put() -> None:
        tree.tag(WEB, "latest", tree.manifest(WEB, children=(child,)))

    run(tree, after_images=put)
    assert tree.has_link(WEB, REVISIONS, child)
    assert tree.has_link(WEB, LAYERS, layer)


def test_an_upload_that_found_the_data_there_gets_it_back(tree: Tree) -> None:
    """blobwriter: moveBlob finds the data and leaves it; linkBlob comes after."""
    tree.layer(WEB, b"other")
    old = tree.blob(b"nobody's")
    report = run(tree, after_blobs=lambda: tree.link(WEB, LAYERS, old))
    assert tree.has_blob(old)
    assert report.put_back == 1


def test_a_manifest_that_was_found_there_gets_its_data_back(tree: Tree) -> None:
    """blobStore.Put of 2.8 and 3.0 finds the data and writes none; the revision link comes after."""
    layer = tree.layer(WEB, b"layer")
    tree.tag(WEB, "main", tree.manifest(WEB, layer))
    data = tree.manifest_data(layer, layer)

    def put() -> None:
        tree.link(WEB, REVISIONS, data)
        tree.tag(WEB, "latest", data)

    run(tree, after_blobs=put)
    assert tree.has_blob(data)


def test_a_mount_into_another_repository_keeps_the_data_alive(tree: Tree) -> None:
    layer = tree.layer(WEB, b"layer")
    report = run(tree, after_images=lambda: tree.link("acme/new", LAYERS, layer))
    assert not tree.has_link(WEB, LAYERS, layer)
    # Nothing names it in the new repository yet: there the push goes on, and the window keeps it.
    assert tree.has_blob(layer)
    assert report.gone_blobs == 0


def test_an_upload_of_the_same_data_while_it_is_aside_is_the_one_that_stays(tree: Tree) -> None:
    tree.layer(WEB, b"other")
    old = tree.blob(b"again")
    run(tree, after_blobs=lambda: tree.layer(WEB, b"again"))
    assert tree.has_blob(old)
    assert not list(Path(tree.storage.trash).rglob("data"))


def test_what_a_killed_run_left_aside_comes_back_with_the_next_one_where_it_is_needed(tree: Tree) -> None:
    layer, rubbish = tree.layer(WEB, b"layer"), tree.layer(WEB, b"rubbish")
    image = tree.manifest(WEB, layer)

    class KilledError(BaseException):
        pass

    def die() -> None:
        tree.tag(WEB, "latest", image)
        raise KilledError

    with pytest.raises(KilledError):
        run(tree, after_blobs=die)
    assert not tree.has_blob(layer)
    run(tree)
    assert tree.has_link(WEB, REVISIONS, image)
    assert tree.has_link(WEB, LAYERS, layer)
    assert tree.has_blob(image)
    assert tree.has_blob(layer)
    assert not tree.has_blob(rubbish)


@pytest.mark.parametrize("step", ["images", "blobs"])
def test_a_run_that_is_stopped_puts_everything_back(tree: Tree, step: str) -> None:
    layer = tree.layer(WEB, b"layer")
    image = tree.manifest(WEB, layer)

    def stop() -> None:
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        run(tree, **{f"after_{step}": stop})
    assert tree.has_link(WEB, REVISIONS, image)
    assert tree.has_link(WEB, LAYERS, layer)
    assert tree.has_blob(image)
    assert tree.has_blob(layer)


def test_only_one_collects_a_storage(tree: Tree) -> None:
    with holding(tree.storage), pytest.raises(StorageProblem, match="another process"):
        run(tree)


def test_only_what_was_taken_from_a_repository_is_ever_put_back_into_it(tree: Tree) -> None:
    """A manifest may name a blob that its repository never had (a layer with URLs is not checked): it stays closed."""
    secret = tree.layer("acme/private", b"secret")
    tree.tag("acme/private", "latest", tree.manifest("acme/private", secret))
    tree.tag("evil/web", "latest", tree.manifest("evil/web", secret))
    run(tree, after_images=lambda: None, after_blobs=lambda: None)
    assert not tree.has_link("evil/web", LAYERS, secret)


def test_putting_back_never_writes_over_what_is_there(tree: Tree) -> None:
    key = tree.blob(b"data")
    with holding(tree.storage) as trash:
        assert isinstance(trash, Trash)
        assert trash.take_blob(key)
        assert tree.blob(b"data") == key
        assert not trash.put_blob_back(key)
        assert trash.delete_blob(key) > 0
    assert tree.has_blob(key)
