"""Submodules: fetched by the same rules, from the right place, no credential for strangers, never out of the tree."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest

from builds.core.errors import BuildError
from builds.engine.git import Remote
from builds.engine.submodules import place_of
from tests.git_server import GIT_ENV, git, make_repo


def add_submodule(repo, path: str, url: str, commit: str, *, mapped: bool = True) -> str:
    """Commit a gitlink the way a hostile hand would: without asking Git whether it makes sense."""
    (repo.work / ".gitmodules").write_text(f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n' if mapped else "")
    (repo.work / path).mkdir(parents=True)  # or the next commit of everything would drop it
    git(repo.work, "add", ".gitmodules")
    git(repo.work, "update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
    git(repo.work, "commit", "-q", "-m", f"submodule {path}")
    repo.push("main")
    return repo.head()


@pytest.fixture
def library(git_root):
    repo = make_repo(git_root, "lib")
    repo.commit({"lib.txt": "old"})
    return repo


@pytest.fixture
def trusting(git_http) -> Remote:
    return Remote(git_http.address(), trusted_hosts=frozenset({git_http.host}))


def test_it_fetches_the_commit_that_is_recorded_and_not_the_newest(git_repo, library, local, checkouts):
    recorded = library.head()
    library.commit({"lib.txt": "new"})
    add_submodule(git_repo, "vendor/lib", "../lib.git", recorded)
    checkouts(local)
    assert (checkouts.tree / "vendor/lib/lib.txt").read_text() == "old"
    assert not (checkouts.tree / "vendor/lib/.git").exists()


def test_it_touches_no_file_beside_a_submodule(git_repo, library, local, checkouts):
    add_submodule(git_repo, "lib", "../lib.git", library.head())
    git_repo.commit({"lib.index": "kept", "lib.git": "kept"})
    checkouts(local)
    assert checkouts.files() == {
        ".gitmodules", "Dockerfile", "README.md", "src/app.py", "lib.index", "lib.git", "lib/lib.txt",
    }  # fmt: skip
    assert not list(checkouts.tree.parent.glob("*.index"))


def test_it_fetches_submodules_of_submodules(git_root, git_repo, library, local, checkouts):
    inner = make_repo(git_root, "inner")
    add_submodule(library, "in", "../inner.git", inner.commit({"deep": "x"}))
    add_submodule(git_repo, "lib", "../lib.git", library.head())
    checkouts(local)
    assert (checkouts.tree / "lib/in/deep").read_text() == "x"


def test_it_leaves_them_out_where_the_source_does_not_ask(git_repo, library, local, checkouts):
    add_submodule(git_repo, "lib", "../lib.git", library.head())
    done = checkouts(local, submodules=False)
    assert list((checkouts.tree / "lib").iterdir()) == []
    assert done.warnings == ("1 submodule stays empty: the source does not ask for them.",)


def test_a_submodule_without_an_address_is_a_warning(git_repo, library, local, checkouts):
    add_submodule(git_repo, "lib", "", library.head(), mapped=False)
    done = checkouts(local)
    assert done.warnings == ("The submodule folder `lib` stays empty: `.gitmodules` has no address for it.",)


def test_a_submodule_on_the_same_server_gets_the_credential(git_repo, library, git_http, trusting, checkouts):
    git_http.login = ("x-access-token", "S3cretT0ken")
    add_submodule(git_repo, "lib", git_http.address("lib"), library.head())
    checkouts(replace(trusting, token="S3cretT0ken"))
    assert (checkouts.tree / "lib/lib.txt").exists()


def test_an_ssh_address_on_the_same_host_goes_over_https(git_repo, library, git_http, trusting, checkouts):
    """Only where the source itself is https; over plain http the address is taken as it stands, and refused here."""
    add_submodule(git_repo, "lib", "git@127.0.0.1:lib.git", library.head())
    with pytest.raises(BuildError, match=r"Submodule `lib`: 127\.0\.0\.1 has the address"):
        checkouts(trusting)


def test_no_credential_goes_to_another_server(git_repo, library, git_http, trusting, checkouts):
    """`localhost` is the same machine under another name, and a name is all that a credential knows."""
    git_http.login = ("x-access-token", "S3cretT0ken")
    port = git_http.host.partition(":")[2]
    add_submodule(git_repo, "lib", f"http://localhost:{port}/lib.git", library.head())
    trusted = trusting.trusted_hosts | {f"localhost:{port}"}
    with pytest.raises(BuildError, match="Submodule `lib`: localhost asks for a login"):
        checkouts(replace(trusting, token="S3cretT0ken", trusted_hosts=trusted))
    assert all(not auth for path, auth in git_http.seen if path.startswith("/lib.git"))


HOSTILE = {
    "ext::sh -c 'touch {tmp}/ran'": "holds a space",
    "ext::touch": "is not a clone URL",
    "--upload-pack=touch": "is not a clone URL",
    "-x": "is not a clone URL",
    "/etc": "is not a clone URL",
    "file:///etc": "file:// clone URLs are allowed below",
    "../../../../../../etc": "file:// clone URLs are allowed below",
    "http://169.254.169.254/x": "a link-local address",
    "https://user:pw@localhost/x": "this machine itself",
    "ssh://git@127.0.0.1/x": "this machine itself",
}


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_address_is_refused(git_repo, library, local, checkouts, tmp_path, url):
    add_submodule(git_repo, "lib", url.format(tmp=tmp_path), library.head())
    with pytest.raises(BuildError, match=f"Submodule `lib`|{HOSTILE[url]}") as failed:
        checkouts(local)
    assert HOSTILE[url] in failed.value.message
    assert not (tmp_path / "ran").exists()
    assert "pw" not in failed.value.message


def test_a_gitmodules_file_that_is_a_link_or_includes_files_is_not_followed(
    git_repo, library, local, checkouts, tmp_path
):
    elsewhere = tmp_path / "modules"
    elsewhere.write_text('[submodule "lib"]\n\tpath = lib\n\turl = ../lib.git\n')
    add_submodule(git_repo, "lib", "", library.head(), mapped=False)
    git_repo.commit({".gitmodules": f"[include]\n\tpath = {elsewhere}\n"})
    assert checkouts(local).warnings
    (git_repo.work / ".gitmodules").unlink()
    (git_repo.work / ".gitmodules").symlink_to(elsewhere)
    git_repo.commit({})
    with pytest.raises(BuildError, match=r"Git does not write `.gitmodules`"):
        checkouts(local)


@pytest.mark.parametrize("content", ["[submodule", "\0\xff", '[submodule "lib"]\n\tpath\n\turl\n', "[[[]]]\n=\n"])
def test_a_broken_gitmodules_file_is_no_traceback(git_repo, library, local, checkouts, content):
    add_submodule(git_repo, "lib", "", library.head(), mapped=False)
    git_repo.commit({".gitmodules": content.encode("latin-1")})
    try:
        assert checkouts(local).warnings
    except BuildError as error:
        assert "`.gitmodules` cannot be read" in error.message


def test_a_submodule_behind_a_link_does_not_leave_the_tree(git_repo, library, local, checkouts, tmp_path):
    """A link and a submodule below it cannot be in one commit; a submodule whose folder became a link can."""
    outside = tmp_path / "outside"
    outside.mkdir()
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "link").symlink_to(outside)
    with pytest.raises(BuildError, match="The submodule path `link/x` leads out of the repository"):
        place_of(tree, "link/x")


@pytest.mark.parametrize("path", ["../x", "/etc", "a/../../x", ".git/hooks", "a/.GIT/x", ".", ""])
def test_a_submodule_path_out_of_the_tree_is_refused(tmp_path, path):
    with pytest.raises(BuildError, match="leads out of the repository"):
        place_of(tmp_path, path)


def test_a_submodule_commit_that_is_gone_names_the_submodule(git_repo, library, local, checkouts):
    add_submodule(git_repo, "lib", "../lib.git", "1" * 40)
    with pytest.raises(BuildError, match="Submodule `lib`: Commit 1111111 is no longer in the repository"):
        checkouts(local)


def test_c06_no_token_is_in_a_tree_with_submodules(git_repo, library, git_http, trusting, checkouts):
    git_http.login = ("x-access-token", "S3cretT0ken")
    add_submodule(git_repo, "lib", "../lib.git", library.head())
    checkouts(replace(trusting, token="S3cretT0ken"), keep_git_dir=True)
    kept = b"".join(path.read_bytes() for path in checkouts.folder.rglob("*") if path.is_file())
    assert b"S3cretT0ken" not in kept
    assert (checkouts.tree / "lib/lib.txt").exists()


def test_b03_a_submodule_whose_name_is_not_utf8_is_told_of_in_text_that_every_database_takes(
    git_repo, library, local, checkouts
):
    entry = f"160000 {library.head()}\tl\udcffb\n".encode(errors="surrogateescape")
    subprocess.run(["git", "update-index", "--index-info"], cwd=git_repo.work, input=entry, env=GIT_ENV, check=True)
    git(git_repo.work, "commit", "-q", "-m", "submodule")
    git_repo.push("main")
    assert "`l\ufffdb` stays empty" in checkouts(local).warnings[0]
