"""Which changed files a COPY takes; a file is only left out where BuildKit certainly never saw it."""

from __future__ import annotations

import json

import pytest

from builds.core.cache_files import ChangedFiles, mounted_sources, sources_in_words, taken

FILES = ("a.txt", "b.log", "src/app.py", "src/deep/x.py", "src.py", "docs/a.md")


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (("/",), FILES),
        (("/a.txt",), ("a.txt",)),
        (("/src",), ("src/app.py", "src/deep/x.py")),
        (("/src/",), ("src/app.py", "src/deep/x.py")),
        (("/src/*.py",), ("src/app.py",)),
        (("/*.py", "/docs"), ("src.py", "docs/a.md")),
        (("/?.txt",), ("a.txt",)),
        (("/[ab].*",), ("a.txt", "b.log")),
        (("/no",), ()),
        ((), ()),
    ],
)
def test_a_source_is_a_file_a_folder_or_a_pattern(sources, expected):
    assert taken(ChangedFiles(FILES), sources) == expected


def test_paths_are_those_of_the_context():
    changed = ChangedFiles(("web/a.txt", "api/a.txt", "a.txt"), context="/web")
    assert taken(changed, ("/",)) == ("a.txt",)


def test_a_submodule_may_hold_what_is_taken():
    changed = ChangedFiles(("lib",), submodules=frozenset({"lib"}))
    assert taken(changed, ("/lib/x.c",)) == ("lib",)


@pytest.mark.parametrize(
    ("ignore", "expected"),
    [
        ("*.log\n", ("a.txt", "src/app.py", "src/deep/x.py", "src.py", "docs/a.md")),
        ("# *.log\n\ndocs/\nsrc", ("a.txt", "b.log", "src.py")),
        ("**/*.py", ("a.txt", "b.log", "docs/a.md")),
        ("*.log\n!b.log", FILES),
        ("[", FILES),
    ],
)
def test_what_is_certainly_ignored_is_not_named(ignore, expected):
    assert taken(ChangedFiles(FILES, ignore=ignore), ("/",)) == expected


def test_no_file_that_buildkit_sent_is_ever_left_out(data):
    """Against what BuildKit really sent of 61 folders; a few it did not send may be named all the same."""
    cases = json.loads((data / "dockerignore/oracle-buildkit.json").read_text())["cases"]
    sent_in_all = left_out = 0
    for case in cases:
        sent = set(case["result"].get("context", ()))
        files = tuple(name for name, entry in case["tree"].items() if entry["type"] == "file")
        ignore = case["tree"].get(".dockerignore", {}).get("text", "")
        named = taken(ChangedFiles(files, ignore=ignore), ("/",))
        assert sent.intersection(files) <= set(named), case["id"]
        sent_in_all, left_out = sent_in_all + len(sent.intersection(files)), left_out + len(files) - len(named)
    assert sent_in_all > 300
    assert left_out > 30


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("COPY a b /c/", ("/a", "/b")),
        ("COPY --chmod=755 --link ./a /c", ("/a",)),
        ("ADD . /", ("/.",)),
        ('COPY --link ["a b", "/c"]', ("/a b",)),
        ("COPY [a b", ()),
        ("COPY <<EOF /c", ()),
        ("COPY", ()),
    ],
)
def test_sources_are_read_from_words_where_nothing_else_is_known(words, expected):
    assert sources_in_words(words) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("RUN --mount=type=bind,source=docs,target=/d cat /d/a", ("/docs",)),
        ("RUN --mount=target=/src make", ("/",)),
        ("RUN --mount=type=bind,from=base,source=/x,target=/y make", ()),
        ("RUN --mount=type=cache,target=/c --mount=type=secret,id=t make", ()),
    ],
)
def test_a_mount_of_the_context_takes_files(words, expected):
    assert mounted_sources(words) == expected
