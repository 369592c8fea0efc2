"""Telling open pages that the ledger of a source changed; they then read it themselves."""

from __future__ import annotations

from functools import partial

from django.db import transaction

from builds import live
from builds.models import Source


def tell_pages(source: Source) -> None:
    """Wake the pages of the source's repository, and the home page, once the transaction commits."""
    transaction.on_commit(partial(live.wake, f"repository:{source.repository_id}", "deliveries"))
