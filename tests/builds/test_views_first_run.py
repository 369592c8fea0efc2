"""The first-run guide over HTTP: each step opens the next, without a script."""

from __future__ import annotations

import pytest
from django.utils import timezone

from accounts.models import Role
from builds.models import BuildRule, Source
from registry.models import Repository
from tests.builds.pages import as_user, rule_form, words
from tests.factories import make_build, make_member, make_repository, make_rule, make_source, make_user

pytestmark = pytest.mark.django_db

SETUP = "/r/acme/hello/setup"
NEW = {"namespace": "acme", "name": "hello", "description": "", "visibility": "private"}
LINK = {"clone_url": "https://github.com/acme/hello.git", "submodules": "on"}


@pytest.fixture
def owner():
    return as_user(make_member(make_repository("acme/other").namespace, "alice", Role.OWNER))


@pytest.fixture
def hello():
    return make_repository("acme/hello")


def test_it_makes_the_repository_and_goes_on(owner):
    assert owner.post("/new", NEW).headers["Location"] == SETUP


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "Hello World"}, "cannot stand in an image name"),
        ({"name": "other"}, "acme/other is there already"),
        ({"name": ""}, "This field is required."),
        ({"namespace": "theirs"}, "There is no namespace theirs, or you are not a member."),
    ],
)
def test_it_says_why_a_name_cannot_be(owner, fields, sentence):
    answer = owner.post("/new", {**NEW, **fields})
    assert answer.status_code == 422
    assert sentence in words(answer)
    assert Repository.objects.count() == 1


def test_it_lets_a_newcomer_begin_in_a_namespace_of_their_own():
    answer = as_user(make_user("charlie")).post("/new", {**NEW, "namespace": "charlie"})
    assert answer.headers["Location"] == "/r/charlie/hello/setup"


@pytest.mark.one_database
def test_it_begins_with_the_source(owner, hello):
    assert owner.get(SETUP).context["current"] == "source"


def test_it_links_the_source_and_shows_that_a_worker_looks(owner, hello):
    page = words(owner.post(SETUP, LINK, follow=True))
    assert Source.objects.get().forge == "github"
    assert "A worker is asking the Git server" in page


def test_it_makes_a_deploy_key_for_ssh_and_says_where_it_goes(owner, hello):
    page = words(owner.post(SETUP, {**LINK, "clone_url": "git@github.com:acme/hello.git"}, follow=True))
    assert "ssh-ed25519" in page
    assert "https://github.com/acme/hello/settings/keys/new" in page


def test_it_says_at_the_field_why_an_address_cannot_be_cloned(owner, hello):
    answer = owner.post(SETUP, {**LINK, "clone_url": "ext::sh -c id"})
    assert answer.status_code == 422
    assert "field-problem" in answer.content.decode()


@pytest.mark.one_database
def test_it_offers_a_first_rule_with_its_preview(owner, hello):
    make_source(hello, probe_state="good", refs=[{"type": "branch", "name": "main", "commit": ""}])
    page = words(owner.get(SETUP))
    assert "branch main → latest, from Dockerfile" in page
    assert "branch main latest1" in page


def test_it_goes_on_after_the_rules_are_saved(owner, hello):
    make_source(hello, probe_state="good")
    form = rule_form({"pattern": "main", "tags": "latest"}, next="setup")
    assert owner.post("/r/acme/hello/rules", form).headers["Location"] == SETUP
    assert owner.get(SETUP).context["current"] == "webhook"


def test_it_gives_the_webhook_address_and_the_secret_when_asked(owner, hello):
    source = make_source(hello, probe_state="good", clone_url=LINK["clone_url"])
    make_rule(source)
    page = words(owner.post("/r/acme/hello/settings/webhook-secret", {"next": "setup"}, follow=True))
    assert f"/webhooks/github/{source.pk}" in page
    assert Source.objects.get().webhook_secret in page
    assert "https://github.com/acme/hello/settings/hooks/new" in page


def test_it_shows_the_secret_of_a_new_link_at_the_webhook_step_and_only_there(owner, hello):
    owner.post(SETUP, LINK)
    secret = Source.objects.get().webhook_secret
    make_rule(Source.objects.get())
    assert secret not in owner.get(f"{SETUP}?step=source").content.decode()
    assert secret in owner.get(f"{SETUP}?step=webhook").content.decode()
    assert secret not in owner.get(f"{SETUP}?step=webhook").content.decode()


@pytest.mark.parametrize(("state", "reads_anew"), [("asked", False), ("good", True), ("failed", True)])
def test_it_reads_the_page_anew_once_git_answered(owner, hello, state, reads_anew):
    make_source(hello, probe_state=state)
    assert ("HX-Refresh" in owner.get(f"{SETUP}?part=probe&next=setup").headers) == reads_anew


def test_it_turns_green_when_the_first_delivery_arrives(owner, hello):
    source = make_source(hello)
    assert "No delivery has arrived yet" in words(owner.get(f"{SETUP}?part=webhook"))
    Source.objects.filter(pk=source.pk).update(connected_at=timezone.now())
    page = owner.get(f"{SETUP}?part=webhook")
    assert "The first delivery arrived" in words(page)
    assert "hx-trigger" not in page.content.decode()


@pytest.mark.one_database
def test_it_lets_one_build_before_the_webhook_is_there(owner, hello):
    make_rule(make_source(hello, probe_state="good"))
    assert "Build now" in words(owner.get(f"{SETUP}?step=build"))


@pytest.mark.one_database
@pytest.mark.parametrize("step", ["rules", "webhook", "build", "what"])
def test_it_does_not_open_a_step_before_its_time(owner, hello, step):
    assert owner.get(f"{SETUP}?step={step}").context["current"] == "source"


@pytest.mark.one_database
def test_it_ends_at_the_build(owner, hello):
    rule = make_rule(make_source(hello, probe_state="good", connected_at=timezone.now()))
    make_build(rule)
    assert "All is set up: a push builds." in words(owner.get(SETUP))


def test_it_tells_a_writer_that_an_admin_links_the_source(hello):
    writer = as_user(make_member(hello.namespace, "wendy", Role.WRITE))
    assert "Only an admin of acme may link a Git repository" in words(writer.get(SETUP))
    assert writer.post(SETUP, LINK).status_code == 403
    assert not BuildRule.objects.exists()


@pytest.mark.one_database
def test_it_refuses_a_reader_and_does_not_know_a_stranger(hello):
    assert as_user(make_member(hello.namespace, "bob", Role.READ)).get(SETUP).status_code == 403
    assert as_user(make_user("charlie")).get(SETUP).status_code == 404
