"""Asking registries where base images point now: a HEAD for each, once per host and turn until one refuses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import structlog

from builds.actions.bases import due_bases, note_absence, note_digest
from builds.models import BaseImage, BaseUse
from registry.actions.credentials import readable
from registry.client import RegistryClient, RegistryError, RegistryErrorKind
from registry.core.kinds import api_host
from registry.core.patience import ONCE
from registry.models import PullCredential, Registry
from registry.opening import guard, open_as, open_client

log = structlog.get_logger(__name__)


def check_due(now: datetime) -> None:
    """Look at every base whose turn it is. What cannot be asked says why, and is asked later."""
    due = due_bases(now)
    accounts = _accounts(due)
    together: dict[tuple[str, int], list[BaseImage]] = defaultdict(list)
    for base in due:
        account = accounts.get(base.pk)
        together[base.host, account.pk if account else 0].append(base)
    hosts = {base.host for base in due}
    known = {registry.host: registry for registry in Registry.objects.for_all().filter(host__in=hosts)}
    for (host, _), bases in together.items():
        try:
            with _client(host, known.get(host), accounts.get(bases[0].pk)) as client:
                _check_host(client, bases)
        except RegistryError as error:  # its account's password cannot be had
            for base in bases:
                note_absence(base, error.message, retry_after_s=error.retry_after_s)


def _accounts(bases: Sequence[BaseImage]) -> dict[int, PullCredential]:
    """Who reads which base: an account of a namespace that is built from it goes before one for all."""
    rows = readable(PullCredential.objects.filter(host__in={base.host for base in bases}))
    if not rows:
        return {}
    uses = BaseUse.objects.filter(base__in=bases).values_list("base_id", "rule__source__repository__namespace_id")
    spaces: dict[int, set[int | None]] = defaultdict(lambda: {None})
    for base_id, namespace_id in uses:
        spaces[base_id].add(namespace_id)
    ordered = sorted(rows, key=lambda row: (row.namespace_id is None, row.pk))
    found = {
        base.pk: next((row for row in ordered if row.host == base.host and row.namespace_id in spaces[base.pk]), None)
        for base in bases
    }
    return {pk: row for pk, row in found.items() if row is not None}


def _client(host: str, registry: Registry | None, account: PullCredential | None) -> RegistryClient:
    if account is not None:
        return open_as(account, patience=ONCE)
    if registry is not None:  # set up by an administrator, so its address is trusted as pushes trust it
        return open_client(registry, patience=ONCE)
    return RegistryClient(host, _scheme(host), patience=ONCE, allow=guard, address=api_host(host))


def _scheme(host: str) -> str:
    """Plain HTTP on this machine only, as Docker itself has it."""
    name = host.rpartition(":")[0] or host
    return "http" if name in ("localhost", "127.0.0.1", "[::1]") else "https"


def _check_host(client: RegistryClient, bases: list[BaseImage]) -> None:
    """One after the other: a registry that says "not so often" is not asked for the rest either."""
    refused: RegistryError | None = None
    for base in bases:
        if refused is not None:
            note_absence(base, refused.message, retry_after_s=refused.retry_after_s)
            continue
        try:
            digest = client.head(base.path, base.tag, known=base.digest)
        except RegistryError as error:
            note_absence(base, error.message, retry_after_s=error.retry_after_s)
            if error.kind is RegistryErrorKind.RATE_LIMIT:
                refused = error
        else:
            if digest is None:
                note_absence(base, f"{base.host} has no {base.path}:{base.tag} any more, or wants a log-in to show it.")
            elif note_digest(base, digest):
                log.info("a base image moved", base=base.name, digest=digest)
