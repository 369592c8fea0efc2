"""What any database takes as text, from what strangers send as text (field case B03)."""

from __future__ import annotations

import json

import pytest

from builds.core.errors import BuildError, ErrorKind
from builds.models import Build
from lib.storable import storable
from tests.factories import make_build

TEXTS = [("café 🚀", "café 🚀"), ("a\0b", "a\ufffdb"), ("\ud83d x", "\ufffd x"), ("\udcff", "\ufffd"), ("", "")]


@pytest.mark.parametrize(("given", "kept"), TEXTS, ids=[ascii(given) for given, _ in TEXTS])
def test_b03_it_keeps_all_but_what_no_database_takes(given, kept):
    assert storable(given) == kept
    assert storable(kept) == kept


@pytest.mark.django_db
@pytest.mark.parametrize("given", [given for given, _ in TEXTS], ids=ascii)
def test_b03_the_message_of_an_error_can_be_stored_and_told(given):
    message = BuildError(ErrorKind.USER, f"The file `{given}` is missing.").message
    build = make_build()
    Build.objects.filter(pk=build.pk).update(error_message=message, warnings=[{"message": message}])
    build.refresh_from_db()
    assert build.error_message == build.warnings[0]["message"] == message
    assert json.loads(json.dumps(message).encode()) == message
