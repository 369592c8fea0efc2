"""Names, links and files that a stranger puts into a repository stay data: nothing runs, nothing of the host leaks."""

from __future__ import annotations

import stat

import httpx
import pytest

from tests.yard import PLAIN, Yard, fresh

RULE = {"ref_type": "branch", "pattern": "/.*/", "tags": ["{sourceref}"]}


BRANCHES = ["$(id)", "a;b", "`id`", "a&&b'c\"d", "-x", "--upload-pack=id"]


def test_11_a_branch_name_is_only_a_name(yard: Yard, base_image: str):
    """11. Nothing a repository contains can run outside the builder."""
    # A repository builds one at a time; two keep both slots busy.
    started = [*branches_built(yard, base_image, BRANCHES[::2]), *branches_built(yard, base_image, BRANCHES[1::2])]
    assert sorted(branch for branch, _, _ in started) == sorted([*BRANCHES, *BRANCHES])
    for branch, commit, build_id in started:
        build = yard.wait(build_id, timeout_s=120)
        assert (build["state"], build["commit"], build["ref"]) == ("succeeded", commit, branch), build["sentence"]
        assert b"uid=" not in yard.log(build["id"])


def branches_built(yard: Yard, base_image: str, branches: list[str]) -> list[tuple[str, str, int]]:
    """Branch, commit and number of builds that are asked for: of each branch by a push, and by hand."""
    linked = yard.link(f"hostile/branches-{BRANCHES.index(branches[0])}", rules=[RULE])
    commit = linked.git.commit({"Dockerfile": fresh(base_image)})
    linked.git.git("push", "-q", "origin", *(f"HEAD:refs/heads/{branch}" for branch in branches))
    started = []
    for branch in branches:
        builds = linked.delivery(linked.push(commit, f"refs/heads/{branch}"))["builds"]
        started += [(branch, commit, build["id"]) for build in (*builds, linked.trigger(branch))]
    return started


def test_11_a_ref_that_git_would_not_take_is_refused_by_hand(yard: Yard):
    path = "hostile/refs"
    yard.link(path, rules=[RULE])
    for ref in ("a b", "a..b", "x\ny", "x" * 300):
        answer = yard.send("POST", f"/repositories/{path}/builds", {"ref_type": "branch", "ref": ref}, status=422)
        assert "cannot be the name of a branch" in answer["detail"] and answer["detail"].endswith("."), ref
    assert yard.get(f"/repositories/{path}/builds")["items"] == []


def test_11_a_commit_that_is_none_is_refused_by_hand(yard: Yard):
    path = "hostile/commits"
    linked = yard.link(path, rules=[RULE])
    linked.git.commit({"Dockerfile": "FROM scratch\nCOPY . /\n"})
    for commit in ("--output=/tmp/x", "HEAD", "main", "$(id)", "1234", "g" * 40):
        body = {"ref_type": "branch", "ref": "main", "commit": commit}
        answer = yard.client.post(f"/repositories/{path}/builds", json=body)
        if answer.status_code == 201:
            build = yard.wait(answer.json()["builds"][0]["id"])
            assert (build["state"], build["error"]["kind"]) == ("failed", "source"), commit
        else:
            assert answer.status_code == 422, commit


def test_11_a_dockerfile_may_be_called_anything(yard: Yard, base_image: str):
    names = ["docker/--help", "docker/-x", "docker/$(id)", "docker/a b;c"]
    rules = [{**RULE, "dockerfile": name, "tags": [f"n{number}"]} for number, name in enumerate(names)]
    linked = yard.link("hostile/names", rules=rules)
    files = {name: fresh(base_image, f"RUN echo 'built by {name}'") for name in names}
    commit = linked.git.commit(files)
    builds = [yard.wait(build["id"], timeout_s=120) for build in linked.delivery(linked.push(commit))["builds"]]
    assert sorted(build["tags"] for build in builds) == [["n0"], ["n1"], ["n2"], ["n3"]]
    for build in builds:
        assert build["state"] == "succeeded", build["sentence"]
        name = names[int(build["tags"][0][1:])]
        assert f"built by {name}\n".encode() in yard.log(build["id"])


def links(linked, **targets: str) -> None:
    """Put links into the work tree; the next commit has them."""
    for name, target in targets.items():
        place = linked.git.tree / name.replace("__", "/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../../../../../../etc/passwd"])
