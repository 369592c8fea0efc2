"""docker/metadata-action's tag lines as rules: held against the action's own tables, and what is told of the rest."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builds.core.facts import Known
from builds.core.importers import import_metadata_action
from builds.core.importers.metadata_action import all_but
from builds.core.plan import evaluate
from builds.core.refnames import Ref, parse_ref
from builds.core.rules import check_rule

KNOWN = Known(at=datetime(2020, 1, 10, 0, 30, tzinfo=UTC), number=12, tags=())
COMMIT = "860c1904a1ce19322e91ac35af1ab07466440c37"


def rules(tags, **options):
    return [(rule.ref_type, rule.pattern, rule.tags) for rule in import_metadata_action(tags, **options).rules]


def made(tags, ref, *, commit=COMMIT, is_scheduled=False, **options):
    """The tags of all rules together."""
    found = [rule for rule in import_metadata_action(tags, **options).rules if rule.autobuild != is_scheduled]
    verdicts = evaluate(ref, found, commit=commit, manual=True, known=KNOWN)
    return {tag.name for verdict in verdicts for tag in verdict.tags}


# Rows of the action's tables whose tags differ here; each difference stands in the report.
DIFFERS = {
    "push10", "push11", "push19", "push20", "raw06", "raw08", "raw09", "raw10",  # of every push: `on:` is not known
    "push14", "push15", "push35",  # `value=`
    "push17", "push21", "schedule02", "schedule08", "tag20",  # dates of commits and in other zones, `base_ref`
    "tag13", "tag15", "tag16", "tag25", "tag26", "tag29", "tag32",  # pre-releases, priorities, PEP 440
}  # fmt: skip


def test_it_makes_the_tags_that_the_action_makes(corpora):
    """Field cases R01, R02, R06: the published tables of docker/metadata-action, row by row."""
    folder = corpora / "tags"
    tables = json.loads((folder / "metadata-action-tables.json").read_text())["meta"]
    rows = [row for table in tables for row in table["rows"] if len(row) > 4 and isinstance(row[2], dict)]
    held = 0
    for name, env, inputs, _, images, *_ in rows:
        text = (folder / "metadata-action-fixtures" / env).read_text()
        values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        ref, event = parse_ref(values.get("GITHUB_REF")), values.get("GITHUB_EVENT_NAME")
        if (
            ref is None
            or event not in ("push", "schedule")
            or not name.startswith(("push", "tag", "latest", "raw", "sch"))
        ):
            continue
        tags, flavor = "\n".join(inputs.get("tags", [])), "\n".join(inputs.get("flavor", []))
        got = made(
            tags, ref, commit=values["GITHUB_SHA"], flavor=flavor, default_branch="master",
            is_scheduled=event == "schedule",
        )  # fmt: skip
        same = got == {image.rpartition(":")[2] for image in images}
        assert same == (name not in DIFFERS), (name, inputs, got, images)
        report = import_metadata_action(tags, flavor=flavor).report
        assert same or any(line.level != "same" and line.given != "on:" for line in report), name
        held += same
    assert held >= 55


def test_lines_for_the_same_pushes_become_one_rule():
    tags = "type=semver,pattern={{version}}\ntype=semver,pattern={{major}}.{{minor}}\ntype=sha"
    assert rules(tags) == [
        ("tag", "/^v?[0-9]+\\.[0-9]+\\.[0-9]+/", ("{version}", "{major}.{minor}", "sha-{sha7}", "{latest}"))
    ]


USUAL = """
type=ref,event=branch
type=ref,event=pr
type=semver,pattern={{version}}
type=semver,pattern={{major}}.{{minor}}
type=semver,pattern={{major}},enable=${{ !startsWith(github.ref, 'refs/tags/v0.') }}
type=sha
type=raw,value=latest,enable={{is_default_branch}}
"""


def test_the_usual_lines_make_what_they_made():
    assert made(USUAL, Ref("branch", "main")) == {"main", "latest", "sha-860c190"}
    assert made(USUAL, Ref("branch", "feature/x")) == {"feature-x", "sha-860c190"}
    assert made(USUAL, Ref("tag", "v1.2.3")) == {"1.2.3", "1.2", "1", "latest", "sha-860c190"}
    assert made(USUAL, Ref("tag", "v1.2.3-rc.1")) == {"1.2.3-rc.1", "sha-860c190"}


@pytest.mark.parametrize("ref", [Ref("branch", "main"), Ref("branch", "dev"), Ref("tag", "v1.2.3")])
def test_one_push_is_built_once(ref):
    found = import_metadata_action(USUAL).rules
    assert sum(verdict.builds for verdict in evaluate(ref, found, commit=COMMIT)) == 1


def test_no_lines_are_what_the_action_does_by_itself():
    assert rules("") == [
        ("branch", "main", ("nightly", "{sourceref}")),
        ("branch", "/.*/", ("{sourceref}",)),
        ("tag", "/.*/", ("{sourceref}", "latest")),
        ("pull_request", "/.*/", ("pr-{sha7}",)),
    ]


STEP = """
    - uses: docker/metadata-action@v5
      with:
        images: |
          acme/hello
          registry.example.com/acme/hello
        flavor: |
          latest=false
          suffix=-alpine
        tags: |
          # what people pull
          type=edge,branch=develop
