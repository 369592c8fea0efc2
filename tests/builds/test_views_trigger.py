"""Build now over HTTP: verdicts first, then the build; refusals in sentences."""

from __future__ import annotations

import pytest

from builds.models import Build, BuildRule
from tests.builds.pages import COMMIT, words
from tests.factories import make_rule

pytestmark = pytest.mark.django_db

PAGE = "/r/acme/web/build"
VERDICTS = "/r/acme/web/build/verdicts"
MAIN = {"ref_type": "branch", "ref": "main", "commit": ""}


@pytest.mark.one_database
def test_it_shows_the_verdict_for_the_default_branch_before_anything_starts(writer):
    page = words(writer.get(PAGE))
    assert "branch main → latest, from Dockerfile builds latest" in page
    assert "1 build would start" in page
    assert not Build.objects.exists()


@pytest.mark.one_database
def test_it_offers_the_refs_that_a_worker_found(writer):
    assert '<option value="docs/typo">' in writer.get(PAGE).content.decode()


def test_it_starts_the_build_and_goes_to_its_page(writer, rings, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        answer = writer.post(PAGE, MAIN)
    assert answer.headers["Location"] == "/r/acme/web/builds/1"
    assert Build.objects.get().cause_detail == "by wendy"
    assert rings == ["builds.run_next"]


def test_it_builds_a_commit_that_is_named(writer):
    writer.post(PAGE, {**MAIN, "commit": COMMIT.upper()})
    assert Build.objects.get().commit == COMMIT


def test_it_goes_to_the_list_when_two_rules_match(writer, repository):
    make_rule(repository.source, tags=["edge"])
    assert writer.post(PAGE, MAIN).headers["Location"] == "/r/acme/web/builds"


def test_it_takes_a_ref_as_git_writes_it(writer):
    writer.post(PAGE, {**MAIN, "ref": "refs/heads/main"})
    assert Build.objects.get().ref == "main"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"ref": "docs/typo"}, "no rule matches branch docs/typo"),
        ({"ref": ""}, "This field is required."),
        ({"ref": "a..b"}, "is not a name that Git allows"),
        ({"ref_type": "moon"}, "moon"),
        ({"commit": "abc"}, "A commit is named by its whole hash"),
        ({"commit": "--upload-pack=x"}, "A commit is named by its whole hash"),
    ],
)
def test_it_starts_nothing_when_the_form_is_wrong_and_says_why(writer, fields, sentence):
    answer = writer.post(PAGE, {**MAIN, **fields})
    assert answer.status_code == 422
    assert sentence in words(answer)
    assert not Build.objects.exists()


def test_it_judges_the_ref_as_it_is_typed(writer):
    page = words(writer.post(VERDICTS, {**MAIN, "ref": "docs/typo"}))
    assert "this is docs/typo" in page
    assert "Nothing would be built." in page


def test_it_says_that_there_are_no_rules(writer):
    BuildRule.objects.all().delete()
    assert "This repository has no rules yet" in words(writer.post(VERDICTS, MAIN))


def test_it_leads_to_the_set_up_before_a_source_is_linked(writer, repository):
    repository.source.delete()
    assert writer.get(PAGE).headers["Location"] == "/r/acme/web/setup"


@pytest.mark.one_database
@pytest.mark.parametrize("address", [PAGE, VERDICTS])
def test_it_refuses_a_reader_with_403(reader, address):
    assert reader.post(address, MAIN).status_code == 403
    assert not Build.objects.exists()


@pytest.mark.one_database
@pytest.mark.parametrize("address", [PAGE, VERDICTS])
def test_it_does_not_know_the_page_for_a_stranger(stranger, repository, address):
    assert stranger.post(address, MAIN).status_code == 404
