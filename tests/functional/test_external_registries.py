"""Builds and the registries of the world: pushed to two at once, refused in seconds, from private bases. Real parts.

Real builder, real registries (Debian's, with a password file); a fake one only where a registry has to die.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.functional.gone import forget_registries
from tests.images import Pusher, make_image
from tests.odd_registry import PASSWORD, locked_registry, odd_registry
from tests.yard import Yard, until

APP = {"Dockerfile": "FROM scratch\nCOPY Dockerfile /app\n"}


@pytest.fixture(scope="module")
def locked(tmp_path_factory) -> Iterator[str]:
    """A second registry, which lets in nobody but `bot`."""
    with locked_registry(tmp_path_factory.mktemp("locked")) as host:
        yield host


@pytest.fixture(autouse=True)
def own_accounts(yard: Yard) -> Iterator[None]:
    """A registry has one account: each test has its own at the registry that they share."""
    yield
    forget_registries(yard)


def tags_there(host: str, path: str, **auth: tuple[str, str]) -> dict[str, str]:
    accept = {"Accept": "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"}
    names = httpx.get(f"http://{host}/v2/{path}/tags/list", **auth).json().get("tags") or []
    return {
        name: httpx.head(f"http://{host}/v2/{path}/manifests/{name}", headers=accept, **auth).headers[
            "docker-content-digest"
        ]
        for name in names
    }


def registry(yard: Yard, host: str, password: str = PASSWORD, **fields: str) -> int:
    """A registry as a superuser keeps it, checked; its id."""
    body = {"name": f"r-{uuid.uuid4().hex[:6]}", "host": host, "scheme": "http", "username": "bot", **fields}
    made = yard.send("POST", "/registries", {**body, "password": password, "path_template": "example-org/{name}"})
    place = f"/registries/{made['id']}"
    until(lambda: yard.get(place)["state"] != "asked", timeout_s=60, what="the check of the registry")
    return int(made["id"])


def change_password(yard: Yard, registry_id: int, password: str) -> None:
    found = yard.get(f"/registries/{registry_id}")
    names = ("name", "host", "scheme", "username", "path_template", "test_path")
    yard.send("PUT", f"/registries/{registry_id}", {**{name: found[name] for name in names}, "password": password})


def copies(yard: Yard, build: dict) -> list[dict]:
    return list(yard.get(f"/builds/{build['id']}/destinations")["items"])


def over(yard: Yard, build: dict) -> list[dict]:
    until(
        lambda: all(row["state"] in ("done", "failed") for row in copies(yard, build)), timeout_s=90, what="the copies"
    )
    return copies(yard, build)


def holds(path: Path, words: tuple[bytes, ...]) -> bool:
    content = path.read_bytes()
    return any(word in content for word in words)


def test_5_7_a_build_is_pushed_to_two_registries_and_no_secret_is_anywhere(yard: Yard, locked: str) -> None:
    one = registry(yard, locked, test_path="example-org/tried")
    try:
        assert yard.get(f"/registries/{one}")["state"] == "good"
        app = yard.link("acme/two-places")
        yard.send("POST", f"/repositories/{app.path}/destinations", {"registry": locked}, status=201)
        build = app.build(APP)
        assert build["state"] == "succeeded", build["sentence"]
        (copy,) = over(yard, build)
        assert copy["state"] == "done", copy["sentence"]
        there = tags_there(locked, "example-org/two-places", auth=("bot", PASSWORD))
        assert there == {"latest": build["digest"], build["build_tag"]: build["digest"]}

        # The other one refuses now: the build is a success all the same, and nothing there went back or forth.
        change_password(yard, one, "wrong-password")
        again = app.build({"new": "file"})
        assert again["state"] == "succeeded"
        (copy,) = over(yard, again)
        assert copy["state"] == "failed"
        assert f"{locked} refused the push of example-org/two-places" in copy["sentence"]
        assert "it does not accept the account `bot`" in copy["sentence"]
        assert tags_there(locked, "example-org/two-places", auth=("bot", PASSWORD)) == there

        # Mended, it is copied from the main registry, without a build.
        change_password(yard, one, PASSWORD)
        yard.send("POST", f"/builds/{again['id']}/destinations/{copy['id']}/push", status=202)
        (copy,) = over(yard, again)
        assert copy["state"] == "done", copy["sentence"]
        assert tags_there(locked, "example-org/two-places", auth=("bot", PASSWORD))["latest"] == again["digest"]
        secrets = (PASSWORD.encode(), b"wrong-password")
        logs = yard.log(build["id"]) + yard.log(again["id"])
        assert not any(secret in logs for secret in secrets)
        assert [path for path in Path(yard.home).rglob("*") if path.is_file() and holds(path, secrets)] == []
    finally:
        for row in yard.get("/repositories/acme/two-places/destinations")["items"]:
            yard.send("DELETE", f"/repositories/acme/two-places/destinations/{row['id']}")
        yard.send("DELETE", f"/registries/{one}", status=204)


def test_5_7_a_destination_that_dies_in_the_middle_loses_no_build(yard: Yard) -> None:
    # Asked to come later than any call waits for, a worker leaves the copy to its next turn at once.
    with odd_registry(always={"Retry_After": "100"}) as dying:
        one = registry(yard, dying.host, "unused")
        app = yard.link("acme/dying-place")
        yard.send("POST", f"/repositories/{app.path}/destinations", {"registry": dying.host}, status=201)
        dying.state.put_faults["latest"] = [503]
        build = app.build(APP)
        assert build["state"] == "succeeded"
        until(lambda: "tried again" in copies(yard, build)[0]["sentence"], timeout_s=90, what="the first turn")
        assert ("example-org/dying-place", "latest") not in dying.state.manifests
        yard.sql("UPDATE builds_destinationpush SET not_before = '2020-01-01' WHERE build_id = ?", build["id"])
        yard.ring("builds.tick")
        (copy,) = over(yard, build)
        assert copy["state"] == "done", copy["sentence"]
        assert ("example-org/dying-place", "latest") in dying.state.manifests
        assert yard.get(f"/registries/{one}")["last_error"]


def test_5_7_a_main_registry_that_refuses_fails_a_build_before_it_begins(yard: Yard, locked: str) -> None:
    one = registry(yard, locked, "wrong")
    app = yard.link("acme/refused-early")
    yard.send("PUT", f"/repositories/{app.path}/registry", {"registry": locked})
    build = app.build({"Dockerfile": "FROM scratch\nCOPY missing /\n"})
    assert build["state"] == "failed"
    assert build["error"]["kind"] == "registry"
    assert build["error"]["message"].startswith(f"{locked} refused the ")
    assert "it does not accept the account `bot`" in build["error"]["message"]
    assert build["error"]["message"].endswith("Nothing was built.")
    assert build["steps"] == []
    change_password(yard, one, PASSWORD)
    build = app.build(APP)
    assert build["state"] == "succeeded", build["sentence"]
    assert build["image"] == f"{locked}/example-org/refused-early"
    assert "latest" in tags_there(locked, "example-org/refused-early", auth=("bot", PASSWORD))


def test_5_7_a_private_base_image_is_read_with_an_account_of_the_namespace(yard: Yard, locked: str) -> None:
    pusher = Pusher(locked, "library/private")
    pusher.http.auth = ("bot", PASSWORD)
    pusher.image(make_image("private"), "1")
    pusher.close()
    app = yard.link("private/from-base")
    files = {"Dockerfile": f"FROM {locked}/library/private:1\nCOPY Dockerfile /made-by\n"}
    without = app.build(files)
    assert without["state"] == "failed"
    assert locked in without["error"]["message"]
    body = {
        "host": locked,
        "scheme": "http",
        "username": "bot",
        "password": PASSWORD,
        "test_image": "library/private:1",
    }
    made = yard.send("POST", "/credentials", body, status=201)
    try:
        until(lambda: yard.get(f"/credentials/{made['id']}")["state"] != "asked", timeout_s=60, what="the check")
        assert yard.get(f"/credentials/{made['id']}")["state"] == "good"
        build = app.build({"again": "1"})
        assert build["state"] == "succeeded", build["sentence"]
        assert build["base_images"][0]["name"] == f"{locked}/library/private:1"
        assert PASSWORD.encode() not in yard.log(build["id"])
        assert yard.get(f"/credentials/{made['id']}")["last_used_at"]
    finally:
        yard.send("DELETE", f"/credentials/{made['id']}", status=204)
