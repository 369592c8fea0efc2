"""Builds of a scope of their own on a shared builder: no step's result and no cache mount crosses over. Real builds."""

from __future__ import annotations

import uuid

from tests.builds.engine.test_buildx import builds  # noqa: F401 — a fixture

STRANGER = {"cache_scope": "s-stranger", "isolated": True}


def test_a_result_is_not_reused_across_scopes_and_is_within_one(builds, base_image):  # noqa: F811
    lines = f"FROM {base_image}\nENV NONCE={uuid.uuid4().hex}\nRUN cat /proc/sys/kernel/random/uuid > /x\n"
    builds.write({"Dockerfile": lines})
    made = []
    for scope in ({}, STRANGER, {}, STRANGER, {"cache_scope": "s-other", "isolated": True}):
        assert builds(**scope).returncode == 0, builds.stderr.decode()
        made.append(builds.files()["x"])
    own, strange, own_again, strange_again, other = made
    assert own == own_again
    assert strange == strange_again
    assert len({own, strange, other}) == 3


def test_a_cache_mount_is_not_shared_across_scopes_and_is_within_one(builds, base_image):  # noqa: F811
    name = uuid.uuid4().hex

    def look(scope: dict, word: str) -> bytes:
        run = f"RUN --mount=type=cache,id={name},target=/c cat /c/* > /x 2>/dev/null; echo {word} > /c/w"
        builds.write({"Dockerfile": f"FROM {base_image}\nENV NONCE={uuid.uuid4().hex}\n{run}\n"})
        assert builds(**scope).returncode == 0, builds.stderr.decode()
        return builds.files()["x"]

    assert look(STRANGER, "poison") == b""
    assert look(STRANGER, "poison") == b"poison\n"
    assert look({"cache_scope": "r-7"}, "good") == b""
    assert look({}, "good") == b""
    assert look({"cache_scope": "r-7"}, "good") == b"good\n"


def test_a_build_that_may_not_push_leaves_nothing_in_the_registry(builds, base_image):  # noqa: F811
    builds.write({"Dockerfile": f"FROM {base_image}\nENV NONCE={uuid.uuid4().hex}\nRUN echo hello\n"})
    done = builds(push=False, **STRANGER)
    assert done.returncode == 0, builds.stderr.decode()
    assert builds.tags() == []
    assert done.metadata["buildx.build.provenance"]["materials"]


def test_a_step_of_a_scope_sees_the_name_that_keeps_it_apart(builds, base_image):  # noqa: F811
    """What the isolation stands on: names of extra hosts are part of the operation that BuildKit looks up."""
    builds.write({"Dockerfile": f"FROM {base_image}\nENV NONCE={uuid.uuid4().hex}\nRUN cp /etc/hosts /x\n"})
    assert builds(**STRANGER).returncode == 0
    assert b"s-stranger.scope.invalid" in builds.files()["x"]
