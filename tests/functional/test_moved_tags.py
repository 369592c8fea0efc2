"""Tags that people move: rolled back, moved on by the next build, held, and fixed for good."""

from __future__ import annotations

from typing import Any

from tests.yard import Linked, Yard, fresh, until

HERE = "/repositories/{}/tags/{}"


def put(yard: Yard, path: str, tag: str, **body: Any) -> dict[str, Any]:
    """Ask for a move and follow it to its end."""
    order = yard.send("POST", HERE.format(path, tag), body, status=202)
    where = f"{HERE.format(path, tag)}/orders/{order['id']}"
    return until(lambda: (now := yard.get(where))["state"] in ("done", "failed") and now, what="the order to end")


def digest_of(yard: Yard, path: str, tag: str) -> str:
    """What the registry itself says."""
    return str(yard._registry(f"/v2/{path}/manifests/{tag}").headers["docker-content-digest"])


def two_builds(yard: Yard, path: str, base_image: str) -> Linked:
    linked = yard.link(path)
    for what in ("first", "second"):
        assert linked.build({"Dockerfile": fresh(base_image), "what": what})["state"] == "succeeded"
    return linked


def test_a_tag_is_rolled_back_without_a_build_and_the_next_build_moves_it_on(yard: Yard, base_image: str):
    linked = two_builds(yard, "moved/back", base_image)
    first, second = linked.tags()["build-1"]["digest"], linked.tags()["build-2"]["digest"]
    order = put(yard, "moved/back", "latest", build=1, seen=second)
    said = "`latest` was rolled back from build #2 to build #1 by admin."
    assert (order["state"], order["sentence"]) == ("done", said)
    assert digest_of(yard, "moved/back", "latest") == first != second
    assert linked.tags()["latest"]["build"] == 1
    back = put(yard, "moved/back", "latest", digest=second)
    assert back["sentence"] == "`latest` was rolled back from build #1 to build #2 by admin."
    put(yard, "moved/back", "latest", build=1)
    third = linked.build({"what": "third"})
    assert third["tags"] == ["latest"], third["sentence"]
    assert digest_of(yard, "moved/back", "latest") == third["digest"]


def test_a_held_tag_stays_until_it_is_released(yard: Yard, base_image: str):
    linked = two_builds(yard, "moved/held", base_image)
    put(yard, "moved/held", "latest", build=1, hold=True)
    third = linked.build({"what": "third"})
    assert (third["state"], third["tags"]) == ("succeeded", [])
    assert "`latest` was not moved: it is held at build #1 by admin since " in third["sentence"]
    assert digest_of(yard, "moved/held", "latest") == linked.tags()["build-1"]["digest"]
    yard.send("POST", f"{HERE.format('moved/held', 'latest')}/release", {}, status=200)
    assert linked.build({"what": "fourth"})["tags"] == ["latest"]


def test_a_fixed_tag_is_put_once_and_never_again(yard: Yard, base_image: str):
    linked = yard.link("moved/fixed")
    yard.send("PUT", "/repositories/moved/fixed/fixed-tags", {"patterns": ["/^la/"]}, status=200)
    assert linked.build({"Dockerfile": fresh(base_image), "what": "first"})["tags"] == ["latest"]
    second = linked.build({"what": "second"})
    assert (second["state"], second["tags"]) == ("succeeded", [])
    assert "`latest` was not moved: tags that match `/^la/` never move in this repository." in second["sentence"]
    refused = yard.send("POST", HERE.format("moved/fixed", "latest"), {"build": 2}, status=409)
    assert "and this one is there and points to build #1." in refused["detail"]
    assert digest_of(yard, "moved/fixed", "latest") == linked.tags()["build-1"]["digest"]
