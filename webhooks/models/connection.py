"""What we hold at forges: connections with their credentials, the repositories they see, and which one a source is."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone

from accounts.models import Namespace, Role
from builds.models import Source
from lib.fields import EncryptedTextField

SECRETS = ("token", "private_key")
"""No list needs them, and one that cannot be decrypted must not take a page with it."""


class Asked(models.TextChoices):
    """What a worker found when it last looked; `asked` until it does."""

    NEVER = "", "not asked yet"
    ASKED = "asked", "asking"
    GOOD = "good", "good"
    FAILED = "failed", "failed"


class ForgeConnectionQuerySet(models.QuerySet["ForgeConnection"]):
    def administered_by(self, user: Any) -> ForgeConnectionQuerySet:
        """Connections of the namespaces in which `user` is an admin: who holds one acts with its token."""
        return self.filter(namespace__in=Namespace.objects.with_role(user, Role.ADMIN))

    def for_page(self) -> ForgeConnectionQuerySet:
        return self.select_related("namespace").defer(*SECRETS)


class ForgeConnection(models.Model):
    """An access token of a forge, or a GitHub App's installation, that a namespace's repositories may use."""

    class Forge(models.TextChoices):
        GITHUB = "github", "GitHub"
        GITLAB = "gitlab", "GitLab"
        GITEA = "gitea", "Gitea or Forgejo"
        BITBUCKET = "bitbucket", "Bitbucket Cloud"

    class Kind(models.TextChoices):
        TOKEN = "token", "an access token"
        APP = "app", "a GitHub App"

    namespace = models.ForeignKey(Namespace, models.CASCADE, related_name="connections")
    name = models.CharField(max_length=100, help_text="To tell it from others.")
    forge = models.CharField(max_length=16, choices=Forge.choices, default=Forge.GITHUB)
    api_url = models.CharField(max_length=500, help_text="Where its API is, without a slash at the end.")
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.TOKEN)
    owner = models.CharField(
        max_length=255, blank=True, help_text="Only the repositories of this organization, group or workspace."
    )
    username = models.CharField(max_length=255, blank=True, help_text="Where the forge wants one beside the token.")
    token = EncryptedTextField(blank=True, editable=False)
    app_id = models.CharField(max_length=32, blank=True)
    installation_id = models.CharField(max_length=32, blank=True)
    private_key = EncryptedTextField(blank=True, editable=False)

    check_state = models.CharField(max_length=8, choices=Asked.choices, blank=True, editable=False)
    check_sentence = models.TextField(blank=True, editable=False)
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    list_state = models.CharField(max_length=8, choices=Asked.choices, blank=True, editable=False)
    list_sentence = models.TextField(blank=True, editable=False)
    listed_at = models.DateTimeField(null=True, blank=True, editable=False)
    # The forge is away, refuses the token, or asked to be left alone: nothing is sent before then.
    paused_until = models.DateTimeField(null=True, blank=True, editable=False)
    failures = models.PositiveSmallIntegerField(default=0, editable=False, help_text="In a row.")
    failing_sentence = models.TextField(blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ForgeConnectionQuerySet.as_manager()

    class Meta:
        ordering = ["namespace__name", "name"]
        constraints = [models.UniqueConstraint(fields=["namespace", "name"], name="one_connection_per_name")]

    def __str__(self) -> str:
        return f"{self.namespace.name}: {self.name}"

    @property
    def forge_name(self) -> str:
        """The forge in a sentence: `GitHub`."""
        return _SHORT.get(self.forge) or self.get_forge_display()


_SHORT = {"gitea": "Gitea", "bitbucket": "Bitbucket"}


class ListedRepository(models.Model):
    """A repository that a connection saw when it was last listed."""

    connection = models.ForeignKey(ForgeConnection, models.CASCADE, related_name="repositories")
    forge_id = models.CharField(max_length=64)
    full_name = models.CharField(max_length=255)
    clone_url = models.CharField(max_length=1000)
    ssh_url = models.CharField(max_length=1000, blank=True)
    default_branch = models.CharField(max_length=255, blank=True)
    is_private = models.BooleanField(default=False)
    may_admin = models.BooleanField(null=True, help_text="Whether the token may add webhooks; empty: not told.")

    class Meta:
        ordering = ["full_name"]
        verbose_name_plural = "listed repositories"
        constraints = [models.UniqueConstraint(fields=["connection", "full_name"], name="listed_once_per_connection")]

    def __str__(self) -> str:
        return self.full_name


class SourceLink(models.Model):
    """Which repository at the forge a source is, and what we installed there."""

    class Errand(models.TextChoices):
        """What a worker shall do there next."""

        NONE = "", "nothing"
        LOOK = "look", "look"
        INSTALL = "install", "install"
        MEND = "mend", "repair"
        REMOVE = "remove", "remove"

    source = models.OneToOneField(Source, models.CASCADE, related_name="forge_link")
    connection = models.ForeignKey(ForgeConnection, models.CASCADE, related_name="links")
    full_name = models.CharField(max_length=255, help_text="As the forge calls it: acme/web")
    forge_id = models.CharField(max_length=64, blank=True, editable=False)
    reports_status = models.BooleanField(
        "report commit status", default=True, help_text="Tell the forge how the builds of each commit end."
    )
    errand = models.CharField(max_length=8, choices=Errand.choices, blank=True, editable=False)
    errand_hooks = models.JSONField(default=list, editable=False, help_text="Ids of the webhooks that are meant.")
    errand_by = models.CharField(max_length=32, blank=True, default="", editable=False, help_text="Who is at it.")
    errand_by_until = models.DateTimeField(null=True, blank=True, editable=False)
    hook_id = models.CharField(max_length=64, blank=True, editable=False)
    hook_state = models.CharField(max_length=8, choices=Asked.choices, blank=True, editable=False)
    hook_sentence = models.TextField(blank=True, editable=False)
    deploy_key_id = models.CharField(max_length=64, blank=True, editable=False)
    key_sentence = models.TextField(blank=True, editable=False)
    # [{hook_id, url, problem, sentence, remedy}]: webhooks there that point to us and are not right.
    findings = models.JSONField(default=list, editable=False)
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)

    def __str__(self) -> str:
        return f"{self.full_name} ({self.connection.get_forge_display()})"
