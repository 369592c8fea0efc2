"""Registries, the image repositories in them, and their tags with the history of where each pointed."""

from __future__ import annotations

from typing import Any

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership, Namespace, Role
from lib.fields import EncryptedTextField
from registry.core.tag_key import BUILD, LONGEST, VERSION, tag_key

REPOSITORY_NAME = RegexValidator(
    r"\A[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*\Z",
    "A repository name is lower-case letters and digits, with single dots, underscores or dashes between them.",
)


class Registry(models.Model):
    """A registry that images are pushed to. Its host is the first part of every image name."""

    class Scheme(models.TextChoices):
        HTTPS = "https"
        HTTP = "http"

    name = models.CharField(max_length=100, unique=True)
    host = models.CharField(max_length=255, unique=True, help_text="host[:port], as it stands in image names")
    scheme = models.CharField(max_length=5, choices=Scheme.choices, default=Scheme.HTTPS)
    username = models.CharField(max_length=255, blank=True)
    password = EncryptedTextField(blank=True, help_text="Password or token; encrypted at rest, never shown again.")
    is_default = models.BooleanField(default=False)
    keeps_build_tags = models.BooleanField(
        default=True,
        help_text="Push every image as build-<n> first, so that all tags of a build appear together or none does.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name_plural = "registries"
        constraints = [
            models.UniqueConstraint(fields=["is_default"], condition=Q(is_default=True), name="one_default_registry"),
        ]

    def __str__(self) -> str:
        return self.host


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
    fixed_tags = models.TextField(blank=True, help_text="Tags that never move: one name or /pattern/ a line.")
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
    def image(self) -> str:
        """The image name without a tag, `127.0.0.1:5000/acme/web`; needs namespace and registry loaded."""
        return f"{self.registry.host}/{self.path}"


class TagKeyField(models.BinaryField):  # type: ignore[type-arg]
    """`registry.core.tag_key` of the row's name, whichever way the row is made."""

    def pre_save(self, model_instance: models.Model, add: bool) -> bytes:  # noqa: ARG002 — as Django calls it
        key = tag_key(str(getattr(model_instance, "name")))  # noqa: B009 — any model with a name
        setattr(model_instance, self.attname, key)
        return key


_IS_BUILD_TAG = Q(version_key__gte=BUILD, version_key__lt=VERSION)


class TagQuerySet(models.QuerySet["Tag"]):
    def of_builds(self) -> TagQuerySet:
        """The builds' own tags, `build-<n>`, which never move."""
        return self.filter(_IS_BUILD_TAG)

    def floating(self) -> TagQuerySet:
        """All others."""
        return self.exclude(_IS_BUILD_TAG)


class Tag(models.Model):
    """Where a tag points now, as we last put it or saw it. Build numbers are numbers: this room knows no builds."""

    repository = models.ForeignKey(Repository, models.CASCADE, related_name="tags")
    name = models.CharField(max_length=128)
    version_key = TagKeyField(max_length=LONGEST, default=b"", editable=False)
    digest = models.CharField(max_length=128)
    media_type = models.CharField(max_length=128, blank=True)
    size_bytes = models.BigIntegerField(null=True, blank=True, help_text="Compressed layers and config, each once.")
    build_number = models.PositiveIntegerField(null=True, blank=True)
    pushed_at = models.DateTimeField(default=timezone.now)
    held_by = models.CharField(max_length=150, blank=True, help_text="Who holds it: no build moves it meanwhile.")
    held_since = models.DateTimeField(null=True, blank=True)

    objects = TagQuerySet.as_manager()

    class Meta:
        ordering = ["-pushed_at", "name"]
        constraints = [models.UniqueConstraint(fields=["repository", "name"], name="tag_name_is_taken")]
        indexes = [
            models.Index(fields=["repository", "digest"]),
            models.Index(fields=["repository", "-version_key", "name"], name="tags_by_version"),
            models.Index(fields=["repository", "-pushed_at", "name"], name="tags_by_age"),
        ]

    def __str__(self) -> str:
        return self.name


class TagMove(models.Model):
    """One move of a tag, or a move that was refused. History: written once, never changed."""

    class Kind(models.TextChoices):
        BUILD = "build"
        ROLLBACK = "rollback", "roll back"  # to what the tag had before
        PROMOTE = "promote"  # to an image that it never had

    repository = models.ForeignKey(Repository, models.CASCADE, related_name="tag_moves")
    tag = models.CharField(max_length=128)
    at = models.DateTimeField(default=timezone.now, editable=False)
    from_digest = models.CharField(max_length=128, blank=True)
    to_digest = models.CharField(max_length=128)
    build_number = models.PositiveIntegerField(null=True, blank=True)
    moved = models.BooleanField(default=True, help_text="False where the tag was not moved; the sentence says why.")
    sentence = models.CharField(max_length=300, blank=True)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.BUILD)
    by = models.CharField(max_length=150, blank=True, help_text="The person who moved it; empty where a build did.")

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["repository", "tag", "-at"])]

    def __str__(self) -> str:
        return f"{self.tag} → {self.to_digest[:19]}"
