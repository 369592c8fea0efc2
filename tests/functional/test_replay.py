"""A delivery judged again on real parts: by the rules of then, though these were changed since."""

from __future__ import annotations

FILES = {
    "Dockerfile": "FROM scratch\nCOPY old /old\n",
    "Other": "FROM scratch\nCOPY new /new\n",
    "old": "1",
    "new": "2",
}


def test_a_replay_as_it_was_it_builds_the_image_of_then(yard):
    linked = yard.link("acme/replay", rules=[{"ref_type": "branch", "pattern": "main", "tags": ["then"]}])
    commit = linked.git.commit(FILES)
    answer = linked.push(commit)
    assert yard.wait(linked.delivery(answer)["builds"][0]["id"])["state"] == "succeeded"
    (saved,) = yard.get("/repositories/acme/replay/rules")
    rules = [{"id": saved["id"], "ref_type": "branch", "pattern": "main", "tags": ["today"], "dockerfile": "Other"}]
    yard.send("PUT", "/repositories/acme/replay/rules", rules)

    delivery = answer.json()["delivery"]
    then = yard.send("POST", f"/deliveries/{delivery}/replay", {"rules": "then"}, status=202)
    today = yard.send("POST", f"/deliveries/{delivery}/replay", status=202)
    built = [yard.wait(made["builds"][0]["id"]) for made in (then, today)]

    assert [build["state"] for build in built] == ["succeeded", "succeeded"], built
    images = [yard.image_files("acme/replay", f"build-{build['number']}") for build in built]
    assert ["old" in images[0], "new" in images[1], "new" in images[0]] == [True, True, False]
    assert yard.pushed_tags("acme/replay") >= {"then", "today"}
    assert [rule["since"][:7] for rule in then["rules_then"]] == ["Changed"]
