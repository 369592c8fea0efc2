"""Which commit and which files come out of a checkout, from real repositories over file:// and HTTP."""

from __future__ import annotations

import fcntl
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import IO

import pytest

from builds.core.errors import BuildError, ErrorKind, Stopped
from builds.engine.git import Remote, list_refs, relation
from builds.engine.process import StopFlag
from tests.builds.engine.conftest import Checkouts
from tests.git_server import GIT_ENV, git, make_repo
from tests.processes import wait_until


def test_it_checks_out_the_newest_commit_of_a_branch(git_repo, local, checkouts):
    done = checkouts(local)
    assert (done.commit, done.message, done.author, done.readme) == (git_repo.head(), "First", "A. Author", "# Web\n")
    assert checkouts.files() == {"Dockerfile", "README.md", "src/app.py"}


def test_it_keeps_nothing_of_the_build_before(git_repo, local, checkouts):
    checkouts(local)
    (checkouts.tree / "left-over").write_text("x")
    git(git_repo.work, "rm", "-q", "src/app.py")
    git_repo.commit({"new": "n"})
    checkouts(local)
    assert checkouts.files() == {"Dockerfile", "README.md", "new"}


@pytest.mark.parametrize("only_v0", [True, False])
def test_g01_it_builds_the_commit_that_was_asked_for_though_the_tip_moved_on(git_repo, git_http, checkouts, only_v0):
    first = git_repo.commit({"a": "1"})
    git_repo.commit({"a": "2"})
    git_http.only_v0 = only_v0
    done = checkouts(Remote(git_http.address(), trusted_hosts=frozenset({git_http.host})), commit=first)
    assert (done.commit, (checkouts.tree / "a").read_text()) == (first, "1")


@pytest.mark.parametrize("only_v0", [True, False])
def test_g01_it_finds_an_older_commit_of_another_branch(git_repo, git_http, checkouts, only_v0):
    elsewhere = git_repo.commit({"a": "1"}, branch="feature")
    git_repo.commit({"a": "2"}, branch="feature")
    git_http.only_v0 = only_v0
    done = checkouts(Remote(git_http.address(), trusted_hosts=frozenset({git_http.host})), commit=elsewhere)
    assert done.commit == elsewhere
    assert b"fatal" not in checkouts.log


def test_g01_it_finds_a_commit_that_only_a_deleted_branch_led_to(git_repo, local, checkouts):
    orphan = git_repo.commit({"a": "1"}, branch="gone")
    git_repo.push(":gone")
    assert checkouts(local, ref="gone", commit=orphan).commit == orphan


def test_it_reads_an_abbreviated_commit(git_repo, local, checkouts):
    first = git_repo.commit({"a": "1"})
    git_repo.commit({"a": "2"})
    assert checkouts(local, commit=first[:8]).commit == first


def test_g02_it_says_when_a_commit_was_force_pushed_away(git_repo, local, checkouts):
    gone = git_repo.commit({"a": "B"})
    git(git_repo.work, "reset", "-q", "--hard", "HEAD~1")
    git_repo.commit({"a": "C"})
    git(git_repo.bare, "reflog", "expire", "--expire=now", "--all")
    git(git_repo.bare, "gc", "-q", "--prune=now")
    with pytest.raises(BuildError) as failed:
        checkouts(local, commit=gone)
    assert failed.value.message == (
        f"Commit {gone[:7]} is no longer in the repository; it was probably force-pushed away. "
        "Build the branch's newest commit instead."
    )
    assert (failed.value.kind, failed.value.retryable) == (ErrorKind.SOURCE, False)


def test_it_follows_a_force_push_to_an_older_commit(git_repo, local, checkouts):
    first = git_repo.head()
    git_repo.commit({"a": "1"})
    checkouts(local)
    git(git_repo.work, "reset", "-q", "--hard", first)
    git_repo.push("main")
    assert checkouts(local).commit == first


@pytest.mark.parametrize("commit_given", [True, False])
def test_w03_it_peels_an_annotated_tag(git_repo, local, checkouts, commit_given):
    tag = git_repo.tag("v1.0.0", annotated=True)
    assert tag != git_repo.head()
    done = checkouts(local, ref_type="tag", ref="v1.0.0", commit=tag if commit_given else None)
    assert done.commit == git_repo.head()


def test_it_fits_a_branch_where_one_of_its_folders_was_a_branch_before(git_repo, local, checkouts):
    git_repo.commit({"a": "1"}, branch="a")
    checkouts(local, ref="a")
    git_repo.push(":a")
    git(git_repo.work, "switch", "-q", "main")
    git(git_repo.work, "branch", "-D", "a")
    deep = git_repo.commit({"a": "2"}, branch="a/b")
    assert checkouts(local, ref="a/b").commit == deep


