"""Point 4: what was missed is found by comparing with the registry, cheaply, and nothing goes because it failed."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from accounts.models import AuditEntry
from lib.clock import database_now
from registry.actions import publish_lock
from registry.actions.comparisons import compare_all, compare_at_start, compare_soon, ring_for_comparisons, take_watch
from registry.errands import compare as errand
from registry.errands.compare import compare_tags
from registry.models import Registry, RegistryWatch, Repository, Tag, TagComparison, TagMove, TagNews
from tests.factories import make_admin, make_repository
from tests.registry.notifications.told import PATH

pytestmark = pytest.mark.django_db


def compare(**more) -> RegistryWatch:
    """A whole round, asked for by hand."""
    registry = Registry.objects.get(repositories__name="web")
    compare_all(registry, **more)
    compare_tags()
    return RegistryWatch.objects.get()


def row(repository: Repository, name: str, digest: str, **fields) -> Tag:
    return Tag.objects.create(repository=repository, name=name, digest=digest, **fields)


def digests() -> dict[str, str]:
    return dict(Tag.objects.order_by("name").values_list("name", "digest"))


def sentences() -> dict[str, str]:
    return dict(TagMove.objects.order_by("tag").values_list("tag", "sentence"))


def test_what_was_missed_is_mended_with_a_line(repository, has):
    """One tag that moved, one that is gone, one that is new, one that is right."""
    old, one, two = has(image="old"), has("moved", "right", image="one"), has("new", image="two")
    row(repository, "right", one.digest, build_number=3)
    row(repository, "moved", old.digest, build_number=41, held_by="alice", held_since=timezone.now())
    row(repository, "gone", old.digest, build_number=40)
    watch = compare()
    assert digests() == {"right": one.digest, "moved": one.digest, "new": two.digest}
    assert sentences() == {
        "gone": "Found by comparing with the registry: the tag is gone; it pointed to build #40.",
        "moved": (
            "Found by comparing with the registry: it pointed to build #41 as far as was known here. It was held there."
        ),
        "new": "Found by comparing with the registry: somebody pushed it, and no notification came.",
    }
    kinds = dict(TagMove.objects.values_list("tag", "kind"))
    assert kinds == {"gone": "delete", "moved": "push", "new": "push"}
    assert Tag.objects.get(name="right").build_number == 3 and Tag.objects.get(name="moved").build_number is None
    assert (watch.tags, watch.mended, watch.failed, watch.sentence) == (4, 3, 0, "")
    assert watch.compared_at is not None and watch.round_at is None and watch.lease_until is None
    assert TagNews.objects.count() == 3
    again = compare()
    assert (again.tags, again.mended) == (3, 0) and TagMove.objects.count() == 3


def test_tags_of_builds_that_are_not_over_are_not_taken_for_somebodys(repository, has):
    """`build-7` is pushed long before its build writes it down; one that is known and gone goes."""
    one = has("build-7", "latest", image="one")
    row(repository, "build-6", one.digest, build_number=6)
    row(repository, "latest", one.digest, build_number=6)
    compare()
    assert set(digests()) == {"latest"}


def test_a_list_that_leaves_tags_out_removes_none(repository, has, fake):
    """Each one is asked for."""
    one = has("a", "b", image="one")
    for name in "ab":
        row(repository, name, one.digest)
    fake.state.pages[PATH] = [(["a"], "")]
    assert compare().mended == 0
    assert set(digests()) == {"a", "b"}


@pytest.mark.parametrize("tags", [None, []])
def test_x01_no_tags_is_null_or_an_empty_list(repository, has, fake, tags):
    fake.state.pages[PATH] = [(tags, "")]
    watch = compare()
    assert (watch.tags, watch.failed, watch.sentence) == (0, 0, "")


def test_x01_the_list_is_followed_and_a_loop_ends(repository, has, fake):
    has("a", "b", image="one")
    fake.state.pages[PATH] = [
        (["a"], f"</v2/{PATH}/tags/list?next_page=1>; rel=next"),
        (["b"], f"</v2/{PATH}/tags/list?next_page=1>; rel=next"),
    ]
    compare()
    assert set(digests()) == {"a", "b"}


def test_x01_a_repository_that_was_never_pushed_to_has_nothing(repository, fake):
    fake.state.steps["tags get"] = [404]
    assert (compare().failed, TagMove.objects.count()) == (0, 0)


@pytest.mark.parametrize("step", ["tags get", "manifest head"])
@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_a_registry_that_fails_removes_nothing_and_says_so(repository, has, fake, step, status):
    one = has("a", image="one")
    row(repository, "a", one.digest)
    row(repository, "gone", one.digest)
    fake.state.steps[step] = [status] * 50
    watch = compare()
    assert set(digests()) == {"a", "gone"} and not TagMove.objects.exists()
    comparison = TagComparison.objects.get()
    assert fake.host in comparison.sentence and comparison.failures == 1
    assert comparison.due_at > database_now() + timedelta(minutes=4)
    assert watch.sentence if status in (429, 500, 503) else watch.failed == 1


def test_a_registry_that_lost_everything_is_not_believed(repository, has):
    """Another storage looks like that, and a disk that is not mounted."""
    one = has(image="one")
    row(repository, "latest", one.digest)
    row(repository, "1.0", one.digest)
    compare()
    assert set(digests()) == {"latest", "1.0"}
    assert TagComparison.objects.get().sentence == (
        "The registry has none of the 2 tags that are known here. That looks more like another or an empty storage "
        "than like as many deletions, so none was removed."
    )
    actor = make_admin()
    compare(actor=actor, may_empty=True)
    assert digests() == {} and TagComparison.objects.get().sentence == ""
    assert AuditEntry.objects.get().action == "registry.compare"


def test_a_repository_that_lost_everything_is_believed_where_another_is_whole(repository, has):
    row(repository, "latest", has(image="one").digest)
    other = make_repository("acme/other")
    two = has("1.0", image="two", path="acme/other")
    row(other, "1.0", two.digest)
    assert compare().mended == 1
    assert digests() == {"1.0": two.digest}


def test_the_registry_of_others_is_compared_too_and_its_silence_is_not_believed(repository, has, settings):
    """There are no notifications from it; an account that may no longer see a repository is told of none."""
    settings.REGISTRY_AUTH = "none"
    one = has("latest", image="one")
    row(repository, "latest", "sha256:" + "0" * 64)
    compare()
    assert digests() == {"latest": one.digest}
    has("latest", image=None)
    other = make_repository("acme/other")
    row(other, "1.0", has("1.0", image="two", path="acme/other").digest)
    compare()
    assert "latest" in digests()
    due = TagComparison.objects.get(repository=repository).due_at - database_now()
    assert timedelta(hours=5) < due < timedelta(hours=7)


def test_two_hundred_tags_are_asked_for_in_turns(repository, has, fake, monkeypatch):
    """A budget of requests for each turn; the next goes on behind the last tag, after the other repositories."""
    monkeypatch.setattr(errand, "MOST_ASKED", 70)
    one = has(image="one")
    names = [f"v{number:03d}" for number in range(200)]
    for name in names:
        fake.state.manifests[PATH, name] = (one.media_type, one.body)
    Tag.objects.bulk_create(Tag(repository=repository, name=name, digest=one.digest) for name in names)
    Tag.objects.filter(name="v199").update(digest="sha256:" + "0" * 64)
    compare_all(repository.registry)
    turns = 0
    while RegistryWatch.objects.filter(compared_at=None).exists() or not turns:
        RegistryWatch.objects.update(lease_until=None)
        compare_tags()
        turns += 1
        assert fake.state.count("HEAD") <= 70 * turns + 1
    assert turns == 3
    watch = RegistryWatch.objects.get()
    assert (watch.tags, watch.mended) == (200, 1)
    assert set(digests().values()) == {one.digest}


def test_a_row_that_moved_meanwhile_is_left_alone(repository, has, monkeypatch):
    """Between the look and the lock a build put the tag, and wrote it down."""
    old, new = has("latest", image="old"), has(image="new")
    row(repository, "latest", "sha256:" + "0" * 64)
    real = errand.publish_lock

    def build_first(*args, **more):
        Tag.objects.update(digest=new.digest, build_number=9)
        has("latest", image="new")
        return real(*args, **more)

    monkeypatch.setattr(errand, "publish_lock", build_first)
    assert compare().mended == 0
    assert digests() == {"latest": new.digest} != {"latest": old.digest}


def test_a_build_that_publishes_all_the_while_puts_it_off(repository, has, monkeypatch):
    monkeypatch.setattr(errand, "LOCK_WAIT_S", 0.1)
    has("latest", image="one")
    with publish_lock(repository.pk):
        compare()
    assert digests() == {} and "A build was putting its tags" in TagComparison.objects.get().sentence


def test_one_worker_at_a_time_compares_a_registry(repository):
    compare_all(repository.registry)
    assert take_watch() is not None
    assert take_watch() is None
    RegistryWatch.objects.update(lease_until=database_now() - timedelta(seconds=1))  # it died
    assert take_watch() is not None


def test_beat_rings_for_new_repositories_and_for_those_whose_turn_it_is(
    repository, rings, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        ring_for_comparisons(database_now() + timedelta(seconds=1))
    assert rings == ["registry.compare_tags"]
    compare_tags()
    rings.clear()
    with django_capture_on_commit_callbacks(execute=True):
        ring_for_comparisons(database_now())
        assert rings == []
        compare_soon(repository.pk)
    assert rings == ["registry.compare_tags"]
    assert take_watch() is not None


def test_the_start_of_imageyard_compares_the_own_registry_soon(repository, settings):
    """The registry may have been stopped with what it had not told yet."""
    compare()
    compare_at_start()
    due = TagComparison.objects.get().due_at - database_now()
    assert timedelta(seconds=5) < due < timedelta(seconds=25)
    compare()
    settings.REGISTRY_AUTH = "none"
    compare_at_start()
    assert TagComparison.objects.get().due_at - database_now() > timedelta(minutes=20)


# --- the own registry's folder ---------------------------------------------------------------------------------------


@pytest.fixture
def folder(settings, tmp_path: Path) -> Path:
    """The folder of a registry, in Distribution's layout."""
    settings.REGISTRY_STORAGE = str(tmp_path)
    return tmp_path / "docker/registry/v2/repositories"


