"""A base image moves in the registry, and what stands on it is built anew: real builder, real registry."""

from __future__ import annotations

import time

from tests.yard import Yard

DOCKERFILE = "ARG BASE\nFROM ${BASE}\nCOPY Dockerfile /made-by\n"


def wait_for_builds(linked, count: int) -> list[dict]:
    give_up = time.monotonic() + 60
    while len(builds := linked.builds()) < count or builds[0]["state"] not in ("succeeded", "failed"):
        assert time.monotonic() < give_up, f"there are {len(builds)} builds: {builds[:1]}"
        time.sleep(0.2)
    return builds


def test_3_11_it_builds_an_image_anew_when_the_one_below_it_was_built(yard: Yard, base_image: str) -> None:
    """3.11: base images are known from the provenance, and our own tags are noticed at once."""
    base = yard.link("acme/base-below", rules=[rule(base_image)])
    assert base.build_push(base.git.commit({"Dockerfile": DOCKERFILE}))["state"] == "succeeded"
    image = f"{yard.registry}/acme/base-below:latest"
    app = yard.link("acme/base-above", rules=[rule(image)])
    first = app.build_push(app.git.commit({"Dockerfile": DOCKERFILE}))
    assert [found["name"] for found in first["base_images"]] == [image]
    answer = yard.client.put(f"/repositories/{app.path}/bases", json={"rebuild": True})
    assert answer.status_code == 200, answer.text
    again = base.build_push(base.git.commit({"Dockerfile": f"{DOCKERFILE}RUN echo new > /new\n"}))
    assert again["state"] == "succeeded"
    newest = wait_for_builds(app, 2)[0]
    assert newest["cause"] == "base_image"
    assert newest["cause_detail"].startswith(f"base {image} moved ")
    assert newest["base_images"][0]["digest"] != first["base_images"][0]["digest"]
    told = yard.get(f"/repositories/{app.path}/bases")
    assert told["bases"][0]["name"] == image
    assert told["rebuilds"][0]["build"] == newest["number"]


def rule(base: str) -> dict:
    return {"ref_type": "branch", "pattern": "main", "tags": ["latest"], "build_args": {"BASE": base}}