@pytest.mark.parametrize("name", ["$(id)", "--upload-pack=touch", "-x", "`id`", "a;id", "a'b\"c", "#1", "ünïcode", "@"])
def test_it_takes_strange_ref_names_as_names(git_repo, local, checkouts, name):
    git(git_repo.bare, "update-ref", f"refs/heads/{name}", git_repo.head())
    assert checkouts(local, ref=name).commit == git_repo.head()
    assert b"uid=" not in checkouts.log


@pytest.mark.parametrize(
    "name", ["a b", "a..b", "*", "a^", "a~1", "a:b", "x.lock", "a\nb", "/a", "a//b", "+a:b", "@{0}"]
)
def test_it_refuses_names_that_git_does_not_allow(local, checkouts, name):
    with pytest.raises(BuildError, match="is not a name that Git allows for a branch"):
        checkouts(local, ref=name)


@pytest.mark.parametrize("commit", ["HEAD", "main", "--help", "abc", "g" * 40, "A" * 40, "a" * 41, "$(id)", ""])
def test_it_refuses_what_is_no_commit(local, checkouts, commit):
    with pytest.raises(BuildError, match="is not a commit"):
        checkouts(local, commit=commit)


def test_w01_it_does_not_look_for_the_commit_of_a_deleted_ref(local, checkouts):
    with pytest.raises(BuildError, match="The ref was deleted"):
        checkouts(local, commit="0" * 40)


def test_g08_it_says_that_a_repository_is_empty(git_root, checkouts):
    empty = make_repo(git_root, "empty")
    with pytest.raises(BuildError) as failed:
        checkouts(Remote(empty.url, local_root=str(git_root)))
    assert failed.value.message.endswith("empty has no commits yet. Push a first commit, then build again.")


def test_g08_it_names_the_branches_there_are(git_repo, local, checkouts):
    with pytest.raises(BuildError) as failed:
        checkouts(local, ref="master")
    assert failed.value.message == "Branch `master` does not exist in the repository; choose one of: main."


def test_g08_it_names_the_branches_when_the_default_one_does_not_exist(git_repo, local, checkouts):
    git(git_repo.bare, "symbolic-ref", "HEAD", "refs/heads/master")
    with pytest.raises(BuildError) as failed:
        checkouts(local, ref="")
    assert failed.value.message == "The default branch does not exist in the repository; choose one of: main."


def test_g08_it_builds_the_default_branch_whatever_its_name(git_repo, local, checkouts):
    trunk = git_repo.commit({"a": "1"}, branch="trunk")
    git(git_repo.bare, "symbolic-ref", "HEAD", "refs/heads/trunk")
    assert checkouts(local, ref="").commit == trunk


def test_it_lists_refs_with_tags_peeled(git_repo, local):
    git_repo.tag("v1")
    git_repo.tag("v2", annotated=True)
    refs = list_refs(local, stop=StopFlag(), timeout_s=20)
    head = git_repo.head()
    assert refs.default_branch == "main"
    assert [(ref.type, ref.name, ref.commit) for ref in refs.refs] == [
        ("branch", "main", head), ("tag", "v1", head), ("tag", "v2", head),
    ]  # fmt: skip


def test_g08_an_empty_repository_has_no_refs(git_root):
    empty = make_repo(git_root, "empty")
    refs = list_refs(Remote(empty.url, local_root=str(git_root)), stop=StopFlag(), timeout_s=20)
    assert (refs.default_branch, refs.refs) == (None, ())


def test_it_tells_how_two_commits_stand_to_each_other(git_repo, local, checkouts):
    old = git_repo.head()
    new = git_repo.commit({"a": "1"})
    git(git_repo.work, "switch", "-q", "-c", "side", old)
    side = git_repo.commit({"b": "1"}, branch="side")
    checkouts(local, ref="main")
    checkouts(local, ref="side")
    pairs = [(old, old), (new, old), (old, new), (side, new), ("f" * 40, new), ("--help", new)]
    assert [relation(checkouts.mirror, *pair) for pair in pairs] == [
        "same", "descendant", "ancestor", "diverged", "unknown", "unknown",
    ]  # fmt: skip
    assert relation(checkouts.mirror.with_name("none.git"), old, new) == "unknown"


def test_it_builds_a_known_commit_without_asking_the_server(git_repo, local, checkouts):
    commit = git_repo.head()
    checkouts(local)
    git_repo.bare.rename(git_repo.bare.with_name("moved.git"))
    git_repo.bare.mkdir()
    assert checkouts(local, commit=commit).commit == commit


