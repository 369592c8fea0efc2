"""Image repositories."""

from __future__ import annotations

from typing import Any

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership, Namespace, Role
from registry.models.registry import Registry

REPOSITORY_NAME = RegexValidator(
    r"\A[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*\Z",
    "A repository name is lower-case letters and digits, with single dots, underscores or dashes between them.",
)


class RepositoryQuerySet(models.QuerySet["Repository"]):
    def visible_to(self, user: Any) -> RepositoryQuerySet:
        """Public ones for everybody; private ones for members of the namespace; all for a superuser."""
        if user.is_authenticated and user.is_superuser:
            return self
        mine = Q(visibility=Repository.Visibility.PUBLIC)
        if user.is_authenticated:
            mine |= Q(namespace__in=Membership.objects.filter(user=user).values("namespace_id"))
        return self.filter(mine)

    def writable_by(self, user: Any, role: Role = Role.WRITE) -> RepositoryQuerySet:
        """The repositories in whose namespace `user` has at least `role`."""
        return self.filter(namespace__in=Namespace.objects.with_role(user, role))


class Repository(models.Model):
    """An image repository, `acme/web`."""

    class Visibility(models.TextChoices):
        PRIVATE = "private"
        PUBLIC = "public"

    namespace = models.ForeignKey(Namespace, models.PROTECT, related_name="repositories")
    name = models.CharField(max_length=128, validators=[REPOSITORY_NAME])
    description = models.CharField(max_length=200, blank=True)
    readme = models.TextField(blank=True, editable=False, help_text="Markdown of the newest build, as it came.")
    shows_readme = models.BooleanField(
        "README as overview", default=True, help_text="Show the README of the newest build of the default branch."
    )
    syncs_description = models.BooleanField(
        "description from the README", default=False, help_text="Take its first sentence over with each build."
    )
    badge_revision = models.PositiveSmallIntegerField(default=0, editable=False, help_text="Raised: old addresses end.")
    visibility = models.CharField(max_length=8, choices=Visibility.choices, default=Visibility.PRIVATE)
    registry = models.ForeignKey(Registry, models.PROTECT, related_name="repositories")
    remote_path = models.CharField(
        max_length=255, blank=True, help_text="Where its images are in the registry; empty: by the same name."
    )
    fixed_tags = models.TextField(blank=True, help_text="Tags that never move: one name or /pattern/ a line.")
    pulls = models.PositiveBigIntegerField(default=0, editable=False, help_text="By tag or digest, by people.")
    last_pulled_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # The lock under which tags move: held for the seconds of a publication, taken by conditional update.
    publish_lock = models.CharField(max_length=64, blank=True, editable=False)
    publish_lock_until = models.DateTimeField(null=True, blank=True, editable=False)

    objects = RepositoryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "repositories"
        ordering = ["namespace__name", "name"]
        constraints = [models.UniqueConstraint(fields=["namespace", "name"], name="repository_name_is_taken")]

    def __str__(self) -> str:
        return self.path

    def get_absolute_url(self) -> str:
        return reverse("repository", args=[self.namespace.name, self.name])

    @property
    def path(self) -> str:
        """`acme/web`; needs the namespace loaded."""
        return f"{self.namespace.name}/{self.name}"

    @property
    def registry_path(self) -> str:
        """What the registry calls it: `acme/web`, or `example-org/web` where it goes by another name there."""
        return self.remote_path or self.path

    @property
    def image(self) -> str:
        """The image name without a tag, `127.0.0.1:5000/acme/web`; needs namespace and registry loaded."""
        return f"{self.registry.host}/{self.registry_path}"
