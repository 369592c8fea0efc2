"""What a repository's builds and pages know in clear and may not show. Secrets are in memory here, nowhere else."""

from __future__ import annotations

from builds.models import Source
from registry.models import Registry


def secrets_around(source: Source | None, registry: Registry) -> list[str]:
    """Every secret of a source and of the registry that its images are in."""
    found = [registry.password]
    if source is not None:
        found += [source.token, source.deploy_key, source.webhook_secret]
        found += [variable.value for variable in source.variables.exclude(kind="arg")]
    return [secret for secret in found if secret]