@pytest.mark.parametrize("damage", ["truncated", "locked", "no objects", "no trees"])
def test_it_fetches_a_damaged_mirror_anew(git_repo, local, checkouts, damage):
    checkouts(local)
    newest = git_repo.commit({"a": "1"})
    if damage == "truncated":
        (checkouts.mirror / "config").write_bytes(b"\0")
    elif damage == "locked":
        next((checkouts.mirror / "refs/built").iterdir()).with_suffix(".lock").touch()
    elif damage == "no trees":
        tree = git(git_repo.work, "rev-parse", "HEAD:src")
        next((checkouts.mirror / "objects").glob(f"{tree[:2]}/{tree[2:]}")).unlink()
    else:
        subprocess.run(["rm", "-r", str(checkouts.mirror / "objects")], check=True)
    assert checkouts(local).commit == newest


def test_it_reads_a_sha256_repository(tmp_path, checkouts):
    bare, work = tmp_path / "s.git", tmp_path / "s"
    git(tmp_path, "init", "-q", "--bare", "--object-format=sha256", "-b", "main", str(bare))
    git(tmp_path, "init", "-q", "--object-format=sha256", "-b", "main", str(work))
    (work / "a").write_text("1")
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "x")
    git(work, "push", "-q", str(bare), "main")
    done = checkouts(Remote(f"file://{bare}", local_root=str(tmp_path)))
    assert len(done.commit) == 64


def test_it_packs_a_mirror_that_many_fetches_have_littered(git_repo, local, checkouts, monkeypatch):
    monkeypatch.setattr("builds.engine.mirror._MANY_PACKS", 1)
    monkeypatch.setattr("builds.engine.mirror._MANY_LOOSE", 0)
    for number in range(3):
        git_repo.commit({"a": str(number)})
        checkouts(local)
    assert len(list((checkouts.mirror / "objects/pack").glob("*.pack"))) == 1
    assert list((checkouts.mirror / "objects").glob("[0-9a-f][0-9a-f]/*")) == []
    assert checkouts(local).commit == git_repo.head()


