"""The webhook address, end to end: what is answered, what is in the ledger, and which builds were made."""

from __future__ import annotations

import pytest

from builds.core.states import State
from builds.models import Build
from tests.factories import make_rule, make_source
from tests.webhooks.sending import BEFORE, COMMIT, ZEROS, post, push_payload
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db


def test_a_push_is_stored_judged_and_built_and_it_answers_202(source):
    answer = post(source)
    delivery = Delivery.objects.get()
    build = Build.objects.get()
    assert answer.status_code == 202
    assert answer.json()["delivery"] == str(delivery.pk)
    assert answer.json()["url"].endswith(f"/r/acme/web/deliveries/{delivery.pk}")
    assert (delivery.status, delivery.sentence) == ("built", "1 rule: build #1 by `main`.")
    assert (build.commit, build.ref, build.state, build.delivery_id) == (COMMIT, "main", State.QUEUED, delivery.pk)
    assert (build.commit_message, build.commit_author, build.cause) == ("Fix login", "A. Author", "push")
