"""Which repository at a forge a source is, and what a worker shall do there."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from accounts import audit
from accounts.models import User
from builds.actions import SourceDraft, make_deploy_key, save_source
from builds.models import Source
from lib.queue import enqueue
from lib.refusal import Refused
from registry.models import Repository
from webhooks.models import Asked, ForgeConnection, ListedRepository, SourceLink


def link_source(actor: User, source: Source, connection: ForgeConnection, full_name: str) -> SourceLink:
    """The source is this repository at the forge. A worker looks at its webhooks then. Raises Refused."""
    name = full_name.strip().strip("/")
    if connection.namespace_id != source.repository.namespace_id:
        raise Refused("This connection belongs to another namespace.", code="forbidden")
    if source.forge != connection.forge:
        raise Refused(
            f"The source is on {source.get_forge_display()}, and the connection is to "
            f"{connection.get_forge_display()}. Choose the forge in the source's settings."
        )
    if name.count("/") < 1 or any(part in ("", ".", "..") for part in name.split("/")) or len(name) > 255:  # noqa: PLR2004 — the column's
        raise Refused("Give the repository as the forge calls it: `acme/web`.")
    listed = connection.repositories.filter(full_name=name).first()
    with transaction.atomic():
        link, _ = SourceLink.objects.update_or_create(
            source=source,
            defaults={
                "connection": connection,
                "full_name": name,
                "forge_id": listed.forge_id if listed else "",
                "hook_id": "",
                "hook_state": "",
                "hook_sentence": "",
                "deploy_key_id": "",
                "key_sentence": "",
                "findings": [],
            },
        )
        audit.record(actor, "source.link", source.repository, f"{connection.name}: {name}")
        ask(link, SourceLink.Errand.LOOK)
    return link


def make_source(actor: User, repository: Repository, listed: ListedRepository) -> Source:
    """The source of a repository that has none, from one that the forge listed: over SSH where it is private."""
    by_key = listed.is_private and listed.ssh_url
    draft = SourceDraft(
        forge=listed.connection.forge,
        clone_url=listed.ssh_url if by_key else listed.clone_url,
        default_branch=listed.default_branch,
    )
    return save_source(actor, repository, draft).source


def unlink_source(actor: User, link: SourceLink) -> None:
    """Forget which repository it is. Webhook and key stay at the forge, and go on working."""
    with transaction.atomic():
        audit.record(actor, "source.unlink", link.source.repository, link.full_name)
        SourceLink.objects.filter(pk=link.pk).delete()


def install(actor: User, link: SourceLink) -> None:
    """Have a worker install the webhook, and the deploy key where the source clones over SSH."""
    source = link.source
    with transaction.atomic():
        if _is_ssh(source) and not source.deploy_key_public:
            make_deploy_key(actor, source)
        audit.record(actor, "source.install", source.repository, link.full_name)
        ask(link, SourceLink.Errand.INSTALL)


def mend(actor: User, link: SourceLink, hook_ids: Sequence[str]) -> None:
    """Have a worker make these webhooks what they should be."""
    with transaction.atomic():
        audit.record(actor, "source.mend_hooks", link.source.repository, ", ".join(hook_ids)[:300])
        ask(link, SourceLink.Errand.MEND, hook_ids)


def remove(actor: User, link: SourceLink, hook_ids: Sequence[str]) -> None:
    """Have a worker remove these webhooks, as far as they still are leftovers."""
    with transaction.atomic():
        audit.record(actor, "source.remove_hooks", link.source.repository, ", ".join(hook_ids)[:300])
        ask(link, SourceLink.Errand.REMOVE, hook_ids)


def set_reporting(actor: User, link: SourceLink, *, reports: bool) -> None:
    """Whether the forge is told how builds end."""
    with transaction.atomic():
        SourceLink.objects.filter(pk=link.pk).update(reports_status=reports)
        audit.record(actor, "source.report_status", link.source.repository, "on" if reports else "off")
    link.reports_status = reports


def ask(link: SourceLink, errand: str, hook_ids: Sequence[str] = ()) -> None:
    """Write down what is asked; the bell rings after the commit. What was asked before and is not done is dropped."""
    SourceLink.objects.filter(pk=link.pk).update(
        errand=errand, errand_hooks=list(hook_ids), hook_state=Asked.ASKED, hook_sentence=""
    )
    link.errand, link.hook_state = errand, Asked.ASKED
    enqueue("webhooks.run_forge_errand", link.pk, expires_s=60)


def _is_ssh(source: Source) -> bool:
    return source.clone_url.startswith("ssh://") or "://" not in source.clone_url
