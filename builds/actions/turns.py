"""Turns: the first failure of a rule and ref after a success, and the first success after a failure."""

from __future__ import annotations

from typing import Any

from builds.core.states import State
from builds.models import Build

# How many builds of the repository are looked through for the one before: their index gives them at once.
LOOK_BACK = 300
_TURNS = {(State.SUCCEEDED, State.FAILED): "broke", (State.FAILED, State.SUCCEEDED): "mended"}


def note_turn(build_id: int, build: dict[str, Any], state: State) -> None:
    """Mark a build whose end is a turn, inside the transaction of that end.

    `build` is its repository_id, rule_id, ref_type, ref, number and turn. Builds that were cancelled tell nothing. One
    attempt more of the same build, which ends in another way, takes its turn back.
    """
    number = build["number"]
    before = Build.objects.filter(
        repository_id=build["repository_id"], number__lt=number, number__gte=number - LOOK_BACK
    ).order_by("-number")
    alike = (build["rule_id"], build["ref_type"], build["ref"])
    for rule_id, ref_type, ref, ended in before.values_list("rule_id", "ref_type", "ref", "state"):
        if (rule_id, ref_type, ref) == alike and ended in (State.SUCCEEDED, State.FAILED):
            turn = _TURNS.get((State(ended), state))
            if turn != build["turn"]:
                Build.objects.filter(pk=build_id).update(turn=turn)
            return
