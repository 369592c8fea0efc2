"""The webhook address, end to end: what is answered, what is in the ledger, and which builds were made."""

from __future__ import annotations

import pytest
from django.test import Client

from builds.core.states import State
from builds.models import Build, Source
from tests.factories import make_rule, make_source
from tests.webhooks.sending import BEFORE, COMMIT, ZEROS, post, push_payload
from webhooks.models import Delivery
from webhooks.providers import PROVIDERS

pytestmark = pytest.mark.django_db
TAG_OBJECT = "9" * 40


def test_a_push_it_is_stored_judged_built_and_answered_with_202(source):
    answer = post(source)
    delivery, build = Delivery.objects.get(), Build.objects.get()
    assert answer.status_code == 202
    assert answer.json()["delivery"] == str(delivery.pk)
    assert answer.json()["url"].endswith(f"/r/acme/web/deliveries/{delivery.pk}")
    assert (delivery.status, delivery.sentence) == ("built", "1 rule: build #1 by `main`.")
    assert (build.commit, build.ref, build.state, build.delivery_id) == (COMMIT, "main", State.QUEUED, delivery.pk)
    assert (build.commit_message, build.commit_author, build.before) == ("Fix login", "A. Author", BEFORE)
    assert (build.cause, build.cause_detail) == ("push", "pushed by alice")


def test_every_rule_it_keeps_a_verdict_for(source):
    make_rule(source, ref_type="tag", pattern="release", tags=["{sourceref}"])
    post(source)
    delivery = Delivery.objects.get()
    assert delivery.sentence == "2 rules: build #1 by `main`; `release` did not match: wants tags, this is a branch."
    first, second = delivery.verdicts
    assert first["tags"] == [{"name": "latest", "template": "latest", "changed_from": None}]
    assert (first["builds"], second["matched"]) == (True, False)


def test_no_rule_matches_it_says_so_and_builds_nothing(source):
    answer = post(source, push_payload("refs/heads/docs/typo"))
    delivery = Delivery.objects.get()
    assert (answer.status_code, delivery.status, Build.objects.count()) == (202, "nothing", 0)
    assert delivery.sentence == "Delivered, nothing to build: no rule matches branch `docs/typo`. Rules: `main`."


def test_a_source_without_rules_it_says_to_add_one(db):
    post(make_source())
    assert "has no rules yet" in Delivery.objects.get().sentence


def test_a_rule_whose_regex_does_not_compile_it_matches_nothing_and_says_so(source):
    make_rule(source, pattern="/(v[0-9]+/")
    answer = post(source)
    broken = Delivery.objects.get().verdicts[1]
    assert answer.status_code == 202
    assert Build.objects.count() == 1
    assert not broken["matched"]
    assert "The rule matches nothing until it is mended." in broken["reason"]


@pytest.mark.parametrize("after", [ZEROS, "0" * 64])
@pytest.mark.parametrize("ref", ["refs/heads/1.2.6", "refs/tags/v1"])
def test_w01_a_deleted_ref_it_is_ignored_and_builds_nothing(source, ref, after):
    make_rule(source, pattern="/.*/")
    answer = post(source, push_payload(ref, after, deleted=True, head_commit=None, commits=[]))
    delivery = Delivery.objects.get()
    assert (answer.status_code, delivery.status, Build.objects.count()) == (202, "ignored", 0)
    assert "ref deleted" in delivery.sentence


def test_w03_an_annotated_tag_it_builds_the_commit_and_tags_by_it(source):
    make_rule(source, ref_type="tag", pattern="/.*/", tags=["{sourceref}", "{sha7}"])
    post(source, push_payload("refs/tags/v1.0.0", TAG_OBJECT, head_commit={"id": COMMIT, "message": "rel"}, commits=[]))
    build = Build.objects.get()
    assert build.commit == COMMIT
    assert [tag["name"] for tag in build.plan["tags"]] == ["v1.0.0", COMMIT[:7]]


