"""Registries of several kinds and conditions in the sample, accounts for base images, and copies of builds."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from accounts.models import Namespace
from builds.core.states import State
from builds.models import Build, DestinationPush
from registry.core.kinds import Kind
from registry.models import Destination, PullCredential, Registry, Repository

_GOOD = (
    ("reach", True, "It answers over TLS in 0.2 s.", ""),
    ("clock", True, "Its clock agrees with this machine's.", ""),
    ("log-in", True, "It takes the account `bot`, with a token of its token server.", ""),
    ("pull", True, "It may read example-org/hello.", ""),
)
_REFUSED = "ghcr.io refused the push of example-org/hello: the account `bot` may not write there."


def _lines(*rows: tuple[str, bool | None, str, str]) -> list[dict]:
    return [dict(zip(("what", "ok", "sentence", "remedy"), row, strict=True)) for row in rows]


def add_registries() -> None:
    """After everything else: it looks at which repositories and builds there are."""
    now = timezone.now()
    there = {"checked_at": now - timedelta(minutes=4), "username": "bot", "password": "not-a-secret"}
    hub = Registry.objects.create(
        name="Docker Hub",
        kind=Kind.DOCKER_HUB,
        host="docker.io",
        path_template="example-org/{name}",
        check_state="good",
        check_lines=_lines(
            *_GOOD,
            ("push", True, "It may write example-org/hello.", ""),
            (
                "rate",
                None,
                "17 of 100 pulls in 6 h are left.",
                "Wait, use an account with more, or switch the cache on.",
            ),
        ),
        rate_limit=100,
        rate_remaining=17,
        rate_seen_at=now - timedelta(minutes=4),
        last_used_at=now - timedelta(minutes=30),
        **there,
    )
    ghcr = Registry.objects.create(
        name="GitHub Packages",
        kind=Kind.GHCR,
        host="ghcr.io",
        path_template="example-org/{name}",
        test_path="example-org/hello",
        check_state="failed",
        check_sentence=_REFUSED,
        check_lines=_lines(
            *_GOOD,
            ("push", False, _REFUSED, "Give the account the right to do this there, or use another account."),
        ),
        last_error=_REFUSED,
        last_error_at=now - timedelta(minutes=4),
        **there,
    )
    acme = Namespace.objects.get(name="acme")
    Registry.objects.create(name="acme's Quay", kind=Kind.QUAY, host="quay.io", namespace=acme, username="acme+bot")
    read = {"username": "reader", "password": "not-a-secret"}
    PullCredential.objects.create(
        host="registry.example.com",
        namespace=acme,
        test_image="base/debian:12",
        check_state="good",
        check_lines=_lines(*_GOOD),
        checked_at=now - timedelta(hours=2),
        last_used_at=now - timedelta(minutes=9),
        **read,
    )
    PullCredential.objects.create(host="docker.io", **read)
    _copies(Repository.objects.get(namespace=acme, name="hello"), hub, ghcr)


def _copies(repository: Repository, *registries: Registry) -> None:
    build = Build.objects.filter(repository=repository, state=State.SUCCEEDED).exclude(digest="").latest("number")
    for row in registries:
        path = f"example-org/{repository.name}"
        to = Destination.objects.create(repository=repository, registry=row, remote_path=path)
        is_good = row.kind == Kind.DOCKER_HUB
        tags = [build.build_tag, "latest"]
        DestinationPush.objects.create(
            build=build,
            destination=to,
            host=row.host,
            path=path,
            digest=build.digest,
            tags=tags,
            moved=tags if is_good else [],
            state="done" if is_good else "failed",
            sentence=f"{row.host} has the image, under `{tags[0]}` and `latest`." if is_good else _REFUSED,
            ended_at=timezone.now(),
        )
