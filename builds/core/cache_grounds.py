"""What differs in that which a step stands on: its base image, its order, the files it takes, the address it reads."""

from __future__ import annotations

import re

from builds.core.cache_files import ChangedFiles, ignore_changed, taken
from builds.core.cache_reasons import Compared, Reason, short_words, sources_of
from builds.core.cache_sides import Ran
from builds.core.cache_words import quote
from lib.humanize import plural, short_commit, short_digest

_NAMED_FILES = 5
_KEPT_FILES = 20
_BASE = re.compile(r"FROM (?P<name>.+?)(?:@(?P<digest>sha256:[0-9a-f]{64}))?$", re.DOTALL)
_HUB = re.compile(r"^docker\.io/(?:library/)?")


def ground_reason(both: Compared, step: Ran, was: Ran) -> Reason | None:
    """Of a step whose operation is the same and that stands on no step that ran."""
    return _base(both, step) or _order(both, step, was) or _files(both, step) or _address(both, step)


def takes_other_files(both: Compared, step: Ran) -> bool:
    """Whether files that it takes differ between the two commits."""
    changed = both.around.files
    return changed is not None and _takes_context(both, step) and bool(taken(changed, sources_of(step)))


def _base(both: Compared, step: Ran) -> Reason | None:
    for one in both.this.ancestors(step):
        was = both.was.get(one.index) if one.is_from else None
        if was is None or was.name == one.name:
            continue
        (old, old_digest), (new, new_digest) = _image(was), _image(one)
        if old != new:
            return Reason("base", f"Its base image is another one: `{old}` became `{new}`.")
        if old_digest and new_digest:
            moved = f"from `{short_digest(old_digest)}` to `{short_digest(new_digest)}`"
            evidence = {"image": new, "before": old_digest, "after": new_digest}
            return Reason("base", f"Its base image `{new}` moved {moved} since {both.that}.", evidence=evidence)
    return None


def _image(step: Ran) -> tuple[str, str]:
    """Name as people write it and digest of `FROM docker.io/library/debian:12@sha256:…`."""
    match = _BASE.match(step.words)
    return (_HUB.sub("", match["name"]), match["digest"] or "") if match else (step.words, "")


def _order(both: Compared, step: Ran, was: Ran) -> Reason | None:
    """It follows another step than it did: one was put before it, taken away, or two changed places."""
    now = next((one for one in both.this.inputs_of(step) if not one.is_context), None)
    old = next((one for one in both.before.inputs_of(was) if not one.is_context), None)
    if now is None or old is None:
        return None
    same = both.was.get(now.index)
    if same is not None and same.index == old.index:
        return None
    gone = "" if old.index in both.now else f"; `{short_words(old)}`, which it followed, is gone"
    then = "" if gone else f", and `{short_words(old)}` in {both.that}"
    return Reason("order", f"It follows `{short_words(now)}` now{then}{gone}.")


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
