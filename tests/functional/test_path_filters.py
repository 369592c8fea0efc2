"""Path filters and tags of facts, from a push to the image, with real Git in between."""

from __future__ import annotations

import datetime as dt

from tests.yard import Yard, fresh

WEB = [{"ref_type": "branch", "pattern": "/.*/", "tags": ["{sourceref}"], "paths_include": ["web/**", "/Dockerfile"]}]


def test_a_push_that_touches_nothing_watched_is_skipped_and_a_lost_one_is_made_up_for(yard: Yard, base_image: str):
    """The ledger says that it matched, the build's row says why nothing was built."""
    linked = yard.link("paths/web", rules=WEB)
    first = linked.git.commit({"Dockerfile": fresh(base_image), "web/a": "1"})
    assert linked.build_push(first)["state"] == "succeeded"
    second = linked.git.commit({"docs/x.md": "1"})
    skipped = linked.build_push(second, before=first)
    assert (skipped["state"], skipped["tags"]) == ("cancelled", [])
    assert skipped["sentence"] == (
        f"Skipped: nothing that this rule watches changed between {first[:7]} and {second[:7]}: 1 file, `docs/x.md`."
    )
    assert yard.pushed_tags("paths/web") == {"build-1", "main"}
    third = linked.git.commit({"web/a": "2"})
    fourth = linked.git.commit({"web/a": "1", "docs/y.md": "1"})  # undone: in sum nothing
    assert linked.build_push(fourth, before=second)["state"] == "cancelled"
    assert linked.build_push(third, before=second)["state"] == "succeeded"
    by_hand = yard.wait(linked.trigger("main", commit=second)["id"])
    assert by_hand["state"] == "succeeded"

    # A new branch and a rewritten one are judged by what they add.
    docs = linked.git.commit({"docs/z": "1"}, branch="words")
    skipped = linked.build_push(docs, ref="refs/heads/words")
    assert (skipped["state"], "(where it left `main`)" in skipped["sentence"]) == ("cancelled", True)
    linked.git.git("reset", "-q", "--hard", fourth)
    forced = linked.git.commit({"web/b": "1"}, branch="words")
    assert linked.build_push(forced, ref="refs/heads/words", before=docs, forced=True)["tags"] == ["words"]


def test_a_newer_push_leaves_a_running_build_alone_and_builds_what_the_superseded_one_changed(
    yard: Yard, base_image: str
):
    """A touches web/ and is superseded while it waits; B touches docs/ alone, and builds."""
    linked = yard.link("paths/superseded", rules=WEB)
    first = linked.git.commit({"Dockerfile": fresh(base_image, "RUN echo began; sleep 3")})
    running = linked.delivery(linked.push(first))["builds"][0]
    yard.wait_log(running["id"], b"began\n")
    second = linked.git.commit({"web/a": "2"})
    waiting = linked.delivery(linked.push(second, before=first))["builds"][0]
    assert "it builds one at a time" in yard.build(waiting["id"])["sentence"]
    third = linked.git.commit({"docs/x": "1"})
    newest = linked.build_push(third, before=second)
    waiting = yard.build(waiting["id"])
    assert (waiting["state"], waiting["sentence"]) == ("superseded", "Superseded by build #3 of a newer push.")
    assert yard.build(running["id"])["state"] == newest["state"] == "succeeded"
    assert b"`web/a` changed between" in yard.log(newest["id"])


def test_tags_are_made_of_the_version_the_day_and_the_number(yard: Yard, base_image: str):
    """What was not known at the push is made at publication; `latest` goes to the highest version alone."""
    tags = ["{version}", "{major}.{minor}", "{latest}", "{date:%Y}-{build}"]
    linked = yard.link("paths/versions", rules=[{"ref_type": "tag", "pattern": "/^v/", "tags": tags}])
    commit = linked.git.commit({"Dockerfile": fresh(base_image)})
    for name in ("v1.2.0", "v2.0.0", "v1.2.1", "v3.0.0-rc.1"):
        linked.git.git("push", "-q", "origin", f"HEAD:refs/tags/{name}")
    year = dt.datetime.now(dt.UTC).year
    made = [linked.build_push(commit, ref=f"refs/tags/{n}")["tags"] for n in ("v2.0.0", "v1.2.1", "v3.0.0-rc.1")]
    assert made == [
        ["2.0.0", "2.0", "latest", f"{year}-1"],
        ["1.2.1", "1.2", f"{year}-2"],
        ["3.0.0-rc.1", f"{year}-3"],
    ]
    said = yard.log(linked.builds()[1]["id"])
    assert b"The tag `{latest}` is not made: `v1.2.1` is not the highest: `v2.0.0` is." in said
    assert linked.tags()["latest"]["build"] == 1
