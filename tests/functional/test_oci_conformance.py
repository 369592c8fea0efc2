"""The rules of the OCI distribution-spec 1.1 conformance suite, held against Imageyard's own registry, by token.

They are those of `conformance/` in opencontainers/distribution-spec (v1.1.1, and the kinds of content of its newer
suite), in our words. A robot pulls and pushes and a person deletes, as each would: every request first meets the
registry's challenge and then Imageyard's token server. What Distribution 2.8 itself cannot do is in
`tests.oci_places.LACKS`. Pushing has a file of its own.
"""

# ruff: noqa: F811 — fixtures are named as the tests ask for them
from __future__ import annotations

import httpx
import pytest

from tests.oci_client import IMAGE, INDEX, KINDS, Content, Place, digest_of, kinds
from tests.oci_places import (  # noqa: F401 — fixtures
    NOWHERE,
    OCI_CODES,
    around,
    codes,
    known,
    owned,
    place,
    pushed,
)
from tests.yard import PLAIN

# --- the door ---------------------------------------------------------------------------------------------------------


def test_the_api_answers_who_comes_in_and_challenges_who_does_not(around, own_yard):
    """`GET /v2/` is 200 for a client that may use the API, and 401 with a challenge before."""
    assert around.robot.get("/v2/").status_code == 200
    bare = httpx.get(f"http://{own_yard.registry}/v2/", timeout=30, **PLAIN)
    assert bare.status_code == 401
    assert bare.headers["WWW-Authenticate"].startswith("Bearer ")
    assert codes(bare) == {"UNAUTHORIZED"}


def test_nobody_gets_nothing_private(around, pushed):
    """A client without a right is refused with an error of the specification."""
    place, *_ = pushed
    answer = Place(around.nobody, place.name).manifest("v1", IMAGE)
    assert answer.status_code in (401, 403, 404)
    assert codes(answer) <= OCI_CODES


# --- pull -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("path", [f"blobs/{NOWHERE}", f"manifests/{NOWHERE}", "manifests/no-such-tag"])
def test_what_is_not_there_is_404(pushed, method, path):
    assert pushed[0].ask(method, path).status_code == 404


def test_a_blob_is_told_and_given_bit_for_bit(pushed):
    place, content, _ = pushed
    for body in content.blobs:
        digest = digest_of(body)
        head = place.ask("HEAD", f"blobs/{digest}")
        assert head.status_code == 200
        assert head.headers["Content-Length"] == str(len(body))
        assert head.headers.get("Docker-Content-Digest", digest) == digest
        assert place.ask("GET", f"blobs/{digest}").content == body


def test_a_part_of_a_blob_is_given(place):
    """Registries SHOULD answer a range of a blob."""
    digest = place.push_blob(b"0123456789")
    answer = place.ask("GET", f"blobs/{digest}", headers={"Range": "bytes=2-4"})
    assert (answer.status_code, answer.content) == (206, b"234")


@pytest.mark.parametrize("by", ["digest", "tag"])
def test_a_manifest_is_told_and_given_as_it_was_pushed(pushed, by):
    place, content, digest = pushed
    reference = digest if by == "digest" else "v1"
    head, got = (place.manifest(reference, IMAGE, method) for method in ("HEAD", "GET"))
    assert (head.status_code, got.status_code) == (200, 200)
    assert head.headers.get("Docker-Content-Digest", digest) == digest
    assert got.headers["Content-Type"] == IMAGE
    assert got.content == content.manifests[-1][0]


@pytest.mark.parametrize("kind", KINDS)
def test_content_of_every_kind_comes_back_bit_for_bit(place, kind):
    """What the suite pushes: indexes in indexes, artifacts, layers that are elsewhere, fields that nobody knows."""
    content = dict(kinds())[kind]
    place.push(content, "v1")
    last, media_type = content.manifests[-1]
    assert place.manifest("v1", media_type).content == last
    for body, kept_as in content.manifests:
        answer = place.manifest(digest_of(body, content.algorithm), kept_as)
        assert (answer.status_code, answer.content) == (200, body)
        assert answer.headers["Content-Type"] == kept_as
    for body in content.blobs:
        assert place.ask("GET", f"blobs/{digest_of(body, content.algorithm)}").content == body


# --- discovery --------------------------------------------------------------------------------------------------------

TAGS = ["test0", "test1", "test2", "test3"]


@pytest.fixture
def tagged(pushed: tuple[Place, Content, str]) -> Place:
    place, content, _ = pushed
    for tag in (TAGS[2], TAGS[0], TAGS[3], TAGS[1]):  # some file systems list what is newest first
        assert place.put_manifest(*content.manifests[-1], tag).status_code == 201
    return place


def test_tags_are_listed_in_order(tagged):
    answer = tagged.ask("GET", "tags/list")
    assert answer.status_code == 200
    assert answer.json() == {"name": tagged.name, "tags": [*TAGS, "v1"]}


