"""Where an image of a repository came from, if it was made in another one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """The repository that an image was promoted from, `acme/web`, and the build there that made it.

    `repository_id` is None once that repository is gone.
    """

    path: str
    build_number: int | None = None
    repository_id: int | None = None
