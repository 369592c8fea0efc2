"""Builds that no push asked for, on real parts: a trigger's address, and a push that was missed."""

from __future__ import annotations

from typing import Any

import httpx

from tests.yard import Linked, Yard, until

FILES = {"Dockerfile": "ARG BASE\nFROM ${BASE}\nCOPY a.txt /a.txt\n", "a.txt": "one"}


def rule(base_image: str, **fields: object) -> dict[str, object]:
    return {"ref_type": "branch", "pattern": "main", "tags": ["latest"], "build_args": {"BASE": base_image}, **fields}


def missed(linked: Linked, *, timeout_s: float = 60) -> dict[str, Any]:
    """What a worker says after it has looked."""
    path = f"/repositories/{linked.path}/catch-up"
    before = linked.yard.get(path)["looked_at"]
    linked.yard.send("POST", f"{path}/look", status=202)
    return until(
        lambda: (told := linked.yard.get(path))["looked_at"] != before and told, timeout_s=timeout_s, what="the look"
    )


def test_a_trigger_builds_the_newest_commit(yard: Yard, base_image: str):
    linked = yard.link("acme/triggered", rules=[rule(base_image)])
    commit = linked.git.commit(FILES)
    url = yard.send("POST", f"/repositories/{linked.path}/triggers", {"name": "import"}, status=201)["url"]
    answer = httpx.post(url, data={"ref": "main"}, timeout=30, trust_env=False)
    assert answer.status_code == 201, answer.text
    build = yard.wait(answer.json()["builds"][0]["id"])
    assert (build["state"], build["commit"], build["cause"]) == ("succeeded", commit, "trigger"), build["error"]
    assert url.rpartition("/")[2] not in "".join(log.read_text() for log in (yard.home / "log").glob("*.log"))


def test_a_push_that_nobody_told_us_of_is_found_and_built(yard: Yard, base_image: str):
    linked = yard.link("acme/missed", rules=[rule(base_image)])
    first = linked.build(FILES)
    assert first["state"] == "succeeded", first["error"]
    assert missed(linked)["question"] is None
    commit = linked.git.commit({"a.txt": "two"})  # and no webhook
    question = missed(linked)["question"]
    assert [(push["ref"], push["commit"], push["before"]) for push in question["missed"]] == [
        ("main", commit, first["commit"])
    ]
    body = {"id": question["id"], "choice": "newest"}
    (made,) = yard.send("POST", f"/repositories/{linked.path}/catch-up/decision", body, status=201)["builds"]
    build = yard.wait(made["id"])
    assert (build["state"], build["commit"], build["cause"]) == ("succeeded", commit, "catch_up"), build["error"]
    assert missed(linked)["question"] is None
