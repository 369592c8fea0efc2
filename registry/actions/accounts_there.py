"""Registries and credentials as people keep them: what is checked before saving, and what a check writes down."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import models, transaction
from django.db.models import F
from django.utils import timezone

from lib.clock import database_now
from lib.queue import enqueue
from lib.refusal import Refused
from lib.storable import storable
from registry.core.check import Line, sum_up
from registry.core.rate import Rate
from registry.models import Checked, PullCredential, Registry

# A ring that nobody heard is repeated after this.
_AGAIN = timedelta(seconds=30)
_TASKS = {Registry: "registry.check_registry", PullCredential: "registry.check_credential"}
_MOST_SENTENCE = 1000


def check_password(password: str | None) -> None:
    """Raise Refused for what was pasted with more around it than one line."""
    if password and ("\n" in password.strip() or "\0" in password):
        raise Refused("The password is one line; what was pasted is more.")


def check_username(username: str) -> None:
    """Raise Refused for a user name that no basic log-in can carry (RFC 7617)."""
    if ":" in username or not username.isprintable():
        raise Refused("A user name has neither a colon nor control characters.")


def has_password(row: Registry | PullCredential) -> bool:
    """Whether one is stored, without reading it: its key may be gone."""
    rows: models.QuerySet[Any] = type(row)._default_manager.filter(pk=row.pk)  # noqa: SLF001
    return row.pk is not None and rows.exclude(password="").exists()


def asked_fields() -> dict[str, Any]:
    """The columns of a row whose check was just asked for: nothing is called good that no check passed."""
    return {"check_state": Checked.ASKED, "check_sentence": "", "check_lines": [], "check_asked_at": database_now()}


def ring(row: Registry | PullCredential) -> None:
    """Have a worker check the row."""
    enqueue(_TASKS[type(row)], row.pk, expires_s=60)


def request_check(row: Registry | PullCredential) -> None:
    """Have a worker try the account; the row says `asked` until it did."""
    with transaction.atomic():
        asked_at = database_now()
        type(row)._default_manager.filter(pk=row.pk).update(check_state=Checked.ASKED, check_asked_at=asked_at)  # noqa: SLF001
        ring(row)
    row.check_state, row.check_asked_at = Checked.ASKED, asked_at


def ring_for_checks() -> None:
    """From the tick: checks whose ring was lost, or whose worker died."""
    late = {"check_state": Checked.ASKED, "check_asked_at__lt": database_now() - _AGAIN}
    for row in (
        *Registry.objects.for_page().filter(**late)[:20],
        *PullCredential.objects.for_page().filter(**late)[:20],
    ):
        ring(row)


def write_check(row: Registry | PullCredential, lines: Sequence[Line], rate: Rate | None = None) -> bool:
    """Write down what a check found. False where the row was changed meanwhile: its own check is under way."""
    is_good, sentence = sum_up(lines)
    sentence, now = storable(sentence)[:_MOST_SENTENCE], timezone.now()
    fields: dict[str, Any] = {
        "check_state": Checked.GOOD if is_good else Checked.FAILED,
        "check_sentence": sentence,
        "check_lines": [line.as_json() for line in lines],
        "checked_at": now,
    }
    rows: models.QuerySet[Any] = type(row)._default_manager.filter(  # noqa: SLF001
        pk=row.pk, check_state=Checked.ASKED, check_asked_at=row.check_asked_at
    )
    if isinstance(row, Registry):
        fields |= rate_fields(rate) | _counted(sentence, is_good=is_good)
    return bool(rows.update(**fields))


def note_use(registry: Registry, *, error: str = "", rate: Rate | None = None) -> None:
    """A build used it, or could not: when, and why not. Also how many pulls it told to be left."""
    fields = _counted(storable(error)[:_MOST_SENTENCE], is_good=not error) | rate_fields(rate)
    if not error:
        fields["last_used_at"] = timezone.now()
    Registry.objects.filter(pk=registry.pk).update(**fields)


def _counted(sentence: str, *, is_good: bool) -> dict[str, Any]:
    if is_good:
        return {"checks_good": F("checks_good") + 1}
    return {"checks_failed": F("checks_failed") + 1, "last_error": sentence, "last_error_at": timezone.now()}


def rate_fields(rate: Rate | None) -> dict[str, Any]:
    """The columns for pulls that are left; none where nothing was told."""
    if rate is None:
        return {}
    told = {"rate_limit": rate.limit, "rate_remaining": rate.remaining, "rate_window_s": rate.window_s}
    return {**told, "rate_seen_at": timezone.now()}
