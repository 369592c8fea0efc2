"""A registry that images are pushed to, and the account that does it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Namespace, Role
from lib.fields import EncryptedTextField
from registry.core.check import Line, read_lines
from registry.core.kinds import DEFAULT_TEMPLATE, KINDS, Kind, KindFacts, fill
from registry.core.rate import WINDOW_S, Rate


class Checked(models.TextChoices):
    """What a worker found when it last tried an account; `asked` until it did."""

    NEVER = "", "not checked yet"
    ASKED = "asked", "checking"
    GOOD = "good", "works"
    FAILED = "failed", "does not work"


class RegistryQuerySet(models.QuerySet["Registry"]):
    def for_all(self) -> RegistryQuerySet:
        """Those that superusers keep, which every namespace may use."""
        return self.filter(namespace=None)

    def kept_by(self, user: Any) -> RegistryQuerySet:
        """Those whose account `user` may change: all for a superuser, else those of the namespaces they administer."""
        if user.is_authenticated and user.is_superuser:
            return self
        return self.filter(namespace__in=Namespace.objects.with_role(user, Role.ADMIN))

    def usable_in(self, namespace: Namespace) -> RegistryQuerySet:
        """Where images of `namespace` may go: everybody's registries, and its own."""
        return self.filter(Q(namespace=None) | Q(namespace=namespace))

    def for_page(self) -> RegistryQuerySet:
        """Without the password, which no list needs, and which may not be readable any more."""
        return self.select_related("namespace").defer("password")


class Registry(models.Model):
    """A registry that images are pushed to, with one account. Its host is the first part of every image name."""

    class Scheme(models.TextChoices):
        HTTPS = "https"
        HTTP = "http"

    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(
        max_length=12, choices=[(kind.value, facts.title) for kind, facts in KINDS.items()], default=Kind.PLAIN.value
    )
    namespace = models.ForeignKey(
        Namespace,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="registries",
        help_text="Whose it is; empty: superusers keep it, and every namespace may use it.",
    )
    host = models.CharField(max_length=255, help_text="host[:port], as it stands in image names")
    scheme = models.CharField(max_length=5, choices=Scheme.choices, default=Scheme.HTTPS)
    username = models.CharField(max_length=255, blank=True)
    password = EncryptedTextField(blank=True, help_text="Password or token; encrypted at rest, never shown again.")
    is_default = models.BooleanField(default=False)
    keeps_build_tags = models.BooleanField(
        default=True,
        help_text="Push every image as build-<n> first, so that all tags of a build appear together or none does.",
    )
    path_template = models.CharField(
        max_length=255, default=DEFAULT_TEMPLATE, help_text="Where {namespace}/{name} goes there."
    )
    test_path = models.CharField(max_length=255, blank=True, help_text="A repository there on which the check tries.")
    check_state = models.CharField(max_length=8, choices=Checked.choices, blank=True, editable=False)
    check_sentence = models.TextField(blank=True, editable=False)
    check_lines = models.JSONField(default=list, editable=False, help_text="What was tried, as registry.core.check.")
    check_asked_at = models.DateTimeField(null=True, blank=True, editable=False)
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    checks_good = models.PositiveIntegerField(default=0, editable=False, help_text="Checks that passed, all told.")
    checks_failed = models.PositiveIntegerField(default=0, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="By a build.")
    last_error = models.TextField(blank=True, editable=False, help_text="Of the newest use or check that failed.")
    last_error_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Pulls that are left for the account; empty where the registry tells none.
    rate_limit = models.PositiveIntegerField(null=True, blank=True, editable=False)
    rate_remaining = models.PositiveIntegerField(null=True, blank=True, editable=False)
    rate_window_s = models.PositiveIntegerField(null=True, blank=True, editable=False)
    rate_seen_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = RegistryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "registries"
        constraints = [
            models.UniqueConstraint(fields=["host"], condition=Q(namespace=None), name="one_registry_for_all_per_host"),
            models.UniqueConstraint(fields=["namespace", "host"], name="one_registry_per_namespace_and_host"),
            models.UniqueConstraint(fields=["is_default"], condition=Q(is_default=True), name="one_default_registry"),
        ]

    def __str__(self) -> str:
        return self.host

    @property
    def is_own(self) -> bool:
        """Whether it is Imageyard's own: its tokens are signed here, its events come here, its storage is kept here."""
        is_here = settings.REGISTRY_AUTH == "token" and self.host == settings.REGISTRY_HOST
        # A namespace that enters our host as a registry of its own comes in by an account, as anybody does.
        return is_here and self.namespace_id is None

    @property
    def facts(self) -> KindFacts:
        """What registries of its kind want."""
        return KINDS[Kind(self.kind)]

    @property
    def lines(self) -> tuple[Line, ...]:
        """What the last check tried."""
        return read_lines(self.check_lines)

    @property
    def rate(self) -> Rate | None:
        """The pulls that were left when it was last asked."""
        if self.rate_limit is None or self.rate_remaining is None:
            return None
        return Rate(self.rate_limit, self.rate_remaining, self.rate_window_s or WINDOW_S)

    def path_for(self, namespace: str, name: str) -> str:
        """Where the images of a repository go there unless told otherwise."""
        return fill(self.path_template, namespace, name)
