"""Builds that somebody or the clock stops: within seconds, nothing left running, nothing half published."""

from __future__ import annotations

import subprocess

import pytest

from tests.fake_registry import fake_registry
from tests.yard import FINAL, Linked, Yard, fresh, until

RULE = {"ref_type": "branch", "pattern": "main", "tags": ["latest"]}


def still_running(command: str) -> list[str]:
    """Processes of this host, containers included, whose command line is `command`."""
    out = subprocess.run(["ps", "-eo", "args"], check=True, capture_output=True, text=True).stdout
    return [line for line in out.splitlines() if line == command]


def cancel(yard: Yard, build: dict) -> dict:
    return yard.send("POST", f"/builds/{build['id']}/cancel", status=202)


def test_b06_a_running_build_is_cancelled_and_nothing_of_it_stays(yard: Yard, base_image: str):
    linked = yard.link("cancel/running")
    build = linked.start({"Dockerfile": fresh(base_image, "RUN echo began; sleep 7161")})
    yard.wait_log(build["id"], b"began\n")
    until(lambda: still_running("sleep 7161"))
    assert "Stopping" in cancel(yard, build)["sentence"]
    cancel(yard, build)
    build = yard.wait(build["id"], timeout_s=10)
    assert (build["state"], build["error"]) == ("cancelled", None)
    assert build["sentence"] == "Cancelled by admin."
    assert [step["state"] for step in build["steps"] if "sleep" in step["name"]] == ["cancelled"]
    until(lambda: not still_running("sleep 7161"), timeout_s=10)
    assert b"began\n" in yard.log(build["id"])
    assert (yard.pushed_tags("cancel/running"), linked.tags()) == (set(), {})
    again = cancel(yard, build)
    assert (again["state"], again["attempt"]) == ("cancelled", 1)
    refused = yard.send("POST", f"/builds/{linked.build({'Dockerfile': fresh(base_image)})['id']}/cancel", status=409)
    assert refused["detail"] == "Build #2 is over already: it succeeded."


def test_b06_a_build_is_cancelled_while_it_clones(yard: Yard, silent_port: int):
    linked = yard.link("cancel/cloning", clone_url=f"http://127.0.0.1:{silent_port}/web.git")
    build = linked.trigger()
    yard.wait(build["id"], until={"preparing"})
    cancel(yard, build)
    build = yard.wait(build["id"], timeout_s=10)
    assert (build["state"], build["error"]) == ("cancelled", None)
    # The worker's look at the source is a process of its own and asks for a listing.
    assert not [pid for pid in yard.processes(f":{silent_port}/web.git") if pid in yard.processes(" fetch ")]


@pytest.mark.parametrize("moment", ["build-1", "a", "b"])
def test_7_b06_a_cancel_in_the_middle_of_the_push_leaves_all_tags_or_none(yard: Yard, base_image: str, moment):
    """7. All tags of a build appear together or none does."""
    path = f"cancel/at-{moment}"
    with fake_registry() as fake:
        linked = yard.link(path, rules=[{**RULE, "tags": ["a", "b", "c"]}])
        yard.use_registry(path, fake.host)
        stopped: list[dict] = []

        def on_put(reference: str) -> None:
            if reference == moment and not stopped:
                stopped.append(cancel(yard, linked.builds()[0]))

        fake.state.on_put = on_put
        build = linked.build({"Dockerfile": fresh(base_image)})
        assert stopped
        there = {tag for owner, tag in fake.state.manifests if owner == path and ":" not in tag}
        if build["state"] == "cancelled":
            assert there <= {"build-1"}
            assert linked.tags() == {}
        else:
            assert (build["state"], build["tags"]) == ("succeeded", ["a", "b", "c"])
            assert there == {"build-1", "a", "b", "c"} == set(linked.tags())
        # A cancel that came before the first tag is obeyed.
        assert moment != "build-1" or build["state"] == "cancelled"


