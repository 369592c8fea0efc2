"""Marks in a commit message that ask for no build. Only the newest commit of a branch push is looked at."""

from __future__ import annotations

import re

from builds.core.refnames import Ref

_MARKER = re.compile(r"\[(?:skip ci|ci skip|no ci|skip build)\]|\*\*\*NO_CI\*\*\*", re.IGNORECASE)


def skip_marker(message: str | None) -> str | None:
    """The first mark in `message`, as it is written there (`[skip ci]`); None where there is none.

    Quoting a mark counts too (`Revert "add [skip ci]"`), as it does everywhere else.
    """
    found = _MARKER.search(message or "")
    return found.group() if found else None


def skip_sentence(ref: Ref, head_message: str | None) -> str | None:
    """Why a push of `ref` is not built, given the message of its newest commit; None if it is.

    Tags ignore the mark: a release is pushed on purpose, and the commit it stands on is often "bump [skip ci]".
    A build started by hand never asks.
    """
    marker = skip_marker(head_message)
    if ref.type != "branch" or marker is None:
        return None
    return f"Skipped: the newest commit's message says `{marker}`. Start the build by hand to build it anyway."
