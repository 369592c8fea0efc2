"""What people ask of tags: to point to an image that is there already, here or in another repository.

A worker puts it, since registries are slow.
"""

from __future__ import annotations

from django.db import models

from lib.errand import Errand
from registry.models import Repository, TagMove


class TagOrder(Errand):
    """One tag to be put on one image; one at a time for each tag. What came of it is a `TagMove`."""

    class State(models.TextChoices):
        ASKED = "asked"
        DOING = "doing"
        DONE = "done"
        FAILED = "failed"

    repository = models.ForeignKey(Repository, models.CASCADE, related_name="tag_orders")
    tag = models.CharField(max_length=128)
    digest = models.CharField(max_length=140)
    build_number = models.PositiveIntegerField(null=True, blank=True, help_text="The build that made the image.")
    from_digest = models.CharField(max_length=140, blank=True, help_text="Where the tag pointed when it was asked.")
    from_build = models.PositiveIntegerField(null=True, blank=True)
    # Another repository whose image it is. What that repository is called outlives it; "" is this one.
    source = models.ForeignKey(Repository, models.SET_NULL, null=True, blank=True, related_name="orders_elsewhere")
    source_path = models.CharField(max_length=255, blank=True)
    source_build = models.PositiveIntegerField(null=True, blank=True)
    with_referrers = models.BooleanField(default=True, help_text="Copy signatures and the like with the image.")
    bytes_done = models.BigIntegerField(default=0, help_text="Of the copy; what was there already counts.")
    bytes_total = models.BigIntegerField(null=True, blank=True, help_text="Empty until the image was read.")
    kind = models.CharField(max_length=12, choices=TagMove.Kind.choices)
    hold = models.BooleanField(null=True, help_text="Held afterwards, released, or as it was.")
    by = models.CharField(max_length=150)
    state = models.CharField(max_length=8, choices=State.choices, default=State.ASKED)
    sentence = models.TextField(blank=True, help_text="What it waits for, what was done, or why it failed.")

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["repository", "tag"],
                condition=models.Q(state__in=["asked", "doing"]),
                name="one_order_at_a_time_per_tag",
            ),
        ]
        indexes = [
            models.Index(
                fields=["not_before"], condition=models.Q(state__in=["asked", "doing"]), name="tag_orders_to_do"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tag} → {self.digest[:19]}"

    @property
    def is_copy(self) -> bool:
        """Whether the image comes from another repository, so that there is something to copy first."""
        return bool(self.source_path)

    @property
    def is_open(self) -> bool:
        return self.state in (self.State.ASKED, self.State.DOING)
