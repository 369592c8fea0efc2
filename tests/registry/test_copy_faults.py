"""Copies from and to registries that fail in the middle of every kind of call: what heals, and what a person reads."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable

import pytest

from registry.client import Place, RegistryError, RegistryErrorKind, copy_image
from registry.core.copy_plan import DEEPEST, MOST_MANIFESTS
from registry.core.manifest import OCI_INDEX
from tests.fake_registry import FakeRegistry
from tests.images import as_manifest, descriptor, layer, make_image, sha256
from tests.registry.copying import FROM, TO, Connect, copied, has, put, put_index, put_manifest

pytestmark = pytest.mark.slow  # two hundred copies between two servers

IMAGE = make_image("hello")
LAYER = sha256(layer("app", b"hello"))
STEPS = ("manifest get", "blob get", "blob head", "upload start", "upload send", "manifest put")


def refused(connect: Connect, one: FakeRegistry, other: FakeRegistry, digest: str) -> RegistryError:
    with pytest.raises(RegistryError) as caught:
        copied(connect, one, other, digest)
    return caught.value


def fail(one: FakeRegistry, other: FakeRegistry, step: str, statuses: list[int]) -> None:
    """Reads are the source's, everything else the target's."""
    (one if step in ("manifest get", "blob get") else other).state.steps[step] = statuses


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("step", STEPS)
def test_x04_a_call_that_fails_once_or_twice_is_made_again(
    one: FakeRegistry, other: FakeRegistry, connect: Connect, pauses: list[float], step: str, status: int
) -> None:
    """Field case X04: 5xx and 429 in the middle of everything; `Retry-After: 3` is obeyed."""
    fail(one, other, step, [status, status])
    copied(connect, one, other, put(one, FROM, IMAGE))
    assert has(other, TO, IMAGE)
    assert pauses
    assert status != 429 or 3.0 in pauses


PULL, PUSH = "pull of acme/web@sha256:", "push of acme/prod"
# (step, status, kind, what the sentence has)
REFUSALS = [
    ("manifest get", 401, "unauthorized", f"refused the {PULL}"),
    ("manifest get", 403, "denied", "without a user name nobody may read there. It says: no manifest get today."),
    ("manifest get", 404, "not_found", "has no acme/web@sha256:"),
    ("manifest get", 429, "rate_limit", f"did not take the {PULL}"),
    ("manifest get", 502, "unavailable", "answered 502 Bad Gateway to the pull of acme/web@sha256:"),
    ("blob get", 401, "unauthorized", "it wants a log-in, and no user name is set for this registry"),
    ("blob get", 403, "denied", f"refused the {PULL}"),
    (
        "blob get",
        404,
        "incomplete",
        "deleted there. Build or push that image again, and then promote it.",
    ),
    ("blob get", 429, "rate_limit", "too many requests (429 Too Many Requests)"),
    ("blob get", 502, "unavailable", "answered 502 Bad Gateway to the pull of acme/web@sha256:"),
    ("blob head", 429, "rate_limit", f"did not take the {PUSH}"),
    ("blob head", 502, "unavailable", f"answered 502 Bad Gateway to the {PUSH}."),
    ("upload start", 401, "unauthorized", f"refused the {PUSH}: it wants a log-in"),
    ("upload start", 403, "denied", "without a user name nobody may write there. It says: no upload start today."),
    (
        "upload start",
        404,
        "not_found",
        "it has no such repository. It says: no upload start today. Make the repository",
    ),
    ("upload start", 405, "unsupported", f"does not support the {PUSH}"),
    ("upload start", 429, "rate_limit", "It says: no upload start today. Try again later. Asked 6 times."),
    ("upload start", 502, "unavailable", f"answered 502 Bad Gateway to the {PUSH}. The registry, or a proxy in front"),
    ("upload send", 401, "unauthorized", f"refused the {PUSH}"),
    ("upload send", 403, "denied", "It says: no upload send today."),
    ("upload send", 413, "too_large", "Raise the limit of the proxy in front of it (nginx: client_max_body_size)."),
    ("upload send", 429, "rate_limit", f"did not take the {PUSH}: too many requests"),
    ("upload send", 502, "unavailable", f"answered 502 Bad Gateway to the {PUSH}."),
    ("upload send", 507, "quota", "its storage quota is used up"),
    ("manifest put", 401, "unauthorized", f"refused the {PUSH}@sha256:"),
    ("manifest put", 403, "denied", "It says: no manifest put today."),
    ("manifest put", 404, "not_found", "it has no such repository"),
    ("manifest put", 429, "rate_limit", f"did not take the {PUSH}@sha256:"),
    ("manifest put", 502, "unavailable", f"answered 502 Bad Gateway to the {PUSH}@sha256:"),
    ("manifest put", 400, "invalid", f"refused the {PUSH}@sha256:"),
]


@pytest.mark.parametrize(
    ("step", "status", "kind", "words"), REFUSALS, ids=[f"{item[0]} {item[1]}" for item in REFUSALS]
)
def test_x04_it_says_who_refused_what(
    one: FakeRegistry, other: FakeRegistry, connect: Connect, step: str, status: int, kind: str, words: str
) -> None:
    """Field case X04: 401, 403, 404, 429 and 5xx in the middle of each kind of call."""
    fail(one, other, step, [status] * 200)
    error = refused(connect, one, other, put(one, FROM, IMAGE))
    whose = one if step in ("manifest get", "blob get") else other
    assert error.message.startswith(f"{whose.host} ")
    assert words in error.message
    assert error.kind == kind
    assert error.retryable == (kind in ("rate_limit", "unavailable"))
    assert (TO, IMAGE.manifest.digest) not in other.state.manifests


def test_a_blob_that_is_gone_is_named_with_what_to_do(one: FakeRegistry, other: FakeRegistry, connect: Connect) -> None:
    digest = put(one, FROM, IMAGE)
    one.state.owned.discard((FROM, LAYER))
    size = len(IMAGE.blobs[LAYER])
    assert refused(connect, one, other, digest).message == (
        f"{one.host} no longer has a part of acme/web: the layer `{LAYER[7:19]}` ({size} B). It was probably deleted "
        "there. Build or push that image again, and then promote it."
    )


@pytest.mark.parametrize("how", ["cut", "short"])
def test_a_connection_that_closes_in_the_middle_of_a_blob_costs_one_more_try(
    one: FakeRegistry, other: FakeRegistry, connect: Connect, how: str
) -> None:
    one.state.spoils[LAYER] = [how, how]
    done = copied(connect, one, other, put(one, FROM, IMAGE))
    assert has(other, TO, IMAGE)
    assert done.sent_bytes == done.size_bytes
    assert other.state.count("HEAD", LAYER) == 3


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("cut", "{host} cannot be reached for the pull of acme/web@{layer}: the connection broke."),
        (
            "short",
            "{host} did not give the layer `{short}` (120 B) of acme/web as it should: it ended after 60 B of the ",
        ),
        ("wrong", "of acme/web as it should: its content does not have the digest that it is stored under."),
        ("endless", "of acme/web as it should: more comes than the 120 B that its manifest says."),
    ],
)
def test_a_blob_that_never_comes_right_is_told(
    one: FakeRegistry, other: FakeRegistry, connect: Connect, how: str, words: str
) -> None:
    one.state.spoils[LAYER] = [how] * 20
    digest = put(one, FROM, IMAGE)
    size = len(IMAGE.blobs[LAYER])
    error = refused(connect, one, other, digest)
    expected = words.format(host=one.host, layer=LAYER, short=LAYER[7:19]).replace("120 B", f"{size} B")
    assert expected.replace("60 B", f"{size // 2} B") in error.message
    assert (TO, LAYER) not in other.state.owned
    assert (TO, digest) not in other.state.manifests


def test_a_target_that_ends_the_connection_is_asked_again(
    one: FakeRegistry, other: FakeRegistry, connect: Connect
) -> None:
    """An upload that was begun and is gone is begun anew."""
    other.state.steps["upload send"] = [500]
    digest = put(one, FROM, IMAGE)
    seen = itertools.count()

    def forget(step: str) -> None:
        if step == "upload send" and next(seen) == 1:
            other.state.uploads.clear()

    other.state.on_step = forget
    copied(connect, one, other, digest)
    assert has(other, TO, IMAGE)


def test_an_upload_is_not_taken_to_another_host(one: FakeRegistry, other: FakeRegistry, connect: Connect) -> None:
    other.state.location = "http://evil.example"
    error = refused(connect, one, other, put(one, FROM, IMAGE))
    assert error.message.startswith(
        f"{other.host} did not take the push of acme/prod: it wants the upload sent elsewhere, to 'http://evil.example/v2/"
    )
    assert error.kind is RegistryErrorKind.INVALID


def test_an_absolute_address_of_its_own_is_followed(one: FakeRegistry, other: FakeRegistry, connect: Connect) -> None:
    """Behind a TLS proxy it does not know its own scheme and port."""
    other.state.location = f"https://{other.host.partition(':')[0]}"
    copied(connect, one, other, put(one, FROM, IMAGE))
    assert has(other, TO, IMAGE)


def test_a_part_that_an_index_points_to_and_that_is_gone_is_named(
    one: FakeRegistry, other: FakeRegistry, connect: Connect
) -> None:
    arm = make_image("arm", architecture="arm64")
    index = put_index(one, FROM, (IMAGE, "linux/amd64"), (arm, "linux/arm64"))
    del one.state.manifests[FROM, arm.manifest.digest]
    assert refused(connect, one, other, index.digest).message == (
        f"{one.host} no longer has a part of acme/web: the image for linux/arm64 `{arm.manifest.digest[7:19]}`. It was "
        "probably deleted there. Build or push that image again, and then promote it."
    )


def test_a_source_that_is_deleted_while_it_is_copied_is_told(
    one: FakeRegistry, other: FakeRegistry, connect: Connect
) -> None:
    digest = put(one, FROM, IMAGE)
    one.state.on_step = lambda step: step == "blob get" and one.state.owned.clear()  # type: ignore[func-returns-value]
    assert "no longer has a part of acme/web: the" in refused(connect, one, other, digest).message


def test_parts_that_the_target_loses_meanwhile_are_worth_another_try(
    one: FakeRegistry, other: FakeRegistry, connect: Connect
) -> None:
    digest = put(one, FROM, IMAGE)
    other.state.on_step = lambda step: step == "manifest put" and other.state.owned.clear()  # type: ignore[func-returns-value]
    error = refused(connect, one, other, digest)
    assert error.retryable
    assert f"{other.host} has lost a part of acme/prod that was just copied there." in error.message


def test_an_image_with_endless_parts_is_refused(one: FakeRegistry, other: FakeRegistry, connect: Connect) -> None:
    entries = [descriptor(str(number).encode(), OCI_INDEX) for number in range(MOST_MANIFESTS + 1)]
    index = as_manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
    error = refused(connect, one, other, put_manifest(one, FROM, index))
    assert (
        "it has more parts than Imageyard copies (1,000 manifests, 20,000 blobs, 67.1 MB of manifests)" in error.message
    )
    assert one.state.count("GET") == 1


def test_indexes_that_stand_in_one_another_without_end_are_refused(
    one: FakeRegistry, other: FakeRegistry, connect: Connect
) -> None:
    inner = put_index(one, FROM, (IMAGE, "linux/amd64"))
    for _ in range(DEEPEST):
        entry = descriptor(inner.body, inner.media_type)
        inner = as_manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]})
        put_manifest(one, FROM, inner)
    assert "its indexes stand in one another more than 6 deep" in refused(connect, one, other, inner.digest).message


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"layers": [{"digest": "sha256:x", "size": 1}]}, "its manifest points to content without a usable digest"),
        ({"layers": [{"digest": sha256(b"x"), "size": -1}]}, "its manifest gives content without a size"),
        ({"layers": {"a": 1}}, "its manifest has no list of layers"),
        ({"config": {}, "layers": ["x"]}, "its manifest points to nothing where content should be named"),
        ({"config": {}, "manifests": [], "layers": []}, "its manifest claims to be an image and an index at once"),
    ],
)
def test_a_manifest_that_is_none_is_told(
    one: FakeRegistry, other: FakeRegistry, connect: Connect, document: dict[str, object], words: str
) -> None:
    manifest = as_manifest({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", **document})
    error = refused(connect, one, other, put_manifest(one, FROM, manifest))
    assert words in error.message
    assert one.host in error.message


def test_x04_a_token_that_ends_in_the_middle_is_made_anew(
    one: FakeRegistry, other: FakeRegistry, connect: Connect
) -> None:
    """Field case X04: the token server's tokens end while blobs are on their way; each side logs in again."""
    for server in (one, other):
        server.state.auth = "bearer"
    source, target = connect(one.host, "bot", "secret-of-bot"), connect(other.host, "bot", "secret-of-bot")
    places = Place(source, FROM), Place(target, TO)
    copy_image(*places, put(one, FROM, make_image("before")))
    one.state.on_step, other.state.on_step = _ends_once(one, "blob get"), _ends_once(other, "upload send")
    copy_image(*places, put(one, FROM, IMAGE))
    assert has(other, TO, IMAGE)
    assert min(server.state.count("GET", "/token") for server in (one, other)) > 1


