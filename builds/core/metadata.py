"""What buildx wrote into its `--metadata-file` about a build that succeeded. Opens no file and asks no registry.

The keys are those of buildx (docs/reference/buildx_build.md, `--metadata-file`) with `BUILDX_METADATA_WARNINGS=1` and
`BUILDX_METADATA_PROVENANCE=max`. The provenance inside is the predicate of SLSA 0.2 or 1 with BuildKit's own part
(BuildKit docs/attestations/slsa-definitions.md). Every key may be missing: a build for several platforms that is
pushed has no provenance at all (seen with buildx 0.29 and Docker Engine 28.5), one without an image has no digest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from builds.core.json_values import blob_text, dicts, table, text
from builds.core.metadata_steps import Layer, Provenance, StepFacts, read_image_purl, read_steps
from builds.core.progress_events import BuildWarning, read_warning
from builds.core.progress_steps import StepBook

__all__ = ["BaseImage", "BuildFacts", "Layer", "PlatformFacts", "StepFacts", "read_metadata"]

_PROVENANCE = "buildx.build.provenance"


@dataclass(frozen=True, slots=True)
class BaseImage:
    """An image that the build started from or copied from: the name as people write it, and what it was that day."""

    name: str
    digest: str
    platform: str = ""


@dataclass(frozen=True, slots=True)
class PlatformFacts:
    """One image of the build. `layers` are those of the image, lowest first; `size_bytes` is their (compressed) sum.

    `dockerfile` is the text that was built, `filename` its path; `build_args` are the given ones, which are no secrets:
    BuildKit writes them into the image's attestation too.
    """

    platform: str
    base_images: tuple[BaseImage, ...]
    steps: tuple[StepFacts, ...]
    layers: tuple[Layer, ...]
    filename: str
    dockerfile: str
    build_args: tuple[tuple[str, str], ...]

    @property
    def size_bytes(self) -> int | None:
        """Bytes that a pull of this platform transfers; None where BuildKit did not list the layers."""
        return sum(layer.size_bytes for layer in self.layers) if self.layers else None


@dataclass(frozen=True, slots=True)
class BuildFacts:
    """All that the metadata file tells; what it does not is None or empty.

    `digest` is that of what was pushed: an index if the image has attestations or several platforms.
    """

    digest: str | None
    image_names: tuple[str, ...]
    platforms: tuple[PlatformFacts, ...]
    warnings: tuple[BuildWarning, ...]

    @property
    def size_bytes(self) -> int | None:
        """Bytes of all layers, each counted once though several platforms share it; None if none is known."""
        sizes = {layer.digest: layer.size_bytes for facts in self.platforms for layer in facts.layers}
        return sum(sizes.values()) if sizes else None

    @property
    def base_images(self) -> tuple[BaseImage, ...]:
        """The base images of every platform, in the order of first use."""
        return tuple(dict.fromkeys(image for facts in self.platforms for image in facts.base_images))

    @property
    def step_facts(self) -> dict[str, StepFacts]:
        """By vertex digest: the same digests that the progress events of this build carry."""
        return {step.vertex: step for facts in self.platforms for step in facts.steps if step.vertex}

    def step_lines(self, book: StepBook) -> dict[str, int]:
        """By step name: the first Dockerfile line of every step that has one."""
        known = self.step_facts
        pairs = ((step.name, known[step.vertex].first_line) for step in book.steps if step.vertex in known)
        return {name: line for name, line in pairs if line is not None}


def read_metadata(document: dict[str, Any]) -> BuildFacts:
    """Read the parsed metadata file; a missing or odd key is an absent fact and nothing raises."""
    document = table(document)
    digest = text(document.get("containerimage.digest"))
    digest = digest or text(table(document.get("containerimage.descriptor")).get("digest"))
    names = (name.strip() for name in text(document.get("image.name")).split(","))
    return BuildFacts(
        digest=digest or None,
        image_names=tuple(name for name in names if name),
        platforms=tuple(_read_platform(platform, value) for platform, value in _provenances(document)),
        warnings=tuple(read_warning(warning) for warning in dicts(document.get("buildx.build.warnings"))),
    )


def _provenances(document: dict[str, Any]) -> Iterable[tuple[str, dict[str, Any]]]:
    """`buildx.build.provenance` for one platform, `buildx.build.provenance/linux/arm64` for each of several."""
    for key, value in document.items():
        if key == _PROVENANCE:
            yield "", table(value)
        elif text(key).startswith(f"{_PROVENANCE}/"):
            yield key.removeprefix(f"{_PROVENANCE}/"), table(value)


def _read_platform(platform: str, document: dict[str, Any]) -> PlatformFacts:
    provenance = _predicate(document)
    steps, layers, found_platform = read_steps(provenance)
    source = next(iter(dicts(table(provenance.metadata.get("source")).get("infos"))), {})
    return PlatformFacts(
        platform=platform or found_platform,
        base_images=tuple(_base_images(provenance, steps)),
        steps=steps,
        layers=layers,
        filename=text(source.get("filename")),
        dockerfile=blob_text(source.get("data")),
        build_args=tuple(
            (name.removeprefix("build-arg:"), text(value))
            for name, value in provenance.arguments.items()
            if name.startswith("build-arg:")
        ),
    )


def _predicate(document: dict[str, Any]) -> Provenance:
    """The four parts that matter, from either version of SLSA's predicate."""
    definition = table(document.get("buildDefinition"))
    if definition:
        request = table(table(definition.get("externalParameters")).get("request"))
        return Provenance(
            materials=dicts(definition.get("resolvedDependencies")),
            config=table(table(definition.get("internalParameters")).get("buildConfig")),
            metadata=table(table(table(document.get("runDetails")).get("metadata")).get("buildkit_metadata")),
            arguments=table(request.get("args")),
        )
    parameters = table(table(document.get("invocation")).get("parameters"))
    return Provenance(
        materials=dicts(document.get("materials")),
        config=table(document.get("buildConfig")),
        metadata=table(table(document.get("metadata")).get("https://mobyproject.org/buildkit@v1#metadata")),
        arguments=table(parameters.get("args")),
    )


def _base_images(provenance: Provenance, steps: tuple[StepFacts, ...]) -> Iterable[BaseImage]:
    """The materials that are images, without the frontend of a `# syntax=` line: no step reads that one."""
    used = {digest for step in steps if (digest := step.image_digest)}
    for material in provenance.materials:
        name, platform = read_image_purl(text(material.get("uri")))
        digest = _sha256(material.get("digest"))
        if name and (not used or digest in used):
            yield BaseImage(name, digest, platform)


def _sha256(value: Any) -> str:
    digest = text(table(value).get("sha256"))
    return f"sha256:{digest}" if digest else ""
