"""Tags of every page: state pills, values as people read them, icons; and that nothing of a stranger becomes markup."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.template import Context, Template

from builds.core.states import State
from builds.models import Build
from builds.templatetags.builds_extras import code, first_line, short, tone_of
from builds.templatetags.repository_tags import spark


def pill(**fields) -> str:
    return Template("{% load builds_extras %}{% state_pill build %}").render(Context({"build": Build(**fields)}))


@pytest.mark.parametrize("state", list(State))
def test_it_says_every_state_in_a_word_with_a_colour_and_an_icon(state):
    drawn = pill(state=state.value)
    assert f'<span class="pill-word">{state.value}</span>' in drawn
    assert f"pill-{tone_of(state)}" in drawn
    assert "<path" in drawn


@pytest.mark.parametrize(
    ("kind", "words"), [("user", "your build"), ("platform", "Imageyard"), ("registry", "registry"), ("limit", "limit")]
)
def test_it_says_on_the_failed_pill_whose_fault_it_is(kind, words):
    assert f'<span class="pill-more">{words}</span>' in pill(state="failed", error_kind=kind)


def test_it_says_who_cancelled_and_what_superseded():
    assert "by wendy" in pill(state="cancelled", cancelled_by="wendy")
    assert "by #42" in pill(state="superseded", superseded_by=Build(pk=1, number=42))


def test_it_asks_no_query_for_a_build_that_superseded():
    assert "superseded" in pill(state="superseded", superseded_by_id=7)


def test_it_escapes_what_stands_on_a_pill():
    drawn = pill(state="failed", error_message='"><script>')
    assert "<script>" not in drawn


def test_it_sets_quoted_parts_as_code_and_escapes_them():
    assert code("`<b>` & `x`") == "<code>&lt;b&gt;</code> &amp; <code>x</code>"


def test_it_escapes_a_sentence_that_is_one_already_no_second_time():
    assert code(code("a `b` <c>")) == "a <code>b</code> &lt;c&gt;"


@pytest.mark.parametrize(("text", "shown"), [("a1b2c3d4" * 5, "a1b2c3d"), ("sha256:" + "ab" * 32, "abababababab")])
def test_it_shortens_commits_and_digests(text, shown):
    assert short(text) == shown


def test_it_takes_the_subject_of_a_message():
    assert first_line("\nFix it\n\nLong story") == "Fix it"


def test_it_draws_a_bar_for_each_build_and_says_its_duration():
    bars = [SimpleNamespace(number=n, state="succeeded", seconds=seconds) for n, seconds in ((1, 30.0), (2, 60.0))]
    drawn = spark(bars)
    assert drawn.count("<rect") == 2
    assert "<title>#2 succeeded, 1 m 00 s</title>" in drawn


def test_it_does_not_let_a_hanging_build_flatten_the_others():
    bars = [SimpleNamespace(number=1, state="succeeded", seconds=60.0)]
    bars.append(SimpleNamespace(number=2, state="building", seconds=9_000.0))
    assert spark(bars).count('height="24.0"') == 2


def test_it_draws_nothing_for_an_icon_that_is_not_there():
    drawn = Template('{% load builds_extras %}{% icon "no-such-icon" %}').render(Context())
    assert drawn.startswith('<svg class="icon"')
    assert "<path" not in drawn
