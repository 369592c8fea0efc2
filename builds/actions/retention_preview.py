"""What would go by a policy, saved or not, at this moment. Changes nothing, and asks no registry."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from builds.actions.retention_facts import tag_facts
from builds.actions.retention_freed import Freed, freed_by
from lib.clock import database_now
from registry.core.retention import Decision, Policy, choose
from registry.models import Repository


@dataclass(frozen=True)
class Preview:
    """Every tag of a repository with its decision, newest first. `problem` is why the policy removes nothing."""

    decisions: tuple[Decision, ...]
    freed: Freed
    problem: str = ""

    @cached_property
    def going(self) -> tuple[Decision, ...]:
        return tuple(decision for decision in self.decisions if decision.goes)

    @cached_property
    def staying(self) -> tuple[Decision, ...]:
        return tuple(decision for decision in self.decisions if not decision.goes)


def preview(repository: Repository, policy: Policy) -> Preview:
    """Decide every tag. A constant number of queries; needs the repository's namespace and registry."""
    decisions = choose(tag_facts(repository), policy, database_now())
    return Preview(decisions, freed_by(repository, decisions), policy.problem)
