"""The plan by which all tags of a build appear together or none does, and how the outcome is told. No I/O.

A registry has no transaction. What comes nearest: read where every tag points, put the new manifest under each, and
where one is refused put back what each had. Tags that can be put back for sure go first, new ones last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class TagStep:
    """One tag of a publication. `back_to`: the digest it had before, None where there was no such tag."""

    tag: str
    back_to: str | None

    @property
    def is_new(self) -> bool:
        return self.back_to is None


def plan_publication(
    digest: str, tags: Sequence[str], found: Mapping[str, str | None], previous: Mapping[str, str | None]
) -> tuple[TagStep, ...]:
    """Order the steps that put `digest` under `tags`.

    `found` is where each tag points now, `previous` where the caller last put it. What is found counts, as somebody
    may have pushed by hand; but where a tag already has `digest` (a publication that died half-way and is carried
    out again) the way back is `previous`.
    """
    steps = []
    for tag in dict.fromkeys(tags):
        now, before = found.get(tag), previous.get(tag)
        back_to = before if now == digest and before != digest else now
        steps.append(TagStep(tag, back_to))
    return tuple(sorted(steps, key=lambda step: step.is_new))


@dataclass(frozen=True)
class Publication:
    """How a publication ended. Without `error` all of `tags` have `digest`.

    With it: `taken_back` are tags that are again as they were, `stuck` those that could not be taken back and still
    have the new image (or an unknown one).
    """

    digest: str
    tags: tuple[str, ...] = ()
    taken_back: tuple[str, ...] = ()
    stuck: tuple[str, ...] = ()
    error: Exception | None = None

    @property
    def ok(self) -> bool:
        return self.error is None

    @property
    def sentence(self) -> str:
        """Say what is true in the registry now: "`1.2` and `latest` point to the new image."."""
        if self.ok:
            return f"{_listed(self.tags)} {_point(self.tags)} to the new image." if self.tags else "No tag was to move."
        if not self.stuck:
            return f"{self.error} No tag was moved."
        back = (
            f" {_listed(self.taken_back)} {_point(self.taken_back)} to the old image again." if self.taken_back else ""
        )
        return (
            f"{self.error} {_listed(self.stuck)} could not be taken back and may point to the new image.{back} "
            "Retry the build to move the rest, or move the tags by hand."
        )


def _point(tags: Sequence[str]) -> str:
    return "points" if len(tags) == 1 else "point"


def _listed(tags: Sequence[str]) -> str:
    quoted = [f"`{tag}`" for tag in tags]
    return " and ".join(filter(None, (", ".join(quoted[:-1]), quoted[-1])))
