"""Git LFS (field case G04): content instead of pointers, from a real LFS server that is asked for it or misbehaves."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from dataclasses import replace
from pathlib import Path
from queue import Queue

import pytest

from builds.core.errors import BuildError, ErrorKind, Stopped
from builds.engine.git import Remote
from builds.engine.process import StopFlag
from tests.git_server import GIT_ENV, git, make_repo, status
from tests.lfs_server import ATTRIBUTES, lfs, pointer

__all__ = ["lfs"]

DATA = bytes(range(256)) * 5000
LOGIN = ("user", "S3cretPW")


@pytest.fixture
def repo(git_repo, lfs):
    """A repository with the LFS file `data.bin`, behind a login."""
    git_repo.commit(ATTRIBUTES | {"data.bin": lfs.add(DATA)})
    lfs.git_http.login = LOGIN
    return git_repo


@pytest.fixture
def source(lfs) -> Remote:
    trusted = frozenset({lfs.git_http.host, lfs.storage_host})
    return Remote(lfs.git_http.address(), username=LOGIN[0], token=LOGIN[1], trusted_hosts=trusted)


def failure(checkouts, source, **options) -> BuildError:
    with pytest.raises(BuildError) as failed:
        checkouts(source, lfs=True, **options)
    return failed.value


def test_g04_it_puts_content_in_place_of_pointers_byte_for_byte(repo, lfs, source, checkouts):
    (repo.work / "data.bin").chmod(0o755)
    repo.commit({"sub/ü x.bin": lfs.add(b""), "twice.bin": lfs.add(DATA), "real.bin": "never was a pointer"})
    done = checkouts(source, lfs=True)
    assert [(checkouts.tree / name).read_bytes() for name in ("data.bin", "twice.bin", "sub/ü x.bin")] == [
        DATA,
        DATA,
        b"",
    ]
    assert os.access(checkouts.tree / "data.bin", os.X_OK)
    assert (checkouts.tree / "real.bin").read_text() == "never was a pointer"
    assert done.warnings == ()
    assert not (checkouts.tree / ".git").exists()


def test_g04_it_builds_what_the_git_lfs_program_pushed(git_repo, lfs, source, checkouts):
    if shutil.which("git-lfs") is None:
        pytest.skip("git-lfs is not installed on this machine")
    lfs.git_http.login = None
    for command in (
        ["git", "lfs", "install", "--local"],
        ["git", "lfs", "track", "*.bin"],
        ["git", "config", "lfs.url", f"{lfs.git_http.address()}/info/lfs"],
    ):
        subprocess.run(command, cwd=git_repo.work, env=GIT_ENV | {"HOME": str(git_repo.work)}, check=True)
    git_repo.commit({"data.bin": DATA})
    assert list(lfs.objects.values()) == [DATA]
    checkouts(source, lfs=True)
    assert (checkouts.tree / "data.bin").read_bytes() == DATA


def test_g04_the_second_build_downloads_nothing(repo, lfs, source, checkouts):
    checkouts(source, lfs=True)
    repo.commit({"src/app.py": "print(2)\n"})
    checkouts(source, lfs=True)
    assert (checkouts.tree / "data.bin").read_bytes() == DATA
    assert (len(lfs.batches), len(lfs.downloads)) == (1, 1)


def test_it_fetches_a_stored_object_again_that_was_damaged(repo, lfs, source, checkouts):
    checkouts(source, lfs=True)
    stored = next(path for path in checkouts.mirror.glob("lfs/objects/*/*/*") if path.is_file())
    stored.write_bytes(b"\0" * len(DATA))
    checkouts(source, lfs=True)
    assert (checkouts.tree / "data.bin").read_bytes() == DATA
    assert len(lfs.downloads) == 2


def test_it_asks_for_exactly_the_objects_of_the_commit(repo, lfs, source, checkouts):
    first = repo.head()
    repo.commit({"data.bin": lfs.add(b"newer")})
    checkouts(source, lfs=True, commit=first)
    (_, asked), *more = lfs.batches
    assert [entry["size"] for entry in asked["objects"]] == [len(DATA)]
    assert (asked["operation"], more) == ("download", [])


def test_many_objects_come_in_batches_of_a_hundred(repo, lfs, source, checkouts):
    repo.commit({f"many/{n}.bin": lfs.add(b"%d" % n) for n in range(150)})
    checkouts(source, lfs=True)
    assert [len(asked["objects"]) for _, asked in lfs.batches] == [100, 51]
    assert all((checkouts.tree / f"many/{n}.bin").read_bytes() == b"%d" % n for n in range(150))


def test_the_credential_goes_to_the_server_of_the_clone_url_and_not_to_the_storage(repo, lfs, source, checkouts):
    checkouts(source, lfs=True)
    assert [given.startswith("Basic ") for given, _ in lfs.batches] == [True]
    assert [(given.get("X-Ticket"), given.get("Authorization")) for given in lfs.downloads] == [("t1cket", None)]
    assert b"S3cretPW" not in checkouts.log


def test_g04_a_it_needs_no_git_lfs_program(repo, source, checkouts, tmp_path, monkeypatch):
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("git", "sh", "env"):
        (programs / name).symlink_to(shutil.which(name))
    monkeypatch.setenv("PATH", str(programs))
    assert shutil.which("git-lfs") is None
    checkouts(source, lfs=True)
    assert (checkouts.tree / "data.bin").read_bytes() == DATA


@pytest.mark.parametrize(
    ("code", "says", "retryable"),
    [
        (401, "refused access to the Git LFS objects of web (401)", False),
        (403, "refused access to the Git LFS objects of web (403). It says: Over its data quota.", False),
        (404, "has no Git LFS objects for web (404)", False),
        (422, "refused the Git LFS request for web (422)", False),
        (503, "cannot give out the Git LFS objects of web now (503)", True),
        (509, "a quota is used up (509)", False),
        (301, "redirects the Git LFS requests for web (301)", False),
    ],
)
def test_g04_b_a_server_that_refuses_fails_the_checkout(repo, lfs, source, checkouts, code, says, retryable):
    lfs.refuses, lfs.message = code, "Over its data quota."
    error = failure(checkouts, source)
    assert says in error.message
    assert (error.kind, error.retryable) == (ErrorKind.SOURCE, retryable)


def test_g04_b_an_object_that_was_never_uploaded_fails_with_its_file(repo, source, checkouts):
    repo.commit({"lost.bin": pointer(b"never pushed")})
    assert failure(checkouts, source).message.startswith(
        "127.0.0.1 does not have the Git LFS content of `lost.bin` (404)"
    )


def test_g04_b_a_storage_that_refuses_fails_with_the_file(repo, lfs, source, checkouts):
    lfs.storage = status(403)
    error = failure(checkouts, source)
    assert error.message.startswith("`data.bin`: 127.0.0.1 refused access")
    assert error.kind is ErrorKind.SOURCE


def test_what_a_server_says_is_masked(repo, lfs, source, checkouts):
    lfs.refuses, lfs.message = 403, "no user:S3cretPW\n\x1b[31mhere"
    message = failure(checkouts, source).message
    assert "S3cretPW" not in message
    assert message.isprintable()


@pytest.mark.parametrize("key", ["lfs.url", "remote.origin.lfsurl"])
def test_g04_c_lfsconfig_to_another_host_is_refused_and_gets_nothing(repo, lfs, source, checkouts, key):
    git(repo.work, "config", "--file", ".lfsconfig", key, f"{lfs.storage_url}/steal/info/lfs")
    repo.commit({})
    error = failure(checkouts, source)
    assert f"`.lfsconfig` sends Git LFS to {lfs.storage_host}" in error.message
    assert error.kind is ErrorKind.SOURCE
    assert (lfs.batches, lfs.downloads) == ([], [])


@pytest.mark.parametrize("address", ["ssh://evil.example/x", "file:///etc", "ext::sh -c touch% /tmp/x", "https://a?b"])
def test_g04_c_lfsconfig_to_anything_else_is_refused(repo, lfs, source, checkouts, address):
    git(repo.work, "config", "--file", ".lfsconfig", "lfs.url", address)
    repo.commit({})
    assert "`.lfsconfig` sends Git LFS to" in failure(checkouts, source).message
    assert lfs.batches == []


def test_lfsconfig_may_name_another_path_on_the_same_server(repo, lfs, source, checkouts):
    git(repo.work, "config", "--file", ".lfsconfig", "lfs.url", f"{lfs.git_http.url}/elsewhere/info/lfs")
    repo.commit({})
    checkouts(source, lfs=True)
    assert (checkouts.tree / "data.bin").read_bytes() == DATA
    assert any(path.startswith("/elsewhere/info/lfs") for path, _ in lfs.git_http.seen)


def test_nothing_else_in_lfsconfig_counts(repo, lfs, source, checkouts, tmp_path):
    """Transfer agents, extensions and excludes: a repository may name programs, and none of them runs."""
    ran = tmp_path / "ran"
    for key, value in {
        "lfs.standalonetransferagent": "evil",
        "lfs.customtransfer.evil.path": f"touch {ran}",
        "lfs.customtransfer.basic.path": f"touch {ran}",
        "lfs.extension.evil.smudge": f"touch {ran}",
        "lfs.fetchexclude": "*",
        "credential.helper": f"!touch {ran}",
        "include.path": "/etc/passwd",
    }.items():
        git(repo.work, "config", "--file", ".lfsconfig", key, value)
    repo.commit({})
    checkouts(source, lfs=True)
    assert (checkouts.tree / "data.bin").read_bytes() == DATA
    assert not ran.exists()


@pytest.mark.parametrize("content", [b"x" * len(DATA), DATA[:-1], DATA + b"!"])
def test_content_that_is_not_what_the_pointer_names_is_refused(repo, lfs, source, checkouts, content):
    lfs.objects = dict.fromkeys(lfs.objects, content)
    assert "that is not what its LFS pointer names" in failure(checkouts, source).message
    assert [path for path in checkouts.mirror.glob("lfs/**/*") if path.is_file()] == []


def test_a_download_from_a_private_address_is_refused(repo, lfs, source, checkouts):
    error = failure(checkouts, replace(source, trusted_hosts=frozenset({lfs.git_http.host})))
    assert error.message.startswith("The Git LFS server sends the download of `data.bin` to an address that is refused")
    assert lfs.downloads == []


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest", "http://[::1]:9/x", "http://127.1:9/x"])
def test_a_redirect_to_a_private_address_is_refused(repo, lfs, source, checkouts, target):
    lfs.storage = status(302, Location=target)
    assert "to an address that is refused" in failure(checkouts, source).message


@pytest.mark.parametrize(
    "href", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://u:p@127.0.0.1/x", "/x", "http://a b/"]
)
def test_an_href_that_is_no_plain_http_is_refused(repo, lfs, source, checkouts, href):
    lfs.href = href
    assert "did not answer the Git LFS request for web as an LFS server does" in failure(checkouts, source).message


def test_a_redirect_to_another_server_takes_no_header_along(repo, lfs, source, checkouts):
    lfs.href, lfs.header = f"{lfs.git_http.url}/object/{{oid}}", {"Authorization": "Bearer t0ken", "X-Ticket": "t1cket"}
    redirect, batch = status(302, Location=f"{lfs.storage_url}/x"), lfs.answer
    lfs.git_http.answer = lambda asked: redirect(asked) if asked.path.startswith("/object/") else batch(asked)
    assert "refused access to the Git LFS objects" in failure(checkouts, source).message
    assert lfs.git_http.seen[-1][1] == "Bearer t0ken"
    assert {"Authorization", "X-Ticket"}.isdisjoint(lfs.downloads[0])


def test_an_object_on_the_own_server_gets_the_credential_when_it_asks(repo, lfs, source, checkouts, monkeypatch):
    """As Git LFS does for servers that keep objects behind the same login."""
    href, batch = f"{lfs.git_http.url}/object", lfs.answer
    monkeypatch.setattr(lfs, "_object", lambda _, entry: entry | {"actions": {"download": {"href": href}}})

    def serve(asked) -> bool:
        if not asked.path.startswith("/object"):
            return batch(asked)
        if "Authorization" not in asked.headers:
            return status(401)(asked)
        asked.send_response(200)
        asked.send_header("Content-Length", str(len(DATA)))
        asked.end_headers()
        asked.wfile.write(DATA)
        return True

    lfs.git_http.answer = serve
    checkouts(source, lfs=True)
    assert (checkouts.tree / "data.bin").read_bytes() == DATA
    assert [bool(given) for path, given in lfs.git_http.seen if path == "/object"] == [False, True]


def test_a_connection_that_breaks_is_tried_again(repo, lfs, source, checkouts, monkeypatch):
    monkeypatch.setattr("builds.engine.lfsclient._PAUSE_S", 0.01)

    def cut(asked) -> bool:
        if len(lfs.downloads) > 1:
            return False
        asked.send_response(200)
        asked.send_header("Content-Length", str(len(DATA)))
        asked.end_headers()
        asked.wfile.write(DATA[:5000])
        asked.close_connection = True
        return True

    lfs.storage = cut
    checkouts(source, lfs=True)
    assert (checkouts.tree / "data.bin").read_bytes() == DATA
    assert len(lfs.downloads) == 2


def test_a_stop_ends_a_download_that_hangs(repo, lfs, source, checkouts):
    stop, over, hung = StopFlag(), threading.Event(), Queue()

    def hang(_asked) -> bool:
        stop.set("cancelled")
        hung.put(over.wait(20))
        return True

    lfs.storage = hang
    with pytest.raises(Stopped, match="cancelled"):
        checkouts(source, lfs=True, stop=stop)
    over.set()
    assert hung.get(), "it ended while the server still hung"


def test_the_deadline_ends_a_download_that_hangs(repo, lfs, source, checkouts):
    over = threading.Event()
    lfs.storage = lambda _asked: over.wait(20)
    error = failure(checkouts, source, timeout_s=3)
    over.set()
    assert "was not fetched from 127.0.0.1 within 3 s" in error.message


def test_objects_that_do_not_fit_on_the_disk_are_not_asked_for(repo, lfs, source, checkouts):
    repo.commit({"huge.bin": pointer(b"x").replace("size 1", f"size {10**15}")})
    error = failure(checkouts, source)
    assert error.message.startswith("2 Git LFS objects of this commit need ")
    assert (error.kind, lfs.batches) == (ErrorKind.LIMIT, [])


def test_what_must_stay_free_on_the_disk_stays_free(repo, lfs, source, checkouts):
    everything = shutil.disk_usage(checkouts.folder.parent).total
    assert failure(checkouts, source, keep_free_bytes=everything).kind is ErrorKind.LIMIT
    assert lfs.batches == []


def test_objects_that_no_build_used_for_long_are_removed(repo, lfs, source, checkouts):
    checkouts(source, lfs=True)
    (old,) = (path for path in checkouts.mirror.glob("lfs/objects/*/*/*"))
    os.utime(old, (0, 0))
    repo.commit({"data.bin": lfs.add(b"newer")})
    checkouts(source, lfs=True)
    assert not old.exists()
    assert len(list(checkouts.mirror.glob("lfs/objects/*/*/*"))) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
            "`bad.bin` is damaged as an LFS pointer",
        ),
        (pointer(b"x").replace("oid", "ext-0-foo sha256:ab\noid"), "needs an LFS extension"),
        (pointer(b"x").replace("sha256:", "sha256:../../"), "is damaged"),
    ],
)
def test_a_pointer_that_cannot_be_followed_fails_the_checkout(repo, source, checkouts, text, says):
    repo.commit({"bad.bin": text})
    assert says in failure(checkouts, source).message


def test_pointers_that_are_not_given_to_lfs_are_left_with_a_warning(repo, source, checkouts):
    repo.commit({"docs/example.txt": pointer(b"x")})
    done = checkouts(source, lfs=True)
    assert done.warnings[0].startswith("1 file is left as LFS pointers, `docs/example.txt` first")
    assert (checkouts.tree / "docs/example.txt").read_text() == pointer(b"x")


def test_a_kept_git_directory_is_clean_with_content_in_place(repo, source, checkouts):
    checkouts(source, lfs=True, keep_git_dir=True)
    assert (checkouts.tree / "data.bin").read_bytes() == DATA
    assert git(checkouts.tree, "status", "--porcelain") == ""


def test_submodules_get_their_content_too(repo, lfs, source, checkouts, git_root):
    library = make_repo(git_root, "library")
    library.commit(ATTRIBUTES | {"lib.bin": lfs.add(b"library")})
    git(repo.work, "-c", "protocol.file.allow=always", "submodule", "add", "-q", library.url, "vendor/lib")
    git(repo.work, "config", "--file", ".gitmodules", "submodule.vendor/lib.url", "../library.git")
    repo.commit({})
    done = checkouts(source, lfs=True)
    assert (checkouts.tree / "vendor/lib/lib.bin").read_bytes() == b"library"
    assert done.warnings == ()


def test_a_folder_gives_its_objects_without_a_server(git_repo, local, checkouts):
    content = pointer(DATA)
    oid = content.split("sha256:")[1][:64]
    place = git_repo.bare / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
    place.parent.mkdir(parents=True)
    git_repo.commit(ATTRIBUTES | {"data.bin": content})
    assert "does not hold the Git LFS content of `data.bin`" in failure(checkouts, local).message
    place.write_bytes(DATA)
    checkouts(local, lfs=True)
    assert (checkouts.tree / "data.bin").read_bytes() == DATA


def test_over_ssh_the_server_says_where_its_objects_are(repo, lfs, git_ssh, checkouts):
    answer = (
        f'{{"href": "{lfs.git_http.address()}/info/lfs", "header": {{"Authorization": "Basic dXNlcjpTM2NyZXRQVw=="}}}}'
    )
    program = git_ssh.folder / "bin" / "git-lfs-authenticate"
    program.write_text(f"#!/bin/sh\necho \"$@\" >{git_ssh.folder}/asked\necho '{answer}'\n")
    program.chmod(0o755)
    trusted = frozenset({git_ssh.host, lfs.git_http.host, lfs.storage_host})
    source = Remote(
        git_ssh.address(),
        ssh_private_key=git_ssh.private_key,
        ssh_known_hosts=git_ssh.known_hosts,
        trusted_hosts=trusted,
    )
    checkouts(source, lfs=True)
    assert (checkouts.tree / "data.bin").read_bytes() == DATA
    assert Path(git_ssh.folder, "asked").read_text() == f"{git_ssh.root}/web.git download\n"


def test_over_ssh_a_server_without_lfs_is_named(repo, git_ssh, checkouts):
    source = Remote(
        git_ssh.address(),
        ssh_private_key=git_ssh.private_key,
        ssh_known_hosts=git_ssh.known_hosts,
        trusted_hosts=frozenset({git_ssh.host}),
    )
    assert "gives no access to the Git LFS objects" in failure(checkouts, source).message
