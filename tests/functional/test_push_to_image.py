"""The main job: push, and the image is there. Real Git, real BuildKit, real registry, real worker; no fake."""

from __future__ import annotations

from uuid import uuid4

import httpx

from tests.yard import PLAIN, Yard

DOCKERFILE = """\
ARG BASE
FROM ${BASE} AS make
RUN : NONCE && echo "made by a step" > /made.txt && echo "a line on the log"
COPY . /src
FROM ${BASE}
COPY --from=make /made.txt /made.txt
COPY --from=make /src /src
"""


def rule(base_image: str, **fields: object) -> dict[str, object]:
    return {"ref_type": "branch", "pattern": "main", "tags": ["latest"], "build_args": {"BASE": base_image}, **fields}


def test_a_push_becomes_an_image_with_its_tags(yard: Yard, base_image: str):
    linked = yard.link("acme/push", rules=[rule(base_image, tags=["latest", "{sourceref}-{sha7}"])])
    dockerfile = DOCKERFILE.replace("NONCE", uuid4().hex)  # in nobody's cache
    commit = linked.git.commit({"Dockerfile": dockerfile, "a.txt": "a", "b.log": "b", ".dockerignore": "*.log\n"})
    build = linked.build_push(commit)
    assert build["state"] == "succeeded", build["error"]
    assert build["commit"] == commit
    assert build["tags"] == ["latest", f"main-{commit[:7]}"]
    tags = httpx.get(f"http://{yard.registry}/v2/acme/push/tags/list", timeout=10, **PLAIN).json()["tags"]
    assert sorted(tags) == sorted(["build-1", "latest", f"main-{commit[:7]}"])
    names = [step["name"] for step in build["steps"]]
    assert any("made by a step" in name for name in names)
    assert b"a line on the log\n" in yard.log(build["id"])
    assert build["log"]["clipped"] is False
    assert any(step["dockerfile_line"] == 3 for step in build["steps"])
