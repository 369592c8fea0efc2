"""One push is one build, however often, under however many ids and however many at once it is delivered."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from builds.core.states import State
from builds.models import Build
from tests.factories import make_rule, make_source
from tests.webhooks.sending import COMMIT, post, push_payload
from webhooks.models import Delivery

ID = "72d3162e-cc78-11e3-81ab-4c9367dc0958"


@pytest.mark.django_db
def test_w09a_the_same_delivery_id_it_answers_200_with_the_first_and_builds_once(source):
    first, second = post(source, delivery=ID), post(source, delivery=ID)
    assert (first.status_code, second.status_code, Build.objects.count()) == (202, 200, 1)
    assert second.json()["delivery"] == first.json()["delivery"]
    assert second.json()["detail"].startswith(f"duplicate of #{first.json()['delivery']}")


@pytest.mark.django_db
def test_w09a_the_repetition_it_shows_in_the_ledger(source):
    post(source, delivery=ID)
    post(source, delivery=ID)
    again, first = Delivery.objects.all()
    assert (again.status, again.duplicate_of, again.build_ids) == ("duplicate", first, [])
    assert f"Duplicate of delivery `{first.short_id}`" in again.sentence


@pytest.mark.django_db
def test_w09a_the_same_id_after_the_build_is_over_it_still_builds_once(source):
    post(source, delivery=ID)
    Build.objects.update(state=State.SUCCEEDED)
    assert post(source, delivery=ID).status_code == 200
    assert Build.objects.count() == 1


@pytest.mark.django_db
def test_w09a_many_repetitions_it_counts_on_one_row(source):
    for _ in range(16):
        post(source, delivery=ID)
    rows = Delivery.objects.filter(status="duplicate")
    assert rows.count() == 10
    assert sum(row.times for row in rows) == 15


@pytest.mark.django_db
def test_w09a_the_same_id_at_another_source_it_builds_there_too(source):
    from tests.factories import make_repository

    other = make_source(make_repository("acme/api"))
    make_rule(other)
    assert post(source, delivery=ID).status_code == 202
    assert post(other, delivery=ID).status_code == 202
    assert Build.objects.count() == 2


@pytest.mark.django_db
def test_w09b_two_ids_of_one_push_it_builds_once_and_says_so(source):
    post(source)
    post(source)
    assert Build.objects.count() == 1
    newest = Delivery.objects.first()
    assert newest.sentence.endswith("Build #1 was under way for this commit already, so there is no second one.")
    assert newest.build_ids == [Build.objects.get().pk]


@pytest.mark.django_db
def test_w09c_a_second_push_that_moves_nothing_it_builds_once(source):
    post(source)
    post(source, push_payload(before=COMMIT))
    assert Build.objects.count() == 1


@pytest.mark.django_db
def test_a_delivery_that_was_refused_it_takes_when_it_comes_again_with_the_right_secret(source):
    post(source, delivery=ID, headers={"X-Hub-Signature-256": None})
    assert post(source, delivery=ID).status_code == 202


@pytest.mark.django_db
def test_two_deliveries_without_an_id_it_takes_both(source):
    post(source, headers={"X-GitHub-Delivery": None})
    post(source, push_payload(after="b" * 40), headers={"X-GitHub-Delivery": None})
    assert Delivery.objects.filter(status="built").count() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("delivery", [ID, None], ids=["one id", "an id each"])
def test_w09_many_web_workers_at_the_same_moment_it_builds_once(rings, delivery):
    source = make_source()
    make_rule(source)
    start, answers = threading.Barrier(6), []

    def deliver() -> None:
        start.wait()
        answers.append(post(source, delivery=delivery).status_code)
        connection.close()

    threads = [threading.Thread(target=deliver) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ([200] * 5 + [202] if delivery else [202] * 6)
    assert Build.objects.count() == 1
    assert Delivery.objects.count() == 6
