"""What happens at registries before the pictures: accounts there, copies, pushes and pulls by hand, and clean-ups."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from bench.base import Bench, say
from imageyard.docker_login import docker_login
from tests.images import OCI_LAYER, Image, Pusher, as_manifest, descriptor, layer, make_image, sha256
from tests.odd_registry import PASSWORD
from tests.yard import Yard, until

VERSIONS = {"which": "version", "last": 5, "by": "version"}
SITE_RULES = [
    {"which": "build", "last": 4},
    VERSIONS,
    {"which": "pattern", "pattern": "/^[0-9a-f]{7}$/", "last": 3},
]
ACME_RULES = [{"which": "build", "last": 3, "per_ref": True}, VERSIONS, {"which": "other", "gone_days": 7}]


WITH_REPOSITORIES = 2
"""So many of the three registries have repositories whose tags are compared."""


@dataclass(frozen=True)
class Elsewhere:
    """A registry of somebody else's that lets in `bot` alone."""

    host: str

    @property
    def base_image(self) -> str:
        """A private one, of which the yard's builds have the account."""
        return f"{self.host}/base/tools:1"


def keep_accounts(here: Bench, elsewhere: Elsewhere) -> None:
    """The other registry with its base image, and what Imageyard knows of both: one account is good, one is not."""
    with docker_login(here.docker_host, elsewhere.host, "bot", PASSWORD) as config:
        _docker(here, "tag", here.base_image, elsewhere.base_image)
        _docker(here, "push", "--quiet", elsewhere.base_image, DOCKER_CONFIG=str(config))
    yard, bot = here.yard, {"username": "bot", "scheme": "http"}
    mirror = {**bot, "name": "Mirror in the other hall", "host": elsewhere.host, "password": PASSWORD}
    _checked(yard, "/registries", {**mirror, "path_template": "mirror/{name}", "test_path": "mirror/tried"})
    shop = {**bot, "name": "The shop's own", "host": f"localhost:{elsewhere.host.rpartition(':')[2]}"}
    _checked(yard, "/registries", {**shop, "password": "of last year", "namespace": "acme"})
    reads = {**bot, "host": elsewhere.host, "password": PASSWORD, "test_image": "base/tools:1"}
    _checked(yard, "/credentials", reads)
    made = yard.send("POST", "/namespaces/acme/credentials", reads, status=201)
    _until_checked(yard, f"/credentials/{made['id']}")


def copy_to(yard: Yard, path: str, elsewhere: Elsewhere) -> None:
    """Let the images of every build of that repository be copied there."""
    yard.send("POST", f"/repositories/{path}/destinations", {"registry": elsewhere.host}, status=201)


def by_hand(here: Bench, path: str) -> None:
    """Somebody pulls, and pushes a tag past Imageyard."""
    yard, image = here.yard, f"{here.registry}/{path}"
    for tag in ("latest", "latest", "1.4"):
        _docker(here, "pull", "--quiet", f"{image}:{tag}")
    _docker(here, "tag", f"{image}:1.4", f"{image}:tried-on-a-phone")
    _docker(here, "push", "--quiet", f"{image}:tried-on-a-phone")
    until(lambda: "tried-on-a-phone" in _tags(yard, path), what="the tag that was pushed by hand")


def untold(here: Bench, path: str, elsewhere: Elsewhere) -> None:
    """Somebody pushes a tag to the other registry, which tells nobody."""
    image = f"{elsewhere.host}/mirror/{path.rpartition('/')[2]}"
    with docker_login(here.docker_host, elsewhere.host, "bot", PASSWORD) as config:
        _docker(here, "pull", "--quiet", f"{image}:latest", DOCKER_CONFIG=str(config))
        _docker(here, "tag", f"{image}:latest", f"{image}:before-the-move")
        _docker(here, "push", "--quiet", f"{image}:before-the-move", DOCKER_CONFIG=str(config))


