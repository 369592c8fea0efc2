"""What Git 2.39 and OpenSSH 9 print, against the sentence it becomes."""

from __future__ import annotations

import pytest

from builds.core.cloneurl import parse_clone_url
from builds.core.errors import ErrorKind
from builds.core.gitfailure import (
    Asked,
    commit_gone,
    explain_git_failure,
    host_key_unknown,
    is_host_key_unknown,
    is_redirect,
    last_words,
    redirected,
    ref_missing,
)

HTTPS = Asked(parse_clone_url("https://github.com/acme/web.git"))
TOKEN = Asked(parse_clone_url("https://github.com/acme/web.git"), has_token=True)
KEY = Asked(parse_clone_url("git@github.com:acme/web.git"), public_key="ssh-ed25519 AAAA imageyard")
SSH = Asked(parse_clone_url("ssh://git@git.example.com:2222/acme/web.git"))

NOT_FOUND = "remote: Repository not found.\nfatal: repository 'https://github.com/acme/web.git/' not found"
SSH_TAIL = (
    "fatal: Could not read from remote repository.\n\n"
    "Please make sure you have the correct access rights\nand the repository exists."
)
UNABLE = "fatal: unable to access 'https://github.com/acme/web.git/': "

CASES = [
    (
        HTTPS,
        NOT_FOUND,
        "GitHub answered *not found* for acme/web. The repository is private or renamed, and the source has",
    ),
    (
        TOKEN,
        NOT_FOUND,
        "GitHub answered *not found* for acme/web. The repository is renamed or deleted, or the source's",
    ),
    (
        KEY,
        "ERROR: Repository not found.\n" + SSH_TAIL,
        "and the deploy key has no access. Add this key to its deploy keys: ssh-ed25519 AAAA imageyard",
    ),
    (KEY, SSH_TAIL, "GitHub answered *not found* for acme/web"),
    (
        HTTPS,
        "fatal: could not read Username for 'https://github.com': terminal prompts disabled",
        "GitHub asks for a login before it shows acme/web: the repository is private or does not exist. Give",
    ),
    (
        TOKEN,
        "fatal: Authentication failed for 'https://github.com/acme/web.git/'",
        "did not accept the source's access token",
    ),
    (TOKEN, UNABLE + "The requested URL returned error: 403", "GitHub refused access to acme/web (403)"),
    (
        KEY,
        "git@github.com: Permission denied (publickey).\n" + SSH_TAIL,
        "did not accept the deploy key for acme/web. Add this",
    ),
    (
        SSH,
        "git@git.example.com: Permission denied (publickey).\n" + SSH_TAIL,
        "and the source has none. Make a deploy key",
    ),
    (
        SSH,
        "No ED25519 host key is known for [git.example.com]:2222 and you have requested strict checking.\r\n"
        "Host key verification failed.\r\n" + SSH_TAIL,
        "The host key of git.example.com is not known to this source",
    ),
    (
        SSH,
        "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\r\nHost key verification failed.\r\n" + SSH_TAIL,
        "The host key of git.example.com has changed since it was trusted",
    ),
    (
        SSH,
        'Load key "/x/id": error in libcrypto\r\ngit@git.example.com: Permission denied (publickey).\r\n' + SSH_TAIL,
        "it is damaged or has a passphrase",
    ),
    (HTTPS, UNABLE + "The requested URL returned error: 500", "answered with an error of its own"),
    (
        HTTPS,
        "error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502",
        "answered with an error of its own",
    ),
    (HTTPS, UNABLE + "The requested URL returned error: 429", "rate limit"),
    (HTTPS, UNABLE + "Could not resolve host: github.com", "The name github.com could not be looked up"),
    (
        HTTPS,
        UNABLE + "Failed to connect to github.com port 443 after 1 ms: Connection refused",
        "takes no connections on port 443",
    ),
    (
        SSH,
        "ssh: connect to host git.example.com port 2222: Connection refused\n" + SSH_TAIL,
        "connections on port 2222",
    ),
    (
        HTTPS,
        UNABLE + "Operation too slow. Less than 1 bytes/sec transferred the last 45 seconds",
        "did not answer in time",
    ),
    (
        SSH,
        "ssh: connect to host git.example.com port 2222: Connection timed out\n" + SSH_TAIL,
        "did not answer in time",
    ),
    (
        SSH,
        "ssh: connect to host git.example.com port 2222: No route to host\n" + SSH_TAIL,
        "No network leads from the worker",
    ),
    (
        HTTPS,
        UNABLE + "server certificate verification failed. CAfile: none CRLfile: none",
        "The certificate of github.com",
    ),
    (
        HTTPS,
        UNABLE + "GnuTLS, handshake failed: A TLS packet with unexpected length was received.",
        "or it speaks no TLS",
    ),
    (HTTPS, "fatal: https://x/ not valid: is this a git repository?", "There is no Git repository at acme/web"),
    (
        SSH,
        "fatal: '/x.git' does not appear to be a git repository\n" + SSH_TAIL,
        "There is no Git repository at acme/web",
    ),
    (
        HTTPS,
        "error: RPC failed; curl 56 Recv failure: Connection reset by peer\nfatal: early EOF",
        "broke while acme/web",
    ),
    (SSH, "kex_exchange_identification: read: Connection reset by peer\n" + SSH_TAIL, "broke while acme/web"),
    (
        HTTPS,
        "fatal: pack has bad object at offset 12: inflate returned -3\nfatal: index-pack failed",
        "sent damaged data",
    ),
    (HTTPS, "fatal: something new\n", "Git could not fetch github.com/acme/web: fatal: something new"),
]


