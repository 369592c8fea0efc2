"""Point 7: the sentences above a comparison, and what stands in its rows."""

from __future__ import annotations

import pytest

from builds.core.build_compare import Given, compare_builds, size_sentence
from builds.core.cache_sides import Ran
from builds.core.forge_pages import compare_page
from builds.core.image_compare import ComparedLayer, compare_layers

MB = 1_000_000


def layer(digest: str, size: float, made_by: str = "", **fields: object) -> ComparedLayer:
    return ComparedLayer(digest, int(size * MB), made_by, **fields)


BASE = layer("base", 50, "FROM debian:12", is_base=True)
SIZES = {
    "one grew": (
        [BASE, layer("a", 10, "RUN pip install x", line=9)],
        [BASE, layer("b", 48, "RUN pip install x", line=9)],
        "The image is 38.0 MB larger: `RUN pip install x` (line 9) made 38.0 MB more. It was 60.0 MB and is 98.0 MB.",
    ),
    "one is new": (
        [BASE],
        [BASE, layer("b", 20, "COPY . /", line=4)],
        "The image is 20.0 MB larger: `COPY . /` (line 4) is new and makes 20.0 MB. It was 50.0 MB and is 70.0 MB.",
    ),
    "one is gone": (
        [BASE, layer("a", 20, "COPY . /", line=4)],
        [BASE],
        "The image is 20.0 MB smaller: `COPY . /` is gone, which made 20.0 MB. It was 70.0 MB and is 50.0 MB.",
    ),
    "the base": (
        [BASE, layer("a", 10, "RUN x")],
        [layer("other", 80, "FROM debian:13", is_base=True), layer("b", 12, "RUN x")],
        "The image is 32.0 MB larger: the base image brings 30.0 MB more. It was 60.0 MB and is 92.0 MB.",
    ),
    "the other way": (
        [BASE, layer("a", 10, "RUN x"), layer("c", 9, "RUN y")],
        [BASE, layer("b", 2, "RUN x"), layer("d", 12, "RUN y")],
        "The image is 5.0 MB smaller: `RUN x` made 8.0 MB less. It was 69.0 MB and is 64.0 MB.",
    ),
    "nothing": ([BASE], [BASE], "Both images have the same layers, 50.0 MB."),
    "as large": (
        [BASE, layer("a", 1, "RUN x")],
        [BASE, layer("b", 1, "RUN x")],
        "The image has the same size as before: 51.0 MB.",
    ),
    "no image": ([], [BASE], ""),
}


@pytest.mark.parametrize(("before", "after", "sentence"), SIZES.values(), ids=SIZES)
def test_it_says_what_made_the_image_larger(before, after, sentence):
    assert size_sentence(compare_layers(before, after)) == sentence


def given(number: int, *steps: Ran, seconds: float | None = None, **fields: object) -> Given:
    return Given(number, steps=steps, seconds=seconds, **fields)


NPM = Ran(1, "[2/2] RUN npm ci", seconds=10.0)
TIMES = {
    "longer": (
        (NPM, 20.0),
        (Ran(1, "[2/2] RUN npm ci", seconds=40.0), 52.0),
        "It took 32 s longer: `RUN npm ci` took 30 s longer. They took 20 s and 52 s.",
    ),
    "from the cache": (
        (NPM, 20.0),
        (Ran(1, "[2/2] RUN npm ci", cached=True, seconds=0.0), 9.0),
        "It took 11 s less: `RUN npm ci` ran for 10 s before and comes from the cache now. They took 20 s and 9.0 s.",
    ),
    "about as long": ((NPM, 20.0), (NPM, 20.4), "Both took about as long: 20 s and 20 s."),
    "nobody knows": ((NPM, None), (NPM, 20.0), ""),
    "no step did it": ((NPM, 20.0), (NPM, 90.0), "It took 1 m 10 s longer: 20 s and 1 m 30 s."),
}


@pytest.mark.parametrize(("before", "after", "sentence"), TIMES.values(), ids=TIMES)
def test_it_says_what_made_the_build_longer(before, after, sentence):
    found = compare_builds(given(1, before[0], seconds=before[1]), given(2, after[0], seconds=after[1]))
    assert found.time_sentence == sentence


def test_inputs_that_differ_come_first_and_say_how():
    before = Given(1, args={"A": "1", "B": "1", "C": "1"}, bases={"debian:12": "sha256:a"}, secrets=("TOKEN",))
    after = Given(2, args={"A": "1", "B": "2", "D": "1"}, bases={"debian:12": "sha256:b"})
    found = [(row.kind, row.name, row.change) for row in compare_builds(before, after).inputs]
    assert found == [
        ("base", "debian:12", "changed"),
        ("argument", "B", "changed"),
        ("argument", "C", "removed"),
        ("argument", "D", "added"),
        ("secret", "TOKEN", "removed"),
        ("argument", "A", "same"),
    ]


def test_the_dockerfiles_are_compared_line_by_line():
    found = compare_builds(Given(1, dockerfile="FROM a\nRUN b\n"), Given(2, dockerfile="FROM a\nRUN c\n"))
    assert found.diff[2:] == ("@@ -1,2 +1,2 @@", " FROM a", "-RUN b", "+RUN c")


def test_a_moved_base_is_no_edited_step():
    steps = [Ran(1, f"[1/2] FROM debian:12@sha256:{letter * 64}") for letter in "ab"]
    row = compare_builds(given(1, steps[0]), given(2, steps[1])).steps[0]
    assert (row.change, row.edited) == ("same", False)


@pytest.mark.parametrize(
    ("forge", "url", "expected"),
    [
        ("github", "https://github.com/acme/web.git", "https://github.com/acme/web/compare/a...b"),
        ("gitlab", "git@gitlab.com:acme/web.git", "https://gitlab.com/acme/web/-/compare/a...b"),
        ("gitea", "https://codeberg.org/acme/web", "https://codeberg.org/acme/web/compare/a...b"),
        ("bitbucket", "https://bitbucket.org/acme/web", "https://bitbucket.org/acme/web/branches/compare/b%0Da"),
        (
            "bitbucket",
            "https://git.example.com/scm/acme/web.git",
            "https://git.example.com/projects/ACME/repos/web/compare/diff?sourceBranch=b&targetBranch=a",
        ),
        ("generic", "https://git.example.com/web.git", ""),
    ],
)
def test_each_forge_has_its_page_for_two_commits(forge, url, expected):
    assert compare_page(forge, url, "a", "b") == expected
    assert compare_page(forge, url, "", "b") == ""
