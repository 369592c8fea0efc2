"""Writing the audit: one row for each thing a person changed, in the transaction of the change."""

from __future__ import annotations

from accounts.models import AuditEntry, User


def record(actor: User | None, action: str, target: object, detail: str = "") -> None:
    """`actor` did `action` ("source.save") to `target`, which is told by its name. Never a secret in `detail`."""
    AuditEntry.objects.create(actor=actor, action=action, target=str(target)[:300], detail=detail)
