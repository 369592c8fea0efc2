"""What every client can do, at every forge; GitHub's is held against its published OpenAPI description."""

from __future__ import annotations

import pytest

from tests.forge_server import COMMIT, GitHubServer, serving
from tests.github_api import EDITIONS
from webhooks.forges import HookWish, Status, same_key

URL = "https://images.acme.test/webhooks/github/0"
WISH = HookWish(URL, "s3cret-of-the-hook", pull_requests=True)
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPubl1c imageyard"
CONTEXT = "imageyard/acme/web (main)"


def test_it_says_whose_token_it_is(forge, ask):
    with ask(forge) as client:
        assert client.check().login


def test_it_reads_a_repository(forge, ask):
    with ask(forge) as client:
        found = client.repository("acme/web")
    assert (found.full_name, found.ssh_url) == ("acme/web", "git@forge.test:acme/web.git")
    assert found.clone_url == f"{forge.url}/acme/web.git"  # without the name of the user who asked
    assert found.id
    assert found.may_admin in (True, None)


def test_it_lists_repositories(forge, ask):
    with ask(forge) as client:
        assert [one.full_name for one in client.repositories(100)]


def test_it_adds_mends_and_removes_a_webhook(forge, ask):
    with ask(forge) as client:
        added = client.add_hook("acme/web", HookWish(URL, "old"))
        assert added.events == {"push"}
        mended = client.mend_hook("acme/web", added.id, WISH)
        assert (mended.id, mended.url, mended.events) == (added.id, URL, {"push", "pull_request"})
        assert [(hook.url, hook.is_active) for hook in client.hooks("acme/web")] == [(URL, True)]
        client.remove_hook("acme/web", added.id)
        client.remove_hook("acme/web", added.id)  # gone is gone
        assert client.hooks("acme/web") == []


def test_it_adds_a_deploy_key_that_only_reads(forge, ask):
    with ask(forge) as client:
        client.add_deploy_key("acme/web", "Imageyard", KEY)
        (found,) = client.deploy_keys("acme/web")
    assert same_key(found.key, KEY)
    assert (found.title, found.is_read_only) == ("Imageyard", True)


@pytest.mark.parametrize("state", ["pending", "success", "failure", "error", "stopped", "skipped"])
def test_it_sets_a_status_and_reads_it_back(forge, ask, state):
    with ask(forge) as client:
        client.set_status("acme/web", COMMIT, Status(CONTEXT, state, "Said.", "https://images.acme.test/1"))
        client.set_status("acme/web", COMMIT, Status(CONTEXT, state, "Said.", "https://images.acme.test/1"))
        (found,) = client.statuses("acme/web", COMMIT)
    assert (found.context, found.description, found.target_url) == (CONTEXT, "Said.", "https://images.acme.test/1")
    assert (found.state == "pending") == (state == "pending")
    assert (found.state in ("success", "skipped")) == (state in ("success", "skipped"))


def test_the_newest_status_of_a_context_it_reads(forge, ask):
    with ask(forge) as client:
        for state in ("pending", "success"):
            client.set_status("acme/web", COMMIT, Status(CONTEXT, state, "", "https://images.acme.test/1"))
        assert [status.state for status in client.statuses("acme/web", COMMIT)] == ["success"]


def test_a_list_of_many_pages_it_reads_to_its_end_and_no_further_than_asked(github, ask):
    with ask(github) as client:
        assert len(list(client.repositories(100))) == 6
        assert len(list(client.repositories(3))) == 3
    pages = [asked.query.get("page", "1") for asked in github.asked]
    assert pages == ["1", "2", "3", "1", "2"]


@pytest.mark.parametrize("edition", [edition for edition in EDITIONS if edition.startswith("ghes")])
def test_what_it_asks_github_enterprise_understands_too(edition, ask):
    with serving(GitHubServer(edition)) as server, ask(server) as client:
        hook = client.add_hook("acme/web", WISH)
        client.mend_hook("acme/web", hook.id, WISH)
        client.remove_hook("acme/web", hook.id)
        client.add_deploy_key("acme/web", "Imageyard", KEY)
        client.set_status("acme/web", COMMIT, Status(CONTEXT, "success"))
        client.statuses("acme/web", COMMIT)
    assert server.problems == []


def test_the_description_it_is_held_against_notices_a_wrong_request(github, ask):
    """The check itself can fail: an unknown state, an unknown field, a hook id that is no number."""
    from webhooks.forges import ForgeError

    with ask(github) as client:
        with pytest.raises(ForgeError):
            client.api.post(f"/repos/acme/web/statuses/{COMMIT}", {"state": "great"})
        with pytest.raises(ForgeError):
            client.api.post(f"/repos/acme/web/statuses/{COMMIT}", {"state": "success", "colour": "green"})
        with pytest.raises(ForgeError):
            client.api.patch("/repos/acme/web/hooks/one", {"active": True})
    assert len(github.problems) == 3
    github.problems.clear()
