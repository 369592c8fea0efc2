"""Whether a repository's tests run, and whether its hooks may: two switches with different hands on them."""

from __future__ import annotations

from django.db import transaction

from accounts import audit
from accounts.models import User
from builds.models import Source
from lib.refusal import Refused


def set_autotest(actor: User, source: Source, *, on: bool) -> None:
    """Run the `*.test.yml` files of builds that start from now on, or do not."""
    with transaction.atomic():
        Source.objects.filter(pk=source.pk).update(autotest=on)
        audit.record(actor, "source.autotest", source.repository, "on" if on else "off")
    source.autotest = on


def trust_hooks(actor: User, source: Source, *, trusted: bool) -> None:
    """Let the scripts of `hooks/` run in builds that start from now on, or do not.

    Raises Refused (forbidden) for everybody but administrators of the server: hooks run beside the build, on the
    operator's machines.
    """
    if not actor.is_superuser:
        raise Refused(
            "Only an administrator of this Imageyard decides whether hooks run. Ask one: the switch is on the page "
            "Settings → Tests and hooks.",
            code="forbidden",
        )
    with transaction.atomic():
        Source.objects.filter(pk=source.pk).update(hooks_trusted=trusted)
        audit.record(actor, "source.hooks", source.repository, "trusted" if trusted else "not trusted")
    source.hooks_trusted = trusted
