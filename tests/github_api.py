"""GitHub's published OpenAPI description (npm `@octokit/openapi`): holds requests against it, gives its examples."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

FOLDER = Path(__file__).parents[1] / "node_modules" / "@octokit" / "openapi" / "generated"
EDITIONS = (
    "api.github.com",
    *sorted(path.name[:-5] for path in FOLDER.glob("ghes-*.json") if "deref" not in path.name),
)


@dataclass(frozen=True)
class Operation:
    """One method of one path: its address in the document, and the parts of the path that were filled in."""

    edition: str
    template: str
    method: str
    given: dict[str, str]

    @property
    def document(self) -> dict[str, Any]:
        return load(self.edition)["paths"][self.template][self.method]

    def example(self, status: int) -> Any:
        """The published example of an answer; {} where there is none."""
        response = follow(self.edition, self.document["responses"][str(status)])
        content = response.get("content", {}).get("application/json", {})
        for example in content.get("examples", {}).values():
            return copy.deepcopy(follow(self.edition, example).get("value"))
        return {}


@cache
def load(edition: str) -> dict[str, Any]:
    return json.loads((FOLDER / f"{edition}.json").read_text(encoding="utf-8"))


@cache
def _registry(edition: str) -> Registry:
    resource = Resource(contents=load(edition), specification=DRAFT202012)
    return Registry().with_resource(f"urn:{edition}", resource)


@cache
def _templates(edition: str) -> list[tuple[re.Pattern[str], str]]:
    """Paths as patterns, the most literal first."""
    found = sorted(load(edition)["paths"], key=lambda path: path.count("{"))
    # A name in braces is one part of the path.
    return [(re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path))), path) for path in found]


def follow(edition: str, node: dict[str, Any]) -> dict[str, Any]:
    """What `$ref` points to, within the document."""
    while "$ref" in node:
        target: Any = load(edition)
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        node = target
    return node


def find(edition: str, method: str, path: str) -> Operation:
    """The operation of a request. Raises AssertionError where GitHub has none such."""
    for pattern, template in _templates(edition):
        match = pattern.fullmatch(path)
        if match and method.lower() in load(edition)["paths"][template]:
            return Operation(edition, template, method.lower(), {k: unquote(v) for k, v in match.groupdict().items()})
    raise AssertionError(f"{edition} describes no {method} {path}")


def problems(operation: Operation, query: dict[str, str], body: Any) -> list[str]:
    """What the description has against a request: parameters it does not know or of another type, and the body."""
    known = [follow(operation.edition, one) for one in operation.document.get("parameters", [])]
    found = [f"unknown query {name}" for name in query if name not in {p["name"] for p in known if p["in"] == "query"}]
    for parameter in known:
        given = (operation.given if parameter["in"] == "path" else query).get(parameter["name"])
        if given is None:
            found += [f"{parameter['name']} is missing"] if parameter.get("required") else []
            continue
        schema = follow(operation.edition, parameter["schema"])
        value: Any = int(given) if schema.get("type") == "integer" and given.isdigit() else given
        found += [f"{parameter['name']}: {e.message}" for e in Draft202012Validator(schema).iter_errors(value)]
    asked = operation.document.get("requestBody")
    if asked is None:
        return [*found, "a body where none is described"] if body not in (None, {}) else found
    place = f"urn:{operation.edition}#/paths/{_pointer(operation.template)}/{operation.method}/requestBody/content"
    schema = {"$ref": f"{place}/application~1json/schema"}
    validator = Draft202012Validator(schema, registry=_registry(operation.edition))
    return found + [f"body {'.'.join(map(str, e.path))}: {e.message}" for e in validator.iter_errors(body)]


def unknown_fields(operation: Operation, body: dict[str, Any]) -> set[str]:
    """Fields of a body that the description does not name, which GitHub would leave unread without a word."""
    schema = operation.document["requestBody"]["content"]["application/json"]["schema"]
    return set(body) - set(follow(operation.edition, schema)["properties"])


def _pointer(path: str) -> str:
    return path.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