def link(folder: Path, path: str, tag: str, digest: str) -> None:
    where = folder / path / "_manifests/tags" / tag / "current"
    where.mkdir(parents=True, exist_ok=True)
    (where / "link").write_text(digest)


def test_a_thousand_tags_are_read_from_disk_without_a_request(repository, has, fake, folder):
    """Only what differs is asked for, once more, before it is mended."""
    one, two = has("v007", image="one"), has("v999", image="two")
    names = [f"v{number:03d}" for number in range(1000)]
    for name in names:
        link(folder, PATH, name, two.digest if name == "v999" else one.digest)
    Tag.objects.bulk_create(Tag(repository=repository, name=name, digest=one.digest) for name in names)
    watch = compare()
    assert (watch.tags, watch.mended, watch.is_by_disk) == (1000, 1, True)
    assert fake.state.count("HEAD") == 1 and fake.state.count("GET", "tags/list") == 0
    assert Tag.objects.get(name="v999").digest == two.digest


def test_links_that_are_being_written_prove_nothing(repository, has, fake, folder):
    """2.8 writes them in place: empty for a moment. Nor do links that lead elsewhere."""
    one = has(image="one")
    link(folder, PATH, "good", one.digest)
    link(folder, PATH, "empty", "")
    link(folder, PATH, "long", "x" * 5000)
    (folder / PATH / "_manifests/tags/odd").mkdir()
    for name in ("good", "empty", "long"):
        row(repository, name, one.digest)
    assert compare().mended == 0
    assert set(digests()) == {"good", "empty", "long"}


