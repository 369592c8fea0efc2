"""Docker Hub's build rules, as pasted from its page and as its APIs give them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builds.core.importers import import_docker_hub
from builds.core.rules import check_rule

HEADER = "Source Type\tSource\tDocker Tag\tDockerfile location\tBuild Context\tAutobuild\tBuild Caching"


def rules(text):
    return [
        (rule.ref_type, rule.pattern, rule.tags, rule.dockerfile, rule.context)
        for rule in import_docker_hub(text).rules
    ]


def test_it_reads_the_table_of_the_page():
    tag = "Tag\t/^[0-9.]+$/\trelease-{sourceref},stable\tDockerfile\t/\n"
    text = f"{HEADER}\nBranch\tmaster\tlatest\tDockerfile\t/\ton\ton\n{tag}"
    assert rules(text) == [
        ("branch", "master", ("latest",), "Dockerfile", "."),
        ("tag", "/^[0-9.]+$/", ("release-{sourceref}", "stable"), "Dockerfile", "."),
    ]
    assert [line.level for line in import_docker_hub(text).report] == ["same", "same"]
    assert import_docker_hub(text).is_whole


TABLES = [
    "Branch  master  latest  Dockerfile  /",
    "Branch\nmaster\nlatest\nDockerfile\n/",
    "| Source Type | Source | Docker Tag |\n|---|---|---|\n| Branch | master | latest |",
    "branch\tmaster\tlatest",
    "Type\tName\tDockerfile Location\tDocker Tag Name\nBranch\tmaster\t/\tlatest",
]


@pytest.mark.parametrize("text", TABLES)
def test_it_reads_a_table_however_the_browser_copied_it(text):
    assert rules(text) == [("branch", "master", ("latest",), "Dockerfile", ".")]


# Columns of the page: Dockerfile location is relative to the build context; a blank context is the Dockerfile's folder.
PATHS = [
    ("Dockerfile", "/", "Dockerfile", "."),
    ("/", "/", "Dockerfile", "."),
    ("docker/", "/", "docker/Dockerfile", "."),
    ("/docker/web.Dockerfile", "/", "docker/web.Dockerfile", "."),
    ("Dockerfile", "/app", "app/Dockerfile", "app"),
    ("/", "app/", "app/Dockerfile", "app"),
    ("/app/Dockerfile", "/app", "app/Dockerfile", "app"),
    ("docker/Dockerfile", "", "docker/Dockerfile", "docker"),
    ("Dockerfile", "", "Dockerfile", "."),
]


@pytest.mark.parametrize(("location", "context", "dockerfile", "folder"), PATHS)
def test_it_names_paths_from_the_root_of_the_repository(location, context, dockerfile, folder):
    text = f"{HEADER}\nBranch\tmaster\tlatest\t{location}\t{context}"
    assert rules(text) == [("branch", "master", ("latest",), dockerfile, folder)]


@pytest.mark.parametrize(
    ("location", "dockerfile", "folder"),
    [
        ("/", "Dockerfile", "."),
        ("/sub/dir", "sub/dir/Dockerfile", "sub/dir"),
        ("/a/Dockerfile.x", "a/Dockerfile.x", "a"),
    ],
)
def test_the_one_location_of_a_classic_rule_is_its_context_too(location, dockerfile, folder):
    entry = {"source_type": "Tag", "source_name": "v1", "name": "one", "dockerfile_location": location}
    assert rules(json.dumps({"count": 1, "results": [entry]})) == [("tag", "v1", ("one",), dockerfile, folder)]


def test_it_reads_the_json_of_the_newer_api():
    setting = {
        "source_type": "Tag", "source_name": r"/^v(.*)$/", "tag": r"{\1}", "dockerfile": "Dockerfile",
        "build_context": "/app", "autobuild": False, "nocache": True,
    }  # fmt: skip
    [rule] = import_docker_hub(json.dumps({"objects": [{"autotests": "OFF", "build_settings": [setting]}]})).rules
    assert (rule.pattern, rule.tags, rule.dockerfile, rule.context) == (
        "/^v(.*)$/", (r"{\1}",), "app/Dockerfile", "app",
    )  # fmt: skip
    assert (rule.autobuild, rule.cache) == (False, False)


CHANGED = [
    (
        "Tag\t^v([0-9.]+)$\tv{\\1}\tDockerfile\t/",
        "`^v([0-9.]+)$` is a regular expression, which stands between slashes",
    ),
    ("Branch\tmaster\t\tDockerfile\t/", "No tag was given, which meant the name of the branch or tag"),
    ("Branch\tmaster\tSame as branch\tDockerfile\t/", "No tag was given"),
    ("Branch\tmaster\tlatest\tDockerfile\t/\toff", "Autobuild is off: here only somebody starts it"),
    ("Branch\tmaster\tlatest\tDockerfile\t/app", "named from the root of the repository here: `app/Dockerfile`"),
]


@pytest.mark.parametrize(("text", "words"), CHANGED)
def test_it_says_what_it_changed(text, words):
    [line] = import_docker_hub(text).report
    assert line.level == "changed"
    assert words in line.sentence


LOST = [
    ("Branch\t\tx\tDockerfile\t/", "The pattern is empty"),
    ("Pull\tx\ty\t/\t/", "`Pull` is neither `Branch` nor `Tag`."),
    ("Tag\t/(?=x)/\tx\t/\t/", "there is no look-around"),
    ("Tag\t/v/\t{\\1}\t/\t/", "the pattern has no groups"),
    ("Branch\tmaster\tlatest\t../Dockerfile\t/", "uses `..`"),
    ("Branch\tmaster", "fewer than three cells"),
    ("hello", "fewer than three cells"),
    ("{oops", "begins like JSON, and is none"),
    ("[" * 5000, "begins like JSON, and is none"),
    ('["/api/build/v1/setting/x/"]', "only the address of a rule"),
    ("[3]", "it has no `source_name`"),
    ("", "Nothing here reads like a build rule"),
    ("x" * 70_000, "65,536 is the most"),
]


@pytest.mark.parametrize(("text", "words"), LOST, ids=lambda value: value[:30])
def test_it_says_what_could_not_be_carried_over_and_why(text, words):
    found = import_docker_hub(text)
    assert (found.rules, found.is_whole, found.report[0].level) == ((), False, "lost")
    assert words in found.report[0].sentence


def test_what_stands_beside_the_rules_is_told_and_no_value_of_a_variable_is_shown():
    source = {"build_settings": [], "autotests": "SOURCE_ONLY", "repo_links": True, "envvars": [{"value": "s3cret"}]}
    report = import_docker_hub(json.dumps(source)).report
    assert [line.given.partition(":")[0] for line in report] == ["autotests", "envvars", "repo_links"]
    assert "s3cret" not in str(report)


def test_it_says_that_two_rules_would_build_the_same_twice():
    report = import_docker_hub("Branch\tmaster\tlatest\t/\t/\nBranch\tmaster\tstable\t/\t/").report
    assert report[1].sentence == "It builds the same as rule 1: one rule with both tags would build once."


@given(st.text(alphabet=st.sampled_from('BranchTg \t\n/{}[]\\"|1:,.*é\x00'), max_size=80))
def test_whatever_is_pasted_has_an_answer_and_no_bad_rule(text):
    found = import_docker_hub(text)
    assert found.report
    assert not any(check_rule(rule) for rule in found.rules)
