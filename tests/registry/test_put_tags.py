"""put_tags: all tags of a build appear together or none does, on a registry that fails in the middle."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from registry.client import Manifest, RegistryClient, put_tags
from tests.fake_registry import FakeRegistry
from tests.images import Pusher, make_image
from tests.registry.conftest import Pauses

NEW, OLD, OLDER = make_image("new").manifest, make_image("old").manifest, make_image("older").manifest
Connect = Callable[..., RegistryClient]


def tags_of(fake: FakeRegistry, repository: str = "acme/web") -> dict[str, str]:
    """Where each tag points, by the words new, old and older."""
    names = {NEW.body: "new", OLD.body: "old", OLDER.body: "older"}
    items = fake.state.manifests.items()
    return {tag: names[body] for (owner, tag), (_, body) in items if owner == repository and ":" not in tag}


def hold(fake: FakeRegistry, repository: str = "acme/web", **tags: Manifest) -> None:
    for manifest in (NEW, *tags.values()):
        fake.state.manifests[repository, manifest.digest] = (manifest.media_type, manifest.body)
    for tag, manifest in tags.items():
        fake.state.manifests[repository, tag] = (manifest.media_type, manifest.body)


def test_it_moves_all_tags(fake: FakeRegistry, connect: Connect) -> None:
    """Invariant 7: all tags of a build appear together or none does."""
    hold(fake, latest=OLD)
    outcome = put_tags(connect(fake.host), "acme/web", NEW, ["latest", "main", "v1"], {"latest": OLD.digest})
    assert outcome.ok
    assert tags_of(fake) == {"latest": "new", "main": "new", "v1": "new"}


def test_it_leaves_everything_as_it_was_when_a_tag_is_refused(fake: FakeRegistry, connect: Connect) -> None:
    """Invariant 7: all tags of a build appear together or none does."""
    hold(fake, latest=OLD, main=OLDER)
    fake.state.refuse_tags = {"v2"}
    outcome = put_tags(connect(fake.host), "acme/web", NEW, ["v1", "v2", "latest", "main"], {})
    assert tags_of(fake) == {"latest": "old", "main": "older"}
    assert set(outcome.taken_back) == {"latest", "main", "v1"}
    assert outcome.stuck == ()
    assert outcome.sentence == (
        f"{fake.host} refused the push of acme/web:v2: without a user name nobody may write there. "
        "It says: requested access to the resource is denied. No tag was moved."
    )


def test_it_takes_back_a_tag_whose_answer_got_lost(fake: FakeRegistry, connect: Connect) -> None:
    """A proxy that answers 502 after the registry moved the tag: for all we know it was moved."""
    hold(fake, "moved502/app", latest=OLD)
    outcome = put_tags(connect(fake.host), "moved502/app", NEW, ["latest"], {}, wait_back=Pauses())
    # Here the way back is answered with 502 as well, though it was carried out: nobody knows.
    assert outcome.stuck == ("latest",)
    assert tags_of(fake, "moved502/app") == {"latest": "old"}
    assert "`latest` could not be taken back and may point to the new image." in outcome.sentence


def test_it_says_which_tags_could_not_be_taken_back(fake: FakeRegistry, connect: Connect) -> None:
    hold(fake, latest=OLD)
    fake.state.deletes_tags = False

    def on_put(tag: str) -> None:
        fake.state.refuse_tags = {"latest", "v2"} if tag == "v1" else set()

    fake.state.on_put = on_put
    outcome = put_tags(connect(fake.host), "acme/web", NEW, ["latest", "v1", "v2"], {}, wait_back=Pauses())
    assert not outcome.ok
    assert outcome.stuck == ("latest",)
    assert outcome.taken_back == ("v1",)
    assert tags_of(fake) == {"latest": "new"}


def test_it_goes_on_where_a_publication_died(fake: FakeRegistry, connect: Connect) -> None:
    """A worker died after the first tag; the next one finishes."""
    hold(fake, latest=NEW, main=OLD)
    outcome = put_tags(connect(fake.host), "acme/web", NEW, ["latest", "main"], {"latest": OLD.digest})
    assert outcome.ok
    assert tags_of(fake) == {"latest": "new", "main": "new"}


def test_it_goes_all_the_way_back_where_a_publication_died(fake: FakeRegistry, connect: Connect) -> None:
    hold(fake, latest=NEW, main=OLD)
    hold(fake, spare=OLDER)
    fake.state.refuse_tags = {"main"}
    put_tags(connect(fake.host), "acme/web", NEW, ["latest", "main"], {"latest": OLDER.digest, "main": OLD.digest})
    assert tags_of(fake) == {"latest": "older", "main": "old", "spare": "older"}


def test_it_ends_in_the_same_state_when_done_twice(fake: FakeRegistry, connect: Connect) -> None:
    client = connect(fake.host)
    for _ in range(2):
        assert put_tags(client, "acme/web", NEW, ["latest", "v1"], {"latest": None}).ok
    assert tags_of(fake) == {"latest": "new", "v1": "new"}


def test_it_moves_nothing_when_it_cannot_see_where_the_tags_point(connect: Connect) -> None:
    outcome = put_tags(connect("127.0.0.1:1"), "acme/web", NEW, ["latest"], {})
    assert "cannot be reached" in outcome.sentence
    assert outcome.sentence.endswith("No tag was moved.")


def test_it_restores_what_was_pushed_by_hand_and_not_what_we_remember(fake: FakeRegistry, connect: Connect) -> None:
    """No tag is ever lost: what stands in the registry counts."""
    hold(fake, latest=OLDER, spare=OLD)
    fake.state.refuse_tags = {"v1"}
    put_tags(connect(fake.host), "acme/web", NEW, ["latest", "v1"], {"latest": OLD.digest})
    assert tags_of(fake)["latest"] == "older"


def test_it_gets_through_a_registry_that_fails_for_a_moment(fake: FakeRegistry, connect: Connect) -> None:
    assert put_tags(connect(fake.host), "flaky/app", NEW, ["latest", "v1"], {}).ok


def test_it_takes_everything_back_when_it_is_stopped_in_the_middle(fake: FakeRegistry, connect: Connect) -> None:
    """Invariant 7, for a build that is cancelled while the registry keeps us waiting."""
    hold(fake, latest=OLD, main=OLDER)

    def stopped(seconds: float) -> None:
        raise InterruptedError

    fake.state.put_faults = {"main": [503]}
    with pytest.raises(InterruptedError):
        put_tags(connect(fake.host, wait=stopped), "acme/web", NEW, ["latest", "main", "v1"], {})
    assert tags_of(fake) == {"latest": "old", "main": "older"}


def test_it_takes_new_tags_back_on_a_real_registry(real: RegistryClient, pusher: Pusher, repository: str) -> None:
    """Distribution 2.8 cannot delete a tag: each new one is replaced and deleted, and the build tag stays."""
    old, new = make_image("old"), make_image("new")
    pusher.image(old, "latest")
    pusher.image(new, "build-7")
    incomplete = "z" * 128

    class Refusing(RegistryClient):
        def put_manifest(self, repository: str, reference: str, manifest: Manifest) -> str:
            if reference == incomplete:
                manifest = make_image("never pushed").manifest
            return super().put_manifest(repository, reference, manifest)

    with Refusing(real.host, "http") as client:
        outcome = put_tags(client, repository, new.manifest, ["latest", "v1", "v2", incomplete], {})
    assert not outcome.ok
    assert outcome.stuck == ()
    assert sorted(real.tags(repository)) == ["build-7", "latest"]
    assert real.head(repository, "latest") == old.manifest.digest
    assert real.head(repository, "build-7") == new.manifest.digest
    assert httpx.get(f"{pusher.base}/manifests/v1", trust_env=False).status_code == 404
