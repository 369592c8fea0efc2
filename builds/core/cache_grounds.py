"""What differs in that which a step stands on: its base image, its order, the files it takes, the address it reads."""

from __future__ import annotations

from builds.core.cache_base import base_reason
from builds.core.cache_files import ChangedFiles, ignore_changed, taken
from builds.core.cache_reasons import Compared, Reason, short_words, sources_of
from builds.core.cache_sides import Ran
from builds.core.cache_words import quote
from lib.humanize import plural, short_commit

_NAMED_FILES = 5
_KEPT_FILES = 20


def ground_reason(both: Compared, step: Ran, was: Ran) -> Reason | None:
    """Of a step whose operation is the same and that stands on no step that ran."""
    return base_reason(both, step) or _order(both, step, was) or _files(both, step) or _address(both, step)


def takes_other_files(both: Compared, step: Ran) -> bool:
    """Whether files that it takes differ between the two commits."""
    changed = both.around.files
    return changed is not None and _takes_context(both, step) and bool(taken(changed, sources_of(step)))


def order_clause(both: Compared, step: Ran, was: Ran) -> str:
    """What it follows now and followed before: one was put before it, taken away, or two changed places. "" if none."""
    now = next((one for one in both.this.inputs_of(step) if not one.is_context), None)
    old = next((one for one in both.before.inputs_of(was) if not one.is_context), None)
    if now is None or old is None:
        return ""
    same = both.was.get(now.index)
    if same is not None and same.index == old.index:
        return ""
    gone = "" if old.index in both.now else f"; `{short_words(old)}`, which it followed, is gone"
    then = "" if gone else f", and `{short_words(old)}` in {both.that}"
    return f"follows `{short_words(now)}` now{then}{gone}"


def _order(both: Compared, step: Ran, was: Ran) -> Reason | None:
    clause = order_clause(both, step, was)
    return Reason("order", f"It {clause}.") if clause else None


def _takes_context(both: Compared, step: Ran) -> bool:
    return any(one.is_context for one in both.this.inputs_of(step))


def _files(both: Compared, step: Ran) -> Reason | None:
    if not _takes_context(both, step):
        return None
    changed = both.around.files
    if changed is None or changed.why_unknown:
        why = f" {changed.why_unknown}" if changed else ""
        return Reason("files", f"Most likely files that it takes from the context changed.{why}")
    between = f"between {short_commit(both.before.commit)} and {short_commit(both.this.commit)}"
    sources = sources_of(step)
    if paths := taken(changed, sources):
        evidence = {"count": len(paths), "files": list(paths[:_KEPT_FILES])}
        return Reason("files", _named(paths, between), evidence=evidence)
    sentence = _made_elsewhere(both, changed, sources, between)
    return Reason("files", sentence) if sentence else None


def _made_elsewhere(both: Compared, changed: ChangedFiles, sources: tuple[str, ...], between: str) -> str:
    """Why what it takes differs though no file of the repository that it takes does; "" where nothing could."""
    if both.around.git_dir and any(source.strip("/") in ("", ".", ".git") for source in sources):
        return "It takes `.git`, which this source keeps and which differs with every commit."
    if ignore_changed(changed):
        return f"`{changed.ignore_name}` changed {between}, and with it what the context holds."
    if both.around.makers:
        made = " and ".join(both.around.makers)
        return f"None of the files that it takes changed in Git {between}: {made} made others."
    return ""


def _named(paths: tuple[str, ...], between: str) -> str:
    named = ", ".join(quote(path) for path in paths[:_NAMED_FILES])
    more = f" and {len(paths) - _NAMED_FILES:,} more" if len(paths) > _NAMED_FILES else ""
    return f"{plural(len(paths), 'file')} that it takes changed {between}: {named}{more}."


def _address(both: Compared, step: Ran) -> Reason | None:
    for one in both.this.inputs_of(step):
        if both.this.is_source(one) and not one.is_from and not one.is_context:
            url = next((word for word in step.words.split() if "://" in word or "@" in word), "")
            what = quote(url) if url else "The address that it reads"
            return Reason("address", f"{what} gives out something else than for {both.that}.")
    return None
