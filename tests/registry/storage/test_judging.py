"""What goes and what stays, on folders as Distribution leaves them, and on hostile ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from registry.storage.collect import Terms, collect
from registry.storage.judge import Wish
from registry.storage.layout import (
    LAYERS,
    REVISIONS,
    StorageProblem,
    blob_path,
    key_of,
    link_path,
    open_storage,
    text_of,
)
from registry.storage.report import Report
from registry.storage.survey import survey
from tests.registry.storage.tree import Tree

WEB = "acme/web"
OLD = -3600.0
"""A window in which nothing is young."""


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


AT_ONCE = Wish(untagged_s=0)


def run(tree: Tree, wish: Wish | None = AT_ONCE, *, window_s: float = OLD) -> Report:
    return collect(tree.storage, lambda _: wish, Terms(window_s, 0), lambda *_: None, lambda _: None)


def test_children_and_attestations_of_an_index_that_stays_are_no_rubbish(tree: Tree) -> None:
    layer = tree.layer(WEB, b"layer")
    amd, arm, attestation = (tree.manifest(WEB, layer, tree.layer(WEB, name)) for name in (b"amd", b"arm", b"sbom"))
    inner = tree.manifest(WEB, children=(arm, attestation))
    tree.tag(WEB, "latest", tree.manifest(WEB, children=(amd, inner)))
    assert run(tree).gone_images == 0
    assert all(tree.has_link(WEB, REVISIONS, key) for key in (amd, arm, attestation, inner))


def test_signatures_stay_as_long_as_what_they_sign_and_no_longer(tree: Tree) -> None:
    image = tree.manifest(WEB, tree.layer(WEB, b"layer"))
    signature = tree.manifest(WEB, tree.layer(WEB, b"signature"), subject=image)
    tree.tag(WEB, "latest", image)
    run(tree)
    assert tree.has_link(WEB, REVISIONS, signature)
    (tree.v2 / f"repositories/{WEB}/_manifests/tags/latest/current/link").unlink()
    report = run(tree)
    assert report.gone_images == 2
    assert not tree.has_blob(signature)


def test_nothing_goes_that_is_younger_than_the_window(tree: Tree) -> None:
    image = tree.manifest(WEB, tree.layer(WEB, b"layer"))
    alone = tree.blob(b"alone")
    assert run(tree, window_s=60).gone_images == 0
    assert tree.has_link(WEB, REVISIONS, image)
    assert tree.has_blob(alone)


def test_untagged_images_stay_where_no_policy_takes_them(tree: Tree) -> None:
    image = tree.manifest(WEB, tree.layer(WEB, b"layer"))
    layer = tree.layer(WEB, b"of no image")
    run(tree, Wish(untagged_s=None))
    assert tree.has_link(WEB, REVISIONS, image)
    assert not tree.has_blob(layer)


def test_the_days_without_a_tag_are_counted(tree: Tree) -> None:
    image = tree.manifest(WEB, tree.layer(WEB, b"layer"))
    now = (tree.v2 / link_path(WEB, REVISIONS, image)).stat().st_mtime
    run(tree, Wish(untagged_s=10, untagged_at={image: now - 5}))
    assert tree.has_link(WEB, REVISIONS, image)


def test_what_is_needed_stays(tree: Tree) -> None:
    image = tree.manifest(WEB, tree.layer(WEB, b"layer"))
    run(tree, Wish(untagged_s=0, needed=[image]))
    assert tree.has_link(WEB, REVISIONS, image)


def test_layers_of_a_repository_that_is_being_pushed_to_stay(tree: Tree) -> None:
    """Whoever pushes was told that a layer is there, and leaves it out."""
    layer = tree.layer(WEB, b"layer")
    run(tree, Wish(untagged_s=0, is_busy=True))
    assert tree.has_link(WEB, LAYERS, layer)
    (tree.v2 / f"repositories/{WEB}/_uploads/1").mkdir(parents=True)
    run(tree, window_s=60)
    assert tree.has_link(WEB, LAYERS, layer)


def test_a_repository_that_nobody_knows_is_kept_and_listed(tree: Tree) -> None:
    image = tree.manifest(WEB, tree.layer(WEB, b"layer"))
    report = run(tree, None)
    assert report.unknown == [WEB]
    assert tree.has_link(WEB, REVISIONS, image)


def test_a_manifest_that_cannot_be_read_keeps_its_repository_and_is_told(tree: Tree) -> None:
    key = tree.blob(b"no JSON at all")
    tree.link(WEB, REVISIONS, key)
    layer = tree.layer(WEB, b"whose?")
    report = run(tree)
    assert report.doubtful == [
        f"{WEB}: the manifest {text_of(key)} is not JSON; nothing of it goes until that is mended."
    ]
    assert tree.has_link(WEB, LAYERS, layer)
    assert tree.has_blob(layer)


@pytest.mark.parametrize(
    "body", [b"[" * 200_000, b'{"layers": ' + b"[" * 900 + b"]" * 900 + b"}", b"{" + b" " * 5_000_000]
)
def test_a_hostile_manifest_takes_nobody_with_it(tree: Tree, body: bytes) -> None:
    tree.link(WEB, REVISIONS, tree.blob(body))
    other = tree.layer("acme/other", b"rubbish")
    run(tree)
    assert not tree.has_blob(other)


def test_no_symbolic_link_is_followed(tree: Tree, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    rubbish = tree.layer(WEB, b"rubbish")
    (tree.v2 / "repositories/acme/trap").symlink_to(outside)
    with pytest.raises(StorageProblem, match="is a symbolic link"):
        run(tree)
    assert tree.has_blob(rubbish)
    assert tree.has_link(WEB, LAYERS, rubbish)


def test_a_part_on_another_disk_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "docker").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageProblem, match="needs one disk"):
        open_storage(tmp_path)


def test_half_a_tag_link_is_waited_for_and_then_keeps_everything(tree: Tree) -> None:
    """2.8 writes links in place: a reader may meet an empty one."""
    image = tree.manifest(WEB, tree.layer(WEB, b"layer"))
    tree.write(f"repositories/{WEB}/_manifests/tags/latest/current/link", b"")
    with pytest.raises(StorageProblem, match="holds no digest"):
        run(tree)
    assert tree.has_link(WEB, REVISIONS, image)


def test_a_blob_that_was_uploaded_by_another_digest_keeps_its_data(tree: Tree) -> None:
    data = tree.blob(b"by sha512")
    alias = key_of(f"sha512:{'b' * 128}")
    assert alias is not None
    tree.write(link_path(WEB, LAYERS, alias), text_of(data).encode())
    tree.tag(WEB, "latest", tree.manifest(WEB, alias))
    run(tree)
    assert tree.has_blob(data)


def test_freed_bytes_are_those_that_the_disk_has_more(tree: Tree) -> None:
    body = os.urandom(100_000)
    tree.layer(WEB, body)
    kept = tree.blob(b"k" * 100_000)
    os.link(tree.v2 / blob_path(kept), tree.v2.parent / "backup")
    freed = run(tree).freed_bytes
    assert 100_000 < freed < 150_000


def test_empty_folders_go_too(tree: Tree) -> None:
    tree.layer(WEB, b"rubbish")
    run(tree)
    assert not list((tree.v2 / "blobs/sha256").glob("*/*"))
    assert not list((tree.v2 / f"repositories/{WEB}/_layers/sha256").iterdir())


def test_the_survey_counts_each_blob_once_and_says_what_is_shared(tree: Tree) -> None:
    base = tree.layer(WEB, b"b" * 1000)
    tree.link("acme/api", LAYERS, base)
    tree.link("tools/x", LAYERS, base)
    both = tree.layer(WEB, b"n" * 100)
    tree.link("acme/api", LAYERS, both)
    own = tree.layer("acme/api", b"o" * 10)
    images = [
        tree.manifest(WEB, base, both),
        tree.manifest("acme/api", base, both, own),
        tree.manifest("tools/x", base),
    ]
    for repository, image in zip((WEB, "acme/api", "tools/x"), images, strict=True):
        tree.tag(repository, "latest", image)
    tree.blob(b"x" * 7)
    found = survey(tree.storage, lambda _: Wish(untagged_s=0), Terms(OLD, 0), lambda *_: None)
    size = {key: (tree.v2 / blob_path(key)).stat().st_size for key in images}
    uses = {use.name: use for use in found.repositories}
    assert (uses[WEB].unique_bytes, uses[WEB].shared_bytes) == (size[images[0]], 1100)
    assert (uses["acme/api"].unique_bytes, uses["acme/api"].shared_bytes) == (10 + size[images[1]], 1100)
    spaces = {use.name: use for use in found.namespaces}
    assert (spaces["acme"].unique_bytes, spaces["acme"].shared_bytes) == (110 + size[images[0]] + size[images[1]], 1000)
    assert (spaces["acme"].images, spaces["acme"].tags) == (2, 2)
    assert found.total_bytes == 1000 + 100 + 10 + 7 + sum(size.values())
    assert (found.nobody_bytes, found.reclaimable_bytes, found.report.gone_blobs) == (7, 7, 1)


def test_a_dry_run_finds_what_a_run_then_takes(tree: Tree) -> None:
    layer = tree.layer(WEB, b"layer")
    tree.manifest(WEB, layer, tree.layer(WEB, b"more"))
    tree.tag(WEB, "latest", tree.manifest(WEB, layer))
    terms = Terms(OLD, 0)
    dry = survey(tree.storage, lambda _: Wish(untagged_s=0), terms, lambda *_: None).report
    real = run(tree)
    assert (dry.gone_images, dry.gone_links, dry.gone_blobs) == (real.gone_images, real.gone_links, real.gone_blobs)
    assert (real.gone_images, real.gone_blobs) == (1, 2)
