"""put_tags under random failures: in the end all tags are new, or all are as before, or the outcome names the rest."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.client import RegistryClient, put_tags
from registry.core.patience import Patience
from tests.fake_registry import FakeRegistry, fake_registry
from tests.images import make_image

NEW, OLD, OLDER = make_image("new").manifest, make_image("old").manifest, make_image("older").manifest
TAGS = ("latest", "main", "v1", "v2")


@pytest.fixture(scope="module")
def server() -> Iterator[FakeRegistry]:
    """One server for all examples; each has a repository of its own."""
    with fake_registry() as made:
        yield made


@settings(deadline=None)
@given(
    before=st.dictionaries(st.sampled_from(TAGS), st.sampled_from((NEW, OLD, OLDER))),
    faults=st.dictionaries(st.sampled_from(TAGS), st.lists(st.sampled_from((201, 403, 500, 503)), max_size=5)),
    deletes=st.booleans(),
    remembered=st.dictionaries(st.sampled_from(TAGS), st.sampled_from((None, NEW.digest, OLD.digest))),
)
def test_it_ends_with_all_or_none_or_says_which(
    server: FakeRegistry, before: dict, faults: dict, deletes: bool, remembered: dict
) -> None:
    """Invariant 7: all tags of a build appear together or none does."""
    web, state = f"acme/web-{uuid.uuid4().hex}", server.state
    state.put_faults, state.deletes_tags = {tag: list(each) for tag, each in faults.items()}, deletes
    for manifest in (NEW, OLD, OLDER):
        state.manifests[web, manifest.digest] = (manifest.media_type, manifest.body)
    state.manifests.update({(web, tag): (manifest.media_type, manifest.body) for tag, manifest in before.items()})
    with RegistryClient(server.host, "http", patience=Patience(attempts=3), wait=no_wait) as client:
        outcome = put_tags(client, web, NEW, TAGS, remembered, wait_back=no_wait)
        now = {tag: client.head(web, tag) for tag in TAGS}
    if outcome.ok:
        assert now == dict.fromkeys(TAGS, NEW.digest)
    for tag in () if outcome.ok else TAGS:
        was = before[tag].digest if tag in before else None
        # A tag that has the new image already is of a publication that died: back is where we remember it.
        back = {was, remembered.get(tag)} if was == NEW.digest else {was}
        assert now[tag] in back or tag in outcome.stuck


def no_wait(seconds: float) -> None:
    pass