def leave_rubbish(here: Bench, path: str) -> None:
    """Somebody pushes an image and takes it away by its digest: its layers are what the next look finds."""
    yard = here.yard
    pusher = Pusher(here.registry, path)
    pusher.http.headers.update(yard.bearer(f"repository:{path}:pull,push,delete"))
    digest = pusher.image(_heavy("a try that nobody needs"), "try")
    until(lambda: "try" in _tags(yard, path), what="the try")
    pusher.http.delete(f"{pusher.base}/manifests/{digest}").raise_for_status()
    pusher.close()
    until(lambda: "try" not in _tags(yard, path), what="the end of the try")


def promote(yard: Yard, path: str, target: str, build: int) -> None:
    """The image of a build goes to another repository."""
    namespace, name = target.split("/")
    yard.send("POST", "/repositories", {"namespace": namespace, "name": name})
    body = {"from": path, "build": build}
    asked = yard.send("POST", f"/repositories/{target}/tags/1.4", body, status=202)
    place = f"/repositories/{target}/tags/1.4/orders/{asked['id']}"
    until(lambda: yard.get(place)["state"] in ("done", "failed"), timeout_s=60, what="the promotion")
    say(f"tour: {yard.get(place)['sentence']}")


def clean_up(yard: Yard, site: str, other: str) -> int:
    """Policies for a namespace and a repository, and a run of another one's; its number."""
    yard.send("PUT", "/namespaces/acme/retention", {"rules": ACME_RULES, "untagged_days": 14, "seen": True})
    yard.send("PUT", f"/repositories/{site}/retention", {"rules": SITE_RULES, "untagged_days": 30})
    own = {"rules": [{"which": "build", "last": 2}], "untagged_days": 14, "seen": True}
    yard.send("PUT", f"/repositories/{other}/retention", own)
    run = yard.send("POST", f"/repositories/{other}/retention/runs", {"dry": False}, status=202)["id"]
    place = f"/repositories/{other}/retention/runs/{run}"
    until(lambda: yard.get(place)["state"] in ("done", "failed"), timeout_s=120, what="the clean-up")
    say(f"tour: {yard.get(place)['sentence']}")
    return int(run)


def look(yard: Yard) -> None:
    """At every registry's account and tags, and at what collecting would free.

    A yard that is new missed the run of the night, so one may be under way.
    """
    for row in yard.get("/registries")["items"]:
        yard.send("POST", f"/registries/{row['id']}/check", status=202)
        yard.send("POST", f"/registries/{row['id']}/compare", {}, status=202)
        _until_checked(yard, f"/registries/{row['id']}")

    def is_compared() -> bool:
        return sum(bool(row["compared_at"]) for row in yard.get("/registries/watch")["items"]) == WITH_REPOSITORIES

    until(is_compared, timeout_s=90, what="the comparisons")

    def ask() -> Any:
        with suppress(AssertionError):
            return yard.send("POST", "/storage/collections", {"dry_run": True}, status=202)
        return None

    asked = until(ask, timeout_s=120, what="the end of the nightly run")
    place = f"/storage/collections/{asked['id']}"
    until(lambda: yard.get(place)["state"] in ("done", "failed"), timeout_s=120, what="the look at the storage")
    say(f"tour: {yard.get(place)['sentence']}")


def _checked(yard: Yard, place: str, body: dict[str, Any]) -> None:
    made = yard.send("POST", place, body, status=201)
    _until_checked(yard, f"{place}/{made['id']}")


def _until_checked(yard: Yard, place: str) -> None:
    until(lambda: yard.get(place)["state"] in ("good", "failed"), timeout_s=60, what="the check of an account")


def _tags(yard: Yard, path: str) -> set[str]:
    return {tag["name"] for tag in yard.get(f"/repositories/{path}/tags?limit=100")["items"]}


def _heavy(text: str) -> Image:
    """An image with some megabytes that nothing else has."""
    image = make_image(text)
    heavy = layer("pictures", os.urandom(9_000_000))
    document = json.loads(image.manifest.body)
    document["layers"].append(descriptor(heavy, OCI_LAYER))
    return Image(as_manifest(document), {**image.blobs, sha256(heavy): heavy})


def _docker(here: Bench, *arguments: str, **environ: str) -> None:
    subprocess.run(["docker", *arguments], env=here.environ | environ, check=True, capture_output=True, timeout=120)
