"""The JSON behind an image as the registry has it: manifests, configurations, attestations. For downloading."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from builds.actions.secrets import secrets_around
from builds.core.image_document import Document
from builds.models import Source
from builds.views.image_found import find_image, statements_of
from lib.humanize import short_digest
from lib.redact import Redactor
from registry.client import RegistryError
from registry.core.patience import ONCE
from registry.models import Registry
from registry.opening import open_client

WAIT_S = 5.0
"""A person waits for it, and a thread of the web process with them."""
MOST_BYTES = 16 * 1024 * 1024


@require_safe
def raw(request: HttpRequest, namespace: str, name: str, digest: str, part: str) -> HttpResponse:
    """One document of an image. 502 with the registry's sentence where it does not give it."""
    try:
        body, filename = read_part(request, namespace, name, digest, part)
    except RegistryError as error:
        return HttpResponse(f"{error.message}\n", content_type="text/plain; charset=utf-8", status=502)
    answer = json_file(body)
    answer["Content-Disposition"] = f'attachment; filename="{filename}"'
    return answer


def read_part(request: HttpRequest, namespace: str, name: str, digest: str, part: str) -> tuple[bytes, str]:
    """A document as the registry has it, but for secrets that we know, and a name for its file.

    Raises Http404 for what is no part of the image, and `RegistryError`.
    """
    found = find_image(request, namespace, name, digest)
    kinds = parts_of(found.document) if found.document else {digest: "manifest"}
    if part not in kinds:
        raise Http404("This image has no such part.")
    registry = found.repository.registry
    body = _read(registry, found.repository.registry_path, part, is_manifest=kinds[part] == "manifest")
    source = Source.objects.filter(repository=found.repository).first()
    return Redactor(secrets_around(source, registry)).mask(body), f"{kinds[part]}-{short_digest(part)}.json"


def json_file(body: bytes) -> HttpResponse:
    """An answer with a stranger's JSON that no browser takes for anything else."""
    answer = HttpResponse(body, content_type="application/json")
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, max-age=600"
    return answer


def parts_of(document: Document) -> dict[str, str]:
    """The digests of an image's documents, and what each is."""
    found = {document["digest"]: "manifest"}
    for platform in document["platforms"]:
        found[platform["digest"]] = "manifest"
        if platform["config_digest"]:
            found[platform["config_digest"]] = "config"
    return found | {digest: row["kind"] or "attestation" for digest, row in statements_of(document).items()}


def _read(registry: Registry, path: str, digest: str, *, is_manifest: bool) -> bytes:
    with open_client(registry, patience=ONCE) as client:
        bounded = client.within(WAIT_S)
        if is_manifest:
            return bounded.manifest(path, digest).body
        return bounded.blob(path, digest, max_bytes=MOST_BYTES)
