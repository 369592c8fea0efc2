"""Why a step that a cache could have spared ran: one sentence with its evidence. Reads nothing but what it is given.

BuildKit takes a result from its cache when the operation (command, environment, mounts) and what it stands on are the
same as before. So a step is compared with the one of an earlier build: first the operation, then what it stands on, the
nearest first; where nothing differs it was the cache itself.
"""

from __future__ import annotations

from builds.core.cache_base import base_reason
from builds.core.cache_grounds import ground_reason, order_clause, takes_other_files
from builds.core.cache_operation import new_reason, operation_reason
from builds.core.cache_reasons import Circumstances, Compared, Reason, short_words
from builds.core.cache_sides import Ran, Side
from builds.core.cache_words import quote


class Explainer:
    """Compares a build with `before`, the last of its rule that succeeded; `tried` is a later one that did not."""

    def __init__(self, this: Side, before: Side | None, tried: Side | None, around: Circumstances) -> None:
        self._this, self._around = this, around
        self._both = Compared(this, before, around) if before else None
        self._tried = Compared(this, tried, around) if tried else None
        self._known: dict[int, Reason] = {}

    def why(self, step: Ran) -> Reason:
        """Why this missed step ran; the same answer again."""
        if step.index not in self._known:
            self._known[step.index] = self._why(step)
        return self._known[step.index]

    def _why(self, step: Ran) -> Reason:
        if not self._around.cache:
            return Reason("off", "The rule builds without the cache, so every step runs.")
        if self._both is None:
            return self._nothing_before()
        both, was = self._both, self._both.was.get(step.index)
        own = self._unfinished(step) or (operation_reason(both, step, was) if was else new_reason(both, step))
        if reason := own or base_reason(both, step, near=True) or self._upstream(step):
            return reason
        on = (ground_reason(both, step, was) if was else None) or self._cached_but_other(both, step)
        return on or self._cache_itself(both)

    def _nothing_before(self) -> Reason:
        if self._around.isolated:
            sentence = "It is the first build of this pull request, and a fork's shares no cache with others."
            return Reason("isolated", sentence)
        return Reason("first", "No build of this rule has succeeded before, so there is nothing to compare it with.")

    def _unfinished(self, step: Ran) -> Reason | None:
        """A later build tried the same and ended before it had a result; all before that is cached since."""
        tried = self._tried.was.get(step.index) if self._tried else None
        if self._tried is None or tried is None or tried.is_done or tried.words != step.words:
            return None
        if any(self._this.missed(other) for other in self._this.ancestors(step)):
            return None
        what = "it did not end well" if tried.was_reached else "the build ended before it"
        number = self._tried.before.number
        sentence = f"In build #{number} {what}, and only the results of steps that succeed are kept."
        return Reason("unfinished", sentence, evidence={"build": number})

    def _upstream(self, step: Ran) -> Reason | None:
        for other in self._this.ancestors(step):
            if not self._this.missed(other):
                continue
            root = self.why(other).because
            first = self._this.by_index[other.index if root is None else root]
            sentence = f"Because of {self._this.place_of(first)} (`{short_words(first)}`), which it stands on."
            return Reason("because", sentence, because=first.index)
        return None

    def _cached_but_other(self, both: Compared, step: Ran) -> Reason | None:
        """A step before it came out of the cache, but is not what it was: its result is that of a third build."""
        for one in self._this.ancestors(step):
            if not self._this.is_cacheable(one):
                continue
            was = both.was.get(one.index)
            place = f"{self._this.place_of(one)} (`{short_words(one)}`)"
            if was and (clause := order_clause(both, one, was)):
                return Reason("order", f"It stands on {place}, which {clause}.", because=one.index)
            if was and operation_reason(both, one, was) is None and not takes_other_files(both, one):
                continue
            sentence = f"It stands on another result than in {both.that}: {place} is not what it was there."
            return Reason("because", sentence, because=one.index)
        return None

    def _cache_itself(self, both: Compared) -> Reason:
        here, there = both.this.builder, both.before.builder
        if here and there and here != there:
            sentence = f"Nothing differs, but it ran on {quote(here)}, and {both.that} ran on {quote(there)}: each has"
            return Reason("builder", f"{sentence} a cache of its own.", evidence={"before": there, "after": here})
        if not (both.this.is_told and both.before.is_told):
            of = "this build" if not both.this.is_told else both.that
            sentence = f"By its name nothing differs from {both.that}; more than names is not known of {of}."
            return Reason("unknown", sentence)
        sentence = (
            f"Nothing that it takes differs from {both.that}: the builder's cache did not have its result any more."
        )
        return Reason("evicted", sentence)
