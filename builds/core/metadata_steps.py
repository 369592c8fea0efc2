"""The steps of a build as its provenance tells them: Dockerfile lines, operations and layers. Decides nothing."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qs, unquote

from builds.core.json_values import dicts, items, number, table, text, texts
from builds.core.progress_events import read_range

Operation = Literal["source", "exec", "file", "merge", "diff", "build", ""]
_OPERATIONS: tuple[Operation, ...] = ("source", "exec", "file", "merge", "diff", "build")
_PURL = re.compile(r"pkg:docker/(?P<name>[^?#]+)(?:\?(?P<query>[^#]*))?")
_DIGEST = re.compile(r"@(?P<digest>sha256:[0-9a-f]{64})$")


@dataclass(frozen=True, slots=True)
class Provenance:
    """The parts of a provenance predicate, whatever its version: objects of unknown content."""

    materials: list[dict[str, Any]]
    config: dict[str, Any]
    metadata: dict[str, Any]
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of an image; the size is that of the compressed blob."""

    digest: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class StepFacts:
    """What is known of one step after the build.

    `vertex` is the digest that the progress events carry; it changes from build to build below a COPY. `fingerprint` is
    a digest of the operation alone (command, environment, copied paths) and does not. `inputs` are vertex digests.
    `lines` are all its Dockerfile lines, from 1; none for what no line asks for. `layers` are those that it added.
    `source` is what a source reads: `docker-image://…@sha256:…`, `local://context`. `paths` are what a COPY takes.
    """

    vertex: str
    operation: Operation
    fingerprint: str
    inputs: tuple[str, ...]
    lines: tuple[int, ...]
    layers: tuple[Layer, ...]
    source: str = ""
    paths: tuple[str, ...] = ()

    @property
    def first_line(self) -> int | None:
        """The line that a person means by "the line of this step"."""
        return self.lines[0] if self.lines else None

    @property
    def size_bytes(self) -> int:
        """Bytes that this step added to the image."""
        return sum(layer.size_bytes for layer in self.layers)

    @property
    def image_digest(self) -> str:
        """The digest of the image that this step reads, "" if it reads none."""
        match = _DIGEST.search(self.source) if self.source.startswith("docker-image://") else None
        return match["digest"] if match else ""


def read_steps(provenance: Provenance) -> tuple[tuple[StepFacts, ...], tuple[Layer, ...], str]:
    """The steps in the order of the build's graph, the layers of the image, and the platform it is for ("" unknown)."""
    vertices = {text(step): digest for digest, step in table(provenance.config.get("digestMapping")).items()}
    nodes = {text(node.get("id")): node for node in dicts(provenance.config.get("llbDefinition"))}
    locations = table(table(provenance.metadata.get("source")).get("locations"))
    chains = _with_bases(_chains(table(provenance.metadata.get("layers"))), nodes)
    steps: list[StepFacts] = []
    platform, last = "", ""
    for identity, node in nodes.items():
        op = table(node.get("op"))
        inputs = [name.partition(":")[0] for name in texts(node.get("inputs"))]
        kind, body = _operation(op)
        if not kind:
            # The graph's end: no operation, one input, the step whose files are the image.
            last = next(iter(texts(node.get("inputs"))), last)
            continue
        if kind != "source" or not platform:
            platform = _platform(op.get("platform")) or platform
        steps.append(
            StepFacts(
                vertex=vertices.get(identity, ""),
                operation=kind,
                fingerprint=_fingerprint(op),
                inputs=tuple(vertices[name] for name in inputs if name in vertices),
                lines=_lines(locations.get(identity)),
                layers=_added(chains, f"{identity}:0", texts(node.get("inputs"))),
                source=text(body.get("identifier")),
                paths=_copied(body),
            )
        )
    longest = max(chains.values(), key=len, default=())
    return tuple(steps), chains.get(last, longest), platform


def read_image_purl(uri: str) -> tuple[str, str]:
    """Name and platform of `pkg:docker/acme/web@1.2?platform=linux%2Famd64`; "" and "" for anything else.

    The name is as people write it, `acme/web:1.2`; one that is pinned to a digest keeps only its tag, if it has one
    (package-url, type docker; written by BuildKit util/purl/image.go).
    """
    match = _PURL.fullmatch(uri)
    if match is None:
        return "", ""
    name, _, version = match["name"].partition("@")
    name, version = unquote(name), unquote(version)
    if version and not version.startswith("sha256:"):
        name = f"{name}:{version}"
    return name, next(iter(parse_qs(match["query"] or "").get("platform", [])), "")


def _operation(op: dict[str, Any]) -> tuple[Operation, dict[str, Any]]:
    kinds = table(op.get("Op"))
    return next(((kind, table(kinds[kind])) for kind in _OPERATIONS if kind in kinds), ("", {}))


def _fingerprint(op: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(op, sort_keys=True, default=str).encode()).hexdigest()


def _platform(value: Any) -> str:
    parts = (text(table(value).get(key)) for key in ("OS", "Architecture", "Variant"))
    return "/".join(part for part in parts if part)


def _lines(value: Any) -> tuple[int, ...]:
    """Every line that asks for the step, in order: a base image may be named by two lines."""
    lines: list[int] = []
    for location in dicts(table(value).get("locations")):
        for one in dicts(location.get("ranges")):
            first, last = read_range([one])
            if first is not None and last is not None:
                # A hostile range may be endless; a Dockerfile's instruction is not.
                lines.extend(range(first, min(last, first + 1000) + 1))
    return tuple(dict.fromkeys(lines))


def _copied(body: dict[str, Any]) -> tuple[str, ...]:
    copies = (table(table(action.get("Action")).get("copy")) for action in dicts(body.get("actions")))
    return tuple(source for copy in copies if (source := text(copy.get("src"))))


def _chains(value: dict[str, Any]) -> dict[str, tuple[Layer, ...]]:
    """`{"step1:0": [[lowest layer, …]]}`: for every step the layers of its files, those below it included."""
    return {
        key: tuple(Layer(text(layer.get("digest")), number(layer.get("size"))) for layer in dicts(chains[0]))
        for key, chains in ((key, items(chains)) for key, chains in value.items())
        if chains
    }


def _with_bases(chains: dict[str, tuple[Layer, ...]], nodes: dict[str, dict[str, Any]]) -> dict[str, tuple[Layer, ...]]:
    """With the layers of base images that BuildKit left out, as it does for a FROM that came from the cache.

    A step adds one layer to those of its first input, so what lies below that one is the base's.
    """
    found: dict[str, tuple[Layer, ...]] = {}
    for identity, node in nodes.items():
        base, chain = next(iter(texts(node.get("inputs"))), ""), chains.get(f"{identity}:0")
        of_base, source = _operation(table(table(nodes.get(base.partition(":")[0])).get("op")))
        is_image = of_base == "source" and text(source.get("identifier")).startswith("docker-image://")
        if chain and is_image and base not in chains and _operation(table(node.get("op")))[0] in ("exec", "file"):
            found[base] = chain[:-1]
    return {**found, **chains}


def _added(chains: dict[str, tuple[Layer, ...]], key: str, inputs: tuple[str, ...]) -> tuple[Layer, ...]:
    """The layers above those that another step ends with; `COPY --link` only joins what its inputs have."""
    chain = chains.get(key, ())
    below = (len(other) for other in chains.values() if len(other) < len(chain) and chain[: len(other)] == other)
    taken = {layer for name in inputs for layer in chains.get(name, ())}
    return tuple(layer for layer in chain[max(below, default=0) :] if layer not in taken)
