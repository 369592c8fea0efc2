"""Rules that come from a file of the repository, and images for what was there before: with real Git in between."""

from __future__ import annotations

from typing import Any

from tests.yard import GitRepository, Yard, fresh, until

FILE = """\
rules:
  - branch: main
    tags: [latest]
"""
MORE = """\
rules:
  - branch: main
    tags: [latest, edge]
  - tag: /^v/
    tags: ["{version}", "{major}.{minor}", "{latest}"]
    examples:
      - tag: v1.2.3
        tags: [1.2.3, "1.2", latest]
"""


def _source_of_rules(yard: Yard, path: str) -> dict[str, Any]:
    return dict(yard.get(f"/repositories/{path}/rules/source"))


def _read(yard: Yard, path: str) -> dict[str, Any]:
    """What the file said, once a worker has read it."""
    return until(lambda: None if (said := _source_of_rules(yard, path))["is_reading"] else said, what="the reading")


def test_a_push_brings_its_rules_along_and_is_judged_by_them(yard: Yard, base_image: str):
    """A changed rule builds the push that changed it; a mistake is told with its line and changes nothing."""
    linked = yard.link("rules/file", rules=[{"ref_type": "branch", "pattern": "other", "tags": ["other"]}])
    first = linked.git.commit({"Dockerfile": fresh(base_image), ".imageyard.yml": FILE})
    yard.send("PUT", "/repositories/rules/file/rules/source", {"rules_from": "file"})
    assert _read(yard, "rules/file")["commit"] == first
    assert [rule["pattern"] for rule in yard.get("/repositories/rules/file/rules")] == ["main"]
    yard.send("PUT", "/repositories/rules/file/rules", [], status=409)

    second = linked.git.commit({".imageyard.yml": MORE})
    linked.push(second, before=first)
    until(lambda: _source_of_rules(yard, "rules/file")["commit"] == second, what="the new rules")
    built = until(lambda: [b for b in linked.builds() if "edge" in b["tags"]], what="the build by the new rule")
    assert yard.wait(built[0]["id"])["state"] == "succeeded"
    assert {"latest", "edge"} <= yard.pushed_tags("rules/file")
    assert built[0]["commit"] == second

    third = linked.git.commit({".imageyard.yml": MORE.replace("tags: [latest, edge]", "tgs: [latest]")})
    linked.push(third, before=second)
    said = until(
        lambda: said if (said := _source_of_rules(yard, "rules/file"))["problems"] else None, what="the mistake"
    )
    assert any(problem["line"] == 3 and "`tgs`" in problem["message"] for problem in said["problems"])
    assert len(yard.get("/repositories/rules/file/rules")) == 2


def test_what_existed_before_its_rule_gets_images_older_versions_first(yard: Yard, base_image: str):
    """The newest version has the floating tags in the end, and asking twice builds nothing twice."""
    git = GitRepository(yard.git_root, "rules-backfill")
    for version in ("v1.9.0", "v1.10.0", "v1.2.0"):
        git.commit({"Dockerfile": fresh(base_image, f"LABEL version={version}")})
        git.git("push", "-q", "origin", f"HEAD:refs/tags/{version}")
    rules = [{"ref_type": "tag", "pattern": "/^v/", "tags": ["{version}", "{major}"]}]
    linked = yard.link("rules/backfill", git=git, rules=rules)
    address = "/repositories/rules/backfill/backfill"
    gaps = until(lambda: yard.get(address)["refs"], what="the look at the refs")
    assert [gap["name"] for gap in gaps] == ["v1.2.0", "v1.9.0", "v1.10.0"]

    builds = yard.send("POST", address, {}, status=201)["builds"]
    assert {build["cause"] for build in builds} == {"back_fill"}
    yard.send("POST", address, {}, status=422)
    assert [yard.wait(build["id"], timeout_s=120)["state"] for build in builds] == ["succeeded"] * 3
    yard.send("POST", address, {}, status=422)
    tags = linked.tags()
    assert tags["1"]["build"] == next(build["number"] for build in builds if build["ref"] == "v1.10.0")
    assert {"1.2.0", "1.9.0", "1.10.0"} <= set(tags)
