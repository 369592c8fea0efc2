"""Which tags of a repository never move: saving the patterns, and reading them as they are now."""

from __future__ import annotations

from django.db import transaction

from accounts import audit
from accounts.models import User
from builds.core.fixed_tags import FixedTags, fixed_problems, read_fixed_tags
from lib.refusal import Refused
from registry.models import Repository

_MOST = 16_000


def fixed_tags_of(repository_id: int) -> FixedTags:
    """The patterns as the row has them now, however old the caller's repository is."""
    text = Repository.objects.filter(pk=repository_id).values_list("fixed_tags", flat=True).first()
    return read_fixed_tags(text or "")


def set_fixed_tags(actor: User, repository: Repository, text: str) -> FixedTags:
    """Save one name or `/pattern/` a line. Raises Refused with everything that has to be mended; then none is saved."""
    fixed = read_fixed_tags(text[:_MOST])
    if problems := fixed_problems(fixed):
        raise Refused(" ".join(problems))
    lines = [pattern.text for pattern in fixed.patterns]
    with transaction.atomic():
        Repository.objects.filter(pk=repository.pk).update(fixed_tags="\n".join(lines))
        audit.record(actor, "repository.fixed_tags", repository, ", ".join(lines) or "none")
    repository.fixed_tags = "\n".join(lines)
    return fixed
