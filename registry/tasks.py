"""Celery's doorbell: each task loads by id, calls one function, and may be lost or doubled without harm."""

from __future__ import annotations

from celery import shared_task

from lib.clock import database_now


@shared_task(name="registry.check_registry")
def check_registry(registry_id: int) -> None:
    """Try the account of a registry."""
    from registry.errands import checks

    checks.check_registry(registry_id)


@shared_task(name="registry.look_at_hub_cache")
def look_at_hub_cache() -> None:
    """Whether the cache for Docker Hub answers, and how much it holds."""
    from registry.errands.hub_cache import look_at_hub_cache as look

    look()


@shared_task(name="registry.check_credential")
def check_credential(credential_id: int) -> None:
    """Try an account that reads base images."""
    from registry.errands import checks

    checks.check_credential(credential_id)


@shared_task(name="registry.tick")
def tick() -> None:
    """Every 10 s from beat: ring for what the registry told and nobody looked at, and for images nobody has read."""
    from registry.actions.accounts_there import ring_for_checks
    from registry.actions.facts import ring_for_facts
    from registry.actions.told import ring_for_told

    now = database_now()
    ring_for_checks()
    ring_for_told(now)
    ring_for_facts(now)


@shared_task(name="registry.minutely")
def minutely() -> None:
    """Every minute from beat: ring for repositories whose tags are to be held against the registry, and for storage."""
    from registry.actions.comparisons import ring_for_comparisons
    from registry.actions.new_root import look_at_new_root
    from registry.actions.storage import ring_for_measure
    from registry.actions.told import forget_told

    now = database_now()
    ring_for_measure(now)
    ring_for_comparisons(now)
    forget_told(now)
    look_at_new_root()


@shared_task(name="registry.look_at_told")
def look_at_told() -> None:
    """Ask the registry where the tags are that it told of."""
    from registry.errands.told import look_at_told as look

    look()


@shared_task(name="registry.read_facts")
def read_facts() -> None:
    """Read media type and size of images that were pushed by hand."""
    from registry.errands.facts import read_facts as read

    read()


@shared_task(name="registry.measure_storage")
def measure_storage(passed_on: int = 0) -> None:
    """Measure what images take up."""
    import os
    import socket

    from registry.errands import storage

    storage.measure_storage(f"{socket.gethostname()}-{os.getpid()}", passed_on)


@shared_task(name="registry.compare_tags")
def compare_tags() -> None:
    """Hold the tags that are known against what registries have."""
    from registry.errands.compare import compare_tags as compare

    compare()