def _ends_once(server: FakeRegistry, step: str) -> Callable[[str], None]:
    """All tokens of a registry end with the first such step."""
    left = [step]

    def on_step(now: str) -> None:
        if now in left:
            left.remove(now)
            server.state.tokens.clear()

    return on_step


@pytest.mark.parametrize("names_both", [True, False])
def test_a_mount_asks_for_both_repositories_at_once(one: FakeRegistry, connect: Connect, names_both: bool) -> None:
    """Two scopes in one token, also where the registry names only the one that is written to."""
    one.state.auth, one.state.names_both = "bearer", names_both
    done = copied(connect, one, one, put(one, FROM, IMAGE), user="bot")
    assert (done.mounted, done.sent_bytes) == (3, 0)
    asked = [path for _, path in one.state.asked if path.startswith("/token")]
    both = ("scope=repository%3Aacme%2Fprod%3Apull%2Cpush", "scope=repository%3Aacme%2Fweb%3Apull")
    assert any(all(scope in path for scope in both) for path in asked)


def test_an_account_that_may_not_read_the_source_mounts_nothing_and_is_told(
    one: FakeRegistry, other: FakeRegistry, connect: Connect
) -> None:
    one.state.steps["manifest get"] = [403]
    error = refused(connect, one, one, put(one, FROM, IMAGE))
    assert error.kind is RegistryErrorKind.DENIED


