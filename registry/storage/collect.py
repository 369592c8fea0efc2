"""Garbage collection while the registry runs: two looks at every step, and a trash in between.

The registry knows nothing of us, and between its own look at a file and its next write anything can happen. So nothing
is deleted on one look. What nothing needs is *taken aside* (one rename), then there is a wait that is longer than any
request can still act on what it saw before, then a *second look*; what is needed after all is *put back*, and only the
rest is deleted. What was taken aside is invisible to every request that begins later: it asks for the link or the data,
gets "unknown", and uploads anew. So the second look is final, however late it comes.

1. Images: every repository is looked at. An image that no tag, index, subject, policy or row of ours keeps, and that is
   older than the window, loses its revision link; a layer that no remaining image names loses its layer link.
   *Races:* Distribution checks a manifest's parts (a `Stat` of link and data for each), then writes the manifest, its
   revision link, and the tag. Links that go between check and write leave an image without a layer, until the second
   look finds the manifest and puts back what it names. A push that asked for a layer (HEAD) before and puts its
   manifest after is refused by that check ("blob unknown"), and pushed again.
2. Blobs: data that nothing links and no manifest names any more, older than the window, is taken aside.
   *Races:* an upload finds the data there (`Stat` in moveBlob), keeps it, and then links it; a mount checks the other
   repository's link and then writes its own; a manifest that was there before is found by blobStore.Put and then
   linked. Each has a link at the second look, which puts the data back.
3. What is in the trash is deleted, and counted as the disk counts it.

Killed anywhere: the trash tells the next run what was taken, and that run begins with a second look.
`docs/garbage-collection.md` tells it at more length, with the places in Distribution's code.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain, repeat

from registry.storage.judge import Going, Keeper, judge, keep_all
from registry.storage.layout import LAYERS, REVISIONS, Doubt, Key, Storage, StorageProblem, has_images
from registry.storage.look import Look, blobs_in, look_at, repositories_in
from registry.storage.manifests import Manifests
from registry.storage.report import Report
from registry.storage.sweep import sweep_folders
from registry.storage.trash import TakenLink, Trash, empty, holding

Tell = Callable[[str, Report], None]
"""Called between any two changes with the name of the step; what it raises ends the run there."""

PAUSES_S = (0.1, 0.5, 2.0, 5.0, 15.0)
_PATIENT = 4


@dataclass(frozen=True, slots=True)
class Terms:
    """`window_s`: nothing younger goes. `grace_s`: how long to wait between taking aside and the last look, twice."""

    window_s: float = 7200.0
    grace_s: float = 60.0


def collect(
    storage: Storage, keeper: Keeper, terms: Terms, tell: Tell, wait: Callable[[float], None] = time.sleep
) -> Report:
    """Collect once. Raises StorageProblem where the folder cannot be cleaned, and what `tell` raises.

    After either nothing that is needed is aside, unless the process itself is killed: then the next run sees to it.
    """
    if not has_images(storage):
        return Report()
    with holding(storage) as trash:
        run = _Run(storage, trash, keeper, terms, tell, wait)
        try:
            run.recover()
            run.take_images()
            run.watch(run.look_again)
            run.take_blobs()
            run.watch(run.look_again_at_all)
            run.delete()
        except Doubt as doubt:
            run.put_all_back()
            raise StorageProblem(
                f"{doubt}. As long as Imageyard cannot tell what is needed, it deletes nothing."
            ) from doubt
        except Exception:
            run.put_all_back()
            raise
        return run.report


class _Run:
    def __init__(
        self,
        storage: Storage,
        trash: Trash,
        keeper: Keeper,
        terms: Terms,
        tell: Tell,
        wait: Callable[[float], None],
    ) -> None:
        self._storage = storage
        self._trash = trash
        self._keeper = keeper
        self._terms = terms
        self._tell_whom = tell
        self._wait = wait
        self._manifests = Manifests(storage)
        self._step = "recover"
        self.report = Report()

    def recover(self) -> None:
        """The second look that a run which died did not have. What it leaves aside goes through this run's own."""
        self._step = "recover"
        self._tell()
        self.look_again_at_all()

    def take_images(self) -> None:
        self._step = "images"
        now = self._trash.clock()
        for name in repositories_in(self._storage):
            self._tell()
            look = look_at(self._storage, name, self._manifests)
            wish = self._keeper(name)
            going = judge(look, wish, now=now, window_s=self._terms.window_s)
            self.report.repositories += 1
            self.report.images += len(look.revisions)
            if wish is None:
                self.report.note_unknown(name)
            elif going.why_not:
                self.report.note_doubt(name, going.why_not)
            self._take(name, going)

    def _take(self, name: str, going: Going) -> None:
        for kind, keys in ((REVISIONS, going.revisions), (LAYERS, going.layers)):
            for key in keys:
                self._tell()
                self._trash.take_link(TakenLink(name, kind, key))

    def take_blobs(self) -> None:
        self._step = "blobs"
        used = self._used()
        now = self._trash.clock()
        self.report.blobs = 0
        for key, facts in blobs_in(self._storage):
            self.report.blobs += 1
            if key not in used and now - max(facts.st_mtime, facts.st_ctime) >= self._terms.window_s:
                self._tell()
                self._trash.take_blob(key)

    def watch(self, look: Callable[[], None]) -> None:
        """Wait for the grace, and look again and again meanwhile: most of what was under way ends at once.

        The last look is after the grace, and is the one that counts.
        """
        began, took = time.monotonic(), 0.0
        for pause in chain(PAUSES_S, repeat(PAUSES_S[-1])):
            left = self._terms.grace_s - (time.monotonic() - began)
            self._pause(min(max(pause, _PATIENT * took), max(left, 0.0)))
            started = time.monotonic()
            look()
            took = time.monotonic() - started
            if started - began >= self._terms.grace_s:
                return

    def _pause(self, seconds: float) -> None:
        """Sleep, but tell every second: the lease of whoever runs this is renewed there."""
        until = time.monotonic() + seconds
        while True:
            self._tell()
            left = until - time.monotonic()
            self._wait(min(max(left, 0.0), 1.0))
            if left <= 1.0:
                return

    def look_again(self) -> None:
        """Put back links that images need which are there now, in the repositories that something was taken from."""
        taken: dict[str, dict[str, set[Key]]] = {}
        for link in self._trash.links():
            taken.setdefault(link.repository, {REVISIONS: set(), LAYERS: set()})[link.kind].add(link.key)
        for name, kinds in taken.items():
            self._tell()
            look = look_at(self._storage, name, self._manifests)
            revisions, layers = self._needed(look, kinds[REVISIONS], kinds[LAYERS])
            # Layers first: an image is whole before it can be found again.
            self._put_back(name, LAYERS, layers)
            self._put_back(name, REVISIONS, revisions)

    def _needed(self, look: Look, revisions: set[Key], layers: set[Key]) -> tuple[set[Key], set[Key]]:
        wish = self._keeper(look.name)
        if look.doubts or wish is None:
            return revisions, layers
        names = dict(look.names)
        for key in revisions - look.revisions.keys():
            try:
                names[key] = self._manifests.names(key)
            except Doubt:
                return revisions, layers
        kept = keep_all(names, [*look.tags.values(), *look.revisions, *wish.needed])
        named = {inner for key in kept if key in names for inner in names[key].named}
        return revisions & kept, layers & named

    def _put_back(self, name: str, kind: str, keys: Iterable[Key]) -> None:
        for key in keys:
            self._tell()
            self.report.put_back += self._trash.put_link_back(TakenLink(name, kind, key))

    def look_again_at_all(self) -> None:
        """Links, and then the data of every blob that something links or names now."""
        self.look_again()
        aside = set(self._trash.blobs())
        if not aside:
            return
        for key in aside & self._used():
            self._tell()
            self.report.put_back += self._trash.put_blob_back(key)

    def _used(self) -> set[Key]:
        used: set[Key] = set()
        for name in repositories_in(self._storage):
            self._tell()
            look = look_at(self._storage, name, self._manifests)
            if look.is_partial:
                raise Doubt(look.doubts[0])
            used |= look.used()
        return used

    def delete(self) -> None:
        """Everything that is still aside. From here on there is no way back, and none is needed."""
        self._step = "delete"
        for link in list(self._trash.links()):
            self._tell()
            self.report.freed_bytes += self._trash.delete_link(link)
            if link.kind == REVISIONS:
                self.report.gone_images += 1
                self.report.of(link.repository).images += 1
            else:
                self.report.gone_links += 1
                self.report.of(link.repository).layers += 1
        for key in list(self._trash.blobs()):
            self._tell()
            self.report.freed_bytes += self._trash.delete_blob(key)
            self.report.gone_blobs += 1
        self._step = "tidy"
        empty(self._storage)
        now = self._trash.clock()
        for freed in sweep_folders(self._storage, older_than=now - self._terms.window_s):
            self._tell()
            self.report.freed_bytes += freed

    def put_all_back(self) -> None:
        """Everything, without asking what is needed: the run ends early."""
        for key in list(self._trash.blobs()):
            self._trash.put_blob_back(key)
        for kind in (LAYERS, REVISIONS):
            for link in list(self._trash.links()):
                if link.kind == kind:
                    self._trash.put_link_back(link)

    def _tell(self) -> None:
        self._tell_whom(self._step, self.report)
