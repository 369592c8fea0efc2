"""Sources behind real Git servers: what is built is the commit that was asked for, and no credential gets anywhere."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest
import redis

from tests.git_server import git, make_repo
from tests.lfs_server import ATTRIBUTES, lfs, pointer
from tests.yard import GitRepository, Yard, fresh

__all__ = ["lfs"]

PASSWORD = "S3cr/et+P@ss%word"


def forms_of(secret: str, user: str = "bot") -> list[bytes]:
    """What must stand nowhere: the secret as it is, in a URL, in a header, and the piece after its `@`."""
    pair = f"{user}:{secret}".encode()
    return [secret.encode(), quote(secret, safe="").encode(), base64.b64encode(pair).rstrip(b"="), b"P@ss", b"ss%word"]


def everything_kept(yard: Yard) -> dict[str, bytes]:
    """Database, Redis, logs, mirrors and archives of a yard: all bytes it keeps, but the one file of keys."""
    kept = {str(path): path.read_bytes() for path in yard.home.rglob("*") if path.is_file() and not path.is_socket()}
    client = redis.Redis.from_url(yard.environ["REDIS_URL"])
    kept |= {f"redis {key!r}": client.dump(key) or b"" for key in client.keys("*")}
    client.close()
    return kept


@pytest.mark.parametrize("keeps_git_dir", [False, True])
def test_10_c06_g05_a_credential_is_nowhere(yard: Yard, base_image, git_root, git_http, keeps_git_dir):
    """10. A secret is never in a log, a page, an API answer, a process list, an image layer or the database."""
    repo = make_repo(git_root)
    commit = repo.commit({"Dockerfile": fresh(base_image, "COPY . /src", "RUN env; cat /src/.git/config || true")})
    git_http.login = ("bot", PASSWORD)
    processes: list[bytes] = []

    def look(_handler: object) -> bool:
        processes.append(subprocess.run(["ps", "-ewwo", "args"], check=True, capture_output=True).stdout)
        return False

    git_http.answer = look
    path = f"secret/git-dir-{keeps_git_dir}".lower()
    url = git_http.address().replace("http://", f"http://bot:{quote(PASSWORD, safe='')}@")
    linked = yard.link(path, clone_url=url, keeps_git_dir=keeps_git_dir)
    good = linked.build_push(commit)
    assert good["state"] == "succeeded", good["sentence"]
    git_http.login = ("bot", "changed")
    bad = yard.wait(linked.trigger(commit="f" * 40)["id"])
    assert (bad["state"], bad["error"]["kind"]) == ("failed", "source")
    assert "did not accept the source's access token" in bad["sentence"] and "127.0.0.1" in bad["sentence"]
    files = yard.image_files(path, "latest")
    assert any(name.startswith("src/.git/") for name in files) is keeps_git_dir
    told = {
        "logs": yard.log(good["id"]) + yard.log(bad["id"]),
        "api": json.dumps([good, bad, yard.get(f"/repositories/{path}"), linked.builds()]).encode(),
        "layers": b"".join(content for _, content in files.values()),
        "manifests": yard._registry(f"/v2/{path}/manifests/latest").content,
        "process list": b"".join(processes),
        **everything_kept(yard),
    }
    assert len(processes) > 2
    for form in forms_of(PASSWORD):
        assert [place for place, content in told.items() if form in content] == []


def test_g05_a_server_that_repeats_the_token_is_masked(yard: Yard, base_image, git_root, git_http):
    repo = make_repo(git_root)
    repo.commit({"Dockerfile": fresh(base_image)})
    git_http.login = ("bot", PASSWORD)
    linked = yard.link("secret/echo", clone_url=git_http.address(), credential={"username": "bot", "token": PASSWORD})

    def echo(handler) -> bool:
        body = f"remote: no entry for {PASSWORD} or {base64.b64encode(f'bot:{PASSWORD}'.encode()).decode()}\n".encode()
        handler.send_response(403)
        handler.send_header("Content-Type", "text/plain")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
        return True

    git_http.answer = echo
    build = yard.wait(linked.trigger()["id"])
    assert (build["state"], build["error"]["kind"]) == ("failed", "source")
    assert "refused access" in build["sentence"]
    for form in forms_of(PASSWORD)[:3]:
        assert form not in yard.log(build["id"]) + json.dumps(build).encode()


@pytest.mark.parametrize("only_v0", [False, True], ids=["protocol-2", "protocol-0"])
def test_g01_the_commit_of_the_push_is_built_and_not_the_newest(
    yard: Yard,
    base_image,
    git_root,
    git_http,
    only_v0,
):
    repo = make_repo(git_root)
    git_http.only_v0 = only_v0
    first = repo.commit({"Dockerfile": fresh(base_image, "COPY what /what"), "what": "first"})
    repo.commit({"what": "second"})
    path = f"git/older-{only_v0}".lower()
    linked = yard.link(path, clone_url=git_http.address())
    build = linked.build_push(first)
    assert (build["state"], build["commit"]) == ("succeeded", first), build["sentence"]
    assert yard.image_files(path, "latest")["what"][1] == b"first"


def test_g02_a_commit_that_was_force_pushed_away_is_not_built_under_another_name(yard: Yard, base_image: str):
    linked = yard.link("git/gone", rules=[{"ref_type": "branch", "pattern": "main", "tags": ["{sha7}"]}])
    linked.git.commit({"Dockerfile": fresh(base_image)})
    gone = linked.git.commit({"what": "gone"})
    linked.git.git("reset", "-q", "--hard", "HEAD~1")
    kept = linked.git.commit({"what": "kept"})
    git(linked.git.bare, "gc", "-q", "--prune=now")
    build = linked.build_push(gone)
    assert (build["state"], build["error"]["kind"], build["attempt"]) == ("failed", "source", 1)
    assert build["sentence"].startswith(
        f"Commit {gone[:7]} is no longer in the repository; it was probably force-pushed"
    )
    assert linked.build_push(kept)["tags"] == [kept[:7]]
    assert yard.pushed_tags("git/gone") == {"build-2", kept[:7]}


@pytest.mark.parametrize("credential", [None, {"username": "bot", "token": "expired"}], ids=["without", "expired"])
def test_g07_no_access_is_said_at_once(yard: Yard, git_root, git_http, credential):
    make_repo(git_root).commit({"Dockerfile": "FROM scratch\nCOPY . /\n"})
    git_http.login = ("bot", "right")
    path = f"git/access-{'expired' if credential else 'none'}"
    linked = yard.link(path, clone_url=git_http.address(), credential=credential)
    build = yard.wait(linked.trigger()["id"], timeout_s=30)
    assert (build["state"], build["error"]["kind"], build["attempt"]) == ("failed", "source", 1)
    says = "did not accept the source's access token" if credential else "asks for a login before it shows web"
    assert says in build["sentence"]


def test_g07_a_repository_that_is_not_there_is_said_at_once(yard: Yard, git_http):
    linked = yard.link("git/nowhere", clone_url=git_http.address("nowhere"))
    build = yard.wait(linked.trigger()["id"], timeout_s=30)
    assert (build["state"], build["error"]["kind"]) == ("failed", "source")
    assert "answered *not found* for nowhere" in build["sentence"]


def test_g08_an_empty_repository_says_so(yard: Yard):
    linked = yard.link("git/empty")
    build = yard.wait(linked.trigger()["id"])
    assert (build["state"], build["error"]["kind"]) == ("failed", "source")
    assert "has no commits yet. Push a first commit, then build again." in build["sentence"]


def test_g08_a_branch_that_is_missing_names_those_that_are_there(yard: Yard, base_image: str):
    linked = yard.link("git/master", rules=[{"ref_type": "branch", "pattern": "/.*/", "tags": ["latest"]}])
    linked.git.commit({"Dockerfile": fresh(base_image)})
    git(linked.git.bare, "symbolic-ref", "HEAD", "refs/heads/master")
    build = yard.wait(linked.trigger("master")["id"])
    assert (build["state"], build["error"]["kind"]) == ("failed", "source")
    assert build["sentence"] == "Branch `master` does not exist in the repository; choose one of: main."


def test_submodules_come_along_without_a_trace_of_git(yard: Yard, base_image: str):
    inner = GitRepository(yard.git_root, "git-inner")
    inner.commit({"inner.txt": "from the submodule"})
    linked = yard.link("git/outer")
    linked.git.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", "../git-inner.git", "lib")
    build = linked.build({"Dockerfile": fresh(base_image, "COPY . /src")})
    assert build["state"] == "succeeded", build["sentence"]
    files = yard.image_files("git/outer", "latest")
    assert files["src/lib/inner.txt"][1] == b"from the submodule"
    assert not any(".git/" in name or name.endswith("/.git") for name in files)


def test_g04_lfs_content_is_in_the_image_or_the_build_says_why_not(yard: Yard, base_image, git_root, git_http, lfs):
    repo, content = make_repo(git_root), b"\0large\xff" * 1000
    git_http.login = ("bot", PASSWORD)
    fields = {"forge": "github", "clone_url": git_http.address(), "credential": {"username": "bot", "token": PASSWORD}}
    files = ATTRIBUTES | {"Dockerfile": fresh(base_image, "COPY . /src"), "data.bin": lfs.add(content)}
    commit = repo.commit(files)
    linked = yard.link("git/lfs", **fields)
    off = linked.build_push(commit)
    assert off["state"] == "succeeded", off["sentence"]
    assert b"1 LFS pointer file is in the context instead of content" in yard.log(off["id"])
    yard.send("PUT", "/repositories/git/lfs/source", fields | {"lfs": True})
    on = yard.wait(linked.trigger()["id"])
    assert on["state"] == "succeeded", on["sentence"]
    assert yard.image_files("git/lfs", "latest")["src/data.bin"][1] == content
    lost = linked.build_push(repo.commit({"lost.bin": pointer(b"never uploaded")}))
    assert (lost["state"], lost["error"]["kind"]) == ("failed", "source")
    assert [step["state"] for step in lost["steps"] if step["name"].startswith("Check out")] == ["failed"]
    assert "`lost.bin`" in lost["sentence"]
    assert PASSWORD.encode() not in yard.log(on["id"]) + yard.log(lost["id"])


def test_10_keys_and_secrets_of_the_home_are_for_its_owner_alone(yard: Yard):
    for path in (yard.home / "admin-token", *Path(yard.home).glob("*key*")):
        assert path.stat().st_mode & 0o077 == 0, path
