"""Which variables a run gets, and everything that its log must not show. Secrets are in memory here, nowhere else."""

from __future__ import annotations

from datetime import datetime

from builds.actions.secrets import secrets_around
from builds.core.buildargs import Facts, expand_args
from builds.core.variables import Chosen, choose
from builds.models import Build
from registry.actions.credentials import credentials_for


def variables_of(build: Build) -> Chosen:
    """What the build gets now: the repository's variables and its rule's, arguments with their placeholders filled in.

    The order for arguments: those of the repository, then what the rule itself says, then the variables of the rule.
    Code that is not trusted gets no secret and no key.
    """
    source = build.source
    rows = [variable.given for variable in source.variables.all()] if source else []
    everybody = choose([one for one in rows if one.rule_id is None], rule_id=None, trusted=not build.untrusted)
    own = choose([one for one in rows if one.rule_id is not None], rule_id=build.rule_id, trusted=not build.untrusted)
    facts = Facts(
        sourceref=build.ref,
        pattern=build.plan.get("pattern", ""),
        commit=build.commit,
        build=build.number,
        at=datetime.fromisoformat(build.plan["asked_at"]) if build.plan.get("asked_at") else build.queued_at,
    )
    args = {**everybody.args, **build.plan.get("build_args", {}), **own.args}
    return Chosen(expand_args(args, facts), {**everybody.secrets, **own.secrets}, {**everybody.ssh, **own.ssh})


def secrets_of(build: Build) -> list[str]:
    """Everything that must not stand in the log, in clear: also what this build does not get."""
    read = credentials_for(build.repository.namespace_id).values()
    return [*secrets_around(build.source, build.repository.registry), *(row.password for row in read)]
