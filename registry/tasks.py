"""Celery's doorbell: each task loads by id, calls one function, and may be lost or doubled without harm."""

from __future__ import annotations

from celery import shared_task


@shared_task(name="registry.check_registry")
def check_registry(registry_id: int) -> None:
    """Try the account of a registry."""
    from registry.errands import checks

    checks.check_registry(registry_id)


@shared_task(name="registry.check_credential")
def check_credential(credential_id: int) -> None:
    """Try an account that reads base images."""
    from registry.errands import checks

    checks.check_credential(credential_id)