"""


def test_it_finds_its_inputs_in_a_whole_step():
    found = import_metadata_action(STEP)
    assert [(rule.pattern, rule.tags) for rule in found.rules] == [("develop", ("edge-alpine",))]
    assert found.report[0].level == "lost"
    assert "Imageyard pushes to the image of this repository alone" in found.report[0].sentence


DATES = [
    ("{{date 'YYYYMMDD'}}", "20200110"),
    ("n-{{date 'YYYY-MM-DD'}}", "n-2020-01-10"),
    ("{{date 'YYYYMMDD-HHmmss' tz='Europe/Paris'}}", "20200110-003000"),
    ("{{date '[w]GGGG.WW'}}", "w2020.02"),
    ("b-${{ github.run_number }}", "b-12"),
    ("${{ github.ref_name }}-${{ github.sha }}", f"main-{COMMIT}"),
]


@pytest.mark.parametrize(("value", "expected"), DATES)
def test_it_reads_expressions(value, expected):
    assert made(f"type=raw,value={value}", Ref("branch", "main")) == {expected}


LOST = [
    ("type=raw,value={{date 'MMM'}}", "`MMM` in a date has no like here."),
    ("type=raw,value={{commit_date 'YYYY'}}", "There is nothing like `{{commit_date 'YYYY'}}` here."),
    ("type=raw,value=${{ inputs.tag }}", "`${{ inputs.tag }}` is known only to the workflow."),
    ("type=raw,value=x,enable=${{ inputs.go }}", "a tag that is made too often is worse than none"),
    ("type=semver,pattern={{version}},value=v1.2.3", "only tags of Git are"),
    ("type=match,pattern=(?=x)", "there is no look-around"),
    ("type=match,pattern=v(.*),group=3", "the pattern has 1 group"),
    ("type=match,pattern=/v(.*)/y,group=1", "The flags `y` of its pattern have no like here."),
    ("type=semver,pattern={{prerelease}}", "There is nothing like `{{prerelease}}` here."),
    ("type=ref,event=release", "There is no event `release`"),
    ("type=nope", "There is no type `nope`"),
    ("type=raw", "It has no value."),
]


@pytest.mark.parametrize(("tags", "words"), LOST)
def test_it_says_what_could_not_be_carried_over_and_why(tags, words):
    found = import_metadata_action(tags)
    assert not found.is_whole
    assert words in " ".join(line.sentence for line in found.report if line.level == "lost")


def test_a_match_keeps_its_flags_and_its_group():
    assert rules("type=match,pattern=/V(.*)/i,group=1", flavor="latest=false") == [("tag", "/(?i)V(.*)/", ("{\\1}",))]
    assert rules("type=match,pattern=\\d{8}", flavor="latest=false") == [("tag", "/(\\d{8})/", ("{\\1}",))]


def test_a_schedule_starts_nothing_by_a_push():
    [rule] = import_metadata_action("type=schedule").rules
    assert (rule.tags, rule.autobuild) == (("nightly",), False)


NAMES = ["main", "mai", "mainx", "m", "x", "main/x", "release-1", "release-2", "r", "日本"]


@pytest.mark.parametrize("names", [["main"], ["main", "release-1"], ["main", "mai"], ["a]b", "a^"], []])
def test_it_spells_every_name_but_some(names):
    pattern = all_but(names)[1:-1]
    for name in NAMES + names:
        assert (re.search(pattern, name) is not None) == (name not in names), name


LINE = st.text(alphabet=st.sampled_from("type=rawshemvr,valupn{}'$ .()|\\\"1\n"), max_size=60)


@given(LINE)
def test_whatever_is_pasted_has_an_answer_and_no_bad_rule(text):
    found = import_metadata_action(text)
    assert found.report
    assert not any(check_rule(rule) for rule in found.rules)
