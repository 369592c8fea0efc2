"""Tags: where each points now, and the history of where it pointed."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from registry.core.tag_key import BUILD, LONGEST, VERSION, tag_key
from registry.models.repository import Repository

# A sha512 digest has 135 characters.
DIGEST = 200


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
    digest = models.CharField(max_length=DIGEST)
    media_type = models.CharField(max_length=128, blank=True)
    size_bytes = models.BigIntegerField(null=True, blank=True, help_text="Compressed layers and config, each once.")
    build_number = models.PositiveIntegerField(null=True, blank=True)
    pushed_at = models.DateTimeField(default=timezone.now)
    pulls = models.PositiveBigIntegerField(default=0, help_text="Pulls through this tag, a few seconds behind.")
    last_pulled_at = models.DateTimeField(null=True, blank=True)
    facts_due_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When its size is to be read; empty: nobody waits for it."
    )
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
            models.Index(fields=["repository", "-pulls", "name"], name="tags_by_pulls"),
            models.Index(fields=["facts_due_at"], condition=~Q(facts_due_at=None), name="tags_without_facts"),
        ]

    def __str__(self) -> str:
        return self.name


class TagMove(models.Model):
    """One move of a tag, or a move that was refused. History: written once, never changed."""

    class Kind(models.TextChoices):
        BUILD = "build"
        ROLLBACK = "rollback", "roll back"  # to what the tag had before
        PROMOTE = "promote"  # to an image that it never had
        PUSH = "push"  # somebody pushed to the registry, past any build
        DELETE = "delete"  # somebody took it away; `to_digest` is empty
        RETENTION = "retention"  # the repository's policy took it away; `to_digest` is empty

    repository = models.ForeignKey(Repository, models.CASCADE, related_name="tag_moves")
    tag = models.CharField(max_length=128)
    at = models.DateTimeField(default=timezone.now, editable=False)
    from_digest = models.CharField(max_length=DIGEST, blank=True)
    to_digest = models.CharField(max_length=DIGEST, blank=True)
    build_number = models.PositiveIntegerField(null=True, blank=True)
    moved = models.BooleanField(default=True, help_text="False where the tag was not moved; the sentence says why.")
    sentence = models.CharField(max_length=300, blank=True)
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.BUILD)
    by = models.CharField(max_length=150, blank=True, help_text="The person who moved it; empty where a build did.")
    # Where the image was promoted from, if that is another repository: `build_number` is then empty.
    origin = models.ForeignKey(Repository, models.SET_NULL, null=True, blank=True, related_name="promotions")
    origin_path = models.CharField(max_length=255, blank=True, help_text="Its name, which outlives it.")
    origin_build = models.PositiveIntegerField(null=True, blank=True, help_text="The build there that made it.")

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["repository", "tag", "-at"]),
            models.Index(
                fields=["-at", "-id"], condition=Q(by="", kind__in=["push", "delete"]), name="moves_that_were_found"
            ),
            models.Index(fields=["repository", "to_digest"], name="moves_by_digest"),
        ]

    def __str__(self) -> str:
        return f"{self.tag} → {self.to_digest[:19]}"
