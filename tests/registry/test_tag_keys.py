"""Point 4: every tag has the key that it is sorted by, whichever way its row was made, also those of old."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps

from registry.actions import TagPut, record_tags
from registry.core.tag_key import tag_key
from registry.models import Tag
from tests.factories import make_repository

pytestmark = pytest.mark.django_db
NAMES = ["latest", "1.9", "1.10", "1.10-rc.1", "build-10", "build-9", "v2", "main"]
SORTED = ["latest", "main", "build-9", "build-10", "1.9", "1.10-rc.1", "1.10", "v2"]
DIGEST = "sha256:" + "a" * 64


def by_key() -> list[str]:
    return list(Tag.objects.order_by("version_key", "name").values_list("name", flat=True))


def test_tags_of_a_build_it_records_with_their_keys():
    puts = [TagPut(name, moved=True, sentence="") for name in NAMES]
    record_tags(make_repository(), puts, digest=DIGEST, media_type="", size_bytes=1, build_number=1)
    assert by_key() == SORTED


def test_a_tag_that_moves_it_keeps_its_key():
    for number in (1, 2):
        put = [TagPut("1.10", moved=True, sentence="")]
        record_tags(make_repository(), put, digest=DIGEST, media_type="", size_bytes=1, build_number=number)
    assert bytes(Tag.objects.get().version_key) == tag_key("1.10")


def test_rows_made_by_the_thousand_it_gives_their_keys():
    repository = make_repository()
    Tag.objects.bulk_create(Tag(repository=repository, name=name, digest=DIGEST) for name in NAMES)
    assert by_key() == SORTED


def test_the_tags_from_before_the_upgrade_it_fills_in():
    repository = make_repository()
    Tag.objects.bulk_create(Tag(repository=repository, name=name, digest=DIGEST) for name in NAMES)
    Tag.objects.update(version_key=b"")
    import_module("registry.migrations.0004_tag_version_keys").fill(apps, None)
    assert by_key() == SORTED
