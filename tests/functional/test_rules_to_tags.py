"""From a rule to the tags in the registry: webhook, manual trigger and tester say the same, and the build does it."""

from __future__ import annotations

from tests.yard import Yard, fresh

SEMVER = r"/^v(\d+)\.(\d+)\.(\d+)\+/"


def tag_rule(pattern: str, *tags: str) -> dict[str, object]:
    return {"ref_type": "tag", "pattern": pattern, "tags": list(tags)}


def push_tag(linked, name: str, *, annotated: bool = False) -> tuple[str, str]:
    """Tag HEAD and push the tag; the names of the object that the tag is and of the commit."""
    linked.git.git("tag", *(["-a", "-m", name] if annotated else []), name)
    linked.git.git("push", "-q", "origin", f"refs/tags/{name}")
    return linked.git.git("rev-parse", name), linked.git.git("rev-parse", f"{name}^{{commit}}")


def test_r06_r01_several_tags_come_from_one_build_and_are_made_legal(yard: Yard, base_image: str):
    rules = [tag_rule(SEMVER, r"{\1}", r"{\1}.{\2}", r"{\1}.{\2}.{\3}", "{sourceref}")]
    linked = yard.link("rules/groups", rules=rules)
    linked.git.commit({"Dockerfile": fresh(base_image, "RUN true")})
    _, commit = push_tag(linked, "v1.1.0+build.5")
    delivery = linked.delivery(linked.push(commit, "refs/tags/v1.1.0+build.5"))
    assert "became `v1.1.0-build.5`" in delivery["verdicts"][0]["reason"]
    build = yard.wait(delivery["builds"][0]["id"])
    assert (build["state"], build["tags"]) == ("succeeded", ["1", "1.1", "1.1.0", "v1.1.0-build.5"]), build["sentence"]
    assert len(linked.builds()) == 1
    assert yard.pushed_tags("rules/groups") == {"build-1", *build["tags"]}
    assert len({tag["digest"] for tag in linked.tags().values()}) == 1


def test_r01_r02_g08_branches_make_legal_tags_and_without_a_name_the_default_one_is_built_once_it_is_known(
    yard: Yard, base_image: str
):
    linked = yard.link("rules/branches", rules=[{"ref_type": "branch", "pattern": "/.*/", "tags": ["{sourceref}"]}])
    commit = linked.git.commit({"Dockerfile": fresh(base_image)})
    default = "h\u00e9llo/\u00fcn\u00ef"
    pushed = []
    for branch in ("feature/login-#6", default):
        linked.git.git("push", "-q", "origin", f"HEAD:refs/heads/{branch}")
        told = {"id": 7, "default_branch": default}
        delivery = linked.delivery(linked.push(commit, f"refs/heads/{branch}", repository=told))
        build = yard.wait(delivery["builds"][0]["id"])
        assert build["state"] == "succeeded", build["sentence"]
        assert f"became `{build['tags'][0]}`" in delivery["verdicts"][0]["reason"]
        pushed.append(build)
    by_hand = yard.wait(linked.trigger("")["id"])
    assert pushed[0]["tags"] == ["feature-login-6"]
    assert pushed[1]["tags"] == by_hand["tags"] != []
    assert by_hand["ref"] == default
    names = {"build-1", "build-2", "build-3", *pushed[0]["tags"], *by_hand["tags"]}
    assert yard.pushed_tags("rules/branches") == names


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
    """And by hand a branch, a tag and a commit are built."""
    by_hand = {"ref_type": "branch", "pattern": "main", "tags": ["{sha7}"], "autobuild": False}
    linked = yard.link("rules/annotated", rules=[tag_rule("/.*/", "{sourceref}-{sha7}"), by_hand])
    first = linked.git.commit({"Dockerfile": fresh(base_image, "COPY what /what"), "what": "first"})
    second = linked.git.commit({"what": "second"})
    tag_object, commit = push_tag(linked, "v3", annotated=True)
    assert tag_object != commit == second
    pushed = linked.build_push(tag_object, ref="refs/tags/v3", head_commit={"id": commit, "message": "x"})
    by_name = yard.wait(linked.trigger("v3", ref_type="tag")["id"])
    by_object = yard.wait(linked.trigger("v3", ref_type="tag", commit=tag_object)["id"])
    for build in (pushed, by_name, by_object):
        assert (build["state"], build["commit"]) == ("succeeded", commit), build["sentence"]
        assert build["tags"] == [f"v3-{commit[:7]}"]
    assert yard.image_files("rules/annotated", f"v3-{commit[:7]}")["what"][1] == b"second"
    branch = yard.wait(linked.trigger("main")["id"])
    older = yard.wait(linked.trigger("main", commit=first)["id"])
    assert [branch["commit"], older["commit"]] == [second, first]
    assert [branch["tags"], older["tags"]] == [[second[:7]], [first[:7]]]
    assert yard.image_files("rules/annotated", first[:7])["what"][1] == b"first"
    assert branch["cause"] == "manual" and "admin" in branch["cause_detail"]


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
