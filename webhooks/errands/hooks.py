"""What a worker does at a source's repository: looks at its webhooks, installs ours and the key, mends, removes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from builds import live
from builds.models import Source
from lib.queue import enqueue
from lib.rowlock import row_lock
from webhooks.actions.webhook_address import wished_hook
from webhooks.errands.access import forge_of
from webhooks.errands.pauses import note_success
from webhooks.forges import Forge, ForgeError, same_key
from webhooks.forges.hooks import Finding, judge_hooks
from webhooks.models import Asked, SourceLink

KEY_TITLE = "Imageyard"
HOLD = timedelta(minutes=2)  # a dozen requests, each of which a slow forge may take ten seconds for
MOST_FINDINGS = 50
"""As many as a page lists; once these are removed the next are found."""


def run_errand(link_id: int) -> None:
    """Do what is asked at the forge, look once more, and write what was found into the link.

    Everything is harmless twice: a webhook that is there is mended instead of added, a key that is there stays. At the
    same time it is not, so one worker does it: beat rings again for what takes long, and other bells come late.
    """
    row = SourceLink.objects.filter(pk=link_id)
    try:
        with row_lock(row, "errand_by", hold_for=HOLD, wait_s=0):
            _run(link_id)
    except TimeoutError:
        return  # somebody is at it, who rings for what was asked meanwhile
    if row.exclude(errand="").exists():
        enqueue("webhooks.run_forge_errand", link_id, expires_s=60)


def _run(link_id: int) -> None:
    link = SourceLink.objects.select_related("connection", "source__repository").filter(pk=link_id).first()
    if link is None or not link.errand:
        return
    asked, ids = link.errand, [str(one) for one in link.errand_hooks]
    try:
        with forge_of(link.connection) as forge:
            _find_repository(forge, link)
            fields = _do(forge, link, asked, ids)
    except ForgeError as error:
        fields = {"hook_state": Asked.FAILED, "hook_sentence": error.sentence}
    else:
        note_success(link.connection)
    # Asked for something else meanwhile: that stays asked for, its bell has rung, and it may be done by now: what was
    # found before it is no answer to it.
    same = SourceLink.objects.filter(
        pk=link.pk, errand=asked, errand_hooks=link.errand_hooks, connection=link.connection, full_name=link.full_name
    )
    same.update(**fields, errand="", errand_hooks=[], checked_at=timezone.now())
    live.wake(f"repository:{link.source.repository_id}")


def _find_repository(forge: Forge, link: SourceLink) -> None:
    """Its name and id as they are now: a renamed repository is found by its old name where the forge leads on."""
    found = forge.repository(link.full_name)
    if (found.full_name, found.id) != (link.full_name, link.forge_id):
        link.full_name, link.forge_id = found.full_name[:255], found.id[:64]
        SourceLink.objects.filter(pk=link.pk).update(full_name=link.full_name, forge_id=link.forge_id)
    if found.may_admin is False:
        sentence = (
            f"The token may not administrate {link.full_name}, which webhooks and keys need. Its owner must be an "
            "admin of the repository there."
        )
        raise ForgeError("scope", sentence)


def _do(forge: Forge, link: SourceLink, asked: str, ids: list[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if asked == SourceLink.Errand.INSTALL:
        _install(forge, link)
        fields = _add_key(forge, link)
    elif asked == SourceLink.Errand.MEND:
        _mend(forge, link, ids)
    elif asked == SourceLink.Errand.REMOVE:
        _remove(forge, link, ids)
    is_fresh = asked in (SourceLink.Errand.INSTALL, SourceLink.Errand.MEND)
    return fields | _found(_look(forge, link, is_fresh=is_fresh))


def _look(forge: Forge, link: SourceLink, *, is_fresh: bool = False) -> list[Finding]:
    living = {str(pk) for pk in Source.objects.values_list("pk", flat=True)}
    return judge_hooks(forge.hooks(link.full_name), wished_hook(link.source), living, is_fresh=is_fresh)


def _install(forge: Forge, link: SourceLink) -> None:
    """Ours is made right, whatever was wrong with it; without one, one is added."""
    wish = wished_hook(link.source)
    own = [found for found in _look(forge, link) if found.url.rstrip("/") == wish.url.rstrip("/")]
    if own:
        forge.mend_hook(link.full_name, own[0].hook_id, wish)
    else:
        forge.add_hook(link.full_name, wish)


def _mend(forge: Forge, link: SourceLink, ids: list[str]) -> None:
    for found in _look(forge, link):
        if found.hook_id in ids and found.remedy == "mend":
            forge.mend_hook(link.full_name, found.hook_id, wished_hook(link.source))


def _remove(forge: Forge, link: SourceLink, ids: list[str]) -> None:
    """Only what still looks like a leftover: between the page and now somebody may have taken it over."""
    for found in _look(forge, link):
        if found.hook_id in ids and found.remedy == "remove":
            forge.remove_hook(link.full_name, found.hook_id)


def _add_key(forge: Forge, link: SourceLink) -> dict[str, Any]:
    """The deploy key, where the source clones with one. That it failed does not undo the webhook."""
    public = link.source.deploy_key_public
    if not public:
        return {"deploy_key_id": "", "key_sentence": ""}
    try:
        known = [key for key in forge.deploy_keys(link.full_name) if same_key(key.key, public)]
        key = known[0] if known else forge.add_deploy_key(link.full_name, KEY_TITLE, public)
    except ForgeError as error:
        return {"deploy_key_id": "", "key_sentence": f"The deploy key was not added. {error.sentence}"}
    sentence = "The deploy key is there, and may only read."
    if not key.is_read_only:
        sentence = "The deploy key is there, and may write, which it need not: remove it there and install it again."
    return {"deploy_key_id": key.id[:64], "key_sentence": sentence}


def _found(findings: list[Finding]) -> dict[str, Any]:
    """What the link says of its webhook, and what else there is to mend or to remove."""
    own = next((found for found in findings if found.problem in _OWN), None)
    rest = [found.as_json() for found in findings if found.problem][:MOST_FINDINGS]
    if own is None:
        sentence = "There is no webhook of this source at the forge: pushes are not told."
        return {"hook_id": "", "hook_state": Asked.FAILED, "hook_sentence": sentence, "findings": rest}
    state = Asked.FAILED if own.problem else Asked.GOOD
    return {"hook_id": own.hook_id[:64], "hook_state": state, "hook_sentence": own.sentence, "findings": rest}


_OWN = ("", "off", "form", "events", "refused")
