"""The conformance suite's rules for pushing (see `test_oci_conformance.py`): in one, in two, in chunks, by mounting."""

# ruff: noqa: F811 — fixtures are named as the tests ask for them
from __future__ import annotations

import json

import httpx
import pytest

from tests.oci_client import BYTES, IMAGE, Content, Place, digest_of
from tests.oci_places import NOWHERE, OCI_CODES, around, codes, known, place, pushed  # noqa: F401 — fixtures

CHUNKS = (b"the first chunk ", b"and the second")
WHOLE = b"".join(CHUNKS)


def test_a_blob_goes_up_in_one_request(place):
    """`POST ?digest=` takes it (201), or opens an upload (202) and has nothing yet."""
    body = b"all at once"
    answer = place.ask("POST", "blobs/uploads/", params={"digest": digest_of(body)}, content=body, headers=BYTES)
    assert answer.status_code in (201, 202)
    assert answer.headers["Location"]
    there = place.ask("GET", f"blobs/{digest_of(body)}")
    assert there.status_code == (200 if answer.status_code == 201 else 404)


def test_a_blob_goes_up_in_two_requests(place):
    """`POST` opens an upload, `PUT` closes it: 201 with the blob's address."""
    body = b"open, then close"
    answer = place.put(place.upload(), digest_of(body), body)
    assert answer.status_code == 201
    assert place.ask("GET", answer.headers["Location"]).content == body


def test_a_blob_goes_up_as_a_stream(place):
    """`PATCH` without a range is 202 with where to go on; `PUT` without a body closes it."""
    streamed = place.ask("PATCH", place.upload(), content=WHOLE, headers=BYTES)
    assert streamed.status_code == 202
    answer = place.put(streamed.headers["Location"], digest_of(WHOLE))
    assert answer.status_code == 201
    assert place.ask("GET", answer.headers["Location"]).content == WHOLE


def _chunk(place: Place, location: str, body: bytes, begin: int) -> httpx.Response:
    headers = BYTES | {"Content-Range": f"{begin}-{begin + len(body) - 1}", "Content-Length": str(len(body))}
    return place.ask("PATCH", location, content=body, headers=headers)


@pytest.mark.parametrize("last_with", ["patch", "put"])
def test_a_blob_goes_up_in_chunks(place, last_with):
    """Each chunk is 202 with the range so far, and the last one may come with the `PUT` that closes."""
    first = _chunk(place, place.upload(), CHUNKS[0], 0)
    assert first.status_code == 202
    assert first.headers["Range"] == f"0-{len(CHUNKS[0]) - 1}"
    location, rest = first.headers["Location"], CHUNKS[1]
    if last_with == "patch":
        second = _chunk(place, location, CHUNKS[1], len(CHUNKS[0]))
        assert second.status_code == 202
        assert second.headers["Range"] == f"0-{len(WHOLE) - 1}"
        location, rest = second.headers["Location"], b""
    span = f"{len(CHUNKS[0])}-{len(WHOLE) - 1}"
    closed = place.put(location, digest_of(WHOLE), rest, **({"Content-Range": span} if rest else {}))
    assert closed.status_code == 201
    assert place.ask("GET", closed.headers["Location"]).content == WHOLE


def test_how_far_an_upload_is_can_be_asked(place):
    """`GET` of the upload is 204 with the range so far and where to go on."""
    first = _chunk(place, place.upload(), CHUNKS[0], 0)
    answer = place.ask("GET", first.headers["Location"])
    assert answer.status_code == 204
    assert answer.headers["Range"] == f"0-{len(CHUNKS[0]) - 1}"
    assert answer.headers["Location"]


def test_a_chunk_that_is_not_the_next_is_416(place):
    assert _chunk(place, place.upload(), CHUNKS[1], len(CHUNKS[0])).status_code == 416


def test_a_chunk_that_comes_twice_is_416(place):
    first = _chunk(place, place.upload(), CHUNKS[0], 0)
    assert _chunk(place, first.headers["Location"], CHUNKS[0], 0).status_code == 416


def test_an_upload_that_is_given_up_is_gone(place, around):
    """Distribution wants the right to delete even for one's own upload; what nobody closes it clears away by itself."""
    owned = Place(around.admin, place.name)
    location = owned.upload()
    assert owned.ask("DELETE", location).status_code == 204
    assert owned.ask("GET", location).status_code == 404
    assert place.ask("DELETE", place.upload()).status_code == 401


def test_a_blob_that_is_not_its_digest_is_refused(place):
    answer = place.put(place.upload(), digest_of(b"something else"), WHOLE)
    assert answer.status_code == 400
    assert codes(answer) == {"DIGEST_INVALID"}
    assert place.ask("HEAD", f"blobs/{digest_of(b'something else')}").status_code == 404


