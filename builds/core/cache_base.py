"""Whether a base image below a step is another one, or moved under its name. Asks no registry."""

from __future__ import annotations

import re

from builds.core.cache_reasons import Compared, Reason
from builds.core.cache_sides import Ran
from lib.humanize import short_digest

_BASE = re.compile(r"FROM (?P<name>.+?)(?:@(?P<digest>sha256:[0-9a-f]{64}))?$", re.DOTALL)
_HUB = re.compile(r"^docker\.io/(?:library/)?")


def base_reason(both: Compared, step: Ran, *, near: bool = False) -> Reason | None:
    """Of the nearest base image that is not what it was; with `near` only of one that it stands on without a step
    between. None where all are what they were.
    """
    for one in both.this.inputs_of(step) if near else both.this.ancestors(step):
        was = both.was.get(one.index) if one.is_from else None
        if was is None or was.words == one.words:
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
