"""A floating tag never goes back, and all tags of a build appear together; with builds that overtake each other."""

from __future__ import annotations

from tests.yard import Yard, fresh


def test_6_a_slow_build_of_an_older_commit_does_not_take_latest(yard: Yard, base_image: str):
    """6. A floating tag never goes back: a build of an older commit that ends later does not take `latest`."""
    linked = yard.link("floating/overtaken", parallel_builds=2)
    slow = fresh(base_image, "RUN echo began; i=0; while [ $i -lt 60 ]; do sleep 0.1; i=$((i+1)); done")
    old = linked.start({"Dockerfile": slow})
    yard.wait_log(old["id"], b"began\n")
    new = linked.build({"Dockerfile": fresh(base_image)})
    assert (new["state"], new["tags"]) == ("succeeded", ["latest"])
    assert yard.build(old["id"])["state"] == "building"
    old = yard.wait(old["id"])
    assert (old["state"], old["tags"]) == ("succeeded", [])
    said = "`latest` was not moved: build #2, of a newer commit, already has it."
    assert {"tag": "latest", "moved": False, "sentence": said} in old["moves"]
    assert said in old["sentence"]
    tags = linked.tags()
    assert tags["latest"]["build"] == 2
    assert tags["latest"]["digest"] == new["digest"] != tags["build-1"]["digest"]
    assert yard.pushed_tags("floating/overtaken") == {"build-1", "build-2", "latest"}


def test_6_an_older_commit_takes_latest_by_a_forced_push_and_not_by_hand(yard: Yard, base_image: str):
    linked = yard.link("floating/older")
    first = linked.git.commit({"Dockerfile": fresh(base_image), "what": "first"})
    second = linked.git.commit({"what": "second"})
    assert linked.build_push(second, before=first)["tags"] == ["latest"]
    older = yard.wait(linked.trigger("main", commit=first)["id"])
    assert (older["state"], older["tags"]) == ("succeeded", [])
    assert "`latest` was not moved: build #1, of a newer commit, already has it." in older["sentence"]
    assert linked.tags()["latest"]["build"] == 1
    linked.git.git("push", "-q", "-f", "origin", f"{first}:main")
    back = linked.build_push(first, before=second, forced=True)
    assert (back["state"], back["tags"]) == ("succeeded", ["latest"]), back["sentence"]
    assert linked.tags()["latest"]["build"] == 3


def test_6_a_lower_version_does_not_take_the_minor_tag(yard: Yard, base_image: str):
    rules = [{"ref_type": "tag", "pattern": r"/^v(\d+)\.(\d+)\.(\d+)$/", "tags": [r"{\1}.{\2}", "{sourceref}"]}]
    linked = yard.link("floating/versions", rules=rules)
    commit = linked.git.commit({"Dockerfile": fresh(base_image)})
    for name in ("v1.2.4", "v1.2.3"):
        linked.git.git("push", "-q", "origin", f"HEAD:refs/tags/{name}")
        build = linked.build_push(commit, ref=f"refs/tags/{name}")
    assert build["tags"] == ["v1.2.3"]
    assert "of the higher version `v1.2.4`" in build["sentence"]
    assert linked.tags()["1.2"]["build"] == 1


def test_a_newer_push_supersedes_what_waits_and_where_the_rule_says_what_runs(yard: Yard, base_image: str):
    rules = [{"ref_type": "branch", "pattern": "main", "tags": ["latest"], "supersedes_running": True}]
    linked = yard.link("floating/superseded", rules=rules)
    running = linked.start({"Dockerfile": fresh(base_image, "RUN echo began; sleep 60")})
    yard.wait_log(running["id"], b"began\n")
    newest = linked.build({"Dockerfile": fresh(base_image)})
    ended = yard.wait(running["id"])
    assert (ended["state"], ended["superseded_by"]) == ("superseded", 2)
    assert ended["sentence"] == "Superseded by build #2 of a newer push."
    assert newest["state"] == "succeeded"
    assert yard.pushed_tags("floating/superseded") == {"build-2", "latest"}
