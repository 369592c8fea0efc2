"""Asking registries whether base images moved: a real registry, and one that refuses."""

from __future__ import annotations

import uuid

import pytest
from django.utils import timezone

from builds.models import BaseImage, Rebuild
from builds.pipeline.bases import check_due
from registry.models import Registry
from tests.builds.test_bases import OLD, build_succeeds, rule_of
from tests.fake_registry import FakeRegistry, fake_registry
from tests.images import Pusher, make_image

pytestmark = pytest.mark.django_db


@pytest.fixture
def fake():
    with fake_registry() as server:
        yield server


def check() -> None:
    BaseImage.objects.update(next_check_at=timezone.now())
    check_due(timezone.now())


def test_it_sees_a_base_move_in_a_real_registry_and_asks_for_the_build(registry_host):
    Registry.objects.create(name="bases", host=registry_host, scheme="http")
    path = f"library/base-{uuid.uuid4().hex[:8]}"
    pusher = Pusher(registry_host, path)
    first, second = make_image("one"), make_image("two")
    pusher.image(first, "1")
    build_succeeds(rule_of(), (f"{registry_host}/{path}:1", first.manifest.digest))
    check()
    assert not Rebuild.objects.exists()
    pusher.image(second, "1")
    check()
    base = BaseImage.objects.get()
    assert (base.digest, base.previous_digest) == (second.manifest.digest, first.manifest.digest)
    assert Rebuild.objects.get().new_digest == second.manifest.digest
    pusher.close()


def test_it_believes_a_registry_that_says_when_to_come_again_and_leaves_its_other_images(fake: FakeRegistry):
    Registry.objects.create(name="busy", host=fake.host, scheme="http")
    build_succeeds(rule_of(), *((f"{fake.host}/pulls/app:{tag}", OLD) for tag in ("1", "2", "3")))
    check()
    assert len([path for method, path in fake.state.asked if method == "HEAD"]) == 1
    assert all("too many requests" in base.sentence for base in BaseImage.objects.all())
    assert all((base.next_check_at - timezone.now()).total_seconds() > 3000 for base in BaseImage.objects.all())


def test_it_does_not_follow_a_base_into_our_own_network():
    build_succeeds(rule_of(), ("10.0.0.7:5000/secret:1", OLD), ("localhost:1/app:1", OLD))
    check()
    assert all("Imageyard connects to public addresses only" in base.sentence for base in BaseImage.objects.all())


def test_it_says_that_a_base_is_gone(fake: FakeRegistry):
    Registry.objects.create(name="empty", host=fake.host, scheme="http")
    build_succeeds(rule_of(), (f"{fake.host}/nothing/here:1", OLD))
    check()
    assert "has no nothing/here:1 any more" in BaseImage.objects.get().sentence