def test_what_the_disk_says_is_asked_for_before_it_is_written(repository, has, folder):
    """The registry has the last word: it knows what was put since."""
    one, two = has(image="one"), has("latest", image="two")
    link(folder, PATH, "latest", "sha256:" + "0" * 64)
    link(folder, PATH, "other", one.digest)
    row(repository, "latest", one.digest)
    compare()
    assert digests() == {"latest": two.digest}


def test_a_folder_that_is_not_there_removes_nothing(repository, has, folder, settings):
    row(repository, "latest", has("latest", image="one").digest)
    row(repository, "gone", "sha256:" + "0" * 64)
    settings.REGISTRY_STORAGE = str(folder / "nowhere")
    watch = compare()
    assert set(digests()) == {"latest", "gone"}
    assert "IMAGEYARD_REGISTRY_STORAGE" in watch.sentence


def test_a_symbolic_link_in_the_folder_is_followed_nowhere(repository, has, folder, tmp_path):
    row(repository, "latest", has("latest", image="one").digest)
    (folder / PATH / "_manifests").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (folder / PATH / "_manifests/tags").mkdir()
    (folder / PATH / "_manifests/tags/latest").symlink_to(tmp_path / "elsewhere")
    compare()
    assert set(digests()) == {"latest"} and "symbolic link" in TagComparison.objects.get().sentence


def test_repositories_that_only_the_registry_knows_are_listed_and_not_made(repository, has, folder):
    link(folder, PATH, "latest", has("latest", image="one").digest)
    link(folder, "library/busybox", "1", "sha256:" + "1" * 64)
    link(folder, "deep/down/below", "1", "sha256:" + "1" * 64)
    (folder / "acme/emptied/_layers").mkdir(parents=True)
    watch = compare()
    assert watch.unknown == ["deep/down/below", "library/busybox"] and watch.unknown_total == 2
    assert Repository.objects.count() == 1
    shutil.rmtree(folder / "library")
    assert compare().unknown == ["deep/down/below"]
