"""Linking a Git repository: its address, its credentials, its webhook secret, and asking a worker to look at it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import User
from builds.actions.gone_refs import note_branches
from builds.core.cloneurl import CloneURL, parse_clone_url, split_credentials
from builds.core.errors import BuildError
from builds.core.refnames import bare_name, name_problem, quoted
from builds.models import GoneRef, Source, SourceRefs
from builds.models.refs import MOST_REFS
from lib.crypto import new_secret
from lib.queue import enqueue
from lib.refusal import Refused
from registry.models import Repository

PROBE_AGAIN = timedelta(minutes=10)
# With the source itself, for pages that offer a few; all of them have a table of their own.
KEPT_REFS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDraft:
    """What a person or the API says of a source.

    None for `username`, `token` or `autotest` keeps what is stored; "" removes a credential.
    """

    forge: str
    clone_url: str
    default_branch: str = ""
    username: str | None = ""
    token: str | None = None
    submodules: bool = True
    lfs: bool = False
    keeps_git_dir: bool = False
    parallel_builds: int = 1
    autotest: bool | None = None


@dataclass(frozen=True, slots=True)
class SavedSource:
    """The source, and its webhook secret in clear if it was made just now: it is shown this once."""

    source: Source
    new_secret: str | None


def save_source(actor: User, repository: Repository, draft: SourceDraft) -> SavedSource:
    """Link `repository` to a Git repository, or change the link; rules, builds and the webhook address stay.

    Credentials in the URL are taken out of it and stored encrypted. An address with SSH gets a deploy key of its own.
    Raises Refused for an address that Imageyard cannot clone.
    """
    if draft.forge not in Source.Forge.values:
        raise Refused(
            f"“{draft.forge[:32]}” is no forge Imageyard knows. Use one of: {', '.join(Source.Forge.values)}."
        )
    split = split_credentials(draft.clone_url)
    address = _checked(split.url)
    url = address.text
    fields: dict[str, Any] = {
        "forge": draft.forge,
        "clone_url": url,
        "default_branch": _branch(draft.default_branch),
        "submodules": draft.submodules,
        "lfs": draft.lfs,
        "keeps_git_dir": draft.keeps_git_dir,
        "parallel_builds": max(1, draft.parallel_builds),
    }
    if draft.autotest is not None:
        fields["autotest"] = draft.autotest
    token = split.token or draft.token
    if token is not None:
        fields["token"] = token.strip()
    if split.username or draft.username is not None:
        fields["username"] = (draft.username or "").strip() or split.username
    with transaction.atomic():
        # The repository's row, since before the first link there is no other that could be locked.
        Repository.objects.select_for_update(of=("self",)).get(pk=repository.pk)
        source = Source.objects.select_for_update().filter(repository=repository).first()
        if source is not None and source.clone_url != url:
            fields |= {"forge_repository_id": "", "forge_full_name": "", "connected_at": None, "refs": []}
            # The trust was in the scripts of the other one.
            fields["hooks_trusted"] = source.hooks_trusted and actor.is_superuser
            if token is None and not _same_server(source.clone_url, address):
                # A credential stays with the server it was given for; another one is never sent it.
                fields |= {"token": "", "username": draft.username or ""}
        secret = new_secret() if source is None else None
        source = source or Source(repository=repository, webhook_secret=secret or "")
        for name, value in fields.items():
            setattr(source, name, value)
        if address.scheme == "ssh" and not source.deploy_key:
            source.deploy_key, source.deploy_key_public = _new_deploy_key(repository)
        source.save()
        if "refs" in fields:  # those of another Git repository
            SourceRefs.objects.filter(source=source).delete()
            GoneRef.objects.filter(source=source).delete()
        audit.record(actor, "source.save", repository, f"{draft.forge} {url}")
        request_probe(source)
    return SavedSource(source, secret)


def renew_webhook_secret(actor: User, source: Source) -> str:
    """A new webhook secret, in clear for this once; deliveries signed with the old one are refused from now on."""
    secret = new_secret()
    with transaction.atomic():
        _change(source, webhook_secret=secret)
        audit.record(actor, "source.webhook_secret", source.repository)
    return secret


def make_deploy_key(actor: User, source: Source) -> str:
    """A new deploy key in place of the old one. Gives the public half, which goes to the forge."""
    private, public = _new_deploy_key(source.repository)
    with transaction.atomic():
        _change(source, deploy_key=private, deploy_key_public=public)
        audit.record(actor, "source.deploy_key", source.repository)
        request_probe(source)
    return public


def trust_host_keys(actor: User, source: Source, known_hosts: str) -> None:
    """Trust these host keys (known_hosts lines) from now on, in place of those that were trusted before."""
    with transaction.atomic():
        _change(source, ssh_known_hosts=known_hosts.strip() + "\n")
        audit.record(actor, "source.host_keys", source.repository, known_hosts[:500])
        request_probe(source)


def request_probe(source: Source) -> None:
    """Ask a worker to look at the Git repository: does it answer, which refs are there? No request asks Git itself."""
    Source.objects.filter(pk=source.pk).update(
        probe_state="asked", probe_sentence="A worker is asking the Git server for its branches and tags."
    )
    source.probe_state = "asked"
    enqueue("builds.probe_source", str(source.pk), expires_s=300)


def record_probe(source: Source, *, sentence: str, good: bool, default_branch: str = "", refs: Any = None) -> None:
    """What the worker found. A default branch that nobody chose is taken from the forge.

    Nothing is written where the source was changed since it was read: the answer is one of another address or login,
    and the change has asked for another look.
    """
    fields: dict[str, Any] = {
        "probe_state": "good" if good else "failed",
        "probe_sentence": sentence,
        "probed_at": timezone.now(),
    }
    if refs is not None:
        fields["refs"] = refs[:KEPT_REFS]
    with transaction.atomic():
        now = Source.objects.select_for_update().filter(pk=source.pk).first()
        if now is None or any(getattr(now, name) != getattr(source, name) for name in _ASKED_WITH):
            return
        Source.objects.filter(pk=source.pk).update(**fields)
        if default_branch:
            Source.objects.filter(pk=source.pk, default_branch="").update(default_branch=default_branch[:255])
        if refs is not None:
            rows = [[row["type"], row["name"], row["commit"]] for row in refs[:MOST_REFS]]
            kept = {"refs": rows, "total": len(refs), "read_at": fields["probed_at"]}
            SourceRefs.objects.update_or_create(source=now, defaults=kept)
            note_branches(now, {row["name"] for row in refs if row["type"] == "branch"})


_ASKED_WITH = ("clone_url", "username", "token", "deploy_key", "ssh_known_hosts")


def record_contact(source: Source, *, forge_id: str = "", full_name: str = "", default_branch: str = "") -> None:
    """A good delivery arrived: the webhook works. The forge's name for the repository follows renames (W13).

    There are new refs now; a worker looks, where the last look is a while ago, so that the rule tester knows them.
    """
    now = timezone.now()
    fields: dict[str, Any] = {"last_delivery_at": now}
    if source.connected_at is None:
        fields["connected_at"] = now
    if forge_id and not source.forge_repository_id:
        fields["forge_repository_id"] = forge_id
    if full_name and full_name != source.forge_full_name:
        fields["forge_full_name"] = full_name[:255]
    Source.objects.filter(pk=source.pk).update(**fields)
    if default_branch and not source.default_branch:
        Source.objects.filter(pk=source.pk, default_branch="").update(default_branch=default_branch[:255])
    if source.probe_state != "asked" and (not source.refs or now - (source.probed_at or now) > PROBE_AGAIN):
        request_probe(source)


def _branch(name: str) -> str:
    """The name of a default branch as it is stored, "" for none. Raises Refused for what Git does not allow."""
    bare = bare_name("branch", name.strip())
    if bare and (wrong := name_problem(bare)):
        raise Refused(f"{quoted(bare)} cannot be the name of the default branch: {wrong}.")
    return bare


def _change(source: Source, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(source, name, value)
    source.save(update_fields=list(fields))


def _same_server(stored_url: str, address: CloneURL) -> bool:
    try:
        return parse_clone_url(stored_url).same_server(address)
    except BuildError:
        return False


def _checked(url: str) -> CloneURL:
    try:
        address = parse_clone_url(url)
    except BuildError as error:
        raise Refused(error.message) from error
    if address.scheme == "file" and not settings.LOCAL_GIT_ROOT:
        raise Refused(
            "file:// addresses are switched off here. Whoever runs Imageyard names the folder that may be cloned from "
            "in IMAGEYARD_LOCAL_GIT_ROOT."
        )
    return address


def _new_deploy_key(repository: Repository) -> tuple[str, str]:
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return private.decode(), f"{public.decode()} imageyard:{repository.path}"