def test_4_every_waiting_build_says_what_it_waits_for_and_goes_on(yard: Yard, base_image: str):
    """4. Every state that is not final has an owner, a deadline and a sentence a person can read."""
    linked = yard.link("cancel/sentences", rules=[{**RULE, "pattern": "/.*/", "tags": ["{sourceref}"]}])
    first = linked.start({"Dockerfile": fresh(base_image, "RUN echo began; sleep 2")})
    yard.wait_log(first["id"], b"began\n")
    linked.git.git("push", "-q", "origin", "HEAD:refs/heads/other")
    waiting = linked.trigger("other")
    assert waiting["sentence"].startswith("Build #1 of this repository still runs; it builds one at a time")
    assert yard.build(first["id"])["sentence"] == "Building the image."
    assert yard.wait(waiting["id"])["state"] == "succeeded"


def test_b05_a_step_that_waits_for_input_gets_its_end_and_a_silent_one_is_left_alone(yard: Yard, base_image: str):
    linked = yard.link("time/input")
    steps = ["RUN cat && echo at the end", "RUN sleep 4 && echo ok"]
    build = linked.build({"Dockerfile": fresh(base_image, *steps)})
    assert (build["state"], build["attempt"]) == ("succeeded", 1), build["sentence"]
    assert b"at the end\n" in yard.log(build["id"])


def test_b05_what_takes_too_long_says_in_which_step_and_a_git_server_that_hangs_is_given_up_in_time(
    yard: Yard, base_image: str, silent_port: int
):
    rules = [{**RULE, "timeout_s": 5}]
    hanging = yard.link("time/hanging", rules=rules, clone_url=f"http://127.0.0.1:{silent_port}/web.git")
    hangs = hanging.trigger()  # on the other slot
    linked = yard.link("time/too-long", rules=rules)
    build = linked.build(
        {"Dockerfile": fresh(base_image, "RUN echo quick", "RUN echo began; sleep 7162")}, timeout_s=30
    )
    assert (build["state"], build["error"]["kind"], build["attempt"]) == ("failed", "timeout", 1)
    where = "step 3 of 3 (`RUN echo began; sleep 7162`)"
    assert build["sentence"] == f"It timed out after 5 s in {where}. Make it faster, or give the rule more time."
    assert build["error"]["step"] == "[3/3] RUN echo began; sleep 7162"
    until(lambda: not still_running("sleep 7162"), timeout_s=10)
    assert b"began\n" in yard.log(build["id"])
    assert yard.pushed_tags("time/too-long") == set()
    assert linked.build({"Dockerfile": fresh(base_image)})["state"] == "succeeded"
    build = yard.wait(hangs["id"], timeout_s=30)
    assert (build["state"], build["error"]["kind"]) == ("failed", "timeout"), build["sentence"]
    assert "after 5 s in the step `Check out branch main`" in build["sentence"]


def test_w09_one_push_delivered_twice_is_built_once(yard: Yard, base_image: str):
    """1. A webhook that reached us is in the ledger, with its verdict per rule."""
    linked: Linked = yard.link("cancel/twice")
    commit = linked.git.commit({"Dockerfile": fresh(base_image, "RUN echo ran: once")})
    first, second = linked.push(commit), linked.push(commit)
    [built], [again] = linked.delivery(first)["builds"], linked.delivery(second)["builds"]
    assert built["id"] == again["id"]
    build = yard.wait(built["id"])
    assert build["state"] in FINAL and len(linked.builds()) == 1
    assert yard.log(build["id"]).count(b"ran: once\n") == 1


def test_1_what_is_refused_or_matches_nothing_is_in_the_ledger_too(yard: Yard, base_image: str):
    """1. A webhook that reached us is in the ledger, with its verdict per rule, or with the reason it was refused."""
    linked = yard.link("cancel/ledger")
    commit = linked.git.commit({"Dockerfile": fresh(base_image)}, branch="docs")
    nothing = linked.push(commit, "refs/heads/docs")
    forged = linked.deliver("push", b"{}", **{"X-Hub-Signature-256": "sha256=" + "0" * 64})
    gone = linked.push("0" * 40, before=commit)
    assert [nothing.status_code, forged.status_code, gone.status_code] == [202, 401, 202]
    rows = yard.get("/repositories/cancel/ledger/deliveries")["items"]
    told = {row["status"]: row["sentence"] for row in rows}
    assert len(rows) == 3
    assert "no rule matches branch `docs`. Rules: `main`." in told["nothing"]
    assert "ref deleted" in told["ignored"]
    assert "signature" in " ".join(told.values())
    assert linked.builds() == []
