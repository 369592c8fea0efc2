"""`docker compose up` is the same product: the main job through its published ports, and what its containers may do."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import httpx
import pytest

from registry.core.manifest import ACCEPT
from tests.compose.images import CHECKOUT
from tests.compose.stack import IMAGE, Stack
from tests.yard import Linked, Yard, until

pytestmark = [pytest.mark.engine, pytest.mark.compose, pytest.mark.timeout(900)]

DOCKERFILE = """\
FROM REGISTRY/library/busybox:1
RUN : NONCE && for i in $(seq 3000); do echo "line $i"; done
COPY . /src
"""

# What the image is made of: folders of the checkout with templates or programs in them.
ROOMS = [CHECKOUT / line[1:] for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line[:1] == "!"]


def files(stack: Stack, **more: str) -> dict[str, str]:
    """A repository that nobody has in a cache."""
    return {"Dockerfile": DOCKERFILE.replace("REGISTRY", stack.registry).replace("NONCE", uuid4().hex), **more}


def test_a_push_becomes_an_image_in_the_published_registry(stack: Stack, yard: Yard, linked: Linked):
    build = linked.build(files(stack, **{"a.txt": "a"}), timeout_s=120)
    assert build["state"] == "succeeded", build["error"]
    manifests = f"http://{stack.registry}/v2/acme/web/manifests/latest"
    assert httpx.get(manifests, timeout=10).status_code == 401  # private, as every repository is at first
    headers = {"Accept": ACCEPT} | yard.bearer("repository:acme/web:pull")
    manifest = httpx.get(manifests, headers=headers, timeout=10)
    assert manifest.status_code == 200
    assert manifest.headers["docker-content-digest"] == build["digest"]
    lines = yard.log(build["id"]).decode().splitlines()
    assert [line for line in lines if line.startswith("line ")] == [f"line {i}" for i in range(1, 3001)]
    assert build["log"]["clipped"] is False


def test_every_part_answers(yard: Yard):
    ready = httpx.get(f"{yard.url}/readyz", timeout=30)
    assert ready.status_code == 200, ready.text
    assert set(ready.json()["parts"]) == {"database", "redis", "registry", "worker", "builder", "disk"}


def test_pages_come_with_their_styles_and_icons(yard: Yard):
    page = httpx.get(f"{yard.url}/r/library/busybox", timeout=30)
    assert page.status_code == 200
    style = next(part for part in page.text.split('"') if part.startswith("/static/") and part.endswith(".css"))
    assert httpx.get(f"{yard.url}{style}", timeout=30).status_code == 200
    assert re.search(r'<svg class="icon[^>]*><path', page.text)  # drawn from a folder that the image has for it
    assert not re.search(r'<svg class="icon[^>]*></svg>', page.text)


def test_the_image_has_every_icon_that_is_named_and_no_other(stack: Stack):
    drawn = CHECKOUT / "node_modules/@tabler/icons/icons/outline"
    told = [path.read_text() for kind in ("*.html", "*.py") for room in ROOMS for path in room.rglob(kind)]
    named = {name for text in told for name in re.findall(r"(?<=[\"'])[a-z0-9-]+(?=[\"'])", text)}
    kept = set(stack.exec("web", "ls", "/app/icons").split())
    assert kept == {f"{name}.svg" for name in named if (drawn / f"{name}.svg").exists()}
    assert {f"{name}.svg" for text in told for name in re.findall(r'{% icon "([^"]+)"', text)} <= kept


@pytest.mark.parametrize("service", ["web", "worker", "beat"])
def test_imageyard_is_not_root_and_cannot_become_it(stack: Stack, service: str):
    assert stack.exec(service, "id", "-u") == "10001"
    told = stack.container(service)["HostConfig"]
    assert (told["CapDrop"], told["Privileged"], told["ReadonlyRootfs"]) == (["ALL"], False, True)
    assert "no-new-privileges:true" in told["SecurityOpt"]


def test_only_web_and_registry_are_published_and_on_loopback(stack: Stack):
    published = {}
    for service in ("web", "worker", "beat", "postgres", "redis", "registry", "builder"):
        ports = stack.container(service)["HostConfig"]["PortBindings"] or {}
        published[service] = [binding["HostIp"] for bindings in ports.values() for binding in bindings]
    assert {service for service, addresses in published.items() if addresses} == {"web", "registry"}
    assert {address for addresses in published.values() for address in addresses} == {"127.0.0.1"}


def test_only_the_builder_is_privileged_and_nobody_has_the_socket_of_the_host(stack: Stack):
    for service in ("web", "worker", "beat", "postgres", "redis", "registry", "builder"):
        told = stack.container(service)
        assert told["HostConfig"]["Privileged"] is (service == "builder")
        assert not any(mount["Source"].endswith("docker.sock") for mount in told["Mounts"])


def test_what_a_dockerfile_runs_cannot_reach_the_registry(stack: Stack, linked: Linked):
    address = stack.exec("builder", "getent", "hosts", "registry").split()[0]
    command = f"nc -w 3 {address} 5000 -e echo && echo reached || echo closed"
    dockerfile = f"FROM {stack.registry}/library/busybox:1\nRUN : {uuid4().hex} && {command}\n"
    build = linked.build({"Dockerfile": dockerfile}, timeout_s=120)
    assert build["state"] == "succeeded", build["error"]
    assert b"\nclosed\n" in linked.yard.log(build["id"])


def test_the_builder_follows_a_registry_with_a_new_address(stack: Stack, linked: Linked):
    network, registry = f"{stack.project}_images", stack.container("registry")["Id"]
    before = stack.exec("builder", "getent", "hosts", "registry").split()[0]
    stack.docker("network", "disconnect", network, registry)
    filler = stack.docker("run", "-d", "--network", network, "--entrypoint", "sleep", IMAGE, "300")
    stack.docker("network", "connect", "--alias", "registry", network, registry)
    try:
        assert stack.exec("builder", "getent", "hosts", "registry").split()[0] != before
        build = linked.build(files(stack), timeout_s=120)
        assert build["state"] == "succeeded", build["error"]
    finally:
        stack.docker("rm", "--force", filler)


def test_a_worker_that_is_restarted_hands_its_build_back(stack: Stack, yard: Yard, linked: Linked):
    # What the first attempt leaves in the cache mount lets the second one end.
    waits = "test -e /left/begun || { touch /left/begun; echo begun; sleep 60; }"
    step = f"RUN --mount=type=cache,target=/left,id={uuid4().hex} {waits}"
    build = linked.start({"Dockerfile": f"FROM {stack.registry}/library/busybox:1\n{step}\n"})
    yard.wait_log(build["id"], b"begun", timeout_s=90)
    stack.compose("restart", "--timeout", "0", "worker")
    over = yard.wait(build["id"], timeout_s=150)
    assert (over["state"], over["attempt"]) == ("succeeded", 2)


def test_everything_is_there_after_down_and_up(stack: Stack, yard: Yard, linked: Linked):
    before = linked.build(files(stack), timeout_s=120)
    secrets = stack.exec("web", "sha256sum", "/var/lib/imageyard/encryption-keys", "/var/lib/imageyard/admin-token")
    stack.compose("down", "--timeout", "30")
    stack.compose("up", "-d", "--wait")
    assert (
        stack.exec("web", "sha256sum", "/var/lib/imageyard/encryption-keys", "/var/lib/imageyard/admin-token")
        == secrets
    )
    assert yard.build(before["id"])["digest"] == before["digest"]
    after = linked.build(files(stack), timeout_s=120)
    assert after["number"] == before["number"] + 1


def test_the_first_login_is_told_once(stack: Stack):
    told = stack.compose("exec", "-T", "web", "imageyard", "login", check=False)
    assert "as `admin` with the password" in told
    assert "shown already" in stack.compose("exec", "-T", "web", "imageyard", "login", check=False)
    assert "with the password" not in stack.compose("logs", "migrate", "web")


def test_a_wrong_setting_stops_the_start_with_one_line(stack: Stack):
    told = stack.compose("run", "--rm", "--no-deps", "-T", "-e", "IMAGEYARD_SLOTS=many", "beat", check=False)
    assert "IMAGEYARD_SLOTS is “many”: a whole number from 1 to 256 is right" in told


def test_the_registry_tells_web_what_people_push(stack: Stack, yard: Yard):
    """Its secret comes from a volume, its address is the service's name, and the fixture has pushed by hand."""

    def told() -> list[dict[str, Any]]:
        answer = yard.client.get("/repositories/library/busybox/tags/1/history")
        return list(answer.json()["items"]) if answer.status_code == 200 else []

    history = until(told, timeout_s=60, what="the push in the history")
    assert [(move["kind"], move["by"]) for move in history] == [("push", "admin")]
    # Written down some seconds later, together with what was pulled.
    until(
        lambda: [row for row in yard.get("/registries/watch")["items"] if row["is_own"] and row["heard_at"]],
        timeout_s=60,
        what="the time of the registry's last notification",
    )
