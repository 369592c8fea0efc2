"""Point 3: why a step ran, by comparison with the last build of the rule; real pairs are in tests/functional."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builds.core.cache_files import ChangedFiles
from builds.core.cache_reasons import Circumstances
from builds.core.cache_report import Took, make_report, summary, took
from builds.core.cache_sides import Ran, Side

DIGEST = "sha256:" + "a" * 64
NOBODY = Took({}, {})
COMMITS = ("a1b2c3d" + "0" * 33, "c3d4e5f" + "1" * 33)
CONTEXT = Ran(0, "[internal] load build context", operation="source", fingerprint="context")
FROM = Ran(1, f"[1/4] FROM docker.io/library/debian:12@{DIGEST}", cached=True, operation="source", fingerprint="from")
COPY = Ran(2, "[2/4] COPY a.txt /", inputs=(1, 0), operation="file", fingerprint="copy", paths=("/a.txt",), lines=(2,))
RUN = Ran(3, "[3/4] RUN make", inputs=(2,), operation="exec", fingerprint="run", lines=(3,), seconds=4.0)
LAST = Ran(4, "[4/4] RUN make test", inputs=(3,), operation="exec", fingerprint="last", lines=(4,))
STEPS = (CONTEXT, FROM, COPY, RUN, LAST)


def side(number: int, *steps: Ran, **fields: object) -> Side:
    return Side(number, COMMITS[number - 1], steps or STEPS, **fields)


def change(step: Ran, steps: tuple[Ran, ...] = STEPS, **fields: object) -> tuple[Ran, ...]:
    return tuple(replace(one, **fields) if one.index == step.index else one for one in steps)


def hits(*missed: Ran, steps: tuple[Ran, ...] = STEPS) -> tuple[Ran, ...]:
    """All cached, but for these."""
    indexes = {step.index for step in missed}
    return tuple(replace(step, cached=step.index not in indexes) for step in steps)


def first_miss(this: Side, before: Side | None = None, tried: Side | None = None, **around: object) -> tuple[str, str]:
    document = make_report(this, before, tried, Circumstances(**around), NOBODY).document
    stage = document["stages"][0]
    why = next(step["why"] for step in stage["steps"] if step["index"] == stage["miss"])
    return why["kind"], why["sentence"]


def changed(*paths: str, **fields: object) -> ChangedFiles:
    return ChangedFiles(paths, **fields)


CASES = {
    "the command": (
        change(RUN, hits(RUN), name="[3/4] RUN make --fast", fingerprint="other"),
        {},
        "words",
        "Its command changed: `--fast` is new.",
    ),
    "two places of a command": (
        change(RUN, hits(RUN), name="[3/4] RUN cmake x", fingerprint="other"),
        {},
        "words",
        "Its command changed: `make` became `cmake x`.",
    ),
    "a COPY's destination": (
        change(COPY, hits(COPY), name="[2/4] COPY a.txt /b", fingerprint="other"),
        {},
        "words",
        "Its instruction changed: `/` became `/b`.",
    ),
    "the environment, nobody knows of what": (
        change(RUN, hits(RUN), fingerprint="other"),
        {},
        "operation",
        "Its words are the same, but not what it runs in: environment, user, folder or mounts.",
    ),
    "files": (
        hits(COPY),
        {"files": changed("a.txt", "b.txt")},
        "files",
        "1 file that it takes changed between a1b2c3d and c3d4e5f: `a.txt`.",
    ),
    "the list of what is ignored": (
        hits(COPY),
        {"files": changed(".dockerignore")},
        "files",
        "`.dockerignore` changed between a1b2c3d and c3d4e5f, and with it what the context holds.",
    ),
    "files that a hook made": (
        hits(COPY),
        {"files": changed("b.txt"), "makers": ("a hook",)},
        "files",
        "None of the files that it takes changed in Git between a1b2c3d and c3d4e5f: a hook made others.",
    ),
    "files that nobody can compare": (
        hits(COPY),
        {"files": ChangedFiles(why_unknown="The copy lacks a commit.")},
        "files",
        "Most likely files that it takes from the context changed. The copy lacks a commit.",
    ),
    "nothing": (
        hits(RUN),
        {"files": changed()},
        "evicted",
        "Nothing that it takes differs from build #1: the builder's cache did not have its result any more.",
    ),
    "the rule's cache is off": (hits(), {"cache": False}, "off", ""),
}


@pytest.mark.parametrize(("steps", "around", "kind", "sentence"), list(CASES.values())[:-1], ids=list(CASES)[:-1])
def test_the_first_miss_has_its_reason(steps, around, kind, sentence):
    assert first_miss(side(2, *steps), side(1), **around) == (kind, sentence)


def test_without_the_cache_nothing_is_compared():
    assert first_miss(side(2), side(1), cache=False) == (
        "off",
        "The rule builds without the cache, so every step runs.",
    )


def test_the_first_build_of_a_rule_says_so():
    assert first_miss(side(1))[0] == "first"


def test_the_first_build_of_a_forks_pull_request_shares_no_cache():
    kind, sentence = first_miss(side(1), isolated=True)
    assert kind == "isolated"
    assert "a fork's shares no cache" in sentence


def test_another_builder_has_another_cache():
    found = first_miss(side(2, *hits(RUN), builder="b · default"), side(1, builder="a · default"), files=changed())
    assert found[0] == "builder"
    assert "it ran on `b · default`, and build #1 ran on `a · default`" in found[1]


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ({"VERSION": "1"}, {"VERSION": "2"}, "Build argument `VERSION` changed from `1` to `2`."),
        ({}, {"VERSION": "2"}, "Build argument `VERSION` is given now, as `2`."),
        ({"VERSION": "1"}, {}, "Build argument `VERSION` is not given any more; it was `1`."),
        ({"VERSION": ""}, {"VERSION": "2"}, "Build argument `VERSION` changed from nothing to `2`."),
    ],
)
def test_a_build_argument_is_named_with_both_values(before, after, sentence):
    dockerfile = "FROM x\nARG VERSION\nRUN make"
    now = side(2, *change(RUN, hits(RUN), fingerprint="other"), args=after, dockerfile=dockerfile)
    assert first_miss(now, side(1, args=before, dockerfile=dockerfile)) == ("argument", sentence)


def test_an_argument_that_the_dockerfile_does_not_name_above_is_no_reason():
    now = side(2, *change(RUN, hits(RUN), fingerprint="x"), args={"B": "2"}, dockerfile="FROM x\n\nRUN make\nARG B")
    assert first_miss(now, side(1, args={"B": "1"}))[0] == "operation"


def test_a_value_in_the_words_of_a_step_is_told_from_an_edit():
    was = side(1, *change(RUN, name="[3/4] RUN make 1.0"), args={"V": "1.0"})
    now = side(2, *change(RUN, hits(RUN), name="[3/4] RUN make 1.1", fingerprint="x"), args={"V": "1.1"})
    assert first_miss(now, was) == ("argument", "Build argument `V` changed from `1.0` to `1.1`.")


def test_a_changed_env_above_is_named_with_its_line():
    old, new = (f"FROM x\n{line}\nRUN make" for line in ("ENV A=1", "ENV A=2"))
    now = side(2, *change(RUN, hits(RUN), fingerprint="other"), dockerfile=new)
    found = first_miss(now, side(1, dockerfile=old))
    assert found == ("setting", "What it runs in changed: `ENV A=1` became `ENV A=2` (Dockerfile line 2).")


def test_a_base_that_moved_is_named_with_both_digests():
    moved = change(FROM, hits(COPY), name=FROM.name.replace("aaaa", "bbbb"), fingerprint="other")
    found = first_miss(side(2, *moved), side(1), files=changed())
    assert found == (
        "base",
        "Its base image `debian:12` moved from `aaaaaaaaaaaa` to `bbbbbbbbbbbb` since build #1.",
    )


def test_another_base_image_is_named():
    moved = change(FROM, hits(COPY), name="[1/4] FROM docker.io/acme/base:2", fingerprint="other")
    kind, sentence = first_miss(side(2, *moved), side(1))
    assert (kind, sentence) == ("base", "Its base image is another one: `debian:12` became `acme/base:2`.")


def test_what_follows_a_miss_is_because_of_it():
    this = side(2, *change(COPY, hits(COPY, RUN, LAST), name="[2/4] COPY b.txt /", fingerprint="other"))
    document = make_report(this, side(1), None, Circumstances(), NOBODY).document
    steps = document["stages"][0]["steps"]
    assert [step["why"]["kind"] for step in steps] == ["words", "because", "because"]
    assert {step["why"]["because"] for step in steps[1:]} == {COPY.index}


def test_a_step_that_did_not_end_well_last_time_runs_again():
    tried = side(2, *change(LAST, change(RUN, fingerprint=""), state="failed", fingerprint=""))
    kind, sentence = first_miss(Side(3, COMMITS[1], hits(LAST)), side(1), tried)
    assert kind == "unfinished"
    assert sentence.startswith("In build #2 it did not end well")


def test_a_step_that_was_never_reached_last_time_runs():
    tried = side(2, *change(LAST, state="pending", fingerprint=""))
    assert "the build ended before it" in first_miss(Side(3, COMMITS[1], hits(LAST)), side(1), tried)[1]


def test_by_name_alone_it_says_that_it_knows_no_more():
    bare = tuple(replace(step, operation="", fingerprint="", paths=()) for step in hits(LAST))
    document = make_report(side(2, *bare), side(1), None, Circumstances(files=changed()), NOBODY).document
    assert document["by_name_only"]
    why = document["stages"][0]["steps"][-1]["why"]
    assert why["kind"] == "unknown"
    assert "more than names is not known of this build" in why["sentence"]


def test_by_name_alone_a_copy_still_names_its_files():
    bare = tuple(replace(step, operation="", fingerprint="", paths=()) for step in hits(COPY))
    assert "`a.txt`" in first_miss(side(2, *bare), side(1), files=changed("a.txt", "b.txt"))[1]


def test_an_address_that_gives_out_something_else_is_named():
    fetch = Ran(2, "[2/2] ADD https://example.com/a /a", operation="source", fingerprint="url")
    write = Ran(3, "[2/2] ADD https://example.com/a /a", inputs=(1, 2), operation="file", fingerprint="add")
    before = side(1, FROM, fetch, write)
    kind, sentence = first_miss(side(2, *hits(write, steps=(FROM, fetch, write))), before)
    assert (kind, sentence) == ("address", "`https://example.com/a` gives out something else than for build #1.")


def test_git_of_the_context_differs_with_every_commit():
    whole = change(COPY, hits(COPY), paths=("/",))
    found = first_miss(side(2, *whole), side(1, *change(COPY, paths=("/",))), files=changed(), git_dir=True)
    assert "It takes `.git`" in found[1]


def test_from_and_what_was_not_reached_count_for_nothing():
    report = make_report(side(1, *change(LAST, state="pending")), None, None, Circumstances(), NOBODY)
    assert (report.cacheable, report.cached) == (2, 0)


def test_an_address_counts_once_though_it_is_two_steps():
    pair = [Ran(i, "[2/2] ADD https://example.com/a /a", inputs=inputs) for i, inputs in ((2, ()), (3, (1, 2)))]
    assert make_report(side(1, FROM, *pair), None, None, Circumstances(), NOBODY).cacheable == 1


def test_what_is_saved_is_what_the_step_took_when_it_last_ran():
    spared = took([(RUN, 4.0), (replace(RUN, fingerprint="older"), 9.0), (LAST, 1.5)])
    report = make_report(side(2, *hits()), side(1), None, Circumstances(), spared)
    assert report.saved_s == 5.5
    assert report.document["unknown_s"] == 1  # nobody knows what the COPY took
    assert summary(report.document) == (
        "All 3 steps came from the cache, which saved 5.5 s. What 1 of them would have taken is not known."
    )


def test_a_build_of_a_thousand_steps_is_cut_and_says_so():
    rows = [Ran(n, f"[{n}/1000] RUN {n}", inputs=(n - 1,)) for n in range(1, 1001)]
    document = make_report(side(1, *rows), None, None, Circumstances(), NOBODY).document
    assert (document["cacheable"], document["cut"]) == (1000, 700)
    assert len(document["stages"][0]["steps"]) == 300


def test_a_long_chain_of_stages_is_no_deep_well():
    """The last stage is listed first: the reason of its step is that of a step two thousand before it."""
    rows = [Ran(n, f"[a {n}/2000] RUN {n}", inputs=(n - 1,), fingerprint=f"f{n}") for n in range(2, 2001)]
    first = Ran(1, "[out 1/2] RUN first", fingerprint="x")
    now = side(2, first, *rows)
    before = side(1, replace(first, fingerprint="y", name="[out 1/2] RUN other"), *rows)
    document = make_report(now, before, None, Circumstances(), NOBODY).document
    assert document["stages"][1]["steps"][-1]["why"]["because"] == 1
