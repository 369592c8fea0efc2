"""The way back from a test that commits: all rows are gone, and what a migration leaves is as it was."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType

from accounts.models import Role
from tests.emptying import empty
from tests.factories import make_build, make_member, make_repository, make_worker


@pytest.mark.django_db(transaction=True)
def test_it_deletes_every_row_but_those_of_a_migration():
    build = make_build()
    make_member(build.repository.namespace, "alice", Role.OWNER)
    make_repository("acme/other")
    make_worker()
    kept = set(Permission.objects.values_list("pk", flat=True)), set(ContentType.objects.values_list("pk", flat=True))
    assert all(kept)
    empty("default")
    assert (
        set(Permission.objects.values_list("pk", flat=True)),
        set(ContentType.objects.values_list("pk", flat=True)),
    ) == kept
    filled = {model for model in apps.get_models(include_auto_created=True) if model._default_manager.exists()}
    assert filled == {Permission, ContentType}