def test_two_copies_of_one_image_at_once_are_one(one: FakeRegistry, other: FakeRegistry, connect: Connect) -> None:
    digest = put(one, FROM, IMAGE)
    threads = [threading.Thread(target=copied, args=(connect, one, other, digest)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert has(other, TO, IMAGE)


@pytest.mark.parametrize(
    ("status", "words"), [(429, "did not take the push of acme/prod"), (502, "answered 502 Bad Gat")]
)
def test_x04_a_mount_that_fails_is_asked_again_and_told(
    one: FakeRegistry, connect: Connect, status: int, words: str
) -> None:
    digest = put(one, FROM, IMAGE)
    one.state.steps["mount"] = [status, status]
    assert copied(connect, one, one, digest).mounted == 3
    one.state.steps["mount"] = [status] * 99
    one.state.owned = {(owner, blob) for owner, blob in one.state.owned if owner == FROM}
    error = refused(connect, one, one, digest)
    assert words in error.message
    assert error.retryable


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (401, "unauthorized", "refused the tag list of acme/web: it wants a log-in, and no user name is set"),
        (403, "denied", "refused the tag list of acme/web: without a user name nobody may read there."),
        (429, "rate_limit", "did not take the tag list of acme/web: too many requests (429 Too Many Requests)."),
        (500, "unavailable", "answered 500 Internal Server Error to the tag list of acme/web."),
    ],
)
def test_x01_a_tag_list_that_fails_in_the_middle_is_told(
    one: FakeRegistry, connect: Connect, status: int, kind: str, words: str
) -> None:
    """Field case X01: the second of two pages; one failure heals where it can."""
    one.state.pages[FROM] = [(["a"], '</v2/acme/web/tags/list?next_page=1>; rel="next"'), (["b"], "")]
    healing = [0, status, 0] if kind in ("rate_limit", "unavailable") else [0, 0]
    one.state.steps["tags get"] = healing
    assert list(connect(one.host).tags(FROM)) == ["a", "b"]
    one.state.steps["tags get"] = [0, *[status] * 20]
    with pytest.raises(RegistryError, match=re.escape(words)) as caught:
        list(connect(one.host).tags(FROM))
    assert caught.value.kind == kind