@contextmanager
def held(checkouts: Checkouts) -> Iterator[IO[bytes]]:
    """The mirror's lock, as another build of the same source holds it."""
    lock = checkouts.mirror.with_name("1.git.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def test_it_waits_for_another_build_of_the_same_source(git_repo, local, checkouts):
    def release(file: IO[bytes]) -> None:
        wait_until(lambda: b"Another build of this source is fetching" in checkouts.log, 20)
        fcntl.flock(file, fcntl.LOCK_UN)

    with held(checkouts) as file:
        threading.Thread(target=release, args=[file]).start()
        assert checkouts(local).commit == git_repo.head()
    assert checkouts.log.count(b"Another build of this source is fetching") == 1


def test_b06_it_stops_while_it_waits_for_another_build(local, checkouts):
    stop = StopFlag()
    threading.Timer(0.2, stop.set, ["cancelled"]).start()
    with held(checkouts), pytest.raises(Stopped):
        checkouts(local, stop=stop)


def test_it_does_not_wait_for_another_build_for_ever(local, checkouts):
    with held(checkouts), pytest.raises(BuildError, match="was not fetched"):
        checkouts(local, timeout_s=0.3)


def test_it_allows_file_urls_below_the_root_only(git_repo, local, checkouts, tmp_path):
    link = git_repo.bare.parent / "link.git"
    outside = make_repo(tmp_path / "outside").bare
    link.symlink_to(outside)
    for url in (f"file://{outside}", f"file://{link}", f"file://{git_repo.bare.parent}/../outside/web.git"):
        with pytest.raises(BuildError, match="file:// clone URLs are allowed below"):
            checkouts(replace(local, url=url))
    with pytest.raises(BuildError, match="This server allows no file:// clone URLs"):
        checkouts(replace(local, local_root=""))


def test_it_works_where_folders_have_odd_names(tmp_path, checkouts):
    repo = make_repo(tmp_path / "a b%20é$HOME")
    repo.commit({"a": "1"})
    checkouts.folder = tmp_path / "c d%41$PATH"
    url = f"file://{repo.bare}".replace("%", "%25").replace(" ", "%20")
    done = checkouts(Remote(url, local_root=str(tmp_path)))
    assert relation(checkouts.mirror, done.commit, done.commit[::-1]) == "unknown"
    assert checkouts.files() == {"a"}


def test_it_is_not_moved_by_the_settings_of_whoever_runs_the_worker(git_repo, local, checkouts, tmp_path, monkeypatch):
    (tmp_path / ".gitconfig").write_text('[core]\n\tautocrlf = true\n[url "file:///nowhere"]\n\tinsteadOf = file://\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'core.autocrlf'='true'")
    git_repo.commit({"lf": "a\nb\n"})
    checkouts(local)
    assert (checkouts.tree / "lf").read_bytes() == b"a\nb\n"


def test_it_runs_no_hook_and_no_filter_of_the_repository(git_repo, local, checkouts, tmp_path):
    git_repo.commit(
        {".gitattributes": "* filter=evil\n", ".githooks/post-checkout": f"#!/bin/sh\ntouch {tmp_path}/ran\n"}
    )
    (git_repo.work / ".githooks/post-checkout").chmod(0o755)
    git_repo.commit({".gitconfig": f'[filter "evil"]\n\tsmudge = touch {tmp_path}/ran\n'})
    checkouts(local)
    assert not (tmp_path / "ran").exists()


def test_c07_files_are_what_the_commit_holds(git_repo, local, checkouts):
    work = git_repo.work
    (work / "run.sh").write_bytes(b"#!/bin/sh\r\necho\r\n")
    (work / "run.sh").chmod(0o755)
    (work / "bin").mkdir()
    (work / "bin/tool").write_text("x")
    for name, target in {"lnk": "real/f", "abs": "/etc/hostname", "dangling": "nowhere"}.items():
        (work / name).symlink_to(target)
    names = [
        "readme.md",
        "donn\u00e9es.txt",
        "donne\u0301es.txt",
        "line\nbreak",
        "real/f",
        "empty/.gitkeep",
        "-x",
        "$(id)",
    ]
    git_repo.commit({name: f"{name}\r\n" for name in names})
    before = os.umask(0o077)
    try:
        checkouts(local)
    finally:
        os.umask(before)
    tree = checkouts.tree
    assert checkouts.files() == {
        "Dockerfile", "README.md", "src/app.py", "run.sh", "bin/tool", "lnk", "abs", "dangling", *names,
    }  # fmt: skip
    assert [(tree / name).stat().st_mode & 0o777 for name in ("run.sh", "bin/tool", "bin", ".")] == [
        0o755, 0o644, 0o755, 0o755,
    ]  # fmt: skip
    assert [str((tree / name).readlink()) for name in ("lnk", "abs", "dangling")] == [
        "real/f",
        "/etc/hostname",
        "nowhere",
    ]
    assert (tree / "run.sh").read_bytes() == b"#!/bin/sh\r\necho\r\n"
    assert (tree / "line\nbreak").read_bytes() == b"line\nbreak\r\n"


def test_c07_git_attributes_count_as_in_any_checkout(git_repo, local, checkouts):
    git_repo.commit({".gitattributes": "*.bat eol=crlf\n", "a.bat": "x\n", "a.sh": "x\n"})
    checkouts(local)
    assert [(checkouts.tree / name).read_bytes() for name in ("a.bat", "a.sh")] == [b"x\r\n", b"x\n"]


def test_g04_it_warns_of_lfs_pointers(git_repo, local, checkouts):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    files = {".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n", "real.bin": "content"}
    git_repo.commit(files | {f"sub/{n}.bin": pointer for n in range(3)})
    done = checkouts(local)
    assert done.warnings[0].startswith("3 LFS pointer files are in the context instead of content")


def test_b03_the_readme_is_text_that_every_database_takes(git_repo, local, checkouts):
    git_repo.commit({"README.md": b"# Web\0\n\xff"})
    assert checkouts(local).readme == "# Web\ufffd\n\ufffd"


def test_the_readme_is_never_read_through_a_link(git_repo, local, checkouts):
    (git_repo.work / "README.md").unlink()
    (git_repo.work / "README.md").symlink_to("/etc/hostname")
    git_repo.commit({"readme": "inside"})
    assert checkouts(local).readme == "inside"


def test_a_commit_message_in_another_encoding_is_readable(git_repo, local, checkouts):
    git(git_repo.work, "config", "i18n.commitEncoding", "ISO-8859-1")
    command = ["git", "commit", "-q", "--allow-empty", "-F-"]
    subprocess.run(command, cwd=git_repo.work, env=GIT_ENV, input=b"Gr\xfc\xdfe", check=True)
    git_repo.push("main")
    assert checkouts(local).message == "Grüße"


def test_c06_no_git_directory_is_in_the_tree_unless_asked_for(local, checkouts):
    checkouts(local)
    assert not (checkouts.tree / ".git").exists()


def test_c06_a_kept_git_directory_knows_tags_and_branch_and_is_clean(git_repo, git_http, checkouts):
    git_http.login = ("user", "S3cretPW")
    git_repo.tag("v1.0", annotated=True)
    git_repo.commit({"a": "1"})
    url = git_http.address().replace("http://", "http://user:S3cretPW@")
    checkouts(Remote(url, trusted_hosts=frozenset({git_http.host})), keep_git_dir=True)
    tree = checkouts.tree
    assert git(tree, "describe", "--tags").startswith("v1.0-1-g")
    assert git(tree, "status", "--porcelain", "--branch") == "## main"
    assert git(tree, "remote", "get-url", "origin") == git_http.address()
    inside = b"".join(path.read_bytes() for path in tree.rglob("*") if path.is_file())
    assert b"S3cretPW" not in inside
