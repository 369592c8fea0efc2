"""Rows of a running log and the index of a finished one. The bytes' meaning belongs to builds.logs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from django.db import connection, models, transaction
from django.db.models import Q, Sum
from django.db.utils import InterfaceError, OperationalError
from django.utils import timezone

from builds.core.frames import Archive, ArchivedFrame, Frame, StoreClosed, StoreUnavailable
from builds.core.states import RUNNING
from builds.models.build import Build


class LogFrame(models.Model):
    """A piece of one step's raw bytes, compressed with zstd. Rows go once the log is archived."""

    build = models.ForeignKey(Build, models.CASCADE, related_name="frames")
    attempt = models.PositiveSmallIntegerField()
    step_index = models.PositiveSmallIntegerField()
    seq = models.PositiveIntegerField(help_text="Order within the step, from 0.")
    first_line = models.BigIntegerField()
    lines = models.BigIntegerField(help_text="Lines that end in this frame.")
    byte_offset = models.BigIntegerField(help_text="Within the step.")
    size_bytes = models.BigIntegerField(help_text="Uncompressed.")
    data = models.BinaryField()

    class Meta:
        ordering = ["build", "attempt", "step_index", "seq"]
        constraints = [
            models.UniqueConstraint(fields=["build", "attempt", "step_index", "seq"], name="one_frame_per_seq"),
        ]

    def __str__(self) -> str:
        return f"{self.build_id}.{self.attempt} step {self.step_index} frame {self.seq}"


class LogArchive(models.Model):
    """Where the log of one attempt lies in LOG_STORAGE, and the index of its frames."""

    build = models.ForeignKey(Build, models.CASCADE, related_name="archives")
    attempt = models.PositiveSmallIntegerField()
    object_name = models.CharField(max_length=255)
    index = models.JSONField(default=list)
    size_bytes = models.BigIntegerField(default=0)
    lines = models.BigIntegerField(default=0)
    clipped = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["build", "attempt"], name="one_archive_per_attempt")]

    def __str__(self) -> str:
        return self.object_name

    @property
    def archive(self) -> Archive:
        """What a reader needs of it."""
        return Archive(self.object_name, [ArchivedFrame(*frame) for frame in self.index], self.clipped)


@contextmanager
def _reachable() -> Iterator[None]:
    """Turn what the database says when it is away, locked or full into what the log's writer can wait for."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        if not connection.in_atomic_block:
            connection.close()  # the next call opens a new one
        raise StoreUnavailable(f"The database does not answer: {error}") from error


class DatabaseFrames:
    """`builds.logs.frames.FrameStore` in the tables above. Usable from any thread.

    `fenced` refuses frames of an attempt that does not hold its build any more; salvaging a dead one goes without.
    """

    def __init__(self, *, fenced: bool = True) -> None:
        self._fenced = fenced

    def insert(self, build_id: int, attempt: int, frames: Sequence[Frame]) -> None:
        with _reachable(), transaction.atomic():
            if self._fenced and not _is_running(build_id, attempt):
                raise StoreClosed(f"Attempt {attempt} does not hold build {build_id} any more.")
            LogFrame.objects.bulk_create(
                (
                    LogFrame(
                        build_id=build_id,
                        attempt=attempt,
                        step_index=frame.step,
                        seq=frame.seq,
                        first_line=frame.first_line,
                        lines=frame.lines,
                        byte_offset=frame.byte_offset,
                        size_bytes=frame.size_bytes,
                        data=frame.data,
                    )
                    for frame in frames
                ),
                ignore_conflicts=True,  # an insert whose answer was lost is repeated
            )

    def listing(self, build_id: int, attempt: int, step: int | None = None) -> list[Frame]:
        rows = self._rows(build_id, attempt)
        if step is not None:
            rows = rows.filter(step_index=step)
        with _reachable():
            return [Frame._make((*row, b"")) for row in rows.order_by("step_index", "seq").values_list(*_LISTED)]

    def data(self, build_id: int, attempt: int, frames: Iterable[Frame]) -> list[bytes] | None:
        wanted = [(frame.step, frame.seq) for frame in frames]
        by_step: dict[int, list[int]] = {}
        for step, seq in wanted:
            by_step.setdefault(step, []).append(seq)
        which = Q(pk__in=[])
        for step, seqs in by_step.items():
            which |= Q(step_index=step, seq__in=seqs)
        rows = self._rows(build_id, attempt).filter(which).order_by().values_list("step_index", "seq", "data")
        with _reachable():
            found = {(step, seq): bytes(data) for step, seq, data in rows}
        return [found[key] for key in wanted] if len(found) == len(wanted) else None

    def archive(self, build_id: int, attempt: int) -> Archive | None:
        with _reachable():
            row = LogArchive.objects.filter(build_id=build_id, attempt=attempt).first()
        return row.archive if row else None

    def save_archive(self, build_id: int, attempt: int, archive: Archive) -> Archive:
        fields = {
            "object_name": archive.object_name,
            "index": archive.index,
            "size_bytes": archive.size_bytes,
            "lines": archive.lines,
            "clipped": archive.clipped,
        }
        with _reachable(), transaction.atomic():
            row, is_new = LogArchive.objects.get_or_create(build_id=build_id, attempt=attempt, defaults=fields)
            rows = self._rows(build_id, attempt)
            if is_new and (rows.aggregate(size=Sum("size_bytes"))["size"] or 0) != archive.size_bytes:
                raise StoreUnavailable("Frames came while the log was archived; it has to be archived again.")
            rows.delete()
        return row.archive

    def disconnect(self) -> None:
        if not connection.in_atomic_block:
            connection.close()

    @staticmethod
    def _rows(build_id: int, attempt: int) -> models.QuerySet[LogFrame]:
        return LogFrame.objects.filter(build_id=build_id, attempt=attempt)


_LISTED = ("step_index", "seq", "first_line", "lines", "byte_offset", "size_bytes")


def _is_running(build_id: int, attempt: int) -> bool:
    return Build.objects.filter(pk=build_id, attempt=attempt, state__in=RUNNING).exists()
