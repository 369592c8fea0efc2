"""A build whose image was looked into, and a worker that reads a layer while somebody looks at the page."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from builds import live
from builds.models import Build, ImageLook
from tests.compared_builds import two_builds
from tests.factories import make_repository, make_rule, make_source
from tests.images import sha256
from tests.sample_image import CONTENTS, SBOM, add_image, statement

PATH = "acme/pictured"


def pictured() -> dict[str, Any]:
    """The second build of `acme/pictured` with its image."""
    source = make_source(make_repository(PATH))
    found = Build.objects.filter(repository=source.repository, number=2).first()
    build = found or two_builds(source.rules.first() or make_rule(source))[1]
    if found is None:
        add_image(build)
    pages = f"/r/{PATH}/images/{build.digest}"
    return {
        "path": build.get_absolute_url(),
        "pages": pages,
        "layers": [f"{pages}/layers/{sha256(body)}" for body in CONTENTS],
        "packages": f"{pages}/packages/{sha256(statement(SBOM))}",
    }


def nobody_looked_into(layer: str) -> dict[str, Any]:
    """The files of a layer were not read yet; gives what `layer_read` takes."""
    look = ImageLook.objects.get(repository__name="pictured", kind="files", digest=layer)
    data = bytes(look.data).hex()
    look.delete()
    return {"digest": layer, "facts": look.facts, "data": data}


def layer_read(digest: str, facts: dict[str, Any], data: str) -> dict[str, Any]:
    """A worker has read them, and pages hear of it."""
    looks = ImageLook.objects.filter(repository__name="pictured", kind="files", digest=digest)
    looks.update(state="ready", facts=facts, data=bytes.fromhex(data), read_at=timezone.now())
    live.wake(f"repository:{looks.get().repository_id}")
    return {}
