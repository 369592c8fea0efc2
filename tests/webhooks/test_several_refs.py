"""One delivery that moves several refs: a verdict for each ref and rule, and a build for each that builds."""

from __future__ import annotations

import pytest
from django.urls import reverse

from builds.models import Build
from tests.factories import make_rule, make_source, make_user
from tests.webhooks.forges import BitbucketSender, GenericSender, deliver
from tests.webhooks.sending import COMMIT, ZEROS
from webhooks.actions import replay_delivery
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db
SENDER = BitbucketSender()


@pytest.fixture
def source(db):
    source = make_source(forge="bitbucket", clone_url="git@bitbucket.org:acme/web.git")
    make_rule(source)
    make_rule(source, ref_type="tag", pattern="/^v/", tags=["{sourceref}"])
    return source


@pytest.fixture
def admin(source):
    return make_user("root", is_superuser=True, is_staff=True)


def three(**fields):
    return SENDER.many(
        SENDER.change("refs/heads/main", **fields),
        SENDER.change("refs/tags/v1", before=ZEROS),
        SENDER.change("refs/heads/old", None),
    )


def test_every_ref_it_judges_by_every_rule(source):
    answer = deliver(source, SENDER, three())
    delivery = Delivery.objects.get()
    assert (answer.status_code, delivery.status) == (202, "built")
    assert [(v["ref"], v["rule"], v["builds"]) for v in delivery.verdicts] == [
        ("main", "main", True),
        ("main", "/^v/", False),
        ("v1", "main", False),
        ("v1", "/^v/", True),
    ]
    assert sorted(Build.objects.values_list("ref_type", "ref", "commit")) == [
        ("branch", "main", COMMIT),
        ("tag", "v1", COMMIT),
    ]
    assert delivery.build_ids == list(Build.objects.order_by("number").values_list("pk", flat=True))


def test_the_ledger_it_says_what_came_of_each(source):
    deliver(source, SENDER, three())
    delivery = Delivery.objects.get()
    assert delivery.sentence.startswith("3 refs were pushed at once. Branch `main`: 2 rules: build #1 by `main`; ")
    assert "Tag `v1`: 2 rules: " in delivery.sentence
    assert "Branch `old`: Ignored: ref deleted." in delivery.sentence
    assert [change["status"] for change in delivery.changes] == ["built", "built", "ignored"]
    assert [len(change["builds"]) for change in delivery.changes] == [1, 1, 0]
    assert (delivery.ref, delivery.commit) == ("main", COMMIT)


def test_w12_a_skip_mark_it_counts_for_its_own_ref_alone(source):
    deliver(source, SENDER, three(message="docs [skip ci]"))
    delivery = Delivery.objects.get()
    assert [change["status"] for change in delivery.changes] == ["skipped", "built", "ignored"]
    assert delivery.status == "built"
    assert [verdict["builds"] for verdict in delivery.verdicts] == [False, False, False, True]


def test_w09_the_same_delivery_again_it_builds_once(source):
    assert [deliver(source, SENDER, three(), delivery="one").status_code for _ in range(2)] == [202, 200]
    assert Build.objects.count() == 2


def test_w09_refs_that_are_under_way_it_does_not_build_twice(source):
    deliver(source, SENDER, SENDER.push("refs/heads/main"))
    deliver(source, SENDER, three())
    assert Build.objects.count() == 2
    assert "was under way for this commit already" in Delivery.objects.first().changes[0]["sentence"]


@pytest.mark.parametrize(
    ("refs", "status"), [(["refs/heads/x", "refs/heads/y"], "nothing"), (["refs/notes/x", "refs/notes/y"], "ignored")]
)
def test_nothing_that_builds_it_says_so(source, refs, status):
    deliver(source, SENDER, SENDER.many(*[SENDER.change(ref) for ref in refs]))
    assert (Delivery.objects.get().status, Build.objects.count()) == (status, 0)


def test_many_refs_it_tells_of_some_and_lists_all(source):
    deliver(source, SENDER, SENDER.many(*[SENDER.change(f"refs/heads/b{n}") for n in range(230)]))
    delivery = Delivery.objects.get()
    assert len(delivery.changes) == 200
    assert "the other 195 is listed below" in delivery.sentence
    assert "30 more were not looked at" in delivery.sentence


def test_a_replay_it_judges_every_ref_with_the_rules_of_today(source, admin):
    deliver(source, SENDER, three())
    make_rule(source, pattern="old")
    Build.objects.update(state="succeeded")
    replay = replay_delivery(admin, Delivery.objects.get())
    assert len(replay.verdicts) == 6
    assert len(replay.build_ids) == 2
    assert [change["status"] for change in replay.changes] == ["built", "built", "ignored"]


def test_the_api_it_says_of_each_verdict_which_ref_it_is_of(source, admin, client):
    deliver(source, SENDER, three())
    client.force_login(admin)
    found = client.get(f"/api/v1/deliveries/{Delivery.objects.get().pk}").json()
    assert [verdict["ref"] for verdict in found["verdicts"]] == ["main", "main", "v1", "v1"]
    assert [(change["ref_type"], change["ref"], change["status"]) for change in found["changes"]] == [
        ("branch", "main", "built"),
        ("tag", "v1", "built"),
        ("branch", "old", "ignored"),
    ]


def test_the_page_it_shows_each_ref_with_its_verdicts_and_builds(source, admin, client):
    deliver(source, SENDER, three())
    client.force_login(admin)
    page = client.get(Delivery.objects.get().get_absolute_url()).content.decode()
    assert page.count('class="delivery-change"') == 3
    listed = client.get(reverse("repository-deliveries", args=["acme", "web"])).content.decode()
    assert "2 more" in listed


def test_the_list_it_finds_a_delivery_by_any_of_its_refs(source, admin, client):
    deliver(source, SENDER, three())
    client.force_login(admin)
    url = reverse("repository-deliveries", args=["acme", "web"])
    for ref, found in (("main", True), ("v1", True), ("old", True), ("nowhere", False)):
        assert ("2 more" in client.get(url, {"ref": ref}).content.decode()) == found


def test_a_script_may_send_several_too(db):
    sender = GenericSender()
    source = make_source(forge="generic")
    make_rule(source)
    deliver(source, sender, sender.many(sender.change("refs/heads/main"), sender.change("refs/heads/x")))
    assert (Delivery.objects.get().status, Build.objects.count()) == ("built", 1)


def test_w14_fifty_refs_it_answers_with_ten_queries_for_each(source, django_assert_max_num_queries):
    """Forges wait for ten seconds, and two of them pass for two hundred on two cores."""
    make_rule(source, pattern="/^b/", tags=["{sourceref}"])
    told = SENDER.many(*[SENDER.change(f"refs/heads/b{n}") for n in range(50)])
    with django_assert_max_num_queries(50 * 10 + 20):
        assert deliver(source, SENDER, told).status_code == 202
    assert Build.objects.count() == 50
