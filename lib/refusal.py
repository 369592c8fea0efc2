"""The one way an action says no: a sentence for the person, and a code that a shell turns into a status."""

from __future__ import annotations

from typing import Literal

Code = Literal["invalid", "forbidden", "conflict", "not_found", "unavailable"]


class Refused(Exception):  # noqa: N818 — a refusal is an answer, not a fault
    """The action was not carried out; nothing changed. `sentence` says why and what to do."""

    def __init__(self, sentence: str, *, code: Code = "invalid") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code: Code = code
