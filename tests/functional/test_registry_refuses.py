"""A registry that refuses, in the push or between two tags: nothing is half there, and only the push is repeated."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fake_registry import FakeRegistry, fake_registry
from tests.yard import Yard, fresh

THREE = [{"ref_type": "branch", "pattern": "main", "tags": ["a", "b", "c"]}]


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeRegistry]:
    with fake_registry() as registry:
        yield registry


@pytest.fixture
def link(yard: Yard, fake: FakeRegistry, base_image: str):
    """Link a repository whose images go to the failing registry, and start its first build."""

    def linked(path: str, **fields: object):
        linked = yard.link(path, **fields)
        yard.use_registry(path, fake.host)
        return linked, linked.start({"Dockerfile": fresh(base_image, "RUN echo ran: once")})

    return linked


def tags_in(fake: FakeRegistry, path: str) -> set[str]:
    return {tag for owner, tag in fake.state.manifests if owner == path and ":" not in tag}


REFUSED = [
    ("denied", "refused the push of denied/app: access is denied. No account is set for this registry."),
    (
        "unauthorized",
        "refused the push of unauthorized/app: authentication required. No account is set for this registry.",
    ),
    ("quota", "will exceed the configured upper limit of 10.0 GiB. Free space or raise the limit there."),
    ("upload413", "a layer is larger than the registry, or a proxy in front of it, accepts (413)."),
]


@pytest.mark.parametrize(("mode", "says"), REFUSED, ids=[row[0] for row in REFUSED])
def test_x04_a_refusal_is_final_and_says_who_refused_what(yard: Yard, fake, link, mode, says):
    linked, build = link(f"{mode}/app")
    build = yard.wait(build["id"])
    assert (build["state"], build["error"]["kind"], build["attempt"]) == ("failed", "registry", 1), build["sentence"]
    assert fake.host in build["sentence"] and says in build["sentence"]
    assert build["sentence"].endswith("Nothing was tagged.")
    assert "<html" not in build["sentence"]
    assert (tags_in(fake, f"{mode}/app"), linked.tags()) == (set(), {})


def test_x04_a_registry_that_hiccups_costs_nothing_but_time(yard: Yard, fake, link):
    _, build = link("flaky/app")
    build = yard.wait(build["id"])
    assert (build["state"], build["attempt"], build["tags"]) == ("succeeded", 1, ["latest"]), build["sentence"]
    assert fake.state.failed["flaky"] == 2
    assert yard.log(build["id"]).count(b"ran: once\n") == 1


def test_x04_only_the_push_is_repeated(yard: Yard, fake, link):
    """12. A registry's 5xx is told apart from a user's fault and is retried."""
    # BuildKit itself tries four times; the fifth answer comes to its second push.
    fake.state.put_faults["build-1"] = [500] * 4
    _, build = link("busy/app")
    build = yard.wait(build["id"])
    assert (build["state"], build["attempt"], build["tags"]) == ("succeeded", 1, ["latest"]), build["sentence"]
    assert yard.log(build["id"]).count(b"ran: once\n") == 1
    assert fake.state.count("PUT", "busy/app/manifests/build-1") == 5


def test_x04_a_retry_after_a_refusal_pushes_and_builds_nothing_again(yard: Yard, fake, link):
    fake.state.put_faults["build-1"] = [403]
    rules = [{"ref_type": "branch", "pattern": "main", "tags": ["latest"], "cache": False}]
    _, build = link("mended/app", rules=rules)
    assert yard.wait(build["id"])["error"]["kind"] == "registry"
    yard.send("POST", f"/builds/{build['id']}/retry", status=202)
    build = yard.wait(build["id"])
    assert (build["state"], build["attempt"]) == ("succeeded", 2), build["sentence"]
    assert [yard.log(build["id"], attempt=n).count(b"ran: once\n") for n in (1, 2)] == [1, 0]


def test_7_a_refusal_between_two_tags_leaves_none(yard: Yard, fake, link):
    """7. All tags of a build appear together or none does."""
    fake.state.refuse_tags.add("b")
    linked, build = link("half/app", rules=THREE)
    build = yard.wait(build["id"])
    assert (build["state"], build["error"]["kind"]) == ("failed", "registry")
    assert "half/app:b" in build["sentence"] and build["sentence"].endswith("No tag was moved.")
    assert tags_in(fake, "half/app") == {"build-1"}
    assert linked.tags() == {}
    fake.state.refuse_tags.clear()
    yard.send("POST", f"/builds/{build['id']}/retry", status=202)
    build = yard.wait(build["id"])
    assert (build["state"], build["attempt"], build["tags"]) == ("succeeded", 2, ["a", "b", "c"])
    assert tags_in(fake, "half/app") == {"build-1", "a", "b", "c"}
    assert b"ran: once" not in yard.log(build["id"])


def test_7_a_refusal_puts_tags_back_where_they_were(yard: Yard, fake, link, base_image):
    linked, first = link("back/app", rules=THREE)
    first = yard.wait(first["id"])
    assert first["state"] == "succeeded", first["sentence"]
    fake.state.refuse_tags.add("c")
    second = linked.build({"Dockerfile": fresh(base_image, "RUN echo second")})
    fake.state.refuse_tags.clear()
    assert second["state"] == "failed"
    assert {tag["build"] for name, tag in linked.tags().items() if name in "abc"} == {1}
    held = {name: fake.state.manifests["back/app", name] for name in ("a", "b", "c", "build-1")}
    assert len(set(held.values())) == 1


def test_7_a_registry_that_stumbles_over_one_tag_is_asked_again(yard: Yard, fake, link):
    fake.state.put_faults["b"] = [503]
    _, build = link("stumbles/app", rules=THREE)
    build = yard.wait(build["id"])
    assert (build["state"], build["attempt"], build["tags"]) == ("succeeded", 1, ["a", "b", "c"]), build["sentence"]
