"""What one collection found and did."""

from __future__ import annotations

from dataclasses import dataclass, field

MOST_LISTED = 500


@dataclass(slots=True)
class RepositoryReport:
    """What goes from one repository; `why_not` where nothing may. `freed_bytes` only where a dry run counted them."""

    name: str
    images: int = 0
    layers: int = 0
    freed_bytes: int = 0
    why_not: str = ""


@dataclass(slots=True)
class Report:
    """Counts of one collection. `freed_bytes` is what the disk has more; of a dry run, what it would have."""

    repositories: int = 0
    images: int = 0
    gone_images: int = 0
    gone_links: int = 0
    gone_blobs: int = 0
    put_back: int = 0
    blobs: int = 0
    freed_bytes: int = 0
    unknown: list[str] = field(default_factory=list)
    unknown_count: int = 0
    doubtful: list[str] = field(default_factory=list)
    doubtful_count: int = 0
    by_repository: dict[str, RepositoryReport] = field(default_factory=dict)

    def note_unknown(self, name: str) -> None:
        self.unknown_count += 1
        if len(self.unknown) < MOST_LISTED:
            self.unknown.append(name)

    def note_doubt(self, name: str, why: str) -> None:
        self.doubtful_count += 1
        if len(self.doubtful) < MOST_LISTED:
            self.doubtful.append(f"{name}: {why}"[:600])

    def of(self, name: str) -> RepositoryReport:
        """The line of a repository that something goes from. Beyond the most that are listed it is counted only."""
        found = self.by_repository.get(name)
        if found is None:
            found = RepositoryReport(name)
            if len(self.by_repository) < MOST_LISTED:
                self.by_repository[name] = found
        return found
