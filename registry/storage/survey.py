"""What a storage holds: by repository and namespace, shared or not, and what a collection would free. A look only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from registry.storage.collect import Terms
from registry.storage.judge import Going, Keeper, judge
from registry.storage.layout import LAYERS, REVISIONS, Doubt, Key, Storage, StorageProblem, digests_in, has_images
from registry.storage.look import Look, blobs_in, look_at, repositories_in
from registry.storage.manifests import Manifests
from registry.storage.report import Report
from registry.storage.trash import now_for_looking

_SHARED = -1
_BLOCK = 512


@dataclass(slots=True)
class Use:
    """What one repository or namespace takes up. Each blob counts once; `reclaimable_bytes` are part of the rest."""

    name: str
    images: int = 0
    tags: int = 0
    unique_bytes: int = 0
    shared_bytes: int = 0
    reclaimable_bytes: int = 0

    @property
    def total_bytes(self) -> int:
        return self.unique_bytes + self.shared_bytes


@dataclass(slots=True)
class Survey:
    """A whole storage. `nobody_bytes`: of blobs that no repository links. `report` is that of a dry run."""

    repositories: list[Use] = field(default_factory=list)
    namespaces: list[Use] = field(default_factory=list)
    blobs: int = 0
    total_bytes: int = 0
    nobody_bytes: int = 0
    reclaimable_bytes: int = 0
    report: Report = field(default_factory=Report)


def survey(storage: Storage, keeper: Keeper, terms: Terms, tell: Callable[[str, Report], None]) -> Survey:
    """Look at everything and change nothing. Raises StorageProblem where something cannot be read.

    Memory is bounded by the number of blobs (about 200 bytes each), not by images or tags.
    """
    found = Survey()
    if not has_images(storage):
        return found
    try:
        _Surveyor(storage, keeper, terms, tell, found).run()
    except Doubt as doubt:
        raise StorageProblem(f"{doubt}. So it is not known what is in use.") from doubt
    return found


class _Surveyor:
    def __init__(
        self, storage: Storage, keeper: Keeper, terms: Terms, tell: Callable[[str, Report], None], found: Survey
    ) -> None:
        self._storage = storage
        self._keeper = keeper
        self._terms = terms
        self._tell = tell
        self._found = found
        # By blob: the number of the repository that has it, or _SHARED. A small int is no object of its own.
        self._owner: dict[Key, int] = {}
        self._staying: set[Key] = set()
        self._namespaces: dict[str, Use] = {}
        self._shared: dict[Key, int] = {}
        self._now = now_for_looking(storage)

    def run(self) -> None:
        for number, name in enumerate(sorted(repositories_in(self._storage))):
            self._tell("images", self._found.report)
            self._look(number, name)
        self._measure()
        self._share_out()
        self._found.namespaces = list(self._namespaces.values())

    def _look(self, number: int, name: str) -> None:
        look = look_at(self._storage, name, self._manifests())
        if look.is_partial:
            raise Doubt(look.doubts[0])
        use = Use(name, images=len(look.revisions), tags=len(look.tags))
        self._found.repositories.append(use)
        space = self._namespace(name)
        space.images += use.images
        space.tags += use.tags
        for key in look.used():
            if self._owner.setdefault(key, number) != number:
                self._owner[key] = _SHARED
        wish = self._keeper(name)
        going = judge(look, wish, now=self._now, window_s=self._terms.window_s)
        self._note(name, look, going, is_known=wish is not None)
        self._staying |= look.without(going.revisions, going.layers).used()

    def _manifests(self) -> Manifests:
        # Anew for each repository: what it remembers would otherwise grow with the storage.
        return Manifests(self._storage)

    def _note(self, name: str, look: Look, going: Going, *, is_known: bool) -> None:
        report = self._found.report
        report.repositories += 1
        report.images += len(look.revisions)
        report.gone_images += len(going.revisions)
        report.gone_links += len(going.layers)
        if not is_known:
            report.note_unknown(name)
        elif going.why_not:
            report.note_doubt(name, going.why_not)
        if going.revisions or going.layers:
            line = report.of(name)
            line.images, line.layers = len(going.revisions), len(going.layers)

    def _measure(self) -> None:
        report, repositories = self._found.report, self._found.repositories
        for key, facts in blobs_in(self._storage):
            self._tell("blobs", report)
            size, owner = facts.st_size, self._owner.get(key)
            self._found.blobs += 1
            self._found.total_bytes += size
            is_going = key not in self._staying and self._is_old(max(facts.st_mtime, facts.st_ctime))
            if is_going:
                report.gone_blobs += 1
                report.freed_bytes += facts.st_blocks * _BLOCK
                self._found.reclaimable_bytes += size
            if owner is None:
                self._found.nobody_bytes += size
            elif owner == _SHARED:
                self._shared[key] = -size if is_going else size
            else:
                use = repositories[owner]
                use.unique_bytes += size
                self._namespace(use.name).unique_bytes += size
                if is_going:
                    self._free(use, size, facts.st_blocks * _BLOCK)
        report.blobs = self._found.blobs

    def _free(self, use: Use, size: int, on_disk: int) -> None:
        use.reclaimable_bytes += size
        self._namespace(use.name).reclaimable_bytes += size
        line = self._found.report.by_repository.get(use.name)
        if line is not None:
            line.freed_bytes += on_disk

    def _share_out(self) -> None:
        """Blobs that several repositories have: to each of them, and once to each namespace. Only links are read."""
        home: dict[Key, str] = {}
        namespace, seen = "", set[Key]()
        for use in self._found.repositories if self._shared else ():
            self._tell("shared", self._found.report)
            space = self._namespace(use.name)
            if space.name != namespace:  # they are sorted, so each namespace comes once
                namespace, seen = space.name, set()
            for key in self._shared.keys() & set(self._links(use.name)):
                size, is_going = abs(self._shared[key]), self._shared[key] < 0
                use.shared_bytes += size
                use.reclaimable_bytes += size * is_going
                if key not in seen:
                    seen.add(key)
                    space.shared_bytes += size
                    space.reclaimable_bytes += size * is_going
                    home[key] = "" if home.get(key, namespace) != namespace else namespace
        for key, name in home.items():
            if name:
                self._namespaces[name].shared_bytes -= abs(self._shared[key])
                self._namespaces[name].unique_bytes += abs(self._shared[key])

    def _links(self, name: str) -> Iterator[Key]:
        for kind in (LAYERS, REVISIONS):
            for key, _ in digests_in(f"{self._storage.repositories}/{name}/{kind}"):
                yield key

    def _namespace(self, name: str) -> Use:
        space = name.partition("/")[0]
        return self._namespaces.setdefault(space, Use(space))

    def _is_old(self, at: float) -> bool:
        return self._now - at >= self._terms.window_s
