"""The playground beside the rules: filters, search, pages, looking again, and examples made with one click."""

from __future__ import annotations

import pytest

from builds.models import BuildRule, Source, SourceRefs
from builds.views.playground import Asked
from tests.builds.pages import rule_form, words

pytestmark = pytest.mark.django_db

RULES = "/r/acme/web/rules"
TRY = "/r/acme/web/rules/try"
HTMX = {"HX-Request": "true"}
MAIN = {"pattern": "main", "tags": "latest"}


def names(answer) -> list[str]:
    return [one.ref.name for one, _ in answer.context["rows"]]


@pytest.fixture
def many(repository) -> None:
    rows = [["tag", f"v{n}.0", "a" * 40] for n in range(100)] + [["branch", "main", "a" * 40]]
    SourceRefs.objects.create(source=repository.source, refs=rows, total=len(rows) + 5)


@pytest.mark.parametrize(
    ("show", "shown"), [("all", ["main", "docs/typo", "v1.2.0"]), ("built", ["main"]), ("not", ["docs/typo", "v1.2.0"]),
                        ("clash", []), ("nonsense", ["main", "docs/typo", "v1.2.0"])]
)  # fmt: skip
def test_it_lists_what_is_asked_for(writer, show, shown):
    assert names(writer.post(TRY, rule_form(MAIN, show=show))) == shown


def test_it_counts_every_ref_whatever_is_listed(writer):
    page = writer.post(TRY, rule_form(MAIN, show="built", find="nothing")).content.decode()
    assert '<b id="tester-count-all" hx-swap-oob="true">3</b>' in page
    assert '<b id="tester-count-not" hx-swap-oob="true">2</b>' in page
    assert "These rules would have built 1 image from 3 refs." in page


def test_it_finds_refs_by_a_part_of_their_names(writer):
    assert names(writer.post(TRY, rule_form(MAIN, find="TYPO"))) == ["docs/typo"]


def test_it_lists_the_default_branch_first_and_versions_from_the_highest_down(writer, many):
    assert names(writer.post(TRY, rule_form(MAIN)))[:4] == ["main", "v99.0", "v98.0", "v97.0"]


def test_it_turns_pages_and_counts_all_of_them(writer, many):
    first = writer.post(TRY, rule_form(MAIN))
    third = writer.post(TRY, rule_form(MAIN, do="page-3"))
    assert names(first)[0] == "main"
    assert len(names(third)) == 101 - 80
    assert "81–101 of 101" in words(third)


def test_it_keeps_the_page_while_rules_are_typed_and_leaves_it_for_another_filter():
    fields = {"page": "3", "seen": "not x", "show": "not", "find": "x"}
    assert Asked.of(fields).page == 3
    assert Asked.of({**fields, "find": "y"}).page == 1


@pytest.mark.parametrize("page", ["page-0", "page--1", "page-x", "page-999999999999", "page-²"])
def test_it_shows_some_page_whatever_is_asked(writer, many, page):
    assert writer.post(TRY, rule_form(MAIN, do=page)).status_code == 200


def test_it_turns_pages_for_a_reader_without_scripts(reader, many):
    assert len(names(reader.get(RULES, {"do": "page-3"}))) == 101 - 80


def test_it_says_how_many_refs_are_not_looked_at(writer, many):
    assert "5 more refs are not looked at" in words(writer.post(TRY, rule_form(MAIN)))


def test_it_has_a_worker_look_again_and_asks_until_it_has(writer):
    page = writer.post(TRY, rule_form(MAIN, do="look"))
    assert Source.objects.get().probe_state == "asked"
    assert "A worker is reading the branches and tags." in words(page)
    assert 'hx-trigger="load delay:2s"' in page.content.decode()


def test_it_looks_again_without_scripts_and_keeps_what_was_typed(writer):
    page = writer.post(RULES, rule_form({"pattern": "typed", "tags": "x"}, do="look"))
    assert Source.objects.get().probe_state == "asked"
    assert page.context["form"].rows[0].spec.pattern == "typed"


def test_it_says_why_of_every_rule(writer):
    page = words(writer.post(TRY, rule_form(MAIN, {"pattern": "other", "tags": "x"})))
    assert "Did not match: wants branch other, this is main" in page


def test_it_shows_clashes_with_the_refs_that_make_them(writer):
    rows = [MAIN, {"pattern": "/m/", "tags": "latest"}]
    answer = writer.post(TRY, rule_form(*rows, show="clash"))
    assert names(answer) == ["main"]
    assert "tag-chip-clash" in answer.content.decode()


def test_one_click_keeps_what_a_ref_makes_as_an_example(writer):
    page = writer.post(TRY, rule_form(MAIN, do="example-branch main")).content.decode()
    assert "main → latest</textarea>" in page
    assert 'id="rule-0-examples" open hx-swap-oob="true"' in page
    assert not BuildRule.objects.get().examples


def test_a_ref_that_no_rule_builds_becomes_an_example_that_must_not_match(writer):
    page = writer.post(TRY, rule_form(MAIN, do="example-branch docs/typo")).content.decode()
    assert "docs/typo →</textarea>" in page


def test_it_keeps_an_example_without_scripts(writer):
    page = writer.post(RULES, rule_form(MAIN, do="example-branch main"))
    assert page.context["form"].rows[0].checked[0].example.tags == ("latest",)


@pytest.mark.parametrize("wish", ["example-", "example-branch a..b", "example-nonsense x", "example-branch"])
def test_it_keeps_nothing_that_is_no_ref(writer, wish):
    assert writer.post(TRY, rule_form(MAIN, do=wish)).context["form"].rows[0].checked == ()
