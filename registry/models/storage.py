"""What images take up: by repository, by namespace and in a whole registry, day by day; and how much they may."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Namespace
from registry.models.registry import Registry
from registry.models.repository import Repository


class StorageUse(models.Model):
    """What one repository, one namespace or one registry takes up, as it was last measured.

    Exactly one of the three is named. Layers that several images have count once: a namespace's bytes are therefore
    not the sum of those of its repositories.
    """

    repository = models.OneToOneField(
        Repository, models.CASCADE, null=True, blank=True, related_name="storage_use", editable=False
    )
    namespace = models.OneToOneField(
        Namespace, models.CASCADE, null=True, blank=True, related_name="storage_use", editable=False
    )
    registry = models.OneToOneField(
        Registry, models.CASCADE, null=True, blank=True, related_name="storage_use", editable=False
    )
    total_bytes = models.BigIntegerField(default=0, help_text="Of all blobs in it, each once.")
    unique_bytes = models.BigIntegerField(default=0, help_text="Of those that nothing else has.")
    shared_bytes = models.BigIntegerField(default=0, help_text="Of those that others have too.")
    reclaimable_bytes = models.BigIntegerField(default=0, help_text="That no tag leads to, as far as it is known.")
    images = models.PositiveIntegerField(default=0)
    tags = models.PositiveIntegerField(default=0)
    is_estimate = models.BooleanField(
        default=True, help_text="From the sizes of tags; layers of two images count twice."
    )
    measured_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=(
                    Q(repository__isnull=False, namespace=None, registry=None)
                    | Q(repository=None, namespace__isnull=False, registry=None)
                    | Q(repository=None, namespace=None, registry__isnull=False)
                ),
                name="storage_use_is_of_one",
            )
        ]
        indexes = [models.Index(fields=["-total_bytes"], name="largest_first")]

    def __str__(self) -> str:
        return f"{self.repository or self.namespace or self.registry}: {self.total_bytes} B"


class StoragePoint(models.Model):
    """How large one of those was on a day; the last measure of the day stays."""

    use = models.ForeignKey(StorageUse, models.CASCADE, related_name="points", editable=False)
    day = models.DateField()
    total_bytes = models.BigIntegerField()

    class Meta:
        ordering = ["day"]
        constraints = [models.UniqueConstraint(fields=["use", "day"], name="one_point_a_day")]

    def __str__(self) -> str:
        return f"{self.day}: {self.total_bytes} B"


class Quota(models.Model):
    """How much a namespace, or one of its repositories, may take up."""

    namespace = models.OneToOneField(Namespace, models.CASCADE, null=True, blank=True, related_name="quota")
    repository = models.OneToOneField(Repository, models.CASCADE, null=True, blank=True, related_name="quota")
    limit_bytes = models.BigIntegerField()
    set_at = models.DateTimeField(default=timezone.now)
    set_by = models.CharField(max_length=150, blank=True)
    refused_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="When a push was last refused.")
    refused_by = models.CharField(max_length=150, blank=True, editable=False, help_text="Whose push that was.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(repository=None, namespace__isnull=False) | Q(repository__isnull=False, namespace=None),
                name="quota_is_of_one",
            )
        ]

    def __str__(self) -> str:
        return f"{self.repository or self.namespace}: {self.limit_bytes} B"


class StorageSurvey(models.Model):
    """When the storage of a registry was last looked at, and who looks at it now: one row for each registry."""

    registry = models.OneToOneField(Registry, models.CASCADE, related_name="survey", editable=False)
    asked_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=255, blank=True)
    measured_at = models.DateTimeField(null=True, blank=True)
    took_s = models.FloatField(null=True, blank=True)
    sentence = models.CharField(max_length=300, blank=True, help_text="Why it could not be measured.")

    def __str__(self) -> str:
        return f"survey of {self.registry}"
