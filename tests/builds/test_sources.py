"""What a good delivery changes on a source."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from builds.actions import record_contact
from tests.factories import make_source

pytestmark = pytest.mark.django_db
REFS = [{"type": "branch", "name": "main", "commit": "a" * 40}]


def test_the_first_one_connects_it_and_later_ones_do_not_move_that_moment():
    source = make_source()
    record_contact(source, forge_id="42", full_name="acme/web")
    source.refresh_from_db()
    connected = source.connected_at
    record_contact(source, forge_id="43", full_name="acme/renamed")
    source.refresh_from_db()
    assert (source.connected_at, source.forge_repository_id) == (connected, "42")
    assert source.forge_full_name == "acme/renamed"


@pytest.mark.parametrize(
    ("refs", "minutes_ago", "asks"), [([], 1, True), (REFS, 1, False), (REFS, 11, True)], ids=["none", "new", "old"]
)
def test_it_asks_for_a_look_at_the_refs_where_the_last_one_is_a_while_ago(refs, minutes_ago, asks):
    source = make_source(refs=refs, probe_state="good", probed_at=timezone.now() - timedelta(minutes=minutes_ago))
    record_contact(source)
    source.refresh_from_db()
    assert (source.probe_state == "asked") is asks