@pytest.mark.parametrize(
    "fields",
    [{"created": True, "before": ZEROS}, {"forced": True}, {"head_commit": None}],
    ids=["new branch on an old commit", "forced back", "no newest commit"],
)
def test_w05_an_empty_commit_list_it_builds_what_the_ref_points_to(source, fields):
    post(source, push_payload(commits=[], **fields))
    assert Build.objects.get().commit == COMMIT


def test_w05_a_forced_push_it_says_so_in_the_ledger_and_at_the_build(source):
    post(source, push_payload(forced=True))
    assert Delivery.objects.get().sentence.endswith("The push was forced.")
    assert (Build.objects.get().forced, Build.objects.get().cause_detail) == (True, "force-pushed by alice")


SKIPS = {
    "a: branch, newest commit": ("refs/heads/main", "docs [skip ci]", "skipped"),
    "c: tag on such a commit": ("refs/tags/v1.0.0", "bump [skip ci]", "built"),
    "d: no message": ("refs/heads/main", None, "built"),
    "e: quoted": ("refs/heads/main", 'Revert "add [skip ci]"', "skipped"),
}


@pytest.mark.parametrize(("ref", "message", "status"), SKIPS.values(), ids=SKIPS)
def test_w12_a_skip_mark_it_counts_in_the_newest_commit_of_a_branch(source, ref, message, status):
    make_rule(source, ref_type="tag", pattern="/.*/", tags=["{sourceref}"])
    post(source, push_payload(ref, message=message))
    assert Delivery.objects.get().status == status
    assert Build.objects.count() == (status == "built")


def test_w12_a_skip_mark_of_an_older_commit_it_does_not_see(source):
    commits = [{"id": BEFORE, "message": "x [ci skip]"}, {"id": COMMIT, "message": "real fix"}]
    post(source, push_payload(commits=commits, message="real fix"))
    assert Delivery.objects.get().status == "built"


def test_a_ping_it_turns_the_source_to_connected(source):
    answer = post(source, {"zen": "Keep it logically awesome.", "hook": {"events": ["push"]}}, event="ping")
    source.refresh_from_db()
    assert answer.status_code == 202
    assert source.connected_at is not None
    assert Delivery.objects.get().sentence == "GitHub reached Imageyard: the webhook works."


@pytest.mark.parametrize("event", ["create", "delete", "watch", "pull_request", "workflow_run", "x" * 300])
def test_w10_events_that_build_nothing_it_ignores_with_a_sentence(source, event):
    answer = post(source, {"ref": "main", "ref_type": "branch"}, event=event)
    delivery = Delivery.objects.get()
    assert (answer.status_code, delivery.status, Build.objects.count()) == (202, "ignored", 0)
    assert delivery.sentence.startswith("Ignored: ")


@pytest.mark.parametrize("method", ["get", "put", "head", "delete", "patch"])
def test_w10_other_methods_it_answers_with_405(source, method):
    assert getattr(Client(), method)(f"/webhooks/github/{source.pk}").status_code == 405
    assert not Delivery.objects.exists()


@pytest.mark.parametrize("source_id", ["6f9619ff-8b86-4d01-b42d-00cf4fc964ff", "x", "..", "0", "a" * 500])
def test_an_unknown_source_it_answers_with_404_and_stores_nothing(source, source_id):
    answer = post(source, path=f"/webhooks/github/{source_id}")
    assert answer.status_code == 404
    assert not Delivery.objects.exists()


def test_the_address_of_another_forge_it_answers_with_404_and_tells_the_ledger(source):
    answer = post(source, path=f"/webhooks/gitlab/{source.pk}")
    assert answer.status_code == 404
    assert "delivery" not in answer.json()
    assert "address for `gitlab`" in Delivery.objects.get().sentence


def test_every_forge_that_a_source_can_be_on_it_reads():
    assert set(PROVIDERS) == set(Source.Forge.values)


