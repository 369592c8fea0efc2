"""Builds, their steps, and the outbox of what happened to them. State changes only in builds.actions."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from builds.core.errors import ErrorKind
from builds.core.states import ACTIVE, FINAL, State
from builds.models.source import BuildRule, Source
from registry.models import Repository

STATES = [(state.value, state.value) for state in State]


# A worker died while it put the tags: some may have moved, and only another attempt can make it all or none.
HALF_PUBLISHED = Q(publication__has_key="tags")


def is_half_published(build: Build) -> bool:
    return "tags" in build.publication


class BuildSequence(models.Model):
    """The last build number of a repository; numbers are never used twice, even when builds are deleted."""

    repository = models.OneToOneField(Repository, models.CASCADE, related_name="build_sequence")
    last = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.repository} #{self.last}"


class BuildQuerySet(models.QuerySet["Build"]):
    def visible_to(self, user: Any) -> BuildQuerySet:
        """Builds of the repositories that `user` may see."""
        if user.is_authenticated and user.is_superuser:
            return self
        return self.filter(repository__in=Repository.objects.visible_to(user))

    def active(self) -> BuildQuerySet:
        return self.filter(state__in=ACTIVE)

    def final(self) -> BuildQuerySet:
        return self.filter(state__in=FINAL)

    def for_page(self) -> BuildQuerySet:
        """With what a row on a page names, in one query."""
        return self.select_related("repository__namespace", "repository__registry", "rule", "source")

    def the_one(self, **of: Any) -> Build | None:
        """Where at most one is left: `first()` would sort it, which takes half as long again as finding it."""
        return next(iter(self.filter(**of).order_by()[:1]), None)


class Build(models.Model):
    """One run of one rule on one commit. `plan` is the rule as it was when the build was asked for."""

    class Cause(models.TextChoices):
        MANUAL = "manual"
        PUSH = "push"
        PULL_REQUEST = "pull_request", "pull request"
        BASE_IMAGE = "base_image", "base image"
        SCHEDULE = "schedule"
        RETRY = "retry"
        TRIGGER = "trigger", "trigger token"
        CATCH_UP = "catch_up", "catch-up"
        BACK_FILL = "back_fill", "back-fill"

    class Priority(models.IntegerChoices):
        """Smaller goes first."""

        MANUAL = 10
        PUSH = 20
        PULL_REQUEST = 30
        BASE_IMAGE = 40
        SCHEDULE = 50

    repository = models.ForeignKey(Repository, models.CASCADE, related_name="builds")
    source = models.ForeignKey(Source, models.SET_NULL, null=True, related_name="builds")
    rule = models.ForeignKey(BuildRule, models.SET_NULL, null=True, blank=True, related_name="builds")
    number = models.PositiveIntegerField(editable=False)
    plan = models.JSONField(default=dict, editable=False, help_text="The rule as it was, and the tags it makes.")

    ref_type = models.CharField(max_length=16, choices=BuildRule.RefType.choices)
    ref = models.CharField(max_length=255)
    commit = models.CharField(max_length=64, blank=True, db_index=True, help_text="Empty until the checkout knows it.")
    before = models.CharField(max_length=64, blank=True, help_text="Where the ref pointed before the push.")
    commit_message = models.TextField(blank=True)
    commit_author = models.CharField(max_length=255, blank=True)
    forced = models.BooleanField(default=False, help_text="The push that caused it rewrote history.")

    cause = models.CharField(max_length=16, choices=Cause.choices, default=Cause.PUSH)
    cause_detail = models.CharField(max_length=300, blank=True, help_text="Who or what, in words.")
    delivery_id = models.UUIDField(null=True, blank=True, db_index=True, help_text="The delivery that caused it.")
    retry_of = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="retries")
    priority = models.PositiveSmallIntegerField(choices=Priority.choices, default=Priority.PUSH)

    pull_request = models.JSONField(
        default=dict,
        editable=False,
        help_text="{number, title, url, author, head_repository, head_ref, base_ref, fork}",
    )
    untrusted = models.BooleanField(
        default=False, editable=False, help_text="Of a stranger's code: no secrets, no hooks, no shared cache."
    )
    hold = models.CharField(
        max_length=16, blank=True, editable=False, help_text="approval: no worker takes it before a member says so."
    )
    hold_until = models.DateTimeField(null=True, blank=True, editable=False, help_text="When the question expires.")
    approved_by = models.CharField(max_length=150, blank=True, editable=False)
    approved_at = models.DateTimeField(null=True, blank=True, editable=False)
    # A skipped build is `cancelled` by Imageyard itself; this tells why, and that nobody stopped it.
    skip_reason = models.CharField(max_length=300, blank=True, editable=False)

    state = models.CharField(max_length=16, choices=STATES, default=State.QUEUED, db_index=True)
    attempt = models.PositiveSmallIntegerField(default=0, help_text="How many times a worker has claimed it.")
    platform_failures = models.PositiveSmallIntegerField(default=0)
    space_failures = models.PositiveSmallIntegerField(default=0, help_text="How often it met a full disk.")
    worker = models.CharField(max_length=255, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(default=timezone.now, help_text="Waits until then: backoff after a fault.")
    wait_reason = models.CharField(max_length=300, blank=True, help_text="Why it waits again, in words.")
    deadline_at = models.DateTimeField(null=True, blank=True)
    timeout_s = models.PositiveIntegerField(default=3600)

    queued_at = models.DateTimeField(default=timezone.now, db_index=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    cancelled_by = models.CharField(max_length=150, blank=True)
    cancel_reason = models.CharField(max_length=300, blank=True)
    superseded_by = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="supersedes")

    error_kind = models.CharField(max_length=16, blank=True, choices=[(kind.value, kind.value) for kind in ErrorKind])
    error_message = models.TextField(blank=True)
    error_step = models.CharField(max_length=500, blank=True)
    error_line = models.PositiveIntegerField(null=True, blank=True, help_text="Line of the Dockerfile, from 1.")

    tags = models.JSONField(default=list, editable=False, help_text="Names that were put, build tag first.")
    moves = models.JSONField(default=list, editable=False, help_text="[{tag, moved, sentence}] of the publication.")
    publication = models.JSONField(default=dict, editable=False, help_text="{digest, tags?}: begun, not finished.")
    digest = models.CharField(max_length=128, blank=True, db_index=True)
    size_bytes = models.BigIntegerField(null=True, blank=True)
    base_images = models.JSONField(default=list, editable=False, help_text="[{name, digest, platform}]")
    warnings = models.JSONField(default=list, editable=False)
    tests = models.JSONField(default=list, editable=False, help_text="[{file, state, seconds, sentence}]")
    steps_total = models.PositiveSmallIntegerField(default=0)
    # What lists and charts of many builds need; the whole is in the BuildRecord. FROM counts for neither.
    steps_cacheable = models.PositiveSmallIntegerField(null=True, blank=True, editable=False)
    steps_cached = models.PositiveSmallIntegerField(null=True, blank=True, editable=False)
    saved_s = models.FloatField(null=True, blank=True, editable=False, help_text="Seconds that the cache saved.")
    # Of the first failure after a success, and of the first success after a failure, of the same rule and ref.
    turn = models.CharField(max_length=8, null=True, editable=False, choices=[("broke", "broke"), ("mended", "mended")])
    failure_key = models.CharField(
        max_length=64, blank=True, editable=False, help_text="The same for failures alike, in one repository."
    )

    log_bytes = models.BigIntegerField(default=0)
    log_lines = models.BigIntegerField(default=0)
    log_clipped = models.CharField(max_length=300, blank=True, help_text="Why the log is not whole, in words.")

    objects = BuildQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["repository", "number"], name="build_number_is_taken"),
            # One push makes one build, however often and under however many ids it is delivered (field case W09).
            models.UniqueConstraint(
                fields=["rule", "ref_type", "ref", "commit"],
                condition=Q(cause="push", state__in=sorted(ACTIVE), cancel_requested_at=None) & ~Q(commit=""),
                name="one_active_build_per_pushed_commit",
            ),
        ]
        indexes = [
            models.Index(fields=["priority", "queued_at"], condition=Q(state="queued"), name="build_queue"),
            models.Index(fields=["repository", "-number"]),
            models.Index(fields=["rule", "ref_type", "ref", "state"]),
            models.Index(fields=["lease_until"], condition=~Q(lease_until=None), name="build_leases"),
            models.Index(
                fields=["repository", "failure_key", "-number"], condition=~Q(failure_key=""), name="failures_alike"
            ),
            # What ended lately, for the success rate of a repository and the pace of the workers; and what turned.
            models.Index(fields=["repository", "finished_at", "state"], name="ended_of_repository"),
            models.Index(fields=["finished_at"], condition=Q(finished_at__isnull=False), name="ended_lately"),
            models.Index(fields=["turn", "finished_at"], condition=Q(turn__isnull=False), name="turned_lately"),
        ]

    def __str__(self) -> str:
        return f"{self.repository} #{self.number}"

    def get_absolute_url(self) -> str:
        namespace, name = self.repository.path.split("/")
        return reverse("build", args=[namespace, name, self.number])

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    @property
    def is_pushed(self) -> bool:
        """Whether its image goes to the registry; that of a fork's pull request is built and tested only."""
        return not self.untrusted or self.pull_request.get("fork") is False

    @property
    def cause_sentence(self) -> str:
        """Why it was asked for, in one phrase: "pushed by octo", "manual by wendy", "schedule: every day at 03:00"."""
        cause, detail = self.get_cause_display().lower(), self.cause_detail
        if not detail or detail.startswith((cause, "force-pushed")):
            return detail or cause
        return f"{cause} {detail}" if detail.startswith("by ") else f"{cause}: {detail}"

    @property
    def build_tag(self) -> str:
        """The tag that every successful build gets first and that never moves."""
        return f"build-{self.number}"


