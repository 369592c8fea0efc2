from __future__ import annotations

import subprocess

import pytest

from builds.core.errors import BuildError
from builds.engine.sshkeys import (
    FORGE_HOST_KEYS,
    fingerprint,
    known_hosts,
    make_deploy_key,
    public_key,
    scan_host_keys,
)

# As GitHub, GitLab, Bitbucket and Codeberg publish them.
PUBLISHED = {
    "github.com": "ED25519 SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
    "gitlab.com": "ED25519 SHA256:eUXGGm1YGsMAS7vkcx6JOJdOGHPem5gQp4taiCfCLB8",
    "bitbucket.org": "ED25519 SHA256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM",
    "codeberg.org": "ED25519 SHA256:mIlxA9k46MmM6qdJOdMnAQpzGxF4WIVVL+fj+wZbw0g",
}


def test_it_knows_the_published_keys_of_the_forges():
    assert {host: fingerprint(key) for host, key in FORGE_HOST_KEYS.items()} == PUBLISHED


def test_a_deploy_key_is_one_that_ssh_takes(tmp_path):
    private, public = make_deploy_key()
    path = tmp_path / "id"
    path.write_text(private)
    path.chmod(0o600)
    shown = subprocess.run(["ssh-keygen", "-y", "-f", str(path)], capture_output=True, text=True, check=True).stdout
    assert public.startswith("ssh-ed25519 ")
    assert public.endswith(" imageyard")
    assert shown.split()[:2] == public.split()[:2]
    assert public_key(private) == public


def test_every_deploy_key_is_another():
    assert make_deploy_key() != make_deploy_key()


@pytest.mark.parametrize(
    "text", ["", "no key", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----"]
)
def test_a_damaged_key_is_a_sentence(text):
    with pytest.raises(BuildError, match="it is damaged or has a passphrase"):
        public_key(text)


def test_it_scans_what_a_server_presents(git_ssh):
    keys = scan_host_keys("127.0.0.1", git_ssh.port, trusted_hosts=frozenset({git_ssh.host}))
    assert [f"{key.line}\n" for key in keys] == [git_ssh.known_hosts]
    assert keys[0].fingerprint.startswith("ED25519 SHA256:")


def test_it_scans_no_private_address():
    with pytest.raises(BuildError, match="IMAGEYARD_TRUSTED_HOSTS"):
        scan_host_keys("127.0.0.1", 22)


def test_a_key_that_the_source_trusts_replaces_the_published_one():
    assert known_hosts("", "github.com", 22).startswith("github.com ssh-ed25519 ")
    assert known_hosts("github.com ssh-rsa AAAA", "github.com", 22) == "github.com ssh-rsa AAAA\n"
    assert known_hosts("", "github.com", 2222) == ""
    assert known_hosts("", "git.example.com", 22) == ""