@pytest.mark.parametrize(("asked", "stderr", "words"), CASES)
def test_it_says_what_happened(asked, stderr, words):
    error = explain_git_failure(stderr, asked)
    assert words in error.message
    assert error.kind is ErrorKind.SOURCE


RETRYABLE = [
    "error: 502",
    "Could not resolve host: x",
    "Connection refused",
    "Operation too slow",
    "early EOF",
    "error: 429",
]


@pytest.mark.parametrize("words", RETRYABLE)
def test_it_tries_again_what_may_pass(words):
    assert explain_git_failure(f"{UNABLE}The requested URL returned {words}", HTTPS).retryable


@pytest.mark.parametrize("stderr", [NOT_FOUND, UNABLE + "The requested URL returned error: 403", SSH_TAIL])
def test_it_does_not_try_again_what_somebody_must_change(stderr):
    assert not explain_git_failure(stderr, HTTPS).retryable


@pytest.mark.parametrize(
    "stderr",
    [
        "error: unable to write file x: No space left on device",
        "fatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output",
        "fatal: Out of memory, malloc failed",
    ],
)
def test_b07_a_full_disk_or_memory_is_ours_and_passes(stderr):
    error = explain_git_failure(stderr, HTTPS)
    assert (error.kind, error.retryable) == (ErrorKind.PLATFORM, True)


@pytest.mark.parametrize("name", ["certificate", "forbidden", "ssl-tls", "rate-limit", "error: 500"])
def test_a_repository_with_a_telling_name_explains_nothing(name):
    asked = Asked(parse_clone_url(f"https://github.com/acme/{name.replace(' ', '')}.git"))
    error = explain_git_failure(
        f"fatal: unable to access '{asked.url.text}/': The requested URL returned error: 404", asked
    )
    assert "answered *not found*" in error.message


def test_a_gone_commit_reads_as_agreed():
    assert commit_gone("a1b2c3d4e5").message == (
        "Commit a1b2c3d is no longer in the repository; it was probably force-pushed away. "
        "Build the branch's newest commit instead."
    )


def test_many_branches_are_cut():
    message = ref_missing("branch", "x", [f"b{n}" for n in range(12)]).message
    assert message.endswith("choose one of: b0, b1, b2, b3, b4, b5, b6, b7, b8, b9 and 2 more.")


def test_an_unknown_host_key_is_offered():
    assert "It presents ED25519 SHA256:abc." in host_key_unknown(SSH, ["ED25519 SHA256:abc"]).message


def test_a_redirect_names_the_new_address():
    assert (
        "redirects acme/web to https://github.com/new/web." in redirected(HTTPS, "https://github.com/new/web").message
    )


def test_it_knows_a_redirect_and_an_unknown_key_when_it_sees_them():
    assert is_redirect(UNABLE + "The requested URL returned error: 301")
    assert not is_redirect(UNABLE + "The requested URL returned error: 404")
    assert not is_host_key_unknown("REMOTE HOST IDENTIFICATION HAS CHANGED!\nHost key verification failed.")


@pytest.mark.parametrize(
    ("stderr", "line"),
    [
        ("", "it gave no reason"),
        ("a\nfatal: b\nc\n", "fatal: b"),
        ("a\x1b[31m\r\nb\x07", "b"),
        ("x" * 999, "x" * 299 + "…"),
    ],
)
def test_the_last_words_are_one_harmless_line(stderr, line):
    assert last_words(stderr) == line
