"""Point 6: rules of retention as they are stored and sent, whoever wrote them, and how they read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.retention_rules import MOST_RULES, RetentionRule, describe_rule, kind_of, read_rules


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ({"which": "build", "last": 10}, "Of `build-<n>` stay the last 10; the others go."),
        (
            {"which": "build", "last": 10, "per_ref": True, "days": 30},
            "Of `build-<n>` stay the last 10 of each branch and those younger than 30 days; the others go.",
        ),
        (
            {"which": "version", "last": 1, "by": "version", "days": 1, "pulled_days": 14},
            ("Of versions stay the last one by version, those younger than 1 day and those pulled within 14 days; "
            "the others go."),
        ),
        ({"which": "pattern", "pattern": "/^v/", "always": True}, "`/^v/` always stay."),
        ({"which": "pattern", "pattern": "latest", "always": True}, "`latest` always stays."),
        ({"which": "all", "gone_days": 7}, ("Tags go 7 days after their branch was deleted or their pull request was "
         "closed.")),
        ({"which": "build", "gone_days": 1}, ("Of `build-<n>` those go 1 day after their branch was deleted or their "
         "pull request was closed.")),
    ],
)  # fmt: skip
def test_a_rule_reads_as_a_sentence(rule, sentence):
    (read,), problems = read_rules([rule])
    assert not problems
    assert describe_rule(read) == sentence


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (None, "The rules are no list."),
        ({"rules": []}, "The rules are no list."),
        ([7], "Rule 1 is no object."),
        ([{"last": 1}] * (MOST_RULES + 1), "These are 21 rules; 20 is the most. Join some patterns in one regex."),
        ([{"last": 1, "most": 2}], "Rule 1 has a field that there is not: `most`."),
        ([{"which": "floating", "last": 1}], "A rule is about one of all, build, version, other, pattern."),
        ([{"which": [], "last": 1}], "A rule is about one of all, build, version, other, pattern."),
        ([{"last": 0}], "Write a whole number from 1 to 10,000."),
        ([{"last": True}], "Write a whole number from 1 to 10,000."),
        ([{"days": 3651}], "Write a whole number from 1 to 3,650."),
        ([{"days": 1.5}], "Write a whole number from 1 to 3,650."),
        ([{"always": 1}], "That is yes or no."),
        ([{"last": 1, "by": "name"}], "Tags are counted by push or by version."),
        ([{}], "Say what the rule keeps: the last ones, the young ones, those that were pulled, or all."),
        ([{"always": True, "last": 1}], "What always stays needs no number beside it. Take one or the other away."),
        ([{"gone_days": 7, "last": 1}], "A rule for deleted branches keeps nothing by itself. Make two rules of it."),
        ([{"pattern": "/v/", "last": 1}], "A pattern counts only where the rule is about tags that match one."),
        ([{"which": "pattern", "last": 1}], "Name a tag, or write a regex between slashes."),
        ([{"which": "pattern", "pattern": "a b", "last": 1}], "`a b` cannot be a tag. A regex stands between slashes."),
        ([{"which": "pattern", "pattern": "/v(/", "last": 1}],
         "The pattern does not compile: missing closing parenthesis at character 3."),
        ([{"which": "pattern", "pattern": "/" + "a" * 500 + "/", "last": 1}],
         "The pattern has 502 characters; 500 is the most."),
        ([{"which": "pattern", "pattern": "/\x00/", "last": 1}], "The pattern holds a character that no tag can have."),
        ([{"which": "pattern", "pattern": 7, "last": 1}], "The pattern is no text."),
    ],
)  # fmt: skip
def test_what_cannot_be_a_rule_is_told(document, sentence):
    _, problems = read_rules(document)
    assert [problem.sentence for problem in problems] == [sentence]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(sorted(RetentionRule.__dataclass_fields__))


@given(st.lists(st.dictionaries(FIELDS, JSON | st.just(7) | st.just("build")), max_size=4) | JSON)
def test_reading_never_fails_and_what_it_took_reads_the_same_again(document):
    rules, problems = read_rules(document)
    if not problems:
        assert read_rules([rule.as_json() for rule in rules]) == (rules, ())
        assert all(describe_rule(rule) for rule in rules)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("build-7", "build"), ("build-x", "other"), ("v1.2", "version"), ("7", "version"), ("main", "other")],
)
def test_a_name_tells_the_kind_of_a_tag(name, kind):
    assert kind_of(name) == kind
