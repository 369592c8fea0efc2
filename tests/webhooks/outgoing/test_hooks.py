"""Installing at a forge: the webhook and the key are there once and right, and leftovers are found and repaired."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from django.utils import timezone

from builds.actions import make_deploy_key
from builds.models import Source
from tests.factories import make_admin, make_repository, make_source
from tests.forge_server import Reply
from webhooks.actions import links
from webhooks.actions.webhook_address import webhook_address
from webhooks.errands import hooks
from webhooks.errands.access import forge_of
from webhooks.errands.hooks import HOLD, run_errand
from webhooks.forges.github import GitHub
from webhooks.models import SourceLink

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rings")]


@pytest.fixture
def admin():
    return make_admin()


def link() -> SourceLink:
    return SourceLink.objects.get()


def do(what, *args) -> SourceLink:
    """What a person asks for, and then the worker does."""
    what(*args)
    run_errand(link().pk)
    return link()


def config(hook) -> dict[str, str]:
    """Address and secret, wherever a forge has them."""
    inner = hook.get("config", {})
    return {
        "url": inner.get("url") or hook["url"],
        "secret": inner.get("secret") or hook.get("token") or hook["secret"],
    }


def test_it_installs_the_webhook_with_our_address_and_secret(linked, forge, admin):
    found = do(links.install, admin, link())
    (hook,) = forge.hooks.values()
    assert config(hook) == {"url": webhook_address(linked), "secret": linked.webhook_secret}
    assert (found.hook_state, found.hook_id, found.findings) == ("good", str(hook.get("uuid") or hook["id"]), [])
    assert found.errand == ""


def test_installing_twice_it_adds_nothing(linked, forge, admin):
    do(links.install, admin, link())
    do(links.install, admin, link())
    assert len(forge.hooks) == 1


def test_the_deploy_key_it_adds_once_and_read_only(linked, forge, admin):
    Source.objects.update(clone_url="git@forge.test:acme/web.git")
    make_deploy_key(admin, Source.objects.get())
    for _ in range(2):
        found = do(links.install, admin, link())
    (key,) = forge.keys.values()
    assert key["key"].split()[:2] == Source.objects.get().deploy_key_public.split()[:2]
    assert (key.get("read_only", True), key.get("can_push", False)) == (True, False)
    assert found.key_sentence == "The deploy key is there, and may only read."


def test_a_source_over_ssh_without_a_key_it_gives_one(linked_github, github, admin):
    Source.objects.update(clone_url="git@forge.test:acme/web.git")
    do(links.install, admin, link())
    assert Source.objects.get().deploy_key_public
    assert len(github.keys) == 1


def test_pull_requests_it_asks_for_only_where_they_are_built(linked, forge, admin, ask):
    Source.objects.update(pull_requests="same")
    do(links.install, admin, link())
    with ask(forge) as client:
        (hook,) = client.hooks("acme/web")
    assert hook.events == {"push", "pull_request"}


def add(forge, ask, url: str, **fields) -> str:
    from webhooks.forges import HookWish

    with ask(forge) as client:
        hook = client.add_hook("acme/web", HookWish(url, "old-secret"))
    for row in forge.hooks.values():
        if str(row.get("uuid") or row["id"]) == hook.id:
            row.update(fields)
    return hook.id


OFF = {"github": {"active": False}, "gitea": {"active": False}, "bitbucket": {"active": False}}
OFF["gitlab"] = {"alert_status": "disabled"}


def test_a_webhook_that_is_switched_off_it_finds_and_repairs(linked, forge, ask, admin):
    hook_id = add(forge, ask, webhook_address(linked), **OFF[forge.kind])
    found = do(links.ask, link(), "look")
    assert found.hook_state == "failed"
    assert [(one["hook_id"], one["problem"], one["remedy"]) for one in found.findings] == [(hook_id, "off", "mend")]
    found = do(links.mend, admin, link(), [hook_id])
    assert (found.hook_state, found.findings) == ("good", [])
    assert config(next(iter(forge.hooks.values())))["secret"] == linked.webhook_secret


def test_a_webhook_that_was_refused_here_it_gives_the_right_secret_and_tries(linked_github, github, ask, admin):
    hook_id = add(github, ask, webhook_address(linked_github), last_response={"code": 401, "status": "", "message": ""})
    assert do(links.ask, link(), "look").findings[0]["problem"] == "refused"
    found = do(links.mend, admin, link(), [hook_id])
    assert (found.hook_state, github.pinged) == ("good", [hook_id])


def test_leftovers_it_finds_by_what_they_are_and_removes_what_it_is_told(linked, forge, ask, admin):
    address = webhook_address(linked)
    neighbour = make_source(make_repository("acme/api"))
    kept = add(forge, ask, f"http://127.0.0.1:8000/webhooks/github/{neighbour.pk}")
    foreign = add(forge, ask, "https://ci.example.com/hook")
    gone = add(forge, ask, "http://127.0.0.1:8000/webhooks/github/3f0c9d52-7a0e-4a63-9a01-111111111111")
    old = add(forge, ask, f"https://old.example.com/webhooks/github/{linked.pk}")
    own = add(forge, ask, address)
    double = add(forge, ask, address + "/")
    found = do(links.ask, link(), "look")
    what = {one["hook_id"]: (one["problem"], one["remedy"]) for one in found.findings}
    assert what == {
        kept: ("neighbour", ""),
        gone: ("gone", "remove"),
        old: ("old_address", "remove"),
        double: ("double", "remove"),
    }
    found = do(links.remove, admin, link(), [kept, foreign, gone, old, double])
    left = {str(row.get("uuid") or row["id"]) for row in forge.hooks.values()}
    assert left == {kept, foreign, own}
    assert found.hook_state == "good"


TROUBLES = [
    (401, "it was revoked or has expired"),
    (403, "forbids it (403)"),
    (404, "gone or renamed, or the token may not see it"),
    (500, "is at fault itself"),
]


@pytest.mark.parametrize(("status", "words"), TROUBLES)
def test_what_the_forge_refuses_it_says_in_a_sentence(linked, forge, admin, status, words):
    forge.fails(status)
    found = do(links.install, admin, link())
    assert (found.hook_state, found.errand) == ("failed", "")
    assert words in found.hook_sentence


def test_a_key_that_is_refused_it_does_not_take_the_webhook_with(linked_github, github, admin):
    Source.objects.update(clone_url="git@forge.test:acme/web.git")
    refused = Reply(422, {"message": "key is already in use"})
    github.trouble = lambda asked: refused if asked.method == "POST" and asked.path.endswith("/keys") else None
    found = do(links.install, admin, link())
    assert found.hook_state == "good"
    assert found.key_sentence.startswith("The deploy key was not added. GitHub refused")
    assert "key is already in use" in found.key_sentence


def test_a_token_that_may_not_administrate_it_tells_before_it_tries(linked_github, github, admin):
    github.trouble = lambda asked: _read_only(github) if asked.path == "/repos/acme/web" else None
    found = do(links.install, admin, link())
    assert "may not administrate acme/web" in found.hook_sentence
    assert not github.hooks


def _read_only(github) -> Reply:
    row = {"id": 42, "full_name": "acme/web", "clone_url": "", "permissions": {"admin": False, "push": True}}
    return Reply(200, row)


def test_an_errand_that_is_done_it_does_not_do_again(linked_github, github, admin):
    do(links.install, admin, link())
    asked = len(github.asked)
    run_errand(link().pk)
    assert len(github.asked) == asked


@pytest.fixture
def after_its_look(monkeypatch):
    """What happens between a worker's last question at the forge and what it writes down."""

    def happens(what) -> None:
        @contextmanager
        def opened(connection):
            with forge_of(connection) as forge:
                yield forge
            monkeypatch.setattr(hooks, "forge_of", forge_of)
            SourceLink.objects.update(errand_by="")  # it took so long that its hold ran out
            what()

        monkeypatch.setattr(hooks, "forge_of", opened)

    return happens


