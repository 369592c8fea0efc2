"""Where a quota is used up no build begins and nothing is promoted; both say what to do."""

from __future__ import annotations

import pytest

from builds.actions import lifecycle
from builds.actions.claim import claim_next
from builds.actions.tag_orders import Target, ask_tag
from builds.core.errors import BuildError, ErrorKind
from builds.core.states import State
from builds.pipeline.room import check_quota
from lib.refusal import Refused
from registry.actions.quotas import set_namespace_quota
from registry.models import Repository, StorageUse
from tests.factories import make_admin, make_build, make_repository, make_worker

GB = 10**9
pytestmark = pytest.mark.django_db


@pytest.fixture
def full() -> Repository:
    repository = make_repository()
    StorageUse.objects.create(namespace=repository.namespace, total_bytes=2 * GB)
    set_namespace_quota(make_admin(), repository.namespace, GB)
    return repository


def test_8_a_build_that_would_push_over_its_quota_fails_before_it_begins_and_names_quota_use_and_what_to_do(full):
    build = make_build()
    with pytest.raises(BuildError) as refused:
        check_quota(build)
    assert (refused.value.kind, refused.value.retryable) == (ErrorKind.LIMIT, False)
    run = claim_next(make_worker().name)
    assert run is not None
    assert lifecycle.fail(run, refused.value)
    build.refresh_from_db()
    assert build.state == State.FAILED
    assert build.error_message == (
        "acme takes up 2.0 GB, and its quota is 1.0 GB: nothing more can be pushed to it. Remove tags that nobody "
        "needs, or set a retention policy, then clean up; or have the quota raised."
    )


def test_a_build_whose_image_is_pushed_already_may_put_its_tags(full):
    build = make_build(publication={"tags": {"latest": "sha256:a"}})
    check_quota(build)


def test_with_room_it_begins(full):
    StorageUse.objects.update(total_bytes=GB - 1)
    check_quota(make_build())


def test_8_nothing_is_promoted_into_a_namespace_that_is_full(full):
    source = make_repository("tools/web")
    with pytest.raises(Refused, match=r"acme takes up 2\.0 GB, and its quota is 1\.0 GB"):
        ask_tag(make_admin(), full, "latest", Target("sha256:" + "a" * 64, None, None, source))


def test_a_tag_may_move_within_a_repository_that_is_full(full):
    assert ask_tag(make_admin(), full, "latest", Target("sha256:" + "a" * 64, None)).tag == "latest"