def test_c04_a_dockerfile_that_leads_out_of_the_checkout_is_refused(yard: Yard, target):
    path = f"hostile/out-{len(target)}"
    linked = yard.link(path)
    links(linked, Dockerfile=target)
    build = linked.build({"a": "a"})
    assert (build["state"], build["error"]["kind"]) == ("failed", "user")
    assert "leads out of the repository" in build["sentence"]
    assert b"root:" not in yard.log(build["id"])


def test_c04_a_context_that_leads_out_of_the_checkout_is_refused(yard: Yard):
    linked = yard.link("hostile/context", rules=[{**RULE, "context": "web"}])
    links(linked, web="/etc")
    build = linked.build({"Dockerfile": "FROM scratch\nCOPY . /\n"})
    assert (build["state"], build["error"]["kind"]) == ("failed", "user")
    assert "leads out of the repository" in build["sentence"]


def test_c04_a_link_to_a_dockerfile_inside_is_followed_and_an_ignore_file_outside_is_not(yard: Yard, base_image: str):
    linked = yard.link("hostile/inside")
    links(linked, Dockerfile="docker/Dockerfile.debian")
    (linked.git.tree / ".dockerignore").symlink_to("/etc/hostname")
    build = linked.build({"docker/Dockerfile.debian": fresh(base_image, "COPY . /src"), "src/a": "a"})
    assert build["state"] == "succeeded", build["sentence"]
    assert "src/src/a" in yard.image_files("hostile/inside", "latest")


def test_c02_an_ignore_file_may_hide_the_dockerfile_and_itself(yard: Yard, base_image: str):
    linked = yard.link("hostile/hidden")
    build = linked.build(
        {"Dockerfile": fresh(base_image, "COPY . /src"), ".dockerignore": "*\n!a.txt\n", "a.txt": "a", "b.txt": "b"}
    )
    assert build["state"] == "succeeded", build["sentence"]
    files = yard.image_files("hostile/hidden", "latest")
    assert [name for name in files if name.startswith("src/") and name != "src/"] == ["src/a.txt"]


def test_c07_modes_links_names_and_bytes_arrive_as_they_are(yard: Yard, base_image: str):
    linked = yard.link("hostile/fidelity")
    nfc, nfd = "donn\u00e9es.txt", "donne\u0301es.txt"
    linked.git.git("config", "core.precomposeunicode", "false")
    links(linked, lnk="real/f", abs="/etc/hostname", dangling="nowhere")
    files = {
        "Dockerfile": fresh(base_image, "COPY . /src"),
        "run.sh": b"#!/bin/sh\r\necho\r\n",
        "bin/tool": "tool",
        "real/f": "f",
        "README": "upper",
        "readme": "lower",
        nfc: "composed",
        nfd: "decomposed",
        "line\nbreak": "odd",
        "empty/.gitkeep": "",
        ".gitattributes": "*.txt text=auto\n",
    }
    (linked.git.tree / "run.sh").touch(mode=0o755)
    build = linked.build(files)
    assert build["state"] == "succeeded", build["sentence"]
    found = {name.removeprefix("src/"): row for name, row in yard.image_files("hostile/fidelity", "latest").items()}
    assert stat.S_IMODE(found["run.sh"][0].mode) == 0o755
    assert stat.S_IMODE(found["bin/tool"][0].mode) == 0o644
    assert found["run.sh"][1] == b"#!/bin/sh\r\necho\r\n"
    told = {name: found[name][0].linkname for name in ("lnk", "abs", "dangling")}
    assert told == {"lnk": "real/f", "abs": "/etc/hostname", "dangling": "nowhere"}
    assert [found[name][1] for name in ("README", "readme")] == [b"upper", b"lower"]
    assert [found[name][1] for name in (nfc, nfd)] == [b"composed", b"decomposed"]
    assert "line\nbreak" in found and "empty/.gitkeep" in found
    assert not any(name.startswith(".git/") for name in found)


def test_11_what_a_step_prints_is_text_in_the_page(yard: Yard, base_image: str):
    linked = yard.link("hostile/script")
    line = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    build = linked.build({"Dockerfile": fresh(base_image, f"RUN echo '{line}'")}, message=line)
    assert line.encode() in yard.log(build["id"])
    yard.sql("UPDATE registry_repository SET visibility = 'public' WHERE name = 'script'")
    page = httpx.get(f"{yard.url}/r/hostile/script/builds/{build['number']}", timeout=30, **PLAIN)
    assert page.status_code == 200 and "&lt;script&gt;alert(1)" in page.text
    assert "<script>alert(1)" not in page.text and "<img src=x" not in page.text
