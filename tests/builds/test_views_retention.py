"""The pages of the clean-up: the form, what would go beside it, saving, running, reports; who may do what."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role
from builds.models import Build
from registry.models import RetentionPolicy, RetentionRun, Tag, TagDeletion
from tests.builds.pages import as_user, words
from tests.builds.tag_orders import succeeded
from tests.factories import make_member

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rings")]
PAGE = "/r/acme/web/settings/retention"
PREVIEW = f"{PAGE}/preview"


@pytest.fixture
def three(repository):
    """Builds #1 to #3, of which #3 has `latest`."""
    return [succeeded(repository, *(["latest"] if letter == "c" else ()), commit=letter * 40) for letter in "abc"]


def typed(*rules: dict, **more: str) -> dict[str, str]:
    """The form as a browser sends it."""
    data = {"rules": str(len(rules)), "in_use_days": "7", "run_at": "03:00", "zone": "UTC", "is_on": "on"}
    for position, rule in enumerate(rules):
        data |= {
            f"rule-{position}-{name}": value for name, value in ({"which": "build", "does": "keep"} | rule).items()
        }
    return data | more


LAST_ONE = typed({"last": "1"})


def test_without_a_policy_it_offers_one_and_shows_what_it_would_do(owner, three):
    text = words(owner.get(PAGE))
    assert "Everything stays" in text
    assert "Of build-<n> stay the last 10 of each branch; the others go." in text
    assert "Nothing would go: all 4 tags stay." in text
    assert not RetentionPolicy.objects.exists()


def test_what_would_go_is_listed_while_it_is_typed(owner, three):
    text = words(owner.post(PREVIEW, LAST_ONE))
    assert "2 tags would go, 2 stay." in text
    assert "build-2 not the last of build-<n>" in text
    assert "build-3" not in text
    stays = words(owner.post(PREVIEW, LAST_ONE | {"show": "stays"}))
    assert "build-3 latest points to its image, and a roll back needs it" in stays
    assert "latest it is the newest image of branch main" in stays
    found = words(owner.post(PREVIEW, LAST_ONE | {"find": "build-1"}))
    assert "build-1" in found
    assert "build-2" not in found
    assert Tag.objects.count() == 4


def test_what_cannot_be_read_is_said_beside_its_rule_and_nothing_would_go(owner, three):
    text = words(owner.post(PREVIEW, typed({"last": "ten"})))
    assert "Nothing would go: mend what is marked" in text
    assert "Write a whole number from 1 to 10,000." in text
    answer = owner.post(PAGE, typed({"which": "pattern", "pattern": "/(/", "last": "1"}, do="save"))
    assert answer.status_code == 422
    assert "does not compile: missing closing parenthesis" in words(answer)
    assert 'value="/(/"' in answer.content.decode()
    assert not RetentionPolicy.objects.exists()


def test_it_is_saved_and_who_saw_the_preview_need_not_wait(owner, three, repository):
    preview = owner.post(PREVIEW, LAST_ONE).context["preview"]
    assert owner.post(PAGE, LAST_ONE | {"do": "save", "previewed": preview.fingerprint}).status_code == 302
    policy = RetentionPolicy.objects.get(repository=repository)
    assert (policy.rules, policy.seen_revision) == ([{"which": "build", "last": 1}], policy.revision)
    text = words(owner.get(PAGE))
    assert "This repository has a clean-up of its own" in text
    assert "It runs by itself next" in text


def test_who_saw_another_preview_confirms_or_waits_a_day(owner, three, repository):
    other = owner.post(PREVIEW, typed({"last": "2"})).context["preview"].fingerprint
    owner.post(PAGE, LAST_ONE | {"do": "save", "previewed": other})
    policy = RetentionPolicy.objects.get()
    assert policy.seen_revision != policy.revision
    assert "since nobody has said yet that what would go is right" in words(owner.get(PAGE))
    owner.post(f"{PAGE}/act", {"do": "confirm", "revision": policy.revision})
    policy.refresh_from_db()
    assert policy.seen_revision == policy.revision


def test_rows_are_added_and_removed_without_saving(owner, three):
    added = owner.post(PAGE, LAST_ONE | {"do": "add"}).content.decode()
    assert 'name="rules" value="2"' in added
    removed = owner.post(PAGE, typed({"last": "1"}, {"which": "version", "last": "3"}, do="remove-0")).content.decode()
    assert 'name="rules" value="1"' in removed
    assert 'name="rule-0-last" value="3"' in removed
    assert not RetentionPolicy.objects.exists()


