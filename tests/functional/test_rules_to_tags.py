"""From a rule to the tags in the registry: webhook, manual trigger and tester say the same, and the build does it."""

from __future__ import annotations

import pytest

from tests.yard import Yard, fresh

SEMVER = r"/^v(\d+)\.(\d+)\.(\d+)$/"


def tag_rule(pattern: str, *tags: str) -> dict[str, object]:
    return {"ref_type": "tag", "pattern": pattern, "tags": list(tags)}


def push_tag(linked, name: str, *, annotated: bool = False) -> tuple[str, str]:
    """Tag HEAD and push the tag; the names of the object that the tag is and of the commit."""
    linked.git.git("tag", *(["-a", "-m", name] if annotated else []), name)
    linked.git.git("push", "-q", "origin", f"refs/tags/{name}")
    return linked.git.git("rev-parse", name), linked.git.git("rev-parse", f"{name}^{{commit}}")


def test_r06_three_tags_come_from_one_build(yard: Yard, base_image: str):
    rules = [tag_rule(SEMVER, r"{\1}", r"{\1}.{\2}", r"{\1}.{\2}.{\3}")]
    linked = yard.link("rules/groups", rules=rules)
    linked.git.commit({"Dockerfile": fresh(base_image, "RUN true")})
    _, commit = push_tag(linked, "v1.1.0")
    build = linked.build_push(commit, ref="refs/tags/v1.1.0")
    assert (build["state"], build["tags"]) == ("succeeded", ["1", "1.1", "1.1.0"])
    assert len(linked.builds()) == 1
    assert yard.pushed_tags("rules/groups") == {"build-1", "1", "1.1", "1.1.0"}
    assert len({tag["digest"] for tag in linked.tags().values()}) == 1


@pytest.mark.parametrize(
    ("name", "ref", "tag"),
    [
        ("slash", "heads/feature/login-#6", "feature-login-6"),
        ("plus", "tags/v1.0.0+build.5", "v1.0.0-build.5"),
        ("umlaut", "heads/h\u00e9llo/\u00fcn\u00ef", None),
    ],
)
def test_r01_r02_a_tag_is_made_legal_and_the_verdict_says_so(yard: Yard, base_image: str, name, ref, tag):
    kind = "branch" if ref.startswith("heads") else "tag"
    linked = yard.link(f"rules/{name}", rules=[{"ref_type": kind, "pattern": "/.*/", "tags": ["{sourceref}"]}])
    commit = linked.git.commit({"Dockerfile": fresh(base_image)})
    linked.git.git("push", "-q", "origin", f"HEAD:refs/{ref}")
    answer = linked.push(commit, f"refs/{ref}")
    delivery = linked.delivery(answer)
    build = yard.wait(delivery["builds"][0]["id"])
    assert build["state"] == "succeeded", build["sentence"]
    assert build["tags"] and (tag is None or build["tags"] == [tag])
    assert yard.pushed_tags(f"rules/{name}") == {"build-1", *build["tags"]}
    assert f"became `{build['tags'][0]}`" in delivery["verdicts"][0]["reason"]


def test_9_one_evaluator_for_the_tester_the_webhook_and_the_manual_trigger(yard: Yard, base_image: str):
    """9. One evaluator: the rule tester, the webhook, back-fill and catch-up call the same function."""
    rules = [
        {"ref_type": "branch", "pattern": "/^release-(.+)$/", "tags": [r"{\1}", "{sourceref}"]},
        tag_rule("/.*/", "latest"),
    ]
    linked = yard.link("rules/same", rules=rules)
    commit = linked.git.commit({"Dockerfile": fresh(base_image)}, branch="release-2.1")
    test = yard.send(
        "POST", "/repositories/rules/same/rules/test", {"refs": [{"type": "branch", "name": "release-2.1"}]}
    )["results"][0]["verdicts"]
    delivery = linked.delivery(linked.push(commit, "refs/heads/release-2.1"))
    told = [(v["matched"], v["reason"], [tag["name"] for tag in v["tags"]]) for v in delivery["verdicts"]]
    assert told == [(v["matched"], v["reason"], v["tags"]) for v in test]
    assert yard.wait(delivery["builds"][0]["id"])["tags"] == ["2.1", "release-2.1"]
    by_hand = yard.wait(linked.trigger("release-2.1")["id"])
    assert by_hand["tags"] == ["2.1", "release-2.1"]