def _mount(place: Place, digest: str, source: str = "") -> httpx.Response:
    query = {"mount": digest} | ({"from": source} if source else {})
    return place.ask("POST", "blobs/uploads/", params=query, headers={"Content-Length": "0"})


def test_a_blob_of_another_repository_is_mounted(place, around):
    """201 with its address here, or 202 for a plain upload; one token has both scopes."""
    source = Place(around.robot, f"{place.name}-source")
    digest = source.push_blob(b"layer of both")
    answer = _mount(place, digest, source.name)
    assert answer.status_code == 201
    assert place.name in answer.headers["Location"]
    assert place.ask("GET", answer.headers["Location"]).content == b"layer of both"


@pytest.mark.parametrize("source", ["", "itself"])
def test_a_mount_that_finds_nothing_opens_an_upload(pushed, source):
    """Of a blob that is not there, or is named without a source: 202, and the blob is pushed after all."""
    target, *_ = pushed
    answer = _mount(target, digest_of(b"not mounted"), target.name if source else "")
    assert answer.status_code == 202
    assert target.put(answer.headers["Location"], digest_of(b"not mounted"), b"not mounted").status_code == 201


def test_a_mount_takes_nothing_that_the_account_may_not_pull(place, around):
    """A digest is no key: a blob of a namespace that the robot does not see stays there."""
    secret = Place(around.admin, f"{around.space}-other/secret")
    digest = secret.push_blob(b"of other people")
    answer = _mount(place, digest, secret.name)
    assert answer.status_code in (202, 401, 403)
    place.push_blob(b"so that the repository is there")
    assert place.ask("GET", f"blobs/{digest}").status_code == 404


@pytest.mark.parametrize("by", ["tag", "digest"])
def test_a_manifest_is_put_and_its_address_is_told(place, by):
    content = Content()
    content.image(f"put by {by}")
    for body in content.blobs:
        place.push_blob(body)
    body = content.manifests[-1][0]
    answer = place.put_manifest(body, IMAGE, "v1" if by == "tag" else digest_of(body))
    assert answer.status_code == 201
    assert answer.headers.get("Docker-Content-Digest", digest_of(body)) == digest_of(body)
    assert place.ask("GET", answer.headers["Location"], headers={"Accept": IMAGE}).content == body


def test_a_tag_moves_to_the_manifest_that_is_put_last(pushed):
    place, _, digest = pushed
    content = Content()
    content.image("hello again")
    later = place.push(content, "v1")
    assert later != digest
    assert digest_of(place.manifest("v1", IMAGE).content) == later
    assert place.manifest(digest, IMAGE).status_code == 200


def test_a_manifest_that_points_to_missing_blobs_is_refused(place):
    place.push_blob(b"so that the repository is there")
    content = Content()
    content.image("without its blobs")
    answer = place.put_manifest(*content.manifests[-1], "v1")
    assert answer.status_code in (400, 404)
    assert codes(answer) <= {"MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN"}
    assert place.manifest("v1", IMAGE).status_code == 404


def test_a_manifest_under_a_digest_that_is_not_its_own_is_refused(pushed):
    place, content, _ = pushed
    answer = place.put_manifest(content.manifests[-1][0] + b"  ", IMAGE, digest_of(content.manifests[-1][0] + b" "))
    assert answer.status_code == 400
    assert codes(answer) == {"DIGEST_INVALID"}


@pytest.mark.parametrize("body", [b"", b"blah blah", b"{}", json.dumps({"schemaVersion": 9}).encode()])
def test_what_is_no_manifest_is_refused_in_the_shape_of_the_specification(place, body):
    place.push_blob(b"so that the repository is there")
    answer = place.put_manifest(body, IMAGE, "v1")
    assert answer.status_code in (400, 404)
    assert codes(answer) <= OCI_CODES


@pytest.mark.parametrize("tag", [".hidden", "-dash", "a" * 129, "a%2Fb"])
def test_a_tag_that_cannot_be_is_refused(pushed, tag):
    place, content, _ = pushed
    assert place.put_manifest(*content.manifests[-1], tag).status_code in (400, 404)


def test_a_manifest_that_is_too_large_is_refused(place):
    """At least 4 MiB must be taken; what is more may be refused with 413 or 400."""
    content = Content()
    content.image("too large", annotations={"org.acme.note": "x" * 5_000_000})
    for body in content.blobs:
        place.push_blob(body)
    answer = place.put_manifest(*content.manifests[-1], "v1")
    assert answer.status_code in (201, 400, 413)


def test_nobody_pushes_without_an_account(pushed, around):
    stranger = Place(around.nobody, pushed[0].name)
    answer = stranger.ask("POST", "blobs/uploads/")
    assert answer.status_code in (401, 403)
    assert codes(answer) <= OCI_CODES
    assert stranger.ask("GET", f"manifests/{NOWHERE}").status_code in (401, 403, 404)
