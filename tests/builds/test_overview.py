"""What a repository shows of its source: the README of the default branch's newest build, and the description."""

from __future__ import annotations

import pytest

from builds.actions.overview import show_readme
from builds.models import Source
from registry.actions import set_overview
from registry.core.readme import first_sentence
from registry.models import Repository
from tests.builds.pages import words
from tests.factories import make_build, make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("markdown", "sentence"),
    [
        ("# hello\n\nSays *hello* to the `world`. And more.", "Says hello to the world."),
        ("[![build](a.svg)](b)\n\nA small thing\nin two lines", "A small thing in two lines"),
        ("<p align=center><img src=x></p>\n\nAfter the picture.", "After the picture."),
        ("# only a title", ""),
        ("x" * 300, "x" * 99 + "…"),
    ],
)
def test_it_finds_the_first_sentence(markdown, sentence):
    assert first_sentence(markdown) == sentence


def shown() -> str:
    return Repository.objects.get().readme


def test_it_takes_the_readme_of_the_default_branch_alone(repository):
    Source.objects.update(default_branch="main")
    show_readme(make_build(state="succeeded"), "# main")
    show_readme(make_build(state="succeeded", ref="topic", commit="b" * 40), "# topic")
    show_readme(make_build(state="succeeded", ref_type="tag", ref="main", commit="c" * 40), "# tag")
    assert shown() == "# main"


def test_it_leaves_the_readme_of_a_newer_build(repository):
    older = make_build(state="succeeded")
    show_readme(make_build(state="succeeded", commit="b" * 40), "# newer")
    show_readme(older, "# older")
    assert shown() == "# newer"


def test_it_takes_the_description_over_where_that_is_wanted(repository):
    show_readme(make_build(state="succeeded"), "Says hello. Twice.")
    assert Repository.objects.get().description == ""
    set_overview(make_user(), repository, shows_readme=True, syncs_description=True)
    show_readme(make_build(state="succeeded", commit="b" * 40), "Says hello. Twice.")
    assert Repository.objects.get().description == "Says hello."


def test_it_shows_no_readme_where_that_is_switched_off(repository, owner, reader):
    Repository.objects.update(readme="# secret recipe")
    assert "secret recipe" in words(reader.get("/r/acme/web"))
    owner.post("/r/acme/web/settings/general", {"description": "", "visibility": "private"})
    page = words(reader.get("/r/acme/web"))
    assert "secret recipe" not in page
    assert "The README is not shown here" in page
