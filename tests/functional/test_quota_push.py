"""A quota, the real docker client, and the pages that say what docker does not; a build at the same quota."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docker_cli import DockerCli
from tests.yard import Yard, fresh, until

PATIENCE_S = 120.0


@pytest.fixture
def docker(own_yard: Yard, docker_host: str, tmp_path: Path) -> DockerCli:
    cli = DockerCli(tmp_path / "docker", docker_host)
    cli.login(own_yard.registry, "admin", own_yard.token)
    return cli


def measured(yard: Yard, path: str) -> int | None:
    return yard.send("GET", f"/{path}/storage")["use"]["bytes"]


def test_8_docker_push_is_denied_over_the_quota_and_the_pages_say_why(
    own_yard: Yard, docker: DockerCli, base_image: str
):
    yard = own_yard
    name = docker.image(f"{yard.registry}/full/web:1", of=base_image)
    docker("push", "--quiet", name)
    yard.shell("from registry.actions.storage import measure_soon; measure_soon()")
    size = until(lambda: measured(yard, "namespaces/full"), timeout_s=PATIENCE_S, what="the storage's measuring")
    told = yard.send("PUT", "/namespaces/full/quota", {"limit_bytes": size})
    assert told["level"] == "over"

    again = docker.image(f"{yard.registry}/full/web:2", of=base_image)
    # What is said depends on the engine's image store; neither says why.
    assert re.search(r"denied|authorization failed", docker.refused("push", "--quiet", again))
    assert yard.pushed_tags("full/web") == {"1"}, "and nothing is deleted"
    docker("pull", "--quiet", name)
    quotas = yard.send("GET", "/repositories/full/web/storage")["quotas"]
    assert "nothing more can be pushed" in quotas[1]["sentence"]
    assert yard.sql("SELECT target FROM accounts_auditentry WHERE action = 'quota.refused'") == [("full/web",)]

    yard.send("PUT", "/namespaces/full/quota", {"limit_bytes": 100 * size})
    docker("push", "--quiet", again)
    assert yard.pushed_tags("full/web") == {"1", "2"}


def test_8_a_build_over_the_quota_does_not_begin_and_says_what_to_do(own_yard: Yard, base_image: str):
    linked = own_yard.link("packed/web")
    own_yard.send("PUT", "/namespaces/packed/quota", {"limit_bytes": 0})
    build = own_yard.wait(linked.start({"Dockerfile": fresh(base_image)})["id"], timeout_s=PATIENCE_S)
    assert (build["state"], build["error"]["kind"], build["tags"]) == ("failed", "limit", [])
    assert build["sentence"].startswith("packed takes up 0 B, and its quota is 0 B: nothing more can be pushed to it.")
    own_yard.send("PUT", "/namespaces/packed/quota", {"limit_bytes": None})
    again = own_yard.send("POST", f"/builds/{build['id']}/retry")
    assert own_yard.wait(again["id"], timeout_s=PATIENCE_S)["state"] == "succeeded"
