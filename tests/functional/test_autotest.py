"""`*.test.yml` files on a whole Imageyard: what passes, fails, is refused, and that nothing is left behind."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from tests.functional.test_pull_requests import approved, propose, tell
from tests.yard import Linked, Yard, fresh, until


def compose(**services: Any) -> str:
    """A compose file; JSON is YAML."""
    return json.dumps({"services": services})


def docker(yard: Yard, *arguments: str) -> list[str]:
    env = {**yard.environ}
    return subprocess.run(["docker", *arguments], env=env, check=True, capture_output=True, text=True).stdout.split()


def left_of(yard: Yard, build: dict[str, Any]) -> list[str]:
    """Containers, networks, volumes and images of the build's runs that are still in the engine."""
    label = f"label=imageyard.run={build['id']}.{build['attempt']}"
    kinds = (["ps", "-aq"], ["network", "ls", "-q"], ["volume", "ls", "-q"])
    found = [one for kind in kinds for one in docker(yard, *kind, "--filter", label)]
    names = docker(yard, "image", "ls", "--format", "{{.Repository}}")
    return found + [name for name in names if name.endswith(f"/{build['id']}.{build['attempt']}")]


def test_a_test_of_the_image_passes_and_the_tags_move(yard: Yard, base_image: str):
    linked = yard.link("autotest/passes")
    sut = {
        "image": "this",
        "command": ["sh", "-c", "wget -qO- http://web/ && cat /made && echo branch $$SOURCE_BRANCH"],
        "depends_on": {"web": {"condition": "service_healthy"}},
        "environment": ["SOURCE_BRANCH"],
    }
    web = {
        "image": base_image,
        "command": "httpd -f -h /www",
        "volumes": ["./site:/www:ro"],
        "healthcheck": {"test": "wget -qO- http://127.0.0.1/", "interval": "1s", "retries": 20},
    }
    files = {
        "Dockerfile": fresh(base_image, "RUN echo made-here > /made"),
        "docker-compose.test.yml": compose(sut=sut, web=web, unused={"image": "does.not/exist", "privileged": True}),
        "site/index.html": "hello from the web\n",
    }
    build = linked.build(files)
    assert build["state"] == "succeeded", build["sentence"]
    log = yard.log(build["id"]).decode()
    assert "sut-1  | hello from the web" in log
    assert "sut-1  | made-here" in log
    assert "sut-1  | branch main" in log
    [row] = build["tests"]
    assert (row["file"], row["state"]) == ("docker-compose.test.yml", "passed")
    assert "Test docker-compose.test.yml: sut" in [step["name"] for step in build["steps"]]
    assert linked.tags()["latest"]["digest"] == build["digest"]
    assert left_of(yard, build) == []


def test_a_failing_test_moves_no_tag_but_the_build_tag(yard: Yard, base_image: str):
    """A user who pushes something broken still finds the last good image under `latest`."""
    linked = yard.link("autotest/fails")
    good = linked.build({"Dockerfile": fresh(base_image)})
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


def test_services_are_built_from_the_work_tree(yard: Yard, base_image: str):
    linked = yard.link("autotest/builds")
    sut = {
        "build": {"context": ".", "dockerfile": "test/Dockerfile", "args": {"WHO": "tests of $SOURCE_BRANCH"}},
        "volumes": ["./test/check.sh:/check.sh", "./test:/test"],
        "command": ["sh", "-c", "cat /who; sh /check.sh; echo written > /test/new; ls /test"],
        "env_file": "test/vars.env",
    }
    files = {
        "app/Dockerfile": fresh(base_image),
        "app/docker-compose.test.yml": compose(sut=sut),
        "app/test/Dockerfile": fresh(base_image, "ARG WHO", "RUN echo $WHO > /who"),
        "app/test/check.sh": "echo checked by $NAME\n",
        "app/test/vars.env": "NAME=a file\n",
    }
    yard.send(
        "PUT",
        "/repositories/autotest/builds/rules",
        [
            {
                "ref_type": "branch",
                "pattern": "main",
                "tags": ["latest"],
                "dockerfile": "app/Dockerfile",
                "context": "app",
            }
        ],
    )
    build = linked.build(files)
    log = yard.log(build["id"]).decode()
    assert build["state"] == "succeeded", build["sentence"]
    assert "sut-1  | tests of main" in log
    assert "sut-1  | checked by a file" in log
    assert "sut-1  | new" in log
    assert left_of(yard, build) == []