def test_an_address_with_a_slash_at_its_end_it_takes_too(source):
    assert post(source, path=f"/webhooks/github/{source.pk}/").status_code == 202


def test_headers_it_keeps_without_signatures_cookies_and_tokens(source):
    secret = {"Authorization": "Bearer x", "Cookie": "a=b", "X-Gitlab-Token": "t", "X-Other": source.webhook_secret}
    post(source, headers=secret)
    kept = Delivery.objects.get().headers
    assert kept["x-github-event"] == "push"
    assert not {"authorization", "cookie", "x-gitlab-token", "x-other", "x-hub-signature-256"} & set(kept)


def test_the_body_it_keeps_as_it_came(source):
    body = b' {"ref" : "refs/heads/x", "after":"' + COMMIT.encode() + b'"} '
    post(source, body)
    delivery = Delivery.objects.get()
    assert (delivery.read_body(1000), delivery.body_bytes) == (body, len(body))


def test_the_first_good_delivery_it_learns_what_the_forge_calls_the_repository(source):
    source.default_branch = ""
    source.save()
    post(source, push_payload(repository={"id": 42, "full_name": "acme/web", "default_branch": "trunk"}))
    source.refresh_from_db()
    assert (source.forge_repository_id, source.forge_full_name, source.default_branch) == ("42", "acme/web", "trunk")


@pytest.fixture
def known(source):
    source.forge_repository_id, source.forge_full_name = "42", "Org/old"
    source.save()
    return source


def test_w13_a_renamed_repository_it_builds_and_says_the_new_name(known):
    post(known, push_payload(repository={"id": 42, "full_name": "NewOrg/new", "default_branch": "trunk"}))
    known.refresh_from_db()
    assert Build.objects.count() == 1
    assert "is called `NewOrg/new` now, and was `Org/old`" in Delivery.objects.get().sentence
    assert known.forge_full_name == "NewOrg/new"


def test_w13_the_same_name_in_another_case_it_builds_without_a_word(known):
    post(known, push_payload(repository={"id": 42, "full_name": "org/OLD"}))
    assert Delivery.objects.get().sentence == "1 rule: build #1 by `main`."


def test_w13_another_repository_with_the_old_name_it_never_builds(known):
    answer = post(known, push_payload(repository={"id": 43, "full_name": "Org/old"}))
    assert (answer.status_code, Build.objects.count()) == (403, 0)
    assert Delivery.objects.get().status == "refused"
    assert answer.json()["detail"].startswith(
        "This webhook belongs to another repository: the delivery is of `Org/old`"
    )


def test_w13_a_renaming_it_takes_the_new_name_from_the_event(known):
    payload = {"action": "renamed", "repository": {"id": 42, "full_name": "Org/new"}}
    post(known, payload, event="repository")
    known.refresh_from_db()
    assert known.forge_full_name == "Org/new"
    assert "is called `Org/new` now" in Delivery.objects.get().sentence


def test_w13_the_webhook_of_a_whole_organization_it_does_not_tie_the_source_to_another_repository(db):
    source = make_source(clone_url="git@github.com:acme/web.git")
    make_rule(source)
    other = {"id": 7, "full_name": "acme/other", "html_url": "https://github.com/acme/other"}
    own = {"id": 42, "full_name": "Acme/Web", "html_url": "https://github.com/Acme/Web"}
    assert post(source, push_payload(repository=other)).status_code == 403
    assert post(source, push_payload(repository=own)).status_code == 202
    source.refresh_from_db()
    assert source.forge_repository_id == "42"


@pytest.mark.parametrize("url", ["https://git.example.com/mirror/web.git", "file:///srv/git/web.git", "nonsense"])
def test_w13_a_source_that_clones_from_elsewhere_it_believes_the_first_delivery(db, url):
    source = make_source(clone_url=url)
    make_rule(source)
    repository = {"id": 42, "full_name": "acme/web", "html_url": "https://github.com/acme/web"}
    assert post(source, push_payload(repository=repository)).status_code == 202
