"""The cache report of one build: hit rate, time saved, and for every stage the first step that missed, with its reason.

Hit rate = cached steps / (steps of the Dockerfile - FROM): BuildKit calls a FROM cached also on a first build, and its
own housekeeping is nobody's step. The reasons are found next door, in `cache_explain`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from builds.core.cache_explain import Explainer
from builds.core.cache_reasons import Circumstances
from builds.core.cache_sides import Ran, Side, stages_of
from lib.humanize import format_duration, plural

VERSION = 1
MOST_STEPS = 300
_MOST_WORDS = 300
_WORTH_SAYING_S = 0.05


@dataclass(frozen=True, slots=True)
class Took:
    """How long steps took when they last really ran, in seconds: by fingerprint, and by words where that is unknown."""

    by_fingerprint: Mapping[str, float]
    by_words: Mapping[str, float]

    def of(self, step: Ran) -> float | None:
        found = self.by_fingerprint.get(step.fingerprint) if step.fingerprint else None
        return found if found is not None else self.by_words.get(words_key(step))


@dataclass(frozen=True, slots=True)
class CacheReport:
    """`document` is what is kept (JSON); the sums are in it too. `saved_s` counts only steps whose time is known."""

    cacheable: int
    cached: int
    saved_s: float
    document: dict[str, Any]


def words_key(step: Ran) -> str:
    """One instruction for one platform, in whichever place it stands."""
    return f"{step.label.platform} {step.words}"


def took(ran: Iterable[tuple[Ran, float | None]]) -> Took:
    """Of steps that really ran and their seconds, the newest first: the first time that one did is what counts."""
    by_fingerprint: dict[str, float] = {}
    by_words: dict[str, float] = {}
    for step, seconds in ran:
        if seconds is None or step.is_from or step.operation == "source":
            continue
        if step.fingerprint:
            by_fingerprint.setdefault(step.fingerprint, seconds)
        by_words.setdefault(words_key(step), seconds)
    return Took(by_fingerprint, by_words)


def make_report(
    this: Side, before: Side | None, tried: Side | None, around: Circumstances, spared: Took
) -> CacheReport:
    """Compare a build with `before`, the last one of its rule that succeeded (None: there was none).

    `tried` is a newer build of the rule that did not succeed. The document: `{version, cacheable, cached, saved_s,
    unknown_s, compared, by_name_only, stages}`; a stage is `{platform, name, steps, miss}`, a step `{index, number,
    total, words, cached, state, seconds, saved_s, why}`; `miss` is the index of the first step that missed or None.
    """
    explainer = Explainer(this, before, tried, around)
    counted = this.counted
    for step in sorted(counted, key=lambda step: step.index):
        # A step's reason may be that of one it stands on. Those have lower indexes: no reason is sought from far above.
        if this.missed(step):
            explainer.why(step)
    cached = [step for step in counted if step.cached]
    saved = [spared.of(step) for step in cached]
    saved_s = round(sum(seconds for seconds in saved if seconds is not None), 3)
    stages = [_stage(explainer, key, rows, spared) for key, rows in stages_of(this, counted[:MOST_STEPS]).items()]
    document = {
        "version": VERSION,
        "cacheable": len(counted),
        "cached": len(cached),
        "saved_s": saved_s,
        "unknown_s": sum(seconds is None for seconds in saved),
        "compared": before.number if before else None,
        "by_name_only": bool(before) and not (this.is_told and before is not None and before.is_told),
        "cut": max(0, len(counted) - MOST_STEPS),
        "stages": stages,
    }
    return CacheReport(len(counted), len(cached), saved_s, document)


def _stage(explainer: Explainer, key: tuple[str, str], rows: list[Ran], spared: Took) -> dict[str, Any]:
    platform, name = key
    return {
        "platform": platform,
        "name": name,
        "miss": next((step.index for step in rows if not step.cached), None),
        "steps": [_step(explainer, step, spared) for step in rows],
    }


def _step(explainer: Explainer, step: Ran, spared: Took) -> dict[str, Any]:
    saved = spared.of(step) if step.cached else None
    return {
        "index": step.index,
        "number": step.label.number,
        "total": step.label.total,
        "words": step.words[:_MOST_WORDS],
        "line": step.lines[0] if step.lines else None,
        "cached": step.cached,
        "state": step.state,
        "seconds": step.seconds,
        "saved_s": None if saved is None else round(saved, 3),
        "why": None if step.cached else asdict(explainer.why(step)),
    }


def summary(document: Mapping[str, Any]) -> str:
    """The report in one sentence, for whoever reads no further."""
    cacheable, cached = document["cacheable"], document["cached"]
    if not cacheable:
        return "The Dockerfile has no step that a cache could spare."
    if cached == cacheable:
        found = f"All {plural(cacheable, 'step')} came" if cacheable > 1 else "The one step came"
        found += " from the cache"
    elif not cached:
        return f"None of {plural(cacheable, 'step')} came from the cache."
    else:
        found = f"{cached} of {plural(cacheable, 'step')} came from the cache"
    saved = f", which saved {format_duration(document['saved_s'])}" if document["saved_s"] >= _WORTH_SAYING_S else ""
    unknown = document["unknown_s"]
    more = f" What {plural(unknown, 'of them', 'of them')} would have taken is not known." if unknown else ""
    return f"{found}{saved}.{more}"