def test_8_a_rule_that_does_not_match_builds_nothing_and_says_so(yard: Yard, base_image: str):
    """8. A failing or invalid rule matches nothing, and says so."""
    linked = yard.link("rules/broken", rules=[tag_rule("/^v/", "latest")])
    broken = [{"ref_type": "branch", "pattern": "/ma(in/", "tags": ["latest"]}]
    refused = yard.send("PUT", "/repositories/rules/broken/rules", broken, status=422)
    assert "parenthesis" in str(refused)
    # One that was stored before anybody checked: it says so at every delivery, and others still build.
    rule = linked.yard.get("/repositories/rules/broken/rules")[0]["id"]
    yard.sql("UPDATE builds_buildrule SET pattern = '/ma(in/', ref_type = 'branch' WHERE id = ?", rule)
    commit = linked.git.commit({"Dockerfile": fresh(base_image)})
    delivery = linked.delivery(linked.push(commit))
    assert delivery["builds"] == []
    assert "does not compile" in delivery["sentence"] and "parenthesis" in delivery["sentence"]


def test_w03_an_annotated_tag_builds_the_commit_that_it_points_at(yard: Yard, base_image: str):
    linked = yard.link("rules/annotated", rules=[tag_rule("/.*/", "{sourceref}-{sha7}")])
    linked.git.commit({"Dockerfile": fresh(base_image, "COPY what /what"), "what": "tagged"})
    tag_object, commit = push_tag(linked, "v3", annotated=True)
    assert tag_object != commit
    pushed = linked.build_push(tag_object, ref="refs/tags/v3", head_commit={"id": commit, "message": "x"})
    by_hand = yard.wait(linked.trigger("v3", ref_type="tag")["id"])
    by_object = yard.wait(linked.trigger("v3", ref_type="tag", commit=tag_object)["id"])
    for build in (pushed, by_hand, by_object):
        assert (build["state"], build["commit"]) == ("succeeded", commit), build["sentence"]
        assert build["tags"] == [f"v3-{commit[:7]}"]
    assert yard.image_files("rules/annotated", f"v3-{commit[:7]}")["what"][1] == b"tagged"


def test_it_builds_a_branch_a_tag_and_a_commit_by_hand(yard: Yard, base_image: str):
    rules = [
        {"ref_type": "branch", "pattern": "main", "tags": ["{sha7}"], "autobuild": False},
        tag_rule("v1", "{sourceref}"),
    ]
    linked = yard.link("rules/manual", rules=rules)
    first = linked.git.commit({"Dockerfile": fresh(base_image, "COPY what /what"), "what": "first"})
    second = linked.git.commit({"what": "second"})
    push_tag(linked, "v1")
    branch = yard.wait(linked.trigger("main")["id"])
    tag = yard.wait(linked.trigger("v1", ref_type="tag")["id"])
    older = yard.wait(linked.trigger("main", commit=first)["id"])
    assert [branch["commit"], tag["commit"], older["commit"]] == [second, second, first]
    assert [branch["tags"], tag["tags"], older["tags"]] == [[second[:7]], ["v1"], [first[:7]]]
    assert yard.image_files("rules/manual", first[:7])["what"][1] == b"first"
    assert branch["cause"] == "manual" and "admin" in branch["cause_detail"]


def test_g08_without_a_name_the_default_branch_is_built_once_it_is_known(yard: Yard, base_image: str):
    linked = yard.link("rules/default", rules=[{"ref_type": "branch", "pattern": "/.*/", "tags": ["{sourceref}"]}])
    commit = linked.git.commit({"Dockerfile": fresh(base_image)}, branch="trunk")
    pushed = linked.build_push(commit, ref="refs/heads/trunk", repository={"id": 7, "default_branch": "trunk"})
    by_hand = yard.wait(linked.trigger("")["id"])
    assert [pushed["tags"], by_hand["tags"], by_hand["ref"]] == [["trunk"], ["trunk"], "trunk"]


def test_it_says_which_rules_there_are_when_none_builds_by_hand(yard: Yard):
    yard.link("rules/none", rules=[tag_rule("v1", "latest")])
    body = {"ref_type": "branch", "ref": "main"}
    answer = yard.send("POST", "/repositories/rules/none/builds", body, status=422)
    assert "no rule matches branch `main`" in answer["detail"]


def test_it_tries_a_failed_build_again_as_one_more_attempt(yard: Yard, base_image: str):
    linked = yard.link("rules/again")
    base = base_image.replace("library/busybox", "library/later")
    failed = linked.build({"Dockerfile": fresh(base, "RUN echo now it is there")})
    assert (failed["state"], failed["error"]["kind"]) == ("failed", "user")
    assert "library/later:1` does not exist" in failed["sentence"]
    yard.copy_image("library/busybox", "library/later", "1")
    yard.send("POST", f"/builds/{failed['id']}/retry", status=202)
    build = yard.wait(failed["id"])
    assert (build["state"], build["number"], build["attempt"]) == ("succeeded", 1, 2), build["sentence"]
    assert b"library/later:1: not found" in yard.log(failed["id"], attempt=1)
    assert b"now it is there" in yard.log(failed["id"])
