"""Sources and their build rules: where the code comes from, and which refs make which tags."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from builds.core.rules import RuleSpec
from lib.crypto import new_secret
from lib.fields import EncryptedTextField
from registry.models import Repository


class Source(models.Model):
    """The Git repository linked to an image repository. Its id is part of the webhook address."""

    class Forge(models.TextChoices):
        GITHUB = "github", "GitHub"
        GITLAB = "gitlab", "GitLab"
        GITEA = "gitea", "Gitea or Forgejo"
        BITBUCKET = "bitbucket", "Bitbucket"
        GENERIC = "generic", "another Git server"

    class PullRequests(models.TextChoices):
        OFF = "off", "none"
        SAME = "same", "those of branches of this repository"
        FORKS = "forks", "those of forks too, once a member approves"

    class RulesFrom(models.TextChoices):
        PAGE = "page", "the Rules page"
        FILE = "file", "the file `.imageyard.yml`"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    repository = models.OneToOneField(Repository, models.CASCADE, related_name="source")
    forge = models.CharField(max_length=16, choices=Forge.choices, default=Forge.GITHUB)
    clone_url = models.CharField(max_length=1000, help_text="https://, ssh:// or git@host:path; without credentials.")
    default_branch = models.CharField(max_length=255, blank=True, help_text="Empty: as the forge says.")
    username = models.CharField(max_length=255, blank=True, help_text="User name for https, where the forge wants one.")
    token = EncryptedTextField(blank=True, help_text="Access token for https. Encrypted at rest, never shown again.")
    deploy_key = EncryptedTextField(blank=True, editable=False)
    deploy_key_public = models.TextField(blank=True, editable=False)
    ssh_known_hosts = models.TextField(blank=True, help_text="Host keys that are trusted, as in known_hosts.")
    webhook_secret = EncryptedTextField(default=new_secret, editable=False)
    submodules = models.BooleanField(default=True)
    lfs = models.BooleanField("Git LFS", default=False, help_text="Fetch the content of Git LFS files.")
    keeps_git_dir = models.BooleanField(default=False, help_text="Send .git with the context (for `git describe`).")
    # What the forge calls its repository; survives renames (field case W13).
    forge_repository_id = models.CharField(max_length=64, blank=True, editable=False)
    forge_full_name = models.CharField(max_length=255, blank=True, editable=False)
    connected_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="First good delivery.")
    last_delivery_at = models.DateTimeField(null=True, blank=True, editable=False)
    pull_requests = models.CharField(
        max_length=8,
        choices=PullRequests.choices,
        default=PullRequests.OFF,
        help_text="Whose pull requests are tested.",
    )
    autotest = models.BooleanField(
        default=True, help_text="Run every `*.test.yml` beside the Dockerfile after the build and before the tags move."
    )
    hooks_trusted = models.BooleanField(
        default=False, help_text="Run the scripts of `hooks/`. Only an administrator of the server switches this on."
    )
    rebuild_on_base = models.BooleanField(
        default=False, help_text="Build anew when a base image of the newest build moves."
    )
    rules_from = models.CharField(max_length=8, choices=RulesFrom.choices, default=RulesFrom.PAGE)
    rules_file = models.JSONField(
        default=dict, editable=False, help_text="What the newest `.imageyard.yml` said: {commit, read_at, problems}."
    )
    parallel_builds = models.PositiveSmallIntegerField(default=1, help_text="Builds of this repository at once.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # What a worker found when it last looked: no page and no request ever asks Git itself.
    probe_state = models.CharField(max_length=8, blank=True, editable=False, help_text="asked, good or failed")
    probe_sentence = models.TextField(blank=True, editable=False)
    probed_at = models.DateTimeField(null=True, blank=True, editable=False)
    refs = models.JSONField(default=list, editable=False, help_text="[{type, name, commit}], newest probe")

    def __str__(self) -> str:
        return self.clone_url


class BuildRule(models.Model):
    """Ref pattern → Dockerfile, context, target, tags. The pure half is `builds.core.rules.RuleSpec`."""

    class RefType(models.TextChoices):
        BRANCH = "branch"
        TAG = "tag"
        PULL_REQUEST = "pull_request", "pull request"

    source = models.ForeignKey(Source, models.CASCADE, related_name="rules")
    position = models.PositiveSmallIntegerField(default=0)
    ref_type = models.CharField(max_length=16, choices=RefType.choices, default=RefType.BRANCH)
    pattern = models.CharField(max_length=500, help_text="An exact name, or /a regular expression/ (RE2, unanchored).")
    tags = models.JSONField(default=list, help_text='Tag templates: ["latest", "{sourceref}"]')
    dockerfile = models.CharField(max_length=500, default="Dockerfile")
    context = models.CharField(max_length=500, default=".")
    target = models.CharField(max_length=128, blank=True)
    platforms = models.JSONField(default=list, blank=True)
    build_args = models.JSONField(default=dict, blank=True, help_text="Visible in the image and in logs; no secrets.")
    autobuild = models.BooleanField(default=True)
    cache = models.BooleanField(default=True)
    supersedes_running = models.BooleanField(default=False, help_text="A newer push stops a running build too.")
    timeout_s = models.PositiveIntegerField(null=True, blank=True, help_text="Seconds; empty: as the server says.")
    paths_include = models.JSONField(default=list, blank=True, help_text="Globs: a push must touch one of them.")
    paths_exclude = models.JSONField(default=list, blank=True, help_text="Globs: paths that do not count.")
    examples = models.JSONField(default=list, blank=True, help_text="[{ref_type, ref, tags}]: the rule's own tests.")
    schedule = models.CharField(max_length=100, blank=True, help_text="Five cron fields; empty: only pushes build.")
    schedule_zone = models.CharField(max_length=64, blank=True, default="UTC", help_text="IANA time zone.")
    schedule_next_at = models.DateTimeField(null=True, blank=True, editable=False, db_index=True)
    # In a row, counted since the last success: a rule that only fails is paused, and its owner is told.
    user_failures = models.PositiveSmallIntegerField(default=0, editable=False)
    platform_failures = models.PositiveSmallIntegerField(default=0, editable=False)
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    paused_reason = models.CharField(max_length=300, blank=True, editable=False)

    class Meta:
        ordering = ["position", "pk"]
        indexes = [
            models.Index(fields=["-paused_at"], condition=models.Q(paused_at__isnull=False), name="rules_paused")
        ]

    def __str__(self) -> str:
        return f"{self.get_ref_type_display()} {self.pattern}"

    @property
    def spec(self) -> RuleSpec:
        """The rule as the pure core reads it."""
        return RuleSpec(
            id=self.pk,
            ref_type=self.ref_type,  # type: ignore[arg-type]  # choices are exactly RefType
            pattern=self.pattern,
            tags=tuple(self.tags),
            dockerfile=self.dockerfile,
            context=self.context,
            target=self.target,
            platforms=tuple(self.platforms),
            build_args=dict(self.build_args),
            autobuild=self.autobuild,
            cache=self.cache,
            paths_include=tuple(self.paths_include),
            paths_exclude=tuple(self.paths_exclude),
            paused=f"{self.paused_at:%Y-%m-%d %H:%M} UTC: {self.paused_reason}" if self.paused_at else "",
        )