def test_no_more_tags_are_given_than_asked_for(tagged):
    answer = tagged.ask("GET", "tags/list", params={"n": 2})
    assert answer.status_code == 200
    assert answer.json()["tags"] == TAGS[:2]


def test_tags_go_on_behind_the_last_one(tagged):
    answer = tagged.ask("GET", "tags/list", params={"n": 2, "last": TAGS[1]})
    assert answer.status_code == 200
    assert answer.json()["tags"] == TAGS[2:4]


def test_no_tags_are_given_where_none_are_asked_for(tagged):
    assert tagged.ask("GET", "tags/list", params={"n": 0}).json()["tags"] in ([], None)


def _note(place: Place, subject: bytes, text: str, kind: str) -> tuple[str, httpx.Response]:
    """Push an artifact that refers to `subject`."""
    content = Content()
    content.image(
        text,
        artifactType=kind,
        subject={"mediaType": IMAGE, "digest": digest_of(subject), "size": len(subject)},
    )
    for body in content.blobs:
        place.push_blob(body)
    body = content.manifests[-1][0]
    return digest_of(body), place.put_manifest(body, IMAGE, digest_of(body))


def test_what_refers_to_nothing_that_is_there_has_an_empty_list(pushed):
    answer = pushed[0].ask("GET", f"referrers/{NOWHERE}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, INDEX)
    assert answer.json()["manifests"] == []


def test_a_manifest_with_a_subject_is_confirmed(pushed):
    place, content, digest = pushed
    _, answer = _note(place, content.manifests[-1][0], "a note", "application/vnd.acme.note")
    assert answer.status_code == 201
    assert answer.headers["OCI-Subject"] == digest


def test_referrers_are_listed_and_filtered(pushed):
    place, content, digest = pushed
    note, _ = _note(place, content.manifests[-1][0], "a note", "application/vnd.acme.note")
    seal, _ = _note(place, content.manifests[-1][0], "a seal", "application/vnd.acme.seal")
    everything = place.ask("GET", f"referrers/{digest}")
    assert {row["digest"] for row in everything.json()["manifests"]} == {note, seal}
    some = place.ask("GET", f"referrers/{digest}", params={"artifactType": "application/vnd.acme.seal"})
    is_filtered = some.headers.get("OCI-Filters-Applied") == "artifactType"
    assert {row["digest"] for row in some.json()["manifests"]} == ({seal} if is_filtered else {note, seal})


def test_where_there_are_no_referrers_clients_fall_back_to_a_tag(pushed):
    """A registry without the referrers API answers 404 and takes the tag `sha256-<hex>`, an index that clients keep."""
    place, content, digest = pushed
    note, _ = _note(place, content.manifests[-1][0], "a note", "application/vnd.acme.note")
    listed = Content()
    listed.index({"mediaType": IMAGE, "digest": note, "size": 1, "artifactType": "application/vnd.acme.note"})
    body, media_type = listed.manifests[-1]
    assert place.put_manifest(body, media_type, digest.replace(":", "-")).status_code == 201
    assert place.manifest(digest.replace(":", "-"), INDEX).content == body


# --- management -------------------------------------------------------------------------------------------------------


def test_a_tag_is_deleted_or_its_deletion_is_said_to_be_unsupported(owned):
    place, _, digest = owned
    answer = place.ask("DELETE", "manifests/v1")
    assert answer.status_code in (202, 400, 405)
    if answer.status_code != 202:
        assert "UNSUPPORTED" in codes(answer)
    assert place.manifest(digest, IMAGE).status_code == 200


def test_a_deleted_manifest_is_gone_with_its_tags(owned):
    place, _, digest = owned
    assert place.ask("DELETE", f"manifests/{digest}").status_code == 202
    assert place.manifest(digest, IMAGE).status_code == 404
    assert place.manifest("v1", IMAGE).status_code == 404
    listed = place.ask("GET", "tags/list")
    assert listed.status_code == 404 or not listed.json()["tags"]


def test_a_deleted_blob_is_gone(owned):
    place, content, _ = owned
    digest = digest_of(content.blobs[-1])
    assert place.ask("DELETE", f"blobs/{digest}").status_code == 202
    assert place.ask("GET", f"blobs/{digest}").status_code == 404


@pytest.mark.parametrize("path", [f"blobs/{NOWHERE}", f"manifests/{NOWHERE}"])
def test_deleting_what_is_not_there_is_404(owned, path):
    assert owned[0].ask("DELETE", path).status_code == 404


def test_a_robot_that_writes_deletes_nothing(pushed):
    """Deleting takes an administrator of the namespace, and a scope for it."""
    place, _, digest = pushed
    answer = place.ask("DELETE", f"manifests/{digest}")
    assert answer.status_code in (401, 403)
    assert codes(answer) <= OCI_CODES
    assert place.manifest(digest, IMAGE).status_code == 200
