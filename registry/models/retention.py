"""What is cleaned up by itself: the policy of a repository or a namespace, and the runs that carried one out."""

from __future__ import annotations

from datetime import time

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Namespace
from lib.errand import Errand
from registry.models.repository import Repository

RUN_BY_ITSELF = time(3, 0)
IN_USE_DAYS = 7


class RetentionPolicyQuerySet(models.QuerySet["RetentionPolicy"]):
    def in_force(self, repository: Repository) -> RetentionPolicy | None:
        """The policy that a repository obeys: its own, or the default of its namespace. One query."""
        theirs = Q(repository=repository) | Q(namespace=repository.namespace_id)
        # Its own first, an empty one included: that is how a repository leaves the default of its namespace.
        return self.filter(theirs).order_by(models.F("repository").asc(nulls_last=True)).first()


class RetentionPolicy(models.Model):
    """Which tags go by themselves, and when. Of one repository, or the default of a namespace's other repositories."""

    namespace = models.OneToOneField(Namespace, models.CASCADE, null=True, blank=True, related_name="retention_policy")
    repository = models.OneToOneField(
        Repository, models.CASCADE, null=True, blank=True, related_name="retention_policy"
    )
    rules = models.JSONField(default=list, help_text="As registry.core.retention_rules reads them.")
    in_use_days = models.PositiveSmallIntegerField(
        default=IN_USE_DAYS, help_text="A tag that was pulled within so many days is in use. 0: pulls do not count."
    )
    untagged_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Days after which an image that has no tag any more goes. Empty: it stays."
    )
    is_on = models.BooleanField(default=True, help_text="Whether it runs by itself.")
    run_at = models.TimeField(default=RUN_BY_ITSELF, help_text="When, every day.")
    zone = models.CharField(max_length=64, default="UTC", help_text="IANA time zone of that.")
    next_run_at = models.DateTimeField(null=True, blank=True, editable=False, db_index=True)
    # Raised whenever what goes may change: the first run by schedule waits until somebody has seen what would go.
    revision = models.PositiveIntegerField(default=1, editable=False)
    changed_by = models.CharField(max_length=150, blank=True, editable=False)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)
    seen_revision = models.PositiveIntegerField(default=0, editable=False)
    seen_by = models.CharField(max_length=150, blank=True, editable=False)
    seen_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = RetentionPolicyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "retention policies"
        constraints = [
            models.CheckConstraint(
                condition=Q(namespace=None, repository__isnull=False) | Q(namespace__isnull=False, repository=None),
                name="policy_of_a_repository_or_a_namespace",
            ),
        ]

    def __str__(self) -> str:
        return f"clean-up of {self.repository or self.namespace}"


class RetentionRun(Errand):
    """One look at the tags of a repository by a policy, and what was done. One at a time for each repository."""

    class State(models.TextChoices):
        ASKED = "asked"
        CHOOSING = "choosing"
        DELETING = "deleting"
        DONE = "done"
        FAILED = "failed"

    repository = models.ForeignKey(Repository, models.CASCADE, related_name="retention_runs")
    policy = models.ForeignKey(RetentionPolicy, models.SET_NULL, null=True, related_name="runs")
    revision = models.PositiveIntegerField(default=0, help_text="Of the policy when it was asked for.")
    is_dry = models.BooleanField(default=False, help_text="A look only: nothing is deleted.")
    by = models.CharField(max_length=150, blank=True, help_text="Who asked for it; empty where its schedule did.")
    state = models.CharField(max_length=8, choices=State.choices, default=State.ASKED)
    sentence = models.TextField(blank=True, help_text="What came of it, what it waits for, or why it failed.")
    total = models.PositiveIntegerField(default=0, help_text="Tags that were looked at.")
    going = models.PositiveIntegerField(default=0, help_text="Tags that the policy chose; each is a TagDeletion.")
    reasons = models.JSONField(default=list, help_text="[[goes, why, how many tags], …]")
    freed_bytes = models.BigIntegerField(null=True, blank=True, help_text="An estimate, before anything is collected.")

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["repository"],
                condition=Q(state__in=["asked", "choosing", "deleting"]),
                name="one_retention_run_at_a_time",
            ),
        ]
        indexes = [
            models.Index(fields=["repository", "-asked_at"], name="retention_runs_of_repository"),
            models.Index(
                fields=["not_before"], condition=Q(state__in=["asked", "choosing", "deleting"]), name="retention_to_do"
            ),
        ]

    def __str__(self) -> str:
        return f"clean-up of {self.repository_id}, {self.asked_at:%Y-%m-%d %H:%M}"

    @property
    def is_open(self) -> bool:
        return self.state in (self.State.ASKED, self.State.CHOOSING, self.State.DELETING)
