"""Point 2, on a yard with a registry of its own: pushes and pulls by hand, builds beside them, and what was missed."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.docker_cli import DockerCli
from tests.functional.breakable import is_alive
from tests.images import make_image
from tests.yard import PLAIN, Yard, fresh, until

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def docker(own_yard: Yard, docker_host: str, tmp_path_factory: pytest.TempPathFactory) -> DockerCli:
    """A person with docker, logged in as the administrator."""
    cli = DockerCli(tmp_path_factory.mktemp("docker"), docker_host)
    cli.login(own_yard.registry, "admin", own_yard.token)
    return cli


def tag(yard: Yard, path: str, name: str) -> dict[str, Any]:
    items = yard.get(f"/repositories/{path}/tags?q={name}")["items"]
    return next((item for item in items if item["name"] == name), {})


def history(yard: Yard, path: str, name: str) -> list[tuple[str, str]]:
    """Oldest first: kind and by whom; nothing of a tag that is not known yet."""
    answer = yard.client.get(f"/repositories/{path}/tags/{name}/history")
    items = answer.json()["items"] if answer.status_code == 200 else []
    return [(move["kind"], move["by"]) for move in reversed(items)]


def put(yard: Yard, path: str, name: str, text: str) -> str:
    """Push a tiny image past docker; its digest."""
    image = make_image(text)
    headers = yard.bearer(f"repository:{path}:pull,push")
    with httpx.Client(base_url=f"http://{yard.registry}", headers=headers, timeout=30, **PLAIN) as registry:
        for digest, body in image.blobs.items():
            place = registry.post(f"/v2/{path}/blobs/uploads/").raise_for_status().headers["location"]
            registry.put(httpx.URL(place).copy_merge_params({"digest": digest}), content=body).raise_for_status()
        kind = {"Content-Type": image.manifest.media_type}
        registry.put(f"/v2/{path}/manifests/{name}", content=image.manifest.body, headers=kind).raise_for_status()
    return image.manifest.digest


def delete(yard: Yard, path: str, digest: str) -> None:
    headers = yard.bearer(f"repository:{path}:pull,push,delete")
    answer = httpx.delete(f"http://{yard.registry}/v2/{path}/manifests/{digest}", headers=headers, timeout=30, **PLAIN)
    assert answer.status_code == 202, answer.text


def test_a_docker_push_appears_and_each_docker_pull_is_counted_once(own_yard: Yard, docker: DockerCli, base_image: str):
    own_yard.send("POST", "/repositories", {"namespace": "heard", "name": "byhand"})
    image = docker.image(f"{own_yard.registry}/heard/byhand:1.0", of=base_image)
    docker("push", image)
    pushed = until(lambda: tag(own_yard, "heard/byhand", "1.0"), what="the pushed tag")
    assert pushed["build"] is None and pushed["pulls"] == 0
    until(lambda: tag(own_yard, "heard/byhand", "1.0")["size"], what="its size")
    assert history(own_yard, "heard/byhand", "1.0") == [("push", "admin")]
    for pulls in (1, 2):  # the second has nothing to download
        docker("pull", image)
        until(lambda: tag(own_yard, "heard/byhand", "1.0")["pulls"] >= pulls, what="the pull")  # noqa: B023
        assert tag(own_yard, "heard/byhand", "1.0")["pulls"] == pulls
    assert tag(own_yard, "heard/byhand", "1.0")["last_pulled_at"]
    assert own_yard.get("/repositories/heard/byhand")["pulls"] == 2


def test_an_image_of_several_platforms_is_one_pull(own_yard: Yard, docker: DockerCli, base_image: str, tmp_path: Path):
    (tmp_path / "Dockerfile").write_text(fresh(base_image, "RUN echo hello > /hello"))
    image = f"{own_yard.registry}/heard/several:index"
    docker("buildx", "build", "--provenance=mode=max", "--push", "--tag", image, str(tmp_path))
    found = until(lambda: tag(own_yard, "heard/several", "index"), what="the pushed index")
    docker("pull", image)
    docker("pull", f"{own_yard.registry}/heard/several@{found['digest']}")
    until(lambda: tag(own_yard, "heard/several", "index")["pulls"] == 2, what="both pulls")


def test_pushes_of_builds_are_no_second_rows_and_their_bases_no_pulls(own_yard: Yard, base_image: str):
    linked = own_yard.link("heard/built")
    build = linked.build({"Dockerfile": fresh(base_image)})
    assert build["state"] == "succeeded", build["sentence"]
    other = own_yard.link("heard/above")
    base = f"{own_yard.registry}/heard/built:latest"
    above = other.build({"Dockerfile": fresh(base, "RUN echo above > /above")})
    assert above["state"] == "succeeded", above["sentence"]
    used = until(lambda: tag(own_yard, "heard/built", "latest")["last_pulled_at"], what="the use of the base")
    assert used and tag(own_yard, "heard/built", "latest")["pulls"] == 0
    assert history(own_yard, "heard/built", "latest") == [("build", "")]
    assert history(own_yard, "heard/built", "build-1") == [("build", "")]
    assert own_yard.sql("SELECT count(*) FROM registry_registryevent WHERE by LIKE 'build:%' OR by = 'imageyard'") == [
        (0,)
    ]


def test_a_base_that_is_pushed_by_hand_is_rebuilt_on(own_yard: Yard, docker: DockerCli, base_image: str):
    own_yard.send("POST", "/repositories", {"namespace": "heard", "name": "base"})
    base = docker.image(f"{own_yard.registry}/heard/base:1", of=base_image)
    docker("push", base)
    until(lambda: tag(own_yard, "heard/base", "1"), what="the base")
    linked = own_yard.link("heard/standing")
    linked.build({"Dockerfile": fresh(base)})
    own_yard.sql("UPDATE builds_source SET rebuild_on_base = 1 WHERE clone_url = ?", linked.git.url)
    own_yard.sql("UPDATE builds_baseimage SET next_check_at = datetime('now', '+1 day')")  # only the push may tell
    put(own_yard, "heard/base", "1", "another base")
    rebuilt = until(lambda: len(linked.builds()) > 1 and linked.builds()[0], timeout_s=40, what="the rebuild")
    assert rebuilt["cause"] == "base_image"


def test_two_pushes_at_once_end_at_what_the_registry_has(own_yard: Yard):
    own_yard.send("POST", "/repositories", {"namespace": "heard", "name": "race"})
    with ThreadPoolExecutor(2) as pool:
        digests = set(pool.map(lambda text: put(own_yard, "heard/race", "latest", text), ["one", "two"]))
    until(lambda: len(history(own_yard, "heard/race", "latest")) == 2, what="both pushes in the history")
    headers = own_yard.bearer("repository:heard/race:pull") | {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    answer = httpx.head(
        f"http://{own_yard.registry}/v2/heard/race/manifests/latest", headers=headers, timeout=30, **PLAIN
    )
    there = answer.headers["docker-content-digest"]
    until(lambda: tag(own_yard, "heard/race", "latest")["digest"] == there, what="the row at the registry's digest")
    assert there in digests


def test_a_deleted_image_goes_with_its_tags(own_yard: Yard):
    own_yard.send("POST", "/repositories", {"namespace": "heard", "name": "gone"})
    digest = put(own_yard, "heard/gone", "1.0", "soon gone")
    put(own_yard, "heard/gone", "latest", "soon gone")
    until(lambda: tag(own_yard, "heard/gone", "latest") and tag(own_yard, "heard/gone", "1.0"), what="the tags")
    delete(own_yard, "heard/gone", digest)
    until(lambda: not own_yard.get("/repositories/heard/gone/tags")["items"], what="the tags to go")
    assert history(own_yard, "heard/gone", "1.0") == [("push", "admin"), ("delete", "admin")]


def test_web_that_is_killed_gets_what_it_missed_and_one_that_ends_has_counted(own_yard: Yard, docker: DockerCli):
    """The registry repeats until somebody answers; what web had counted is written before it ends."""
    own_yard.send("POST", "/repositories", {"namespace": "heard", "name": "killed"})
    headers = own_yard.bearer("repository:heard/killed:pull,push")
    image = make_image("while web was away")
    (web,) = own_yard.processes("imageyard.asgi")
    os.kill(web, signal.SIGSTOP)  # it answers nobody
    with httpx.Client(base_url=f"http://{own_yard.registry}", headers=headers, timeout=30, **PLAIN) as registry:
        for digest, body in image.blobs.items():
            place = registry.post("/v2/heard/killed/blobs/uploads/").raise_for_status().headers["location"]
            registry.put(httpx.URL(place).copy_merge_params({"digest": digest}), content=body).raise_for_status()
        kind = {"Content-Type": image.manifest.media_type}
        registry.put("/v2/heard/killed/manifests/1", content=image.manifest.body, headers=kind).raise_for_status()
    os.kill(web, signal.SIGKILL)
    own_yard.wait_healthy()
    until(lambda: tag(own_yard, "heard/killed", "1"), timeout_s=40, what="the tag that was pushed while web was away")
    docker("pull", f"{own_yard.registry}/heard/killed:1")
    (web,) = own_yard.processes("imageyard.asgi")
    os.kill(web, signal.SIGTERM)
    until(lambda: own_yard.processes("imageyard.asgi") not in ([], [web]), what="another web")
    own_yard.wait_healthy()
    until(lambda: tag(own_yard, "heard/killed", "1")["pulls"] == 1, timeout_s=10, what="the pull before the end")


def test_what_the_registry_forgot_to_tell_is_found_by_comparing(own_yard: Yard):
    """Its queue is in memory: what is killed with it is found on its disk."""
    own_yard.send("POST", "/repositories", {"namespace": "heard", "name": "missed"})
    put(own_yard, "heard/missed", "told", "one")
    until(lambda: tag(own_yard, "heard/missed", "told"), what="the first tag")
    headers = own_yard.bearer("repository:heard/missed:pull,push")
    image = make_image("one")
    kind = {"Content-Type": image.manifest.media_type, **headers}
    address = f"http://{own_yard.registry}/v2/heard/missed/manifests/untold"
    (web,), (registry,) = own_yard.processes("imageyard.asgi"), own_yard.processes("docker-registry serve")
    # Nobody listens. One who only stood still would later read what came meanwhile, however dead the registry is then.
    os.kill(own_yard.process.pid, signal.SIGSTOP)  # it would start web again
    try:
        os.kill(web, signal.SIGKILL)
        until(lambda: not is_alive(web), what="the end of web")
        httpx.put(address, content=image.manifest.body, headers=kind, timeout=30, **PLAIN).raise_for_status()
        os.kill(registry, signal.SIGKILL)
        until(lambda: not is_alive(registry), what="the end of the registry")
    finally:
        os.kill(own_yard.process.pid, signal.SIGCONT)
    until(lambda: own_yard.processes("docker-registry serve") not in ([], [registry]), what="another registry")
    own_yard.wait_healthy()
    (own,) = [row for row in own_yard.get("/registries/watch")["items"] if row["is_own"]]
    own_yard.send("POST", f"/registries/{own['id']}/compare", {}, status=202)
    until(lambda: tag(own_yard, "heard/missed", "untold"), timeout_s=40, what="the tag that nobody told of")
    assert history(own_yard, "heard/missed", "untold") == [("push", "")]
