"""What a repository shows of itself: its README, its description, its badges."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.db.models import F

from accounts import audit
from accounts.models import User
from lib.crypto import sign_sha256
from registry.core.readme import first_sentence
from registry.models import Repository


def set_overview(actor: User, repository: Repository, *, shows_readme: bool, syncs_description: bool) -> None:
    """Whether the README is shown, and whether the description follows it."""
    with transaction.atomic():
        changed = {"shows_readme": shows_readme, "syncs_description": syncs_description}
        Repository.objects.filter(pk=repository.pk).update(**changed)
        audit.record(actor, "repository.overview", repository, ", ".join(name for name, on in changed.items() if on))


def take_readme(repository: Repository, markdown: str) -> None:
    """The README that came with a build, and with it the description where the repository wants that."""
    Repository.objects.filter(pk=repository.pk).update(readme=markdown)
    if sentence := first_sentence(markdown):
        Repository.objects.filter(pk=repository.pk, syncs_description=True).update(description=sentence)


def renew_badge_token(actor: User, repository: Repository) -> None:
    """Badge addresses of a private repository that were given away stop working."""
    with transaction.atomic():
        Repository.objects.filter(pk=repository.pk).update(badge_revision=F("badge_revision") + 1)
        audit.record(actor, "repository.badges", repository)


def badge_token(repository: Repository) -> str:
    """What stands in the badge addresses of a private repository. It opens the badges and nothing else."""
    words = f"badge of {repository.pk}, {repository.badge_revision}".encode()
    return sign_sha256(settings.SECRET_KEY.encode(), words)[:32]
