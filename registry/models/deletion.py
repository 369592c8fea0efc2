"""Tags that are to go: what a person or a policy asked for, and what became of it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from lib.errand import Errand
from registry.models.repository import Repository
from registry.models.retention import RetentionRun
from registry.models.tag import DIGEST, TagMove


class TagDeletion(Errand):
    """One tag to be taken away, as long as it has `digest`; one at a time for each tag. A worker does it."""

    class State(models.TextChoices):
        LISTED = "listed"  # by a dry run: it would go
        ASKED = "asked"
        DOING = "doing"
        DONE = "done"
        LEFT = "left"  # it moved, or somebody wants it: it was left alone
        FAILED = "failed"

    repository = models.ForeignKey(Repository, models.CASCADE, related_name="tag_deletions")
    run = models.ForeignKey(RetentionRun, models.CASCADE, null=True, blank=True, related_name="deletions")
    tag = models.CharField(max_length=128)
    digest = models.CharField(max_length=DIGEST, help_text="Where the tag pointed when it was asked.")
    build_number = models.PositiveIntegerField(null=True, blank=True)
    kind = models.CharField(max_length=12, choices=TagMove.Kind.choices, default=TagMove.Kind.DELETE)
    why = models.CharField(max_length=300, blank=True, help_text="The sentence of the rule that chose it.")
    by = models.CharField(max_length=150, blank=True, help_text="Who asked for it; empty where a policy did.")
    # Known before the registry is: a worker that died in the middle is followed by one that knows what it left.
    mark = models.CharField(max_length=32, help_text="In the manifest that stands in for the tag's own, in the end.")
    state = models.CharField(max_length=8, choices=State.choices, default=State.ASKED)
    sentence = models.TextField(blank=True, help_text="What it waits for, what was done, or why not.")

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["repository", "tag"],
                condition=Q(state__in=["asked", "doing"]),
                name="one_deletion_at_a_time_per_tag",
            ),
        ]
        indexes = [
            models.Index(fields=["run", "state", "tag"], name="tag_deletions_of_run"),
            models.Index(fields=["not_before"], condition=Q(state__in=["asked", "doing"]), name="tag_deletions_to_do"),
        ]

    def __str__(self) -> str:
        return f"{self.tag} of {self.repository_id} is to go"

    @property
    def is_open(self) -> bool:
        return self.state in (self.State.ASKED, self.State.DOING)
