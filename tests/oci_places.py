"""Where the conformance rules are tried: doors to a yard's own registry, repositories, and what its software lacks."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.oci_client import ByToken, Content, Place, digest_of
from tests.yard import PLAIN, Yard

# What Distribution 2.8 cannot do, by test, and why. Each must fail there, or its line goes.
_NO_REFERRERS = "2.8 has no referrers API; clients fall back to the tag `sha256-<hex>`, which has a test of its own"
_NO_PAGES = "2.8 lists all tags at once, as its storage has them, and reads neither `n` nor `last`; our client copes"
_NO_ORDER = "2.8 adds each chunk to what it has, whatever its range says; only the digest at the end tells"
_NO_MANIFEST = "what_is_no_manifest_is_refused_in_the_shape_of_the_specification"
_BROKEN = "2.8 answers 500 to JSON that says nothing of a manifest"
_KIND = "content_of_every_kind_comes_back_bit_for_bit"
LACKS: dict[str, str] = {
    f"{_KIND}[non-distributable-layers]": "2.8 takes layers that are elsewhere only from addresses that its operator "
    "allows (`validation.manifests.urls`)",
    f"{_KIND}[sha512]": "2.8 knows a manifest by its sha256 alone, whatever digest its blobs have",
    "tags_are_listed_in_order": _NO_PAGES,
    "no_more_tags_are_given_than_asked_for": _NO_PAGES,
    "tags_go_on_behind_the_last_one": _NO_PAGES,
    "no_tags_are_given_where_none_are_asked_for": _NO_PAGES,
    "what_refers_to_nothing_that_is_there_has_an_empty_list": _NO_REFERRERS,
    "a_manifest_with_a_subject_is_confirmed": _NO_REFERRERS,
    "referrers_are_listed_and_filtered": _NO_REFERRERS,
    "a_tag_is_deleted_or_its_deletion_is_said_to_be_unsupported": "2.8 deletes by digest alone and takes a tag for a "
    "wrong digest: 400 with DIGEST_INVALID, where UNSUPPORTED is meant",
    "a_chunk_that_is_not_the_next_is_416": _NO_ORDER,
    "a_chunk_that_comes_twice_is_416": _NO_ORDER,
    f"{_NO_MANIFEST}[{{}}]": _BROKEN,
    f'{_NO_MANIFEST}[{{"schemaVersion": 9}}]': _BROKEN,
}
OCI_CODES = {
    "BLOB_UNKNOWN", "BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "DIGEST_INVALID", "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_INVALID", "MANIFEST_UNKNOWN", "NAME_INVALID", "NAME_UNKNOWN", "SIZE_INVALID", "UNAUTHORIZED", "DENIED",
    "UNSUPPORTED", "TOOMANYREQUESTS", "TAG_INVALID",
}  # fmt: skip
NOWHERE = digest_of(b"this was never pushed")


@pytest.fixture(autouse=True)
def known(request: pytest.FixtureRequest) -> None:
    name = request.node.name.removeprefix("test_")
    if name in LACKS and is_2_8():
        request.applymarker(pytest.mark.xfail(reason=LACKS[name], strict=True))


def is_2_8() -> bool:
    said = subprocess.run(["docker-registry", "--version"], capture_output=True, text=True, check=False).stdout
    return " 2." in said or " v2." in said


@dataclass(frozen=True)
class Around:
    """Doors to the registry: of a robot that writes in the namespace, of an administrator, and of nobody."""

    space: str
    robot: httpx.Client
    admin: httpx.Client
    nobody: httpx.Client


@pytest.fixture(scope="module")
def around(own_yard: Yard) -> Iterator[Around]:
    space = f"oci-{uuid.uuid4().hex[:8]}"  # of this file: others use the yard too
    own_yard.send("POST", "/namespaces", {"name": space})
    own_yard.send("POST", f"/namespaces/{space}/robots", {"name": "deploy", "role": "write"}, status=201)
    made = own_yard.send("POST", f"/namespaces/{space}/robots/deploy/tokens", {"name": "conformance", "scope": "push"})
    address = f"http://{own_yard.registry}"
    doors = [
        httpx.Client(base_url=address, auth=ByToken(*login), timeout=30, **PLAIN)
        for login in ((f"{space}+deploy", made["token"]), ("admin", own_yard.token), ())
    ]
    yield Around(space, *doors)
    for door in doors:
        door.close()


@pytest.fixture
def place(around: Around) -> Place:
    """A repository of this test, which the first push makes."""
    return Place(around.robot, f"{around.space}/{uuid.uuid4().hex[:12]}")


@pytest.fixture
def pushed(place: Place) -> tuple[Place, Content, str]:
    content = Content()
    content.image("hello")
    return place, content, place.push(content, "v1")


@pytest.fixture
def owned(around: Around, pushed: tuple[Place, Content, str]) -> tuple[Place, Content, str]:
    """The same, seen by somebody who may delete."""
    place, content, digest = pushed
    return Place(around.admin, place.name), content, digest


def codes(answer: httpx.Response) -> set[str]:
    """The codes of an error in the specification's shape."""
    return {error["code"] for error in answer.json()["errors"]}
