"""Path filters in the rows: what a push is compared with, who is never filtered, and how a skipped build reads."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.template import Context, Template
from django.utils import timezone

from builds.actions import known_of, lifecycle, retry_build
from builds.actions.claim import claim_next
from builds.core.rules import RuleSpec
from builds.core.states import State
from builds.models import Build, BuildEvent, BuildRule, Source
from builds.pipeline.paths import base_of, is_filtered
from builds.reading import sentence_of
from tests.builds.pages import rule_form, words
from tests.factories import make_admin, make_build, make_repository, make_rule, make_source

pytestmark = pytest.mark.django_db

RULES = "/r/acme/web/rules"
A, B, C, D = ("a" * 40, "b" * 40, "c" * 40, "d" * 40)
WATCHED = {"changes": {"base": A, "files": 1, "builds": True}}
UNWATCHED = {"changes": {"base": A, "files": 1, "builds": False}}


def push(rule: BuildRule, before: str, commit: str, state: str = "queued", **fields) -> Build:
    fields = {"cause": "push", "priority": Build.Priority.PUSH, "plan": {"paths_include": ["web/**"]}, **fields}
    return make_build(rule, before=before, commit=commit, state=state, **fields)


NEVER_BUILT = [
    ("superseded", {}),
    ("cancelled", {}),
    ("cancelled", {"plan": WATCHED}),
    ("failed", {"error_kind": "platform"}),
    ("failed", {"error_kind": "registry"}),
    ("failed", {"error_kind": "source"}),
    ("building", {"cancel_requested_at": timezone.now()}),  # told to stop, and has not yet
]


@pytest.mark.parametrize(("state", "fields"), NEVER_BUILT)
def test_a_change_is_not_lost_with_a_build_that_was_never_carried_out(state, fields):
    """A touches web/ and is superseded by B, which touches docs/ alone: B is compared with what was before A."""
    rule = make_rule()
    push(rule, A, B, state, **fields)
    assert base_of(push(rule, B, C)) == A


CARRIED_OUT = [
    ("succeeded", {}),
    ("failed", {"error_kind": "user"}),
    ("building", {}),
    ("cancelled", {"plan": UNWATCHED}),
]


@pytest.mark.parametrize(("state", "fields"), CARRIED_OUT)
def test_a_push_is_compared_with_where_the_ref_was_before(state, fields):
    rule = make_rule()
    push(rule, A, B, state, **fields)
    assert base_of(push(rule, B, C)) == B


def test_it_goes_back_to_the_oldest_of_those_that_were_never_carried_out():
    """Also past one that was skipped for its paths, and not past one that was built."""
    rule = make_rule()
    push(rule, "0" * 40, "e" * 40, "superseded")
    push(rule, "e" * 40, A, "succeeded")
    push(rule, A, B, "superseded")
    push(rule, B, C, "cancelled", plan=UNWATCHED)
    assert base_of(push(rule, C, D)) == A


def test_builds_of_other_rules_and_refs_and_by_hand_do_not_count():
    rule, other = make_rule(), make_rule(pattern="/.*/")
    push(other, A, B, "superseded")
    push(rule, A, B, "superseded", ref="dev")
    push(rule, A, B, "cancelled", cause="manual")
    assert base_of(push(rule, B, C)) == B


ASKED = [
    ({}, True),
    ({"plan": {"paths_exclude": ["*.md"]}}, True),
    ({"plan": {}}, False),
    ({"cause": "pull_request"}, True),
    ({"cause": "catch_up"}, True),
    ({"cause": "catch_up", "before": ""}, False),
    ({"cause": "manual"}, False),
    ({"cause": "retry"}, False),
    ({"cause": "trigger"}, False),
    ({"cause": "schedule"}, False),
    ({"cause": "base_image"}, False),
    ({"cause": "back_fill"}, False),
    ({"priority": Build.Priority.MANUAL}, False),
    ({"ref_type": "tag", "ref": "v1"}, False),
    ({"commit": ""}, False),
    ({"publication": {"digest": "sha256:1"}}, False),
]


@pytest.mark.parametrize(("fields", "filtered"), ASKED, ids=str)
def test_only_what_nobody_asked_for_on_purpose_is_filtered(fields, filtered):
    build = push(make_rule(), **{"before": A, "commit": B, **fields})
    assert is_filtered(build) is filtered


SENTENCE = "Skipped: nothing that this rule watches changed between aaaaaaa and bbbbbbb: 1 file, `docs/x.md`."


@pytest.fixture
def skipped(repository) -> Build:
    build = push(BuildRule.objects.get(), A, B)
    run = claim_next("worker-1")
    assert run is not None
    assert lifecycle.skip(run, SENTENCE)
    build.refresh_from_db()
    return build


def test_a_skipped_build_is_cancelled_by_imageyard_with_the_reason(skipped):
    assert (skipped.state, skipped.cancelled_by, skipped.skip_reason) == ("cancelled", "Imageyard", SENTENCE)
    assert sentence_of(skipped) == SENTENCE
    event = BuildEvent.objects.filter(build=skipped, kind="finished").get()
    assert event.detail == {"state": "cancelled", "skipped": True}


def test_a_run_that_lost_its_lease_skips_nothing():
    build = push(make_rule(), A, B)
    run = claim_next("worker-1")
    Build.objects.update(attempt=2)
    assert not lifecycle.skip(run, SENTENCE)
    build.refresh_from_db()
    assert (build.state, build.skip_reason) == (State.PREPARING, "")


def test_its_pill_says_skipped(skipped):
    pill = Template("{% load builds_extras %}{% state_pill build %}").render(Context({"build": skipped}))
    assert "skipped" in pill
    assert "cancelled" not in pill


def test_its_page_and_its_row_say_why(skipped, reader):
    for address in (skipped.get_absolute_url(), "/r/acme/web/builds"):
        shown = words(reader.get(address))
        assert SENTENCE.replace("`", "") in shown
        assert "Cancelled by" not in shown


def test_the_api_says_cancelled_and_why(skipped, reader):
    answer = reader.get(f"/api/v1/builds/{skipped.pk}").json()
    assert (answer["state"], answer["sentence"]) == ("cancelled", SENTENCE)


def test_a_person_who_tries_it_again_gets_a_build(skipped):
    again = retry_build(make_admin("boss"), skipped)
    assert (again.state, again.skip_reason, is_filtered(again)) == ("queued", "", False)


def test_the_form_saves_globs_line_by_line(writer):
    writer.post(
        RULES, rule_form({"pattern": "main", "tags": "latest", "paths_include": "web/**\r\n\r\n !web/docs/ \n"})
    )
    rule = BuildRule.objects.get()
    assert (rule.paths_include, rule.paths_exclude) == (["web/**", "!web/docs/"], [])
    assert "when web/** or 1 more changes" in words(writer.get(RULES))


def test_the_form_says_what_is_wrong_with_a_glob(writer):
    answer = writer.post(RULES, rule_form({"pattern": "main", "tags": "latest", "paths_exclude": "[z-a]"}))
    assert answer.status_code == 422
    assert "[z-a] is not a glob" in words(answer)


def test_one_click_watches_the_context_and_the_dockerfile(writer):
    row = {"pattern": "main", "tags": "latest", "context": "web", "dockerfile": "docker/web.Dockerfile"}
    shown = writer.post(RULES, rule_form(row, do="paths-0")).content.decode()
    assert "/web\n/docker/web.Dockerfile\n/docker/web.Dockerfile.dockerignore</textarea>" in shown
    assert BuildRule.objects.get().paths_include == []  # nothing is saved yet


def test_there_is_no_such_click_where_every_file_is_context(writer):
    assert "The build context is the whole repository" in words(writer.get(RULES))


def test_the_api_takes_and_gives_globs(writer):
    body = [{"ref_type": "branch", "pattern": "main", "tags": ["latest"], "paths_include": ["web/**"]}]
    answer = writer.put("/api/v1/repositories/acme/web/rules", body, content_type="application/json")
    assert answer.status_code == 200, answer.content
    assert answer.json()[0]["paths_include"] == ["web/**"]
    assert answer.json()[0]["paths_exclude"] == []


def test_a_rule_edited_while_its_builds_wait_changes_nothing_for_them(repository):
    """The globs are kept with the build, as the rest of the rule is."""
    rule = make_rule(make_source(make_repository("acme/api")), paths_include=["web/**"])
    from builds.actions import Order, request_builds
    from builds.core.plan import evaluate
    from builds.core.refnames import Ref

    verdicts = evaluate(Ref("branch", "main"), [rule.spec], commit=B)
    [build] = request_builds(rule.source, Ref("branch", "main"), B, verdicts, Order(cause=Build.Cause.PUSH, before=A))
    BuildRule.objects.filter(pk=rule.pk).update(paths_include=[])
    build.refresh_from_db()
    assert is_filtered(build)


def test_what_waits_for_the_publication_is_shown_as_its_template(repository, reader):
    build = push(BuildRule.objects.get(), A, B, plan={"tags": [{"name": "main"}], "pending": ["nightly-{build}"]})
    shown = words(reader.get(build.get_absolute_url()))
    assert "nightly-{build} planned" in shown


def test_a_tag_that_was_pushed_since_the_last_look_counts(repository):
    source = Source.objects.get()
    rule = RuleSpec(None, "tag", "/^v/", ("{latest}",))
    assert known_of(source, [rule]).tags is None
    looked = timezone.now()
    make_build(make_rule(source, ref_type="tag"), ref="v3.0.0", queued_at=looked + timedelta(seconds=1))
    make_build(make_rule(source, ref_type="tag"), ref="v9.9.9", queued_at=looked - timedelta(days=1))  # deleted since
    Source.objects.update(probed_at=looked, probe_state="good", refs=[{"type": "tag", "name": "v2.0.0", "commit": A}])
    source.refresh_from_db()
    assert known_of(source, [rule]).tags == ("v2.0.0", "v3.0.0")
    source.probe_state = "failed"
    assert set(known_of(source, [rule]).tags) == {"v2.0.0", "v3.0.0", "v9.9.9"}


def test_the_tester_gives_latest_to_the_highest_version_alone(repository, writer):
    Source.objects.update(probed_at=timezone.now(), refs=[{"type": "tag", "name": "v2.0.0", "commit": A}])
    form = rule_form({"ref_type": "tag", "pattern": "/^v/", "tags": "{version}, {latest}"}, refs="tag v1.9.1")
    shown = words(writer.post("/r/acme/web/rules/try", form))
    assert "The tag {latest} is not made: v1.9.1 is not the highest: v2.0.0 is." in shown
