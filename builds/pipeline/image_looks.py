"""A worker's turn at what people want to see of images: documents, files of layers, what is in vain, packages."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal

import orjson
import structlog

from builds.actions.image_looks import (
    QUICK,
    SLOW,
    ask_packages,
    fail_look,
    finish_look,
    keep_files,
    pack,
    put_back,
    take_look,
    tell_look,
    unpack,
    unread,
)
from builds.actions.secrets import secrets_around
from builds.core.image_document import masked
from builds.core.image_statement import read_packages
from builds.core.image_waste import waste_of
from builds.core.inflate import LayerError
from builds.core.layer_files import files_of, read_layer
from builds.models import ImageLook, Source
from builds.pipeline.images import READ_S, client_of, read_image, statement_of
from builds.pipeline.probe import one_at_a_time
from lib.humanize import plural
from lib.queue import enqueue
from lib.redact import Redactor
from registry.client import RegistryClient, RegistryError
from registry.core.manifest import ImageManifest, ManifestError, parse_manifest

log = structlog.get_logger(__name__)
LAYER_S = 60.0
"""For one layer; what was read by then is shown."""
TURN_S = 60.0
"""After that others have their turn."""


def look_at_images(speed: Literal["quick", "slow"]) -> None:
    """Read what is asked for, one at a time on a worker: a registry that hangs holds no more than one process."""
    kinds, began = QUICK if speed == "quick" else SLOW, time.monotonic()
    with one_at_a_time(f"image-looks-{speed}.lock") as mine:
        while mine and time.monotonic() - began < TURN_S and (look := take_look(kinds)):
            _look(look)
    if mine and ImageLook.objects.filter(state=ImageLook.State.ASKED, kind__in=kinds).exists():
        enqueue("builds.look_at_images", speed, expires_s=60)


def _look(look: ImageLook) -> None:
    try:
        with client_of(look.repository.registry) as client:
            _READERS[look.kind](client, look)
    except RegistryError as error:
        fail_look(look, error.message)
    except (LayerError, ManifestError, ValueError) as error:
        fail_look(look, f"It cannot be shown: {error}.")
    except Exception as error:  # a bug of ours must not leave the question open for ever
        log.exception("an image could not be looked at", look=look.pk)
        fault = f"Imageyard itself met a fault ({type(error).__name__}) that its log tells more of. Look again later."
        fail_look(look, fault)


def _read_image(client: RegistryClient, look: ImageLook) -> None:
    document = read_image(client.within(READ_S), look.repository.registry_path, look.digest)
    source = Source.objects.filter(repository=look.repository).first()
    redactor = Redactor(secrets_around(source, look.repository.registry))
    ask_packages(look.repository, document)
    finish_look(look, facts=masked(document, redactor.text))


def _read_packages(client: RegistryClient, look: ImageLook) -> None:
    statement = statement_of(client.within(READ_S), look.repository.registry_path, look.digest)
    packages = read_packages(statement)
    facts = {"packages": len(packages), "type": statement.predicate_type[:300]}
    finish_look(look, facts=facts, data=pack(orjson.dumps(packages)))


def _read_files(client: RegistryClient, look: ImageLook) -> None:
    facts, data = _layer(client, look.repository.registry_path, look.digest)
    finish_look(look, facts=facts, data=data)


def _read_waste(client: RegistryClient, look: ImageLook) -> None:
    """Every layer's files first, as far as nobody has read them; a turn that takes long goes on in another one."""
    repository, began = look.repository, time.monotonic()
    parsed = parse_manifest(client.within(READ_S).manifest(repository.registry_path, look.digest))
    if not isinstance(parsed, ImageManifest):
        raise ManifestError("it is an index, and only the image of one platform has layers")
    digests = [layer.digest for layer in parsed.layers]
    left = unread(repository, digests)
    for place, digest in enumerate(left):
        done = len(set(digests)) - len(left) + place
        sentence = f"{done} of {plural(len(set(digests)), 'layer')} are read."
        if time.monotonic() - began > TURN_S:
            put_back(look, sentence)
            return
        if not tell_look(look, sentence):
            return
        facts, data = _layer(client, repository.registry_path, digest)
        keep_files(repository, digest, facts=facts, data=data)
    rows = dict(
        ImageLook.objects.filter(
            repository=repository, kind=ImageLook.Kind.FILES, state=ImageLook.State.READY, digest__in=digests
        ).values_list("digest", "data")
    )
    layers = [files_of(orjson.loads(unpack(bytes(rows[digest])))) for digest in digests if digest in rows]
    finish_look(look, facts=waste_of(layers).document)


def _layer(client: RegistryClient, repository: str, digest: str) -> tuple[dict[str, Any], bytes]:
    """The files of a layer for its row: what every page shows of it, and all of them."""
    until = time.monotonic() + LAYER_S
    seen = hashlib.new("sha512" if digest.startswith("sha512:") else "sha256")
    with client.open_blob(repository, digest, total_s=LAYER_S + READ_S) as chunks:
        content = _hashed(chunks, seen)
        found = read_layer(content, is_time_over=lambda: time.monotonic() > until)
        for _ in content if found.is_whole else ():
            pass  # what stands behind the archive's end counts for the digest
    document = found.document
    if found.is_whole and f"{seen.name}:{seen.hexdigest()}" != digest:
        raise LayerError("its content does not have the digest that it is stored under")
    facts = {
        "files": sum(file.kind not in ("dir", "removed", "emptied") for file in found.files),
        "removed": sum(file.kind in ("removed", "emptied") for file in found.files),
        "size_bytes": found.size_bytes,
        "is_whole": found.is_whole,
    }
    return facts, pack(orjson.dumps(document))


def _hashed(chunks: Iterator[bytes], seen: Any) -> Iterator[bytes]:
    for chunk in chunks:
        seen.update(chunk)
        yield chunk


_READERS: dict[str, Callable[[RegistryClient, ImageLook], None]] = {
    ImageLook.Kind.IMAGE: _read_image,
    ImageLook.Kind.PACKAGES: _read_packages,
    ImageLook.Kind.FILES: _read_files,
    ImageLook.Kind.WASTE: _read_waste,
}