class Step(models.Model):
    """One step of one attempt: the checkout, a BuildKit vertex, or the publication."""

    class State(models.TextChoices):
        PENDING = "pending"  # announced; still so at the end means never reached
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    build = models.ForeignKey(Build, models.CASCADE, related_name="steps")
    attempt = models.PositiveSmallIntegerField()
    index = models.PositiveSmallIntegerField()
    vertex = models.CharField(max_length=128, blank=True, help_text="BuildKit's digest; empty for our own steps.")
    name = models.TextField()
    internal = models.BooleanField(default=False)
    state = models.CharField(max_length=16, choices=State.choices, default=State.PENDING)
    cached = models.BooleanField(default=False)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    duration_s = models.FloatField(null=True, blank=True, help_text="Sum of its intervals, in seconds.")
    error = models.TextField(blank=True)
    dockerfile_line = models.PositiveIntegerField(null=True, blank=True)
    layer_bytes = models.BigIntegerField(null=True, blank=True, help_text="Compressed size of the layer it made.")
    lines = models.BigIntegerField(default=0)
    size_bytes = models.BigIntegerField(default=0)
    inputs = models.JSONField(default=list, editable=False, help_text="Indexes of the steps whose result it takes.")
    intervals = models.JSONField(default=list, editable=False, help_text="[[begin, end | null]], seconds since 1970.")
    transfers = models.JSONField(default=list, editable=False, help_text="[{id, current, total}], bytes, as it ended.")
    operation = models.CharField(max_length=8, blank=True, editable=False, help_text="source, exec, file, …")
    fingerprint = models.CharField(max_length=64, blank=True, editable=False, help_text="Of the operation alone.")
    paths = models.JSONField(default=list, editable=False, help_text="What a COPY takes.")
    dockerfile_lines = models.JSONField(default=list, editable=False, help_text="All its lines, from 1.")

    class Meta:
        ordering = ["build", "attempt", "index"]
        constraints = [models.UniqueConstraint(fields=["build", "attempt", "index"], name="one_step_per_index")]

    def __str__(self) -> str:
        return self.name


class BuildEvent(models.Model):
    """The outbox: written in the transaction of the state change, read by rooms above."""

    build = models.ForeignKey(Build, models.CASCADE, related_name="events")
    at = models.DateTimeField(default=timezone.now, editable=False)
    kind = models.CharField(max_length=32, help_text="queued, claimed, state, finished, …")
    attempt = models.PositiveSmallIntegerField(default=0)
    detail = models.JSONField(default=dict)
    handled_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.build_id}: {self.kind}"
