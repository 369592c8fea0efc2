"""The rules page over HTTP: saving all or nothing, rearranging without saving, and the tester."""

from __future__ import annotations

import pytest

from builds.models import BuildRule
from tests.builds.pages import rule_form, words

pytestmark = pytest.mark.django_db

RULES = "/r/acme/web/rules"
TRY = "/r/acme/web/rules/try"
HTMX = {"HX-Request": "true"}


def saved() -> list[tuple[str, list[str]]]:
    return [(rule.pattern, rule.tags) for rule in BuildRule.objects.order_by("position")]


@pytest.mark.one_database
def test_it_reads_every_rule_as_a_sentence(reader):
    assert "branch main → latest, from Dockerfile" in words(reader.get(RULES))


@pytest.mark.one_database
def test_it_gives_a_reader_no_form(reader):
    page = reader.get(RULES).content.decode()
    assert 'name="rule-' not in page
    assert 'method="post" action="/r/' not in page


def test_it_saves_all_rules_in_their_order(writer):
    form = rule_form(
        {"ref_type": "tag", "pattern": r"/^v(\d+)/", "tags": r"{\1}, stable"}, {"pattern": "main", "tags": "latest"}
    )
    assert writer.post(RULES, form).headers["Location"] == RULES
    assert saved() == [(r"/^v(\d+)/", [r"{\1}", "stable"]), ("main", ["latest"])]


def test_it_keeps_the_rule_that_its_row_names(writer, repository):
    rule = BuildRule.objects.get()
    writer.post(RULES, rule_form({"id": str(rule.pk), "pattern": "trunk", "tags": "latest"}))
    assert BuildRule.objects.get().pk == rule.pk


def test_it_cannot_take_a_rule_of_another_repository(writer, repository):
    from tests.factories import make_repository, make_rule, make_source

    other = make_rule(make_source(make_repository("other/app")), pattern="theirs")
    writer.post(RULES, rule_form({"id": str(other.pk), "pattern": "mine", "tags": "latest"}))
    other.refresh_from_db()
    assert other.pattern == "theirs"


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"pattern": "/(/", "tags": "latest"}, "missing"),
        ({"pattern": "", "tags": "latest"}, "pattern"),
        ({"pattern": "main", "tags": ""}, "makes no tag"),
        ({"pattern": "main", "tags": "{\\3}"}, "{\\3}"),
        ({"pattern": "main", "tags": "latest", "dockerfile": "../Dockerfile"}, "Dockerfile"),
        ({"pattern": "main", "tags": "latest", "build_args": "NOVALUE"}, "NOVALUE has no value: write NAME=value."),
        ({"pattern": "main", "tags": "latest", "platforms": "toaster"}, "is not a platform"),
    ],
)
def test_it_saves_nothing_when_one_row_is_wrong_and_says_why_at_the_field(writer, row, sentence):
    answer = writer.post(RULES, rule_form({"pattern": "good", "tags": "good"}, row))
    assert answer.status_code == 422
    assert sentence in words(answer)
    assert "field-wrong" in answer.content.decode()
    assert saved() == [("main", ["latest"])]


@pytest.mark.parametrize(
    ("wish", "patterns"),
    [
        ("add", ["a", "b", ""]),
        ("remove-0", ["b"]),
        ("up-1", ["b", "a"]),
        ("down-0", ["b", "a"]),
        ("up-0", ["a", "b"]),
        ("remove-9", ["a", "b"]),
        ("remove-x", ["a", "b"]),
        ("what", ["a", "b"]),
    ],
)
def test_it_rearranges_rows_without_saving_them(writer, wish, patterns):
    form = rule_form({"pattern": "a", "tags": "a"}, {"pattern": "b", "tags": "b"}, do=wish)
    answer = writer.post(RULES, form, headers=HTMX)
    assert [row.spec.pattern for row in answer.context["form"].rows] == patterns
    assert saved() == [("main", ["latest"])]


def test_it_keeps_what_was_typed_when_rows_move(writer):
    form = rule_form({"pattern": "/(/", "tags": "x", "build_args": "oops"}, {"pattern": "b", "tags": "b"}, do="down-0")
    page = writer.post(RULES, form, headers=HTMX).content.decode()
    assert 'name="rule-1-pattern" value="/(/"' in page
    assert "oops" in page


@pytest.mark.parametrize("total", ["", "x", "-1", "999999999", "²"])
def test_it_survives_a_form_that_lies_about_its_rows(writer, total):
    assert writer.post(RULES, {"rule-total": total, "do": "try"}).status_code == 200


@pytest.mark.one_database
def test_it_tries_the_rules_on_the_repositorys_own_refs(reader):
    page = words(reader.get(RULES))
    assert "branch main latest1" in page
    assert "These rules would have built 1 image from 3 refs." in page


def test_it_tries_rules_as_they_are_typed(writer):
    form = rule_form({"ref_type": "tag", "pattern": r"/^v(\d+)\.(\d+)/", "tags": r"{\1}.{\2}"})
    assert "tag v1.2.0 1.21" in words(writer.post(TRY, form))


def test_it_tries_refs_of_ones_own_and_says_what_was_made_legal(writer):
    form = rule_form({"pattern": "/.*/", "tags": "{sourceref}"}, refs="feature/log-in\ntag v9\n  \nno good..ref")
    page = writer.post(TRY, form).content.decode()
    assert 'feature<mark title="was /">-</mark>log-in' in page
    assert 'title="made legal from feature/log-in"' in page
    assert "no good" not in page


def test_it_says_problems_of_a_pattern_at_its_field_while_it_is_typed(writer):
    page = writer.post(TRY, rule_form({"pattern": "/(/", "tags": "x"})).content.decode()
    field = page.split('id="id_rule-0-pattern_error" hx-swap-oob="true"')[1].split("</div>")[0]
    assert "field-problem" in field


def test_it_keeps_saying_the_rule_as_it_is_typed_while_it_is_wrong(writer):
    page = words(writer.post(TRY, rule_form({"pattern": "/(/", "tags": "latest"})))
    assert "branch /(/ → latest, from Dockerfile" in page


def test_it_clears_a_problem_that_is_mended(writer):
    page = writer.post(TRY, rule_form({"pattern": "main", "tags": "x"})).content.decode()
    assert '<div id="id_rule-0-pattern_error" hx-swap-oob="true"></div>' in page


def test_it_warns_of_two_rules_that_fight_over_a_tag(writer):
    row = {"pattern": "main", "tags": "latest"}
    assert "two builds" in words(writer.post(TRY, rule_form(row, row)))


@pytest.mark.one_database
@pytest.mark.parametrize("address", [RULES, TRY])
def test_it_refuses_a_reader_with_403(reader, address):
    answer = reader.post(address, rule_form({"pattern": "x", "tags": "x"}))
    assert answer.status_code == 403
    assert "You need the write role in acme" in words(answer)
    assert saved() == [("main", ["latest"])]


@pytest.mark.one_database
@pytest.mark.parametrize("address", [RULES, TRY])
def test_it_does_not_know_the_page_for_a_stranger(stranger, repository, address):
    assert stranger.post(address, rule_form()).status_code == 404


def test_it_says_what_to_do_before_a_source_is_linked(owner, repository):
    repository.source.delete()
    assert "No Git repository is linked yet" in words(owner.get(RULES))
