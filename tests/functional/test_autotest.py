"""`*.test.yml` files on a whole Imageyard: what passes, fails, is refused, and that nothing is left behind."""

from __future__ import annotations

import json
from typing import Any

import httpx

from tests.functional.test_pull_requests import approved, propose, tell
from tests.yard import Linked, Yard, fresh, until

RULE = {"ref_type": "branch", "pattern": "main", "tags": ["latest"]}


def compose(**services: Any) -> str:
    """A compose file; JSON is YAML."""
    return json.dumps({"services": services})


def left_of(yard: Yard, build: dict[str, Any]) -> list[str]:
    """Containers, networks, volumes and images of the build's runs that are still in the engine."""
    query = {"all": "1", "filters": json.dumps({"label": [f"imageyard.run={build['id']}.{build['attempt']}"]})}
    socket = httpx.HTTPTransport(uds=yard.environ["DOCKER_HOST"].removeprefix("unix://"))
    with httpx.Client(transport=socket, base_url="http://engine", timeout=30) as engine:
        found = [row["Id"] for row in engine.get("/containers/json", params=query).json()]
        found += [row["Id"] for row in engine.get("/networks", params=query).json()]
        found += [row["Name"] for row in engine.get("/volumes", params=query).json()["Volumes"] or ()]
        names = [name for row in engine.get("/images/json").json() for name in row["RepoTags"] or ()]
    return found + [name for name in names if f"/{build['id']}.{build['attempt']}:" in name]


def test_a_test_of_the_image_passes_with_what_is_built_from_the_work_tree_and_the_tags_move(
    yard: Yard, base_image: str
):
    """10. A secret is never in a log."""
    rule = {**RULE, "dockerfile": "app/Dockerfile", "context": "app"}
    linked = yard.link("autotest/passes", rules=[rule])
    body = {"kind": "secret", "name": "TOKEN", "value": "hunter2-hunter2"}
    yard.send("POST", "/repositories/autotest/passes/variables", body)
    sut = {
        "image": "this",
        "command": [
            "sh",
            "-c",
            "wget -qO- http://web/ && cat /made && echo branch $$SOURCE_BRANCH && echo token is $$TOKEN",
        ],
        "depends_on": {"web": {"condition": "service_healthy"}},
        "environment": ["SOURCE_BRANCH", "TOKEN"],
    }
    web = {
        "build": {"context": ".", "dockerfile": "test/Dockerfile", "args": {"WHO": "tests of $SOURCE_BRANCH"}},
        "volumes": ["./site:/www:ro", "./test/check.sh:/check.sh", "./test:/test"],
        "command": ["sh", "-c", "cat /who; sh /check.sh; echo written > /test/new; ls /test; exec httpd -f -h /www"],
        "env_file": "test/vars.env",
        "healthcheck": {"test": "wget -qO- http://127.0.0.1/", "interval": "0.5s", "retries": 40},
    }
    files = {
        "app/Dockerfile": fresh(base_image, "RUN echo made-here > /made"),
        "app/docker-compose.test.yml": compose(
            sut=sut, web=web, unused={"image": "does.not/exist", "privileged": True}
        ),
        "app/site/index.html": "hello from the web\n",
        "app/test/Dockerfile": fresh(base_image, "ARG WHO", "RUN echo $WHO > /who"),
        "app/test/check.sh": "echo checked by $NAME\n",
        "app/test/vars.env": "NAME=a file\n",
    }
    build = linked.build(files)
    assert build["state"] == "succeeded", build["sentence"]
    log = yard.log(build["id"]).decode()
    assert "web-1  | tests of main" in log
    assert "web-1  | checked by a file" in log
    assert "web-1  | new" in log
    assert "sut-1  | hello from the web" in log
    assert "sut-1  | made-here" in log
    assert "sut-1  | branch main" in log
    assert "sut-1  | token is ***" in log
    assert "hunter2" not in log
    [row] = build["tests"]
    assert (row["file"], row["state"]) == ("docker-compose.test.yml", "passed")
    assert "Test docker-compose.test.yml: sut" in [step["name"] for step in build["steps"]]
    assert linked.tags()["latest"]["digest"] == build["digest"]
    assert left_of(yard, build) == []


