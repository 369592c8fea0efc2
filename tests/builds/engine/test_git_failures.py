"""Servers that refuse, redirect, hang and tell secrets; and what a person reads, and nobody gets to see."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from builds.core.errors import BuildError, ErrorKind, Stopped
from builds.engine import gitcommand
from builds.engine.git import Remote
from builds.engine.process import StopFlag
from tests.git_server import status


@pytest.fixture
def http(git_repo, git_http) -> Remote:
    """`git_repo` over HTTP, on a host that the operator trusts."""
    return Remote(git_http.address(), trusted_hosts=frozenset({git_http.host}))


def failure(checkouts, remote: Remote, **options) -> BuildError:
    with pytest.raises(BuildError) as failed:
        checkouts(remote, **options)
    assert b"Traceback" not in checkouts.log
    return failed.value


def test_it_fetches_a_private_repository_with_a_token(git_repo, git_http, http, checkouts):
    git_http.login = ("x-access-token", "S3cretT0ken")
    assert checkouts(replace(http, token="S3cretT0ken")).commit == git_repo.head()


def test_it_fetches_with_user_and_password_from_an_old_style_url(git_repo, git_http, http, checkouts):
    git_http.login = ("user", "p@ss:w/rd%")
    url = http.url.replace("http://", f"http://user:{quote('p@ss:w/rd%', safe='')}@")
    assert checkouts(replace(http, url=url)).commit == git_repo.head()


def test_g07_a_login_without_credential_is_a_sentence_and_no_prompt(git_http, http, checkouts):
    git_http.login = ("user", "word")
    assert "asks for a login before it shows web: the repository is private" in failure(checkouts, http).message


def test_g07_an_expired_token_is_a_sentence(git_http, http, checkouts):
    git_http.login = ("x-access-token", "new")
    error = failure(checkouts, replace(http, token="expired-token"))
    assert "did not accept the source's access token for web (authentication failed)" in error.message
    assert not error.retryable


def test_g07_not_found_says_that_it_may_be_private(git_http, http, checkouts):
    error = failure(checkouts, replace(http, url=git_http.address("nothing")))
    assert "answered *not found* for nothing. The repository is private or renamed" in error.message


@pytest.mark.slow
def test_g07_a_server_that_never_answers_is_given_up(silent_port, checkouts, monkeypatch):
    monkeypatch.setattr(gitcommand, "_ANSWER_S", 0.6)
    remote = Remote(f"http://127.0.0.1:{silent_port}/web.git", trusted_hosts=frozenset({"127.0.0.1"}))
    error = failure(checkouts, remote)
    assert "took the connection but did not answer" in error.message
    assert error.retryable


@pytest.mark.slow
def test_the_whole_checkout_has_a_time_limit(silent_port, checkouts):
    remote = Remote(f"http://127.0.0.1:{silent_port}/web.git", trusted_hosts=frozenset({"127.0.0.1"}))
    error = failure(checkouts, remote, timeout_s=0.6)
    assert "was not fetched from 127.0.0.1 within 1 s" in error.message


def test_b06_a_checkout_stops_when_it_is_told_to(silent_port, checkouts):
    stop = StopFlag()
    stop.set("cancelled")
    remote = Remote(f"http://127.0.0.1:{silent_port}/web.git", trusted_hosts=frozenset({"127.0.0.1"}))
    with pytest.raises(Stopped):
        checkouts(remote, stop=stop)


@pytest.mark.parametrize(("code", "words"), [(500, "error of its own"), (403, "refused access"), (429, "rate limit")])
def test_it_explains_what_a_server_answers(git_http, http, checkouts, code, words):
    git_http.answer = status(code, "<html>x</html>")
    assert words in failure(checkouts, http).message


def test_a_page_instead_of_a_repository_is_a_sentence(git_http, http, checkouts):
    git_http.answer = status(200, "<html>\n<body>\tLog in</body>\n</html>\n", Content_Type="text/html")
    assert "There is no Git repository at web" in failure(checkouts, http).message


def test_a_redirect_is_not_followed_and_its_target_is_named(git_repo, git_http, http, checkouts):
    git_http.answer = status(301, Location="http://user:pw@169.254.169.254/new.git/info/refs?service=git-upload-pack")
    error = failure(checkouts, http)
    assert "redirects web to http://169.254.169.254/new.git. Imageyard does not follow" in error.message


@pytest.mark.parametrize(
    "url", ["http://{}/web.git", "https://localhost/x", "ssh://git@127.0.0.1/x", "git@169.254.169.254:x"]
)
def test_it_connects_to_no_private_address(git_repo, git_http, checkouts, url):
    error = failure(checkouts, Remote(url.format(git_http.host)))
    assert "IMAGEYARD_TRUSTED_HOSTS" in error.message
    assert git_http.seen == []


def test_it_connects_to_the_address_that_was_checked(git_repo, git_http, checkouts, monkeypatch):
    """A name that means another machine a moment later (DNS rebinding) is not asked a second time."""
    monkeypatch.setattr("builds.engine.gitenv.resolve", lambda *_: ("127.0.0.1",))
    port = git_http.host.partition(":")[2]
    assert checkouts(Remote(f"http://no-such-name.invalid:{port}/web.git")).commit == git_repo.head()


SECRETS = {
    "https://user:S3cretPW@{}/web.git": "S3cretPW",
    "https://ghp_TOKEN1234@{}/web.git": "ghp_TOKEN1234",
    "https://oauth2:glpat-A%2FB@{}/web.git": "glpat-A/B",
    "https://user:p@ssw0rd@{}/web.git": "p@ssw0rd",
}


@pytest.mark.parametrize("way", ["login", "echo", "timeout", "bad branch", "not http"])
@pytest.mark.parametrize("url", SECRETS)
def test_g05_no_secret_gets_out(git_repo, git_http, checkouts, monkeypatch, url, way):
    secret = SECRETS[url]
    address = url.format(git_http.host).replace("https://", "https://" if way == "not http" else "http://")
    remote = Remote(address, trusted_hosts=frozenset({git_http.host}))
    forms = {secret, quote(secret, safe=""), base64.b64encode(f"user:{secret}".encode()).decode()}
    if way == "login":
        git_http.login = ("nobody", "else")
    elif way == "echo":
        git_http.answer = status(403, "\n".join(forms), Content_Type="text/plain")
    elif way == "timeout":
        git_http.answer = lambda _handler: time.sleep(1.5) or True
    options = {"timeout_s": 1} if way == "timeout" else {"ref": "nope"} if way == "bad branch" else {}
    error = failure(checkouts, remote, **options)
    told = f"{error} {error.message} {error.__cause__!r} {remote!r} {checkouts.log.decode()}"
    assert [form for form in forms | {"ss@", "ssw0rd@"} if form in told] == []


def test_g05_the_secret_is_in_no_argument_list_and_no_file(git_repo, git_http, http, checkouts, tmp_path):
    seen: list[str] = []
    git_http.login = ("x-access-token", "S3cretT0ken")
    backend = git_http.answer

    def spy(handler) -> bool:
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                seen.append(entry.read_bytes().decode(errors="replace"))
            except OSError:
                continue
        for folder in Path("/dev/shm").glob(f"imageyard-private-{os.getpid()}-*"):
            seen.extend(path.read_text(errors="replace") for path in folder.iterdir() if path.is_file())
        return backend is not None and backend(handler)

    git_http.answer = spy
    checkouts(replace(http, token="S3cretT0ken"), keep_git_dir=True)
    assert any("git-remote-http" in line for line in seen)
    assert not any("S3cretT0ken" in line for line in seen)
    kept = b"".join(path.read_bytes() for path in checkouts.folder.rglob("*") if path.is_file())
    assert b"S3cretT0ken" not in kept
    assert not list(Path("/dev/shm").glob(f"imageyard-private-{os.getpid()}-*"))


def test_a_token_with_a_line_break_is_one_credential(git_repo, git_http, http, checkouts):
    git_http.login = ("x-access-token", "T0kenhost=evil")
    assert checkouts(replace(http, token="T0ken\nhost=evil\n")).commit == git_repo.head()


def test_it_fetches_with_a_deploy_key(git_repo, git_ssh, checkouts):
    done = checkouts(ssh_remote(git_ssh))
    assert done.commit == git_repo.head()
    assert git_ssh.private_key.splitlines()[1] not in checkouts.log.decode()


def ssh_remote(git_ssh, **changes) -> Remote:
    remote = Remote(
        git_ssh.address(),
        ssh_private_key=git_ssh.private_key,
        ssh_known_hosts=git_ssh.known_hosts,
        trusted_hosts=frozenset({git_ssh.host}),
    )
    return replace(remote, **changes)


def test_g07_an_unknown_host_key_is_offered_with_its_fingerprint(git_repo, git_ssh, checkouts):
    error = failure(checkouts, ssh_remote(git_ssh, ssh_known_hosts=""))
    assert re.search(r"is not known to this source.* It presents ED25519 SHA256:[\w+/]{43}\.", error.message)


def test_g07_a_changed_host_key_is_refused_and_named(git_repo, git_ssh, checkouts):
    other = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
    changed = f"[127.0.0.1]:{git_ssh.port} ssh-ed25519 {other}\n"
    error = failure(checkouts, ssh_remote(git_ssh, ssh_known_hosts=changed))
    assert error.message.startswith("The host key of 127.0.0.1 has changed since it was trusted")
    assert not error.retryable


def test_g07_a_refused_key_is_shown_for_adding(git_repo, git_ssh, checkouts):
    (git_ssh.folder / "authorized").write_text("")
    error = failure(checkouts, ssh_remote(git_ssh))
    assert "did not accept the deploy key" in error.message
    assert "Add this key to its deploy keys: ssh-ed25519 AAAA" in error.message


def test_g07_no_key_at_all_is_a_sentence(git_repo, git_ssh, checkouts):
    assert (
        "the source has none. Make a deploy key" in failure(checkouts, ssh_remote(git_ssh, ssh_private_key="")).message
    )


def test_g07_a_key_with_a_passphrase_is_a_sentence(git_repo, git_ssh, checkouts):
    os.system(f"ssh-keygen -q -p -N secret -f {git_ssh.folder}/client")
    remote = ssh_remote(git_ssh, ssh_private_key=(git_ssh.folder / "client").read_text())
    assert "it is damaged or has a passphrase" in failure(checkouts, remote).message


def test_g07_an_ssh_repository_that_is_not_there_is_a_sentence(git_repo, git_ssh, checkouts):
    error = failure(checkouts, ssh_remote(git_ssh, url=git_ssh.address("nothing")))
    assert "There is no Git repository at" in error.message


def test_b07_a_full_disk_is_ours_and_is_tried_again(git_repo, local, checkouts):
    """A file system of 2 MiB for mirrors and trees, and a repository that does not fit."""
    git_repo.commit({"big": os.urandom(4_000_000)})
    checkouts.folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(checkouts.folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root can mount a small file system")
    try:
        error = failure(checkouts, local)
    finally:
        subprocess.run(["umount", str(checkouts.folder)], check=True)
    assert "The disk of the worker that ran this build is full" in error.message
    assert (error.kind, error.retryable) == (ErrorKind.PLATFORM, True)


@pytest.mark.parametrize("scheme", ["http", "ssh"])
def test_a_refused_connection_is_tried_again(checkouts, scheme, silent_port):
    remote = Remote(f"{scheme}://git@127.0.0.1:1/web.git", trusted_hosts=frozenset({"127.0.0.1"}))
    error = failure(checkouts, remote)
    assert "127.0.0.1 takes no connections on port 1" in error.message
    assert (error.kind, error.retryable) == (ErrorKind.SOURCE, True)
