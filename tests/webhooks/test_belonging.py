"""Field case W13: which deliveries are about the linked repository, told from ids, names, hosts and clone addresses."""

from __future__ import annotations

import pytest
from django.utils import timezone

from builds.models import Source
from webhooks.actions.belonging import contact_sentence, foreign_problem
from webhooks.providers import ForgeRepository

GITLAB = ForgeRepository(
    id="42",
    full_name="group/web",
    host="gitlab.example.com",
    clone_urls=("https://gitlab.example.com/gitlab/group/web.git", "git@git.example.com:group/web.git"),
)
SERVER = ForgeRepository(
    id="42",
    full_name="ACME/web",
    host="git.example.com",
    clone_urls=("ssh://git@git.example.com:7999/acme/web.git",),
)
GITHUB = ForgeRepository(id="42", full_name="acme/web", host="github.com")


@pytest.mark.parametrize(
    ("repository", "clone_url", "is_ours"),
    [
        (GITLAB, "https://gitlab.example.com/gitlab/group/web.git", True),
        (GITLAB, "git@git.example.com:group/web.git", True),
        (GITLAB, "https://gitlab.example.com/group/web", True),
        (GITLAB, "https://gitlab.example.com/group/other", False),
        (GITLAB, "git@git.example.com:x/group/web.git", False),
        (SERVER, "https://git.example.com/scm/acme/web.git", True),
        (SERVER, "https://git.example.com/scm/acme/other.git", False),
        (GITHUB, "ssh://git@ssh.github.com:443/acme/web.git", True),
        (GITHUB, "ssh://git@ssh.github.com:443/acme/other.git", False),
        (GITHUB, "https://mirror.example.org/elsewhere.git", True),
    ],
)
def test_w13_the_first_delivery_it_takes_of_the_repository_that_is_cloned(repository, clone_url, is_ours):
    assert (foreign_problem(Source(clone_url=clone_url), repository) is None) == is_ours


@pytest.mark.parametrize(
    ("repository", "is_ours"),
    [
        (ForgeRepository(id="42", full_name="new/name"), True),
        (ForgeRepository(id="43", full_name="acme/web"), False),
        (ForgeRepository(), True),
    ],
)
def test_w13_later_the_id_it_goes_by(repository, is_ours):
    source = Source(clone_url="https://github.com/acme/web", forge_repository_id="42", forge_full_name="acme/web")
    assert (foreign_problem(source, repository) is None) == is_ours


def known(clone_url: str, *, connected: bool = True) -> Source:
    at = timezone.now() if connected else None
    return Source(clone_url=clone_url, forge_repository_id="42", forge_full_name="acme/web", connected_at=at)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (known("https://github.com/acme/web"), ""),
        (known("https://ssh.github.com/acme/web"), ""),
        (known("https://mirror.example.org/acme/copy", connected=False), "right if that is a mirror"),
        (known("https://mirror.example.org/acme/copy"), ""),
        (known("https://old.example.org/acme/web"), "if the forge moved, change the clone URL"),
        (known("http://gitea:3000/acme/web"), ""),
        (known("nonsense"), ""),
        (known("file:///srv/git/acme/web"), ""),
    ],
    ids=lambda value: getattr(value, "clone_url", None) or value or "nothing",
)
def test_w13_a_forge_at_another_host_it_asks_about_at_first_and_when_it_moved(source, says):
    sentence = contact_sentence(source, GITHUB)
    assert (says in sentence) if says else sentence == ""