def test_a_file_that_asks_for_the_machine_is_refused(yard: Yard, base_image: str):
    """11. Nothing a repository contains can run outside the builder."""
    linked = yard.link("autotest/hostile")
    sut = {"image": "this", "privileged": True, "volumes": ["/:/host", "/var/run/docker.sock:/var/run/docker.sock"]}
    build = linked.build({"Dockerfile": fresh(base_image), "docker-compose.test.yml": compose(sut=sut)})
    assert build["state"] == "failed"
    assert "service `sut` asks for `privileged`" in build["sentence"]
    assert "mounts `/`, a path of the machine that is not in the repository" in build["sentence"]
    assert "the engine itself" in build["sentence"]
    assert build["tests"][0]["state"] == "failed"


def test_autotest_that_is_switched_off_runs_nothing(yard: Yard, base_image: str):
    linked = yard.link("autotest/off")
    yard.sql("UPDATE builds_source SET autotest = 0 WHERE clone_url = ?", linked.git.url)
    broken = compose(sut={"image": "this", "command": "false"})
    build = linked.build({"Dockerfile": fresh(base_image), "docker-compose.test.yml": broken})
    assert (build["state"], build["tests"]) == ("succeeded", [])


def test_a_cancelled_build_ends_its_test_and_leaves_nothing(yard: Yard, base_image: str):
    linked = yard.link("autotest/cancelled")
    sut = {"image": "this", "command": ["sh", "-c", "echo now waiting; sleep 600"]}
    build = linked.start({"Dockerfile": fresh(base_image), "docker-compose.test.yml": compose(sut=sut)})
    yard.wait_log(build["id"], b"now waiting")
    assert yard.build(build["id"])["state"] == "testing"
    yard.send("POST", f"/builds/{build['id']}/cancel")
    build = yard.wait(build["id"])
    assert build["state"] == "cancelled"
    assert build["tests"][0]["state"] == "stopped"
    assert left_of(yard, build) == []


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


def test_a_retry_tests_again(yard: Yard, base_image: str):
    """Results of the attempt before are not shown as those of this one."""
    linked = yard.link("autotest/retried")
    flag = {"image": "this", "command": ["sh", "-c", "sleep 2; exit 1"]}
    build = linked.build({"Dockerfile": fresh(base_image), "docker-compose.test.yml": compose(sut=flag)})
    assert [row["state"] for row in build["tests"]] == ["failed"]
    yard.send("POST", f"/builds/{build['id']}/retry")
    running = until(lambda: (now := yard.build(build["id"]))["tests"] and now["tests"][0]["state"] == "running" and now)
    assert running["attempt"] == 2
    assert yard.wait(build["id"])["tests"][0]["state"] == "failed"


def test_an_image_that_is_not_there_is_told_of(yard: Yard, base_image: str):
    linked = yard.link("autotest/missing")
    image = f"{yard.registry}/autotest/nothing:1"
    sut = {"image": "this", "depends_on": ["db"]}
    files = {"Dockerfile": fresh(base_image), "docker-compose.test.yml": compose(sut=sut, db={"image": image})}
    build = linked.build(files)
    assert build["error"]["kind"] == "user"
    assert f"its image `{image}` could not be pulled: " in build["sentence"]


def test_a_service_that_cannot_be_built_is_told_of(yard: Yard, base_image: str):
    linked = yard.link("autotest/unbuildable")
    sut = {"build": {"context": ".", "dockerfile": "Dockerfile.test"}}
    files = {
        "Dockerfile": fresh(base_image),
        "Dockerfile.test": fresh(base_image, "RUN exit 7"),
        "docker-compose.test.yml": compose(sut=sut),
    }
    build = linked.build(files)
    assert "the image of its service `sut` could not be built." in build["sentence"]
    assert "exit code 7" in build["sentence"]
    assert left_of(yard, build) == []


def test_a_secret_that_a_test_prints_is_masked(yard: Yard, base_image: str):
    """10. A secret is never in a log."""
    linked = yard.link("autotest/secret")
    body = {"kind": "secret", "name": "TOKEN", "value": "hunter2-hunter2"}
    yard.send("POST", "/repositories/autotest/secret/variables", body)
    sut = {"image": "this", "command": ["sh", "-c", "echo token is $$TOKEN"], "environment": ["TOKEN"]}
    build = linked.build({"Dockerfile": fresh(base_image), "docker-compose.test.yml": compose(sut=sut)})
    log = yard.log(build["id"])
    assert build["state"] == "succeeded", build["sentence"]
    assert b"sut-1  | token is ***" in log
    assert b"hunter2" not in log
