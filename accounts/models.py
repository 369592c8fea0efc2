"""Who is who: users, namespaces, membership with roles, API tokens, and the audit of who changed what."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

NAMESPACE_NAME = RegexValidator(
    r"\A[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*\Z",
    "A namespace is lower-case letters and digits, with single dots, underscores or dashes between them.",
)


# Who acts where nobody does: the name stands in histories and in the registry's notifications.
OWN_NAME = "imageyard"


class User(AbstractUser):
    """A person or a robot. Superusers administrate the whole Imageyard.

    A robot is the account of a machine, `acme+deploy`. It belongs to a namespace, has a membership in it alone (read or
    write), and comes in by its tokens only. One that was removed stays as a row, for the histories that name it.
    """

    robot_of = models.ForeignKey(
        "Namespace", models.CASCADE, null=True, blank=True, editable=False, related_name="robots"
    )
    robot_note = models.CharField("what it is for", max_length=200, blank=True)
    robot_removed_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(robot_of=None) | Q(is_superuser=False, is_staff=False),
                name="robots_administrate_nothing",
                violation_error_message="A robot cannot be an administrator or log in to these pages.",
            ),
        ]

    @property
    def is_robot(self) -> bool:
        return self.robot_of_id is not None

    def check_password(self, raw_password: str | None) -> bool:
        """A robot has none, even if somebody gives it one: this is asked wherever a password opens something."""
        return not self.is_robot and super().check_password(raw_password)

    def clean(self) -> None:
        """A person cannot take a name that reads as a robot's, or as Imageyard's own."""
        super().clean()
        names = User.objects.filter(pk=self.pk).values_list("username", flat=True)
        if self.is_robot or self.username in names:
            return
        if "+" in self.username:
            raise ValidationError({"username": "Names with “+” are those of robots. Choose one without it."})
        if self.username.lower() == OWN_NAME:
            raise ValidationError({"username": f"“{OWN_NAME}” stands in histories for what it does by itself."})


class Role(models.IntegerChoices):
    """What a member may do in a namespace; each role includes the ones below it."""

    READ = 10, "read"
    WRITE = 20, "write"
    ADMIN = 30, "admin"
    OWNER = 40, "owner"


class NamespaceQuerySet(models.QuerySet["Namespace"]):
    def with_role(self, user: Any, role: Role) -> NamespaceQuerySet:
        """The namespaces in which `user` has at least `role`; all of them for a superuser, none for a stranger."""
        if not user.is_authenticated:
            return self.none()
        if user.is_superuser:
            return self
        mine = Membership.objects.filter(user=user, role__gte=role).values("namespace_id")
        return self.filter(pk__in=mine)


class Namespace(models.Model):
    """A user or an organization: the `acme` of `acme/web`."""

    class Kind(models.TextChoices):
        USER = "user"
        ORGANIZATION = "organization"

    name = models.CharField(max_length=64, unique=True, validators=[NAMESPACE_NAME])
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.ORGANIZATION)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, through="Membership", related_name="namespaces")

    objects = NamespaceQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A user's role in a namespace."""

    namespace = models.ForeignKey(Namespace, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.PositiveSmallIntegerField(choices=Role.choices, default=Role.READ)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["namespace", "user"], name="one_role_per_member")]

    def __str__(self) -> str:
        return f"{self.user} is {self.get_role_display()} of {self.namespace}"

    def clean(self) -> None:
        """A robot is in its own namespace alone, and never more than a writer there."""
        robot = User.objects.filter(pk=self.user_id).exclude(robot_of=None).first()
        if robot is not None and (robot.robot_of_id != self.namespace_id or self.role > Role.WRITE):
            raise ValidationError("A robot has the read or write role in its own namespace, and no other.")


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self, now: datetime) -> ApiTokenQuerySet:
        """Tokens that are neither revoked nor expired, of users who may still log in."""
        return self.living(now).filter(user__is_active=True)

    def living(self, now: datetime) -> ApiTokenQuerySet:
        """Tokens that are neither revoked nor expired, whatever becomes of their users."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None)


class ApiToken(models.Model):
    """A key to the API and the registry, or to the registry alone. Only its SHA-256 is kept; it is shown once."""

    class Scope(models.TextChoices):
        FULL = "full", "API and registry"
        PUSH = "push", "registry: pull and push"
        PULL = "pull", "registry: pull"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    scope = models.CharField(max_length=8, choices=Scope.choices, default=Scope.FULL)
    repositories = models.JSONField(
        default=list, blank=True, help_text="Paths (`acme/web`) that it is limited to; empty: all that its user may."
    )
    prefix = models.CharField(max_length=12, editable=False, help_text="Its first characters, to tell it apart.")
    sha256 = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.name})"

    def covers(self, path: str) -> bool:
        """Whether it may be used for the repository `acme/web`; what its user may do there is another question."""
        return not self.repositories or path in self.repositories


class AuditEntry(models.Model):
    """Who changed what, when. Written by actions, never changed."""

    at = models.DateTimeField(default=timezone.now, editable=False, db_index=True)
    actor = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, editable=False)
    action = models.CharField(max_length=64, editable=False)
    target = models.CharField(max_length=300, editable=False)
    detail = models.TextField(blank=True, editable=False)

    class Meta:
        ordering = ["-at", "-pk"]
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.actor or 'Imageyard'}: {self.action} {self.target}"


ROLE_NAMES = {str(role.label): role for role in Role}
