"""Which changed files a rule watches."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builds.core.pathfilter import ChangedPath, Changes, glob_problem, globs_problems, judge_paths
from builds.core.rules import RuleSpec, check_rule, default_paths, describe_rule

BASE, HEAD = "a1b2c3d" + "0" * 33, "e4f5a6b" + "0" * 33


def judge(include, exclude, *paths, submodule=False, since=""):
    changed = tuple(ChangedPath(path, submodule) for path in paths)
    return judge_paths(include, exclude, Changes(BASE, HEAD, changed, since))


WATCHED = [
    (["web/**"], [], "web/src/x.css", True),
    (["web/"], [], "web/src/x.css", True),
    (["web"], [], "apps/web/x.css", True),  # without a slash at any depth, as in .gitignore
    (["/web"], [], "apps/web/x.css", False),
    (["*.md"], [], "docs/deep/x.md", True),
    (["docs/*.md"], [], "docs/deep/x.md", False),
    (["**/x.md"], [], "docs/deep/x.md", True),
    (["Web/**"], [], "web/x", False),  # case counts
    (["web/**", "!web/docs/**"], [], "web/docs/x", False),
    (["web/**", "!web/docs/**", "web/docs/keep"], [], "web/docs/keep", True),
    ([], ["*.md", "/docs/"], "docs/x.png", False),
    ([], ["*.md"], "src/x.py", True),
    ([], ["*.md", "!README.md"], "README.md", True),
    (["web/**"], ["*.md"], "web/README.md", False),
    (["file?.[ch]"], [], "src/file1.c", True),
    (["[!a]x"], [], "bx", True),
    (["\\!x"], [], "!x", True),
    (["/web"], [], "web/a\nb", True),  # a line break in a name hides nothing
    (["*.txt"], [], "caf\ufffd.txt", True),
]


@pytest.mark.parametrize(("include", "exclude", "path", "builds"), WATCHED)
def test_it_watches_paths_as_gitignore_reads_globs(include, exclude, path, builds):
    assert judge(include, exclude, path).builds is builds


def test_it_says_what_changed_and_what_of_it_is_watched():
    verdict = judge(["web/**"], [], "docs/a", "web/b", "web/c")
    assert verdict.matched == ("web/b", "web/c")
    assert verdict.sentence == (
        "Built: `web/b` and 1 more changed between a1b2c3d and e4f5a6b, and this rule watches that."
    )


SKIPPED = [
    (("docs/x.md", "docs/y.md", "z"), "", "between a1b2c3d and e4f5a6b: 3 files, first `docs/x.md`."),
    (("docs/x.md",), "", "between a1b2c3d and e4f5a6b: 1 file, `docs/x.md`."),
    (
        ("docs/x.md",),
        "where it left `main`",
        "between a1b2c3d and e4f5a6b (where it left `main`): 1 file, `docs/x.md`.",
    ),
]


@pytest.mark.parametrize(("paths", "since", "words"), SKIPPED)
def test_it_says_why_nothing_is_built(paths, since, words):
    verdict = judge(["web/**"], [], *paths, since=since)
    assert verdict.sentence == f"Skipped: nothing that this rule watches changed {words}"


def test_a_name_cannot_break_out_of_its_line():
    assert "\n" not in judge(["web"], [], "web/a\n\x1b[31mb").sentence
    assert judge(["web"], [], "web/a\nb").matched == ("web/a\ufffdb",)


def test_it_skips_a_push_that_changed_no_file():
    assert judge(["web/**"], []).sentence == "Skipped: no file changed between a1b2c3d and e4f5a6b."


def test_a_submodule_counts_as_the_folder_that_it_is():
    assert judge(["/vendor/"], [], "vendor/lib", submodule=True).builds
    assert judge(["vendor/lib"], [], "vendor/lib", submodule=True).builds
    assert judge(["/vendor/lib/docker/**"], [], "vendor/lib", submodule=True).builds
    assert not judge(["/vendor/other/**"], [], "vendor/lib", submodule=True).builds


DEFAULTS = [
    (("app", "app/Dockerfile"), ("/app",)),
    (("app", "docker/app.Dockerfile"), ("/app", "/docker/app.Dockerfile", "/docker/app.Dockerfile.dockerignore")),
    ((".", "Dockerfile"), ()),
    (("/", "app/Dockerfile"), ()),
    (("a[1]/*", "a[1]/*/Dockerfile"), ("/a\\[1\\]/\\*",)),
]


@pytest.mark.parametrize(("paths", "globs"), DEFAULTS)
def test_it_offers_the_context_and_the_dockerfile(paths, globs):
    rule = RuleSpec(None, "branch", "main", ("latest",), context=paths[0], dockerfile=paths[1])
    assert default_paths(rule) == globs
    assert globs_problems(globs, watched=True) == ()


def test_the_offer_watches_what_it_names_whatever_characters_a_folder_has():
    rule = RuleSpec(None, "branch", "main", ("latest",), context="a[1]/* b#!", dockerfile="a[1]/* b#!/Dockerfile")
    globs = default_paths(rule)
    assert judge(globs, [], "a[1]/* b#!/x").builds
    assert not judge(globs, [], "a1/c b#!/x").builds


BAD = ["", " ", "!", "\\", "a\\", "[z-a]", "[[:alpha:]]x", "a" * 301, "#x", "./x", "a/../b", "/", "a\nb", "a\ud800"]


@pytest.mark.parametrize("glob", BAD)
def test_it_says_what_is_wrong_with_a_glob_before_saving(glob):
    rule = RuleSpec(None, "branch", "main", ("latest",), paths_include=("x", glob), paths_exclude=(glob,))
    assert [problem.field for problem in check_rule(rule)] == ["paths_include", "paths_exclude"]


def test_it_says_that_a_list_cannot_begin_by_taking_back():
    [problem] = globs_problems(("!docs/**",), watched=True)
    assert "takes back what nothing before it named" in problem
    assert globs_problems(("!docs/**",), watched=False) == ()


def test_a_hostile_glob_comes_to_an_end():
    """One that tries every way to split the path would not before the test's time is over."""
    assert not judge(["*a" * 100 + "b"], [], *["a" * 4000] * 50).builds


@given(st.text(max_size=30), st.text(max_size=30))
def test_whatever_is_written_has_a_verdict(glob, path):
    verdict = judge([glob], [], path)
    assert verdict.sentence
    assert glob_problem(glob) or judge([glob], [glob], path).builds is False


def test_the_rule_says_what_it_watches():
    rule = RuleSpec(None, "branch", "main", ("latest",), paths_include=("web/**", "lib/**"))
    assert ", when `web/**` or 1 more changes" in describe_rule(rule)
    rule = RuleSpec(None, "branch", "main", ("latest",), paths_exclude=("*.md",))
    assert ", when anything but `*.md` changes" in describe_rule(rule)
