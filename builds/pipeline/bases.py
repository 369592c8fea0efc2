"""Asking registries where base images point now: a HEAD for each, once per host and turn until one refuses."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from functools import partial
from urllib.parse import urlsplit

import structlog
from django.conf import settings

from builds.actions.bases import due_bases, note_absence, note_digest
from builds.core.bases import DOCKER_HUB
from builds.models import BaseImage
from lib import addresses
from registry.client import RegistryClient, RegistryError, RegistryErrorKind
from registry.core.patience import ONCE
from registry.models import Registry
from registry.opening import open_client

log = structlog.get_logger(__name__)
# Where the API of Docker's own registry is; in image names it is called otherwise.
_DOCKER_HUB_API = "registry-1.docker.io"


def check_due(now: datetime) -> None:
    """Look at every base whose turn it is. What cannot be asked says why, and is asked later."""
    by_host: dict[str, list[BaseImage]] = defaultdict(list)
    for base in due_bases(now):
        by_host[base.host].append(base)
    known = {registry.host: registry for registry in Registry.objects.filter(host__in=by_host)}
    for host, bases in by_host.items():
        with _client(host, known.get(host)) as client:
            _check_host(client, bases)


def _client(host: str, registry: Registry | None) -> RegistryClient:
    if registry is not None:  # set up by an administrator, so its address is trusted as pushes trust it
        return open_client(registry, patience=ONCE)
    api = _DOCKER_HUB_API if host == DOCKER_HUB else host
    return RegistryClient(api, _scheme(host), patience=ONCE, allow=partial(_allow, settings.TRUSTED_HOSTS))


def _scheme(host: str) -> str:
    """Plain HTTP on this machine only, as Docker itself has it."""
    name = host.rpartition(":")[0] or host
    return "http" if name in ("localhost", "127.0.0.1", "[::1]") else "https"


def _allow(trusted: frozenset[str], url: str) -> None:
    """The name of a host comes from a Dockerfile: it may not lead into our own network."""
    parts = urlsplit(url)
    addresses.resolve(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80), trusted)


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
