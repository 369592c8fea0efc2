"""Examples of a rule: how they are written and read, and what is said where the rule does not keep one."""

from __future__ import annotations

import pytest

from builds.core.examples import (
    MAX_EXAMPLES,
    Example,
    check_examples,
    example_of,
    example_problems,
    example_rows,
    examples_of,
    read_examples,
    write_examples,
)
from builds.core.rules import Ref, RuleSpec

SEMVER = RuleSpec(1, "tag", r"/^v(\d+)\.(\d+)\.(\d+)$/", (r"{\1}.{\2}.{\3}", r"{\1}.{\2}", "{latest}"))
MAIN = RuleSpec(2, "branch", "main", ("latest", "{sha7}"))


def example(line: str, ref_type: str = "tag") -> Example:
    (found,), problems = read_examples(line, ref_type)
    assert not problems
    return found


@pytest.mark.parametrize(
    ("line", "name", "tags"),
    [
        ("v1.2.3 → 1.2.3, 1.2, latest", "v1.2.3", ("1.2.3", "1.2", "latest")),
        ("v1.2.3 -> 1.2.3 1.2", "v1.2.3", ("1.2.3", "1.2")),
        ("v1=>1,1,,1", "v1", ("1",)),
        ("nightly", "nightly", ()),
        ("nightly ->", "nightly", ()),
        ("  main → {sha7}  ", "main", ("{sha7}",)),
        ("релиз-1 → 1", "релиз-1", ("1",)),
    ],
)
def test_it_reads_a_ref_and_its_tags(line, name, tags):
    assert example(line) == Example(Ref("tag", name), tags)


def test_it_reads_a_ref_of_another_kind_where_that_is_said():
    assert example("branch v1 →").ref == Ref("branch", "v1")


@pytest.mark.parametrize("line", ["→ latest", "a..b → x", "a b c", "x" * 300, "-> "])
def test_it_says_of_a_line_that_it_names_no_ref(line):
    examples, problems = read_examples(line, "tag")
    assert not examples
    assert "is the name of no ref" in problems[0]


def test_it_keeps_no_more_than_anybody_reads():
    examples, problems = read_examples("\n".join(f"v{n}" for n in range(80)), "tag")
    assert len(examples) == MAX_EXAMPLES
    assert problems == ("These are 80 examples; 50 is the most.",)
    assert example_problems([Example(Ref("tag", f"v{n}"), ()) for n in range(80)])


@pytest.mark.parametrize("text", ["v1.2.3 → 1.2.3, latest\nnightly →", "branch main → latest", ""])
def test_it_writes_what_it_reads(text):
    assert write_examples(read_examples(text, "tag")[0], "tag") == text


def test_it_stores_what_it_reads_back():
    examples = read_examples("v1 → 1\nbranch x →", "tag")[0]
    assert examples_of(example_rows(examples)) == examples


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        (SEMVER, "v1.2.3 → 1.2.3, 1.2, latest"),
        (SEMVER, "v1.2.3 → latest, 1.2, 1.2.3"),
        (SEMVER, "v1.2 →"),
        (SEMVER, "branch v1.2.3 →"),
        (MAIN, "branch main → latest, {sha7}"),
    ],
)
def test_it_finds_nothing_wrong_with_an_example_that_holds(rule, line):
    (checked,) = check_examples(rule, [example(line)])
    assert checked.is_good


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("v1.2.3 → 1.2.3, 1.2", "`v1.2.3` also makes `latest`."),
        ("v1.2.3 → 1.2.3, 1.2, latest, 1", "`v1.2.3` does not make `1`."),
        ("v1.2.3 → 1.2.3, 1, latest", "`v1.2.3` does not make `1` but makes `1.2`."),
        ("v1.2.3 →", "`v1.2.3` must not match, and makes `1.2.3`, `1.2`, `latest`."),
        ("v1.2 → 1.2", r"`v1.2` does not match: `v1.2` does not fit `/^v(\d+)\.(\d+)\.(\d+)$/`."),
    ],
)
def test_it_says_the_difference(line, sentence):
    (checked,) = check_examples(SEMVER, [example(line)])
    assert checked.sentence == sentence


def test_it_judges_an_example_whatever_is_switched_off():
    off = RuleSpec(1, "branch", "main", ("latest",), autobuild=False, paused="since yesterday")
    assert check_examples(off, [example("branch main → latest")])[0].is_good


def test_it_says_of_a_rule_that_does_not_compile_that_nothing_matches():
    broken = RuleSpec(1, "tag", "/(/", ("x",))
    assert "does not match: The pattern does not compile" in check_examples(broken, [example("v1 → x")])[0].sentence


@pytest.mark.parametrize(("name", "line"), [("v1.2.3", "v1.2.3 → 1.2.3, 1.2, latest"), ("nightly", "nightly →")])
def test_it_makes_an_example_of_what_a_rule_does_now(name, line):
    made = example_of(Ref("tag", name), SEMVER)
    assert write_examples([made], "tag") == line
    assert check_examples(SEMVER, [made])[0].is_good