def test_a_failing_test_moves_no_tag_but_the_build_tag_and_one_that_is_switched_off_does_not_run(
    yard: Yard, base_image: str
):
    """A user who pushes something broken still finds the last good image under `latest`."""
    linked = yard.link("autotest/fails")
    yard.sql("UPDATE builds_source SET autotest = 0 WHERE clone_url = ?", linked.git.url)
    broken = compose(sut={"image": "this", "command": "false"})
    good = linked.build({"Dockerfile": fresh(base_image), "b.test.yml": broken})
    assert (good["state"], good["tests"]) == ("succeeded", [])
    yard.sql("UPDATE builds_source SET autotest = 1 WHERE clone_url = ?", linked.git.url)
    files = {
        "Dockerfile": fresh(base_image),
        "a.test.yml": compose(sut={"image": "this", "command": "true"}),
        "b.test.yml": compose(sut={"build": ".", "command": ["sh", "-c", "echo 2 of 9 failed; exit 3"]}),
        "c.test.yml": compose(sut={"image": "this", "command": "true"}),
    }
    build = linked.build(files)
    assert build["state"] == "failed"
    assert build["error"]["kind"] == "user"
    assert build["sentence"] == (
        "The test `b.test.yml` failed: service `sut` ended with exit code 3. "
        f"No tag but `{build['build_tag']}` was moved."
    )
    assert build["error"]["step"] == "Test b.test.yml: sut"
    assert [row["state"] for row in build["tests"]] == ["passed", "failed", "waiting"]
    assert linked.tags()["latest"]["digest"] == good["digest"]
    assert build["build_tag"] in yard.pushed_tags("autotest/fails")
    assert left_of(yard, build) == []


def test_what_cannot_be_run_is_told_of(yard: Yard, base_image: str):
    """11. Nothing a repository contains can run outside the builder."""
    nothing = f"{yard.registry}/autotest/nothing:1"
    files = {
        "hostile": {
            "docker-compose.test.yml": compose(
                sut={
                    "image": "this",
                    "privileged": True,
                    "volumes": ["/:/host", "/var/run/docker.sock:/var/run/docker.sock"],
                }
            )
        },
        "missing": {
            "docker-compose.test.yml": compose(sut={"image": "this", "depends_on": ["db"]}, db={"image": nothing})
        },
        "unbuildable": {
            "docker-compose.test.yml": compose(sut={"build": {"context": ".", "dockerfile": "Dockerfile.test"}}),
            "Dockerfile.test": fresh(base_image, "RUN exit 7"),
        },
    }
    dockerfile = fresh(base_image)
    started = {
        name: yard.link(f"autotest/{name}").start({"Dockerfile": dockerfile, **more}) for name, more in files.items()
    }
    hostile, missing, unbuildable = (yard.wait(build["id"]) for build in started.values())
    assert hostile["state"] == "failed"
    assert "service `sut` asks for `privileged`" in hostile["sentence"]
    assert "mounts `/`, a path of the machine that is not in the repository" in hostile["sentence"]
    assert "the engine itself" in hostile["sentence"]
    assert hostile["tests"][0]["state"] == "failed"

    assert missing["error"]["kind"] == "user"
    assert f"its image `{nothing}` could not be pulled: " in missing["sentence"]

    assert "the image of its service `sut` could not be built." in unbuildable["sentence"]
    assert "exit code 7" in unbuildable["sentence"]
    assert left_of(yard, unbuildable) == []


def test_a_cancelled_build_ends_its_test_and_leaves_nothing_and_a_retry_tests_again(yard: Yard, base_image: str):
    """Results of the attempt before are not shown as those of this one."""
    linked = yard.link("autotest/cancelled")
    sut = {"image": "this", "command": ["sh", "-c", "echo now waiting; sleep 600"]}
    build = linked.start({"Dockerfile": fresh(base_image), "docker-compose.test.yml": compose(sut=sut)})
    for attempt in (1, 2):
        yard.wait(build["id"], until={"testing"})
        yard.wait_log(build["id"], b"now waiting")
        now = yard.build(build["id"])
        assert (now["attempt"], now["state"]) == (attempt, "testing")
        assert [row["state"] for row in now["tests"]] == ["running"]
        yard.send("POST", f"/builds/{build['id']}/cancel")
        ended = yard.wait(build["id"])
        assert ended["state"] == "cancelled"
        assert [row["state"] for row in ended["tests"]] == ["stopped"]
        assert left_of(yard, ended) == []
        if attempt == 1:
            yard.send("POST", f"/builds/{build['id']}/retry")


def test_a_pull_request_of_a_fork_is_tested_without_being_pushed(yard: Yard, base_image: str):
    linked: Linked = yard.link("autotest/proposed")
    yard.send("PUT", "/repositories/autotest/proposed/pull-requests", {"policy": "forks"})
    yard.send(
        "POST", "/repositories/autotest/proposed/variables", {"kind": "secret", "name": "TOKEN", "value": "s3cr3t"}
    )
    linked.git.commit({"Dockerfile": fresh(base_image, "COPY what /")})
    sut = {"image": "this", "command": ["sh", "-c", "cat /what; echo token: [$$TOKEN]"], "environment": ["TOKEN"]}
    files = {"what": "proposed\n", "docker-compose.test.yml": compose(sut=sut)}
    commit = propose(linked, files)
    build = approved(yard, tell(linked, commit), commit)
    log = yard.log(build["id"]).decode()
    assert build["state"] == "succeeded", build["sentence"]
    assert "sut-1  | proposed" in log
    assert "sut-1  | token: []" in log
    assert build["tests"][0]["state"] == "passed"
    assert until(lambda: left_of(yard, build) == [])
