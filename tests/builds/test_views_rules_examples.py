"""Examples on the Rules page and in the API: re-checked while one types, and in the way of saving what breaks them."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import Role
from accounts.tokens import create_token
from builds.models import BuildRule
from tests.builds.pages import rule_form, words
from tests.factories import make_member

pytestmark = pytest.mark.django_db

RULES = "/r/acme/web/rules"
TRY = "/r/acme/web/rules/try"
API = "/api/v1/repositories/acme/web/rules"
ROWS = [{"ref_type": "branch", "ref": "main", "tags": ["latest"]}, {"ref_type": "branch", "ref": "dev", "tags": []}]
GOOD = {"pattern": "main", "tags": "latest", "examples": "main → latest\ndev"}
RED = {"pattern": "/^[md]/", "tags": "latest", "examples": "main -> latest\ndev"}


@pytest.fixture
def api(repository) -> Client:
    user = make_member(repository.namespace, "wendy", Role.WRITE)
    return Client(headers={"authorization": f"Bearer {create_token(user, 'test')[1]}"})


def put(api, *, query: str = "", **rule):
    body = [{"ref_type": "branch", "pattern": "main", "tags": ["latest"], **rule}]
    return api.put(API + query, body, "application/json")


def test_it_saves_examples_with_the_rule(writer):
    assert writer.post(RULES, rule_form(GOOD)).status_code == 302
    assert BuildRule.objects.get().examples == ROWS


@pytest.mark.one_database
def test_it_shows_saved_examples_as_lines(writer):
    BuildRule.objects.update(examples=ROWS)
    assert "main → latest\ndev →</textarea>" in writer.get(RULES).content.decode()


def test_it_rechecks_examples_while_the_rule_is_typed(writer):
    page = words(writer.post(TRY, rule_form(RED)))
    assert "1 example broken" in page
    assert "dev must not match, and makes latest." in page


def test_it_says_at_the_field_which_line_is_no_example(writer):
    answer = writer.post(RULES, rule_form({**GOOD, "examples": "a..b → x"}))
    assert answer.status_code == 422
    assert "a..b is the name of no ref" in words(answer)


def test_it_saves_nothing_that_breaks_an_example_and_names_it(writer):
    answer = writer.post(RULES, rule_form(RED))
    assert answer.status_code == 422
    assert "Nothing was saved: examples do not hold. Rule 1: dev must not match, and makes latest." in words(answer)
    assert 'value="save-anyway"' in answer.content.decode()
    assert BuildRule.objects.get().pattern == "main"


def test_it_saves_broken_examples_where_somebody_means_it(writer):
    assert writer.post(RULES, rule_form(RED, do="save-anyway")).status_code == 302
    rule = BuildRule.objects.get()
    assert (rule.pattern, rule.examples) == ("/^[md]/", ROWS)


def test_it_offers_no_way_past_a_rule_that_is_wrong_in_itself(writer):
    answer = writer.post(RULES, rule_form({**RED, "tags": ""}, do="save-anyway"))
    assert answer.status_code == 422
    assert 'value="save-anyway"' not in answer.content.decode()


def test_a_form_that_knows_of_no_examples_leaves_them(writer):
    BuildRule.objects.update(examples=ROWS)
    writer.post(RULES, rule_form({"id": str(BuildRule.objects.get().pk), "pattern": "/^[md]/", "tags": "latest"}))
    assert BuildRule.objects.get().examples == ROWS


def test_the_api_gives_and_takes_examples(api):
    answer = put(api, examples=ROWS)
    assert answer.json()[0]["examples"] == ROWS
    assert BuildRule.objects.get().examples == ROWS


@pytest.mark.one_database
def test_the_api_refuses_what_breaks_an_example(api):
    answer = put(api, pattern="/^[md]/", examples=ROWS)
    assert answer.status_code == 422
    assert answer.json()["problems"] == [
        {"rule": 0, "field": "examples", "message": "`dev` must not match, and makes `latest`."}
    ]


def test_the_api_saves_it_with_force(api):
    assert put(api, pattern="/^[md]/", examples=ROWS, query="?force=true").status_code == 200


def test_the_api_asks_nothing_of_examples_that_a_client_does_not_send(api):
    put(api, examples=ROWS)
    assert put(api, tags=["edge"]).json()[0]["examples"] == ROWS


@pytest.mark.one_database
@pytest.mark.parametrize("ref", ["", "a..b", "x" * 500])
def test_the_api_refuses_examples_of_what_is_no_ref(api, ref):
    assert put(api, examples=[{"ref_type": "branch", "ref": ref, "tags": []}], query="?force=true").status_code == 422
