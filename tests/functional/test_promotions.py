"""Images that are promoted: real builds go to another repository and another registry, and docker pulls them there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imageyard.supervisor.ports import free_port
from imageyard.supervisor.registry import Registry
from tests.docker_cli import DockerCli
from tests.functional.test_moved_tags import HERE, digest_of, put
from tests.real_parts import running
from tests.yard import Yard, fresh


@pytest.fixture(scope="module")
def second_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Another registry."""
    with running(Registry(Path(tmp_path_factory.mktemp("second")), f"127.0.0.1:{free_port()}")) as registry:
        yield registry.host  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def docker(own_yard: Yard, docker_host: str, tmp_path_factory: pytest.TempPathFactory) -> DockerCli:
    cli = DockerCli(tmp_path_factory.mktemp("docker"), docker_host)
    cli.login(own_yard.registry, "admin", own_yard.token)
    return cli


@pytest.fixture(scope="module")
def built(own_yard: Yard, base_image: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two builds of promoted/web."""
    linked = own_yard.link("promoted/web")
    return linked.build({"Dockerfile": fresh(base_image), "what": "first"}), linked.build({"what": "second"})


def pulled(docker: DockerCli, name: str) -> str:
    """Pull with docker, and give the digest that it names."""
    docker("pull", "--quiet", name)
    shown = docker("image", "inspect", '--format={{join .RepoDigests " "}}', name).split()
    docker("image", "rm", "--force", name)
    return next(one.partition("@")[2] for one in shown if one.startswith(name.rpartition(":")[0] + "@"))


def test_a_build_is_promoted_to_another_repository_and_taken_back(
    own_yard: Yard, built: tuple[dict[str, Any], dict[str, Any]], docker: DockerCli
):
    first, second = built
    own_yard.send("POST", "/repositories", {"namespace": "promoted", "name": "prod"})
    for build, number in ((first, 1), (second, 2)):
        order = put(own_yard, "promoted/prod", "stable", **{"from": "promoted/web", "build": number})
        assert (order["state"], order["bytes_done"]) == ("done", order["bytes_total"]), order["sentence"]
        assert f"`stable` was promoted from promoted/web build #{number} (`sha256:" in order["sentence"]
        assert digest_of(own_yard, "promoted/prod", "stable") == build["digest"]
    assert pulled(docker, f"{own_yard.registry}/promoted/prod:stable") == second["digest"]
    assert own_yard.pushed_tags("promoted/prod") == {"stable"}
    back = put(own_yard, "promoted/prod", "stable", digest=first["digest"])
    assert "`stable` was rolled back from promoted/web build #2 (" in back["sentence"]
    assert digest_of(own_yard, "promoted/prod", "stable") == first["digest"]
    there = own_yard.get("/repositories/promoted/prod/tags/stable")
    assert there["promoted_from"] == {"repository": "promoted/web", "build": 1}
    moves = own_yard.get("/repositories/promoted/prod/tags/stable/history")["items"]
    assert [(move["kind"], move["source_build"]) for move in moves] == [("rollback", 1), ("promote", 2), ("promote", 1)]
    told = own_yard.get("/repositories/promoted/web/tags/build-2")["promoted_to"]
    here = [one for one in told if one["repository"] == "promoted/prod"]
    assert [(one["tag"], one["is_there"]) for one in here] == [("stable", False)]


def test_a_build_is_promoted_to_another_registry(
    own_yard: Yard, built: tuple[dict[str, Any], dict[str, Any]], docker: DockerCli, second_host: str
):
    own_yard.send("POST", "/repositories", {"namespace": "promoted", "name": "away"})
    own_yard.use_registry("promoted/away", second_host)
    order: dict[str, Any] = put(own_yard, "promoted/away", "1.0", **{"from": "promoted/web", "build": 2})
    assert order["state"] == "done", order["sentence"]
    assert pulled(docker, f"{second_host}/promoted/away:1.0") == built[1]["digest"]
    assert pulled(docker, f"{own_yard.registry}/promoted/web:latest") == built[1]["digest"]


def test_fixed_tags_of_the_target_stay(own_yard: Yard, built: tuple[dict[str, Any], dict[str, Any]]):
    own_yard.send("POST", "/repositories", {"namespace": "promoted", "name": "kept"})
    own_yard.send("PUT", "/repositories/promoted/kept/fixed-tags", {"patterns": ["/^1/"]}, status=200)
    assert put(own_yard, "promoted/kept", "1.0", **{"from": "promoted/web", "build": 1})["state"] == "done"
    body = {"from": "promoted/web", "build": 2}
    refused = own_yard.send("POST", HERE.format("promoted/kept", "1.0"), body, status=409)
    assert "`1.0` was not moved: tags that match `/^1/` never move in this repository" in refused["detail"]
    assert "and points to promoted/web build #1 (`sha256:" in refused["detail"]