def test_it_runs_now_once_it_is_confirmed(owner, three, repository):
    owner.post(PAGE, LAST_ONE | {"do": "save"})
    policy = RetentionPolicy.objects.get()
    owner.post(f"{PAGE}/act", {"do": "run", "revision": policy.revision - 1})
    assert not RetentionRun.objects.exists()
    owner.post(f"{PAGE}/act", {"do": "run", "revision": policy.revision})
    run = RetentionRun.objects.get()
    assert (run.by, run.is_dry) == ("alice", False)
    assert "The next free worker takes it." in words(owner.get(f"{PAGE}/runs"))


def test_a_look_is_asked_for_and_the_policy_is_taken_away(owner, three, repository):
    owner.post(PAGE, LAST_ONE | {"do": "save"})
    owner.post(f"{PAGE}/act", {"do": "look", "revision": RetentionPolicy.objects.get().revision})
    assert RetentionRun.objects.get().is_dry
    owner.post(f"{PAGE}/act", {"do": "drop"})
    assert "Everything stays" in words(owner.get(PAGE))


def test_the_default_of_the_namespace_is_named(owner, three, repository):
    from builds.actions.retention_policies import PolicyDraft, save_policy
    from tests.factories import make_user

    save_policy(make_user("alice"), repository.namespace, PolicyDraft(rules=[{"which": "build", "last": 2}]))
    text = words(owner.get(PAGE))
    assert "The clean-up of acme counts here" in text
    assert "1 tag would go, 3 stay." in text


def test_a_report_says_what_went_and_what_stayed_and_why(owner, reader, three, repository):
    run = RetentionRun.objects.create(
        repository=repository, state="done", sentence="1 of 4 tags went. 1 was left alone.", total=4, going=2,
        reasons=[[True, "older than 30 days", 2], [False, "it is in use", 2]], freed_bytes=5_000_000,
        ended_at=timezone.now(),
    )  # fmt: skip
    for tag, state, sentence in (("build-1", "done", ""), ("build-2", "left", "`build-2` was left alone.")):
        TagDeletion.objects.create(
            repository=repository, run=run, tag=tag, digest=three[0].digest, state=state, sentence=sentence, why="older"
        )
    page = reverse("retention-run", args=["acme", "web", run.pk])
    text = words(reader.get(page))
    assert "1 of 4 tags went. 1 was left alone." in text
    assert "2 older than 30 days" in text
    assert "2 it is in use" in text
    assert "About 5.0 MB come free" in text
    assert "build-2 build-2 was left alone." in text
    assert "build-1" not in words(owner.get(page + "?state=left&q=build"))
    assert owner.get(reverse("retention-run", args=["acme", "web", run.pk + 1])).status_code == 404


@pytest.mark.parametrize("path", [PAGE, f"{PAGE}/runs"])
def test_it_takes_the_admin_role(repository, writer, reader, stranger, client, path):
    """Whoever may push may not delete."""
    assert writer.get(path).status_code == 403
    assert reader.get(path).status_code == 403
    assert stranger.get(path).status_code == 404
    assert client.get(path).status_code == 302
    assert writer.post(f"{PAGE}/act", {"do": "run"}).status_code == 403
    assert writer.post(PREVIEW, LAST_ONE).status_code == 403
    assert as_user(make_member(repository.namespace, "ada", Role.ADMIN)).get(path).status_code == 200


def test_hostile_forms_harm_nothing(owner, three):
    for data in (
        {},
        {"rules": "9" * 50},
        {"rules": "-1"},
        {"rules": "99"},
        {"do": "remove-" + "9" * 50},
        {"do": "page-x"},
    ):
        assert owner.post(PREVIEW, data).status_code == 200
        assert owner.post(PAGE, data).status_code == 200
    page = owner.post(PAGE, typed({"which": "<script>", "pattern": "<script>alert(1)</script>", "last": "<b>"}))
    assert "<script>alert" not in page.content.decode()


def test_a_thousand_tags_take_as_many_queries_as_four(owner, three, repository):
    with CaptureQueriesContext(connection) as few:
        owner.post(PREVIEW, LAST_ONE)
    rule = repository.source.rules.first()
    common = {"repository": repository, "source": rule.source, "rule": rule, "ref_type": "branch", "state": "succeeded"}
    Build.objects.bulk_create(
        Build(number=n, ref=f"b{n % 50}", digest=f"sha256:{n}", **common) for n in range(4, 1_001)
    )
    Tag.objects.bulk_create(
        Tag(repository=repository, name=f"build-{n}", digest=f"sha256:{n}", build_number=n, size_bytes=1_000_000,
            pushed_at=timezone.now() - timedelta(minutes=n))
        for n in range(4, 1_001)
    )  # fmt: skip
    with CaptureQueriesContext(connection) as many:
        text = words(owner.post(PREVIEW, LAST_ONE))
    assert "would go" in text
    assert "At most" in text
    assert len(many) <= len(few) + 1