def test_a_look_that_ends_late_it_does_not_take_for_the_end_of_an_installation(
    linked_github, github, admin, after_its_look
):
    links.ask(link(), "look")
    after_its_look(lambda: do(links.install, admin, link()))
    run_errand(link().pk)
    assert (link().errand, link().hook_state, link().findings) == ("", "good", [])


def test_what_is_asked_while_it_looks_stays_asked(linked_github, github, admin, after_its_look):
    links.remove(admin, link(), ["6"])
    after_its_look(lambda: links.remove(admin, link(), ["7"]))
    run_errand(link().pk)
    assert (link().errand, link().errand_hooks, link().hook_state) == ("remove", ["7"], "asked")


def test_two_workers_that_are_rung_for_one_installation_add_one_webhook(linked_github, github, admin, monkeypatch):
    """A bell that came late and the one of the installation, or beat's while a slow forge takes its time."""
    add, other = GitHub.add_hook, []

    def slowly(forge, *args):
        other.append(run_errand(link().pk))
        return add(forge, *args)

    monkeypatch.setattr(GitHub, "add_hook", slowly)
    assert do(links.install, admin, link()).hook_state == "good"
    assert (len(other), len(github.hooks)) == (1, 1)
    assert link().errand_by == ""


def test_what_is_asked_while_another_errand_runs_is_rung_for_when_that_ends(
    linked_github, github, admin, after_its_look, rings, django_capture_on_commit_callbacks
):
    links.ask(link(), "look")

    def meanwhile():
        SourceLink.objects.update(errand_by="somebody", errand_by_until=timezone.now() + HOLD)
        links.install(admin, link())
        run_errand(link().pk)  # its bell is heard while the look has not ended

    after_its_look(meanwhile)
    with django_capture_on_commit_callbacks(execute=True):
        run_errand(link().pk)
    assert link().errand == "install"
    assert rings == ["webhooks.run_forge_errand"] * 2, "one when it was asked, one when the look had ended"
