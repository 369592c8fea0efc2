"""A push of the default branch while the rules come from a file: judged at once, and again once the file was read."""

from __future__ import annotations

import pytest

from accounts.models import Role
from builds.actions.rules_file import set_rules_from, take_reading
from builds.actions.rules_taken import Found, apply_reading
from builds.models import Build, RulesFileRead
from lib.clock import database_now
from tests.builds.pages import as_user, words
from tests.factories import make_member, make_user
from tests.webhooks.sending import COMMIT, post, push_payload
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db
FILE = b"rules:\n  - branch: main\n    tags: [latest]\n  - branch: main\n    tags: [edge]\n    target: edge\n"
READ_ANEW = "`.imageyard.yml` is read anew; what is new in it is judged too."


@pytest.fixture
def from_file(source):
    set_rules_from(make_user(), source, "file")
    read(source, b"rules:\n  - branch: main\n    tags: [latest]\n")
    return source


def read(source, text=FILE):
    reading = take_reading(str(source.pk), database_now())
    return apply_reading(reading, Found(COMMIT, text)) if reading else None


def test_it_is_judged_at_once_and_once_more_by_what_the_file_brought(from_file, rings):
    post(from_file)
    delivery = Delivery.objects.get()
    assert delivery.sentence == f"1 rule: build #1 by `main`. {READ_ANEW}"
    (build,) = read(from_file)
    assert (build.rule.target, build.delivery_id, build.commit_message) == ("edge", delivery.pk, "Fix login")
    assert Build.objects.filter(delivery_id=delivery.pk).count() == 2


def test_the_ledger_shows_the_builds_that_came_later_too(from_file, rings):
    post(from_file)
    read(from_file)
    member = as_user(make_member(from_file.repository.namespace, "bob", Role.READ))
    page = words(member.get(Delivery.objects.get().get_absolute_url()))
    assert "#1" in page
    assert "#2" in page


@pytest.mark.parametrize(
    ("payload", "is_read"),
    [
        (push_payload(), True),
        (push_payload("refs/heads/feature"), False),
        (push_payload("refs/tags/v1.0.0"), False),
        (push_payload(after="0" * 40, deleted=True), False),
        (push_payload(message="docs [skip ci]"), True),
    ],
)
def test_only_a_push_of_the_default_branch_has_the_file_read(from_file, rings, payload, is_read):
    post(from_file, payload)
    assert (RulesFileRead.objects.get().asked_at is not None) is is_read
    assert (READ_ANEW in Delivery.objects.get().sentence) is is_read


def test_a_push_that_asks_not_to_be_built_brings_rules_and_no_build(from_file, rings):
    post(from_file, push_payload(message="docs [skip ci]"))
    assert read(from_file) == []
    assert from_file.rules.count() == 2


def test_a_push_delivered_twice_builds_once(from_file, rings):
    post(from_file)
    read(from_file)
    post(from_file)
    read(from_file)
    assert Build.objects.count() == 2


def test_nothing_is_read_while_the_page_says_the_rules(source, rings):
    post(source)
    assert not RulesFileRead.objects.exists()
    assert Delivery.objects.get().sentence == "1 rule: build #1 by `main`."


def test_a_pull_request_never_changes_the_rules(from_file, rings):
    """Not even one whose branch has another `.imageyard.yml`."""
    head = {"ref": "feature", "sha": "b" * 40, "repo": {"id": 42, "full_name": "acme/web"}}
    base = {"ref": "main", "sha": COMMIT, "repo": {"id": 42, "full_name": "acme/web"}}
    pull_request = {"number": 7, "title": "Rules", "html_url": "", "user": {"login": "mallory"}, "head": head}
    payload = {"action": "opened", "number": 7, "pull_request": {**pull_request, "base": base}}
    post(from_file, {**payload, "repository": {"id": 42, "full_name": "acme/web"}}, event="pull_request")
    assert RulesFileRead.objects.get().asked_at is None
