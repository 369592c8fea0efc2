"""Pull requests from the forge's event to the end of the build, with the refs that forges keep them under. W15."""

from __future__ import annotations

import json
import uuid
from typing import Any

from tests.yard import Linked, Yard, fresh, until

SECRET = f"s3cret-{uuid.uuid4().hex}"


def linked_for(yard: Yard, path: str, base_image: str, policy: str = "forks", **fields: Any) -> Linked:
    linked = yard.link(path, **fields)
    yard.send("PUT", f"/repositories/{path}/pull-requests", {"policy": policy})
    yard.send("POST", f"/repositories/{path}/variables", {"kind": "secret", "name": "TOKEN", "value": SECRET})
    linked.git.commit({"Dockerfile": fresh(base_image, "RUN true"), "app.txt": "1"})
    return linked


def propose(linked: Linked, files: dict[str, str], number: int = 7) -> str:
    """A commit that the server keeps under `refs/pull/<n>/head` alone, as of a fork; its hash."""
    linked.git.git("checkout", "-q", "-B", f"pull-{number}", "origin/main")
    for name, content in files.items():
        (linked.git.tree / name).parent.mkdir(parents=True, exist_ok=True)
        (linked.git.tree / name).write_text(content)
    linked.git.git("add", "-A")
    linked.git.git("commit", "-q", "-m", "Propose something")
    linked.git.git("push", "-q", "-f", "origin", f"HEAD:refs/pull/{number}/head")
    commit = linked.git.git("rev-parse", "HEAD")
    linked.git.git("checkout", "-q", "main")
    return commit


def tell(linked: Linked, commit: str, *, number: int = 7, action: str = "opened", fork: bool = True) -> dict[str, Any]:
    """GitHub's event of it; the row of the ledger."""
    base = {"id": 42, "full_name": linked.path, "default_branch": "main"}
    head = {"id": 43, "full_name": "stranger/web", "clone_url": "https://github.com/stranger/web.git"} if fork else base
    proposed = {
        "number": number,
        "title": "Propose something",
        "user": {"login": "stranger"},
        "head": {"ref": "patch-1", "sha": commit, "repo": head},
        "base": {"ref": "main", "repo": base},
    }
    body = {"action": action, "number": number, "pull_request": proposed, "repository": base, "sender": {"login": "x"}}
    answer = linked.deliver("pull_request", json.dumps(body).encode())
    assert answer.status_code == 202, answer.text
    return linked.delivery(answer)


def approved(yard: Yard, delivery: dict[str, Any], commit: str) -> dict[str, Any]:
    """Wait for the worker's look, approve, and wait for the end."""
    build = delivery["builds"][0]["id"]
    until(lambda: yard.get(f"/builds/{build}/review")["state"] == "good", what="the look at the commit")
    yard.send("POST", f"/builds/{build}/approve", {"commit": commit}, status=202)
    return yard.wait(build)


def test_w15_a_fork_is_built_once_a_member_approves_and_gets_nothing_and_leaves_nothing(yard: Yard, base_image: str):
    """Neither its steps nor its cache mounts reach another build."""
    linked = linked_for(yard, "pulls/fork", base_image)
    mount = uuid.uuid4().hex
    lines = fresh(
        base_image,
        "RUN cat /proc/sys/kernel/random/uuid > /made",
        f"RUN --mount=type=cache,id={mount},target=/c cp /c/w /poison 2>/dev/null; cat /made > /c/w",
    )
    steal = "RUN --mount=type=secret,id=TOKEN echo found: $(ls /run/secrets 2>/dev/null); env; cat /proc/mounts"
    proposed = f"{lines}RUN cat /made; ls /poison || echo clean\n{steal}\n"
    commit = propose(linked, {"Dockerfile": proposed, "app.txt": "2", "hooks/build": "id"})
    delivery = tell(linked, commit)
    waiting = yard.build(delivery["builds"][0]["id"])
    assert "waits for a member's approval" in waiting["sentence"]
    build = approved(yard, delivery, commit)
    review = yard.get(f"/builds/{build['id']}/review")
    assert [file["path"] for file in review["files"]] == ["Dockerfile", "hooks/build"]
    assert "+RUN --mount=type=secret" in review["files"][0]["diff"]
    assert [file["path"] for file in review["others"]] == ["app.txt"]
    assert (build["state"], build["tags"], build["digest"]) == ("succeeded", [], None), build["sentence"]
    assert "was not pushed" in build["sentence"]
    log = yard.log(build["id"])
    assert b"found:" in log and b"found: TOKEN" not in log and SECRET.encode() not in log
    assert yard.pushed_tags("pulls/fork") == set()

    own = linked.build({"Dockerfile": lines})
    assert own["state"] == "succeeded", own["sentence"]
    files = yard.image_files("pulls/fork", "latest")
    assert files["made"][1].strip() not in log
    assert "poison" not in files


def test_w15_an_own_branch_is_pushed_under_its_build_tag_and_moves_nothing(yard: Yard, base_image: str):
    linked = linked_for(yard, "pulls/own", base_image, policy="same")
    first = linked.build_push(linked.git.git("rev-parse", "HEAD"))
    commit = propose(linked, {"app.txt": "2", "Dockerfile": fresh(base_image, "COPY app.txt /app.txt")}, number=8)
    build = yard.wait(tell(linked, commit, number=8, fork=False)["builds"][0]["id"])
    assert (build["state"], build["tags"], build["commit"]) == ("succeeded", [], commit), build["sentence"]
    assert yard.pushed_tags("pulls/own") == {"build-1", "build-2", "latest"}
    assert linked.tags()["latest"]["digest"] == first["digest"]
    assert yard.image_files("pulls/own", "build-2")["app.txt"][1] == b"2"


def test_a_frontend_of_a_stranger_s_choice_is_refused(yard: Yard, base_image: str):
    linked = linked_for(yard, "pulls/frontend", base_image)
    commit = propose(linked, {"Dockerfile": f"# syntax=evil.example.com/frontend:1\nFROM {base_image}\n"})
    build = approved(yard, tell(linked, commit), commit)
    assert (build["state"], build["error"]["kind"]) == ("failed", "user")
    assert "`# syntax=` names `evil.example.com/frontend:1`" in build["sentence"]


def test_closing_stops_what_runs_and_a_new_push_asks_anew(yard: Yard, base_image: str):
    linked = linked_for(yard, "pulls/closed", base_image, policy="same")
    running = propose(linked, {"Dockerfile": fresh(base_image, "RUN echo begun && sleep 300")}, number=9)
    build = tell(linked, running, number=9, fork=False)["builds"][0]["id"]
    yard.wait_log(build, b"begun")
    newer = propose(linked, {"Dockerfile": fresh(base_image, "RUN echo again && sleep 300")}, number=9)
    second = tell(linked, newer, number=9, action="synchronize", fork=False)["builds"][0]["id"]
    assert yard.wait(build)["state"] == "superseded"
    yard.wait_log(second, b"again")
    assert "1 build of it was stopped" in tell(linked, newer, number=9, action="closed", fork=False)["sentence"]
    ended = yard.wait(second)
    assert (ended["state"], "Pull request #9 was closed" in ended["sentence"]) == ("cancelled", True), ended["sentence"]
