"""Tags that people move: rolled back, moved on by the next build, held, and fixed for good."""

from __future__ import annotations

from typing import Any

from tests.yard import Yard, fresh, until

HERE = "/repositories/{}/tags/{}"


def put(yard: Yard, path: str, tag: str, **body: Any) -> dict[str, Any]:
    """Ask for a move and follow it to its end."""
    order = yard.send("POST", HERE.format(path, tag), body, status=202)
    where = f"{HERE.format(path, tag)}/orders/{order['id']}"
    return until(lambda: (now := yard.get(where))["state"] in ("done", "failed") and now, what="the order to end")


def digest_of(yard: Yard, path: str, tag: str) -> str:
    """What the registry itself says."""
    return str(yard._registry(f"/v2/{path}/manifests/{tag}").headers["docker-content-digest"])


def test_a_tag_is_rolled_back_and_moves_on_or_is_held_and_a_fixed_one_never_moves(yard: Yard, base_image: str):
    path = "moved/tags"
    rules = [{"ref_type": "branch", "pattern": "main", "tags": ["latest", "fixed"]}]
    linked = yard.link(path, rules=rules)
    yard.send("PUT", f"/repositories/{path}/fixed-tags", {"patterns": ["/^fi/"]}, status=200)
    assert linked.build({"Dockerfile": fresh(base_image), "what": "first"})["tags"] == ["latest", "fixed"]
    built = linked.build({"what": "second"})
    first, second = linked.tags()["build-1"]["digest"], linked.tags()["build-2"]["digest"]

    # A fixed tag is put once and never again.
    assert (built["state"], built["tags"]) == ("succeeded", ["latest"])
    assert "`fixed` was not moved: tags that match `/^fi/` never move in this repository." in built["sentence"]
    refused = yard.send("POST", HERE.format(path, "fixed"), {"build": 2}, status=409)
    assert "and this one is there and points to build #1." in refused["detail"]
    assert digest_of(yard, path, "fixed") == first

    # Another one is rolled back without a build, and the next build moves it on.
    order = put(yard, path, "latest", build=1, seen=second)
    said = "`latest` was rolled back from build #2 to build #1 by admin."
    assert (order["state"], order["sentence"]) == ("done", said)
    assert digest_of(yard, path, "latest") == first != second
    assert linked.tags()["latest"]["build"] == 1
    back = put(yard, path, "latest", digest=second)
    assert back["sentence"] == "`latest` was rolled back from build #1 to build #2 by admin."
    put(yard, path, "latest", build=1)
    third = linked.build({"what": "third"})
    assert third["tags"] == ["latest"], third["sentence"]
    assert digest_of(yard, path, "latest") == third["digest"]

    # One that is held stays until it is released.
    put(yard, path, "latest", build=1, hold=True)
    fourth = linked.build({"what": "fourth"})
    assert (fourth["state"], fourth["tags"]) == ("succeeded", [])
    assert "`latest` was not moved: it is held at build #1 by admin since " in fourth["sentence"]
    assert digest_of(yard, path, "latest") == first
    yard.send("POST", f"{HERE.format(path, 'latest')}/release", {}, status=200)
    assert linked.build({"what": "fifth"})["tags"] == ["latest"]
    assert digest_of(yard, path, "fixed") == first
