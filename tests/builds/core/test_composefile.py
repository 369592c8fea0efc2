"""A compose file as a stranger wrote it: what it holds, and what is refused before Compose opens it."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from builds.core.composefile import MAX_BYTES, ComposeRefused, read_compose

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefg", "bcdefgh", strict=True)
)

WORDS = st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.sampled_from("\n\tüß漢"), max_size=20)


def sut(lines: str) -> dict[str, object]:
    found = read_compose(f"services:\n  sut:\n    image: this\n{lines}".encode())
    return dict(found["services"]["sut"])


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("on", "on"), ("yes", "yes"), ("true", True), ("12:30", "12:30"), ("2020-01-01", "2020-01-01"), ("0644", 0o644),
        ("0x1f", 31), ("1.5", 1.5), ("0E0", 0), ("1e3", 1000), ("-3", -3), ("~", None), ("", None),
        ("1_000", "1_000"), ("'3'", "3"),
    ],
)  # fmt: skip
def test_it_reads_plain_values_as_compose_does(written: str, value: object):
    """With YAML 1.1's words `DEBUG: on` would be `true` in the container."""
    assert sut(f"    key: {written}\n")["key"] == value


def test_it_spells_out_aliases_and_merge_keys():
    found = read_compose(b"x-base: &base {image: this, tty: true}\nservices:\n  sut:\n    <<: *base\n    user: me\n")
    assert found["services"]["sut"] == {"image": "this", "tty": True, "user": "me"}


def test_it_takes_files_of_the_first_format():
    """Docker Cloud's documents show tests like this one."""
    found = read_compose(b"sut:\n  build: .\n  links: [redis]\nredis:\n  image: redis\nversion: '1'\n")
    assert sorted(found["services"]) == ["redis", "sut"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it holds no services"),
        (b"[]", "it holds no services"),
        (
            b"services: {web: {image: x}}",
            "it has no service `sut`, whose exit code is the result; its services are `web`",
        ),
        (b"services: [sut]", "it has no service `sut`"),
        (b"services:\n  sut: [", "it is not valid YAML in line 3"),
        (b"\xff\xfe", "it is not UTF-8 text"),
        (b"a: 1\n---\nb: 2\n", "it is not valid YAML"),
        (b"services: {sut: !reset {}}", "could not determine a constructor"),
        (b"services: {sut: !!python/object/apply:os.system [x]}", "could not determine a constructor"),
        (b"x: &x [*x]\nservices: {sut: {a: *x}}", "it is nested without end"),
        (b"services: {sut: {a: " + b"[" * 60 + b"]" * 60 + b"}}", "it is nested too deeply"),
        (b"services: {sut: {a: " + b"[" * 5000, "it is not valid YAML"),
        (BOMB.encode(), "its aliases spell out more than"),
        (b"#" * (MAX_BYTES + 1), "262,144 is the most"),
        (b"? 1.5\n: x\nservices: {sut: {}}", "a key in it is not text"),
        (b"include: [other.yml]\nservices: {sut: {image: x}}", "it uses `include`"),
        (b"models: {m: {}}\nservices: {sut: {image: x}}", "it uses `models`"),
        (b"services: {sut: {provider: {type: sh}}}", "a program of the machine"),
        (b"services: {sut: {label_file: /etc/passwd}}", "uses `label_file`"),
        (b"services: {sut: {credential_spec: {file: /x}}}", "a file of the machine"),
        (b"services: {sut: {use_api_socket: true}}", "the Docker Engine's socket"),
        (b"services: {sut: {image: x}, db: 3}", "service `db` is not a mapping"),
    ],
)
def test_it_refuses_in_words(content: bytes, words: str):
    with pytest.raises(ComposeRefused) as refused:
        read_compose(content)
    assert words in "; ".join(refused.value.problems)


@given(st.binary(max_size=300) | st.text("abc: -[]{}&*!<>|\n\t'\"#%@`,?1.", max_size=200).map(str.encode))
def test_it_ends_in_words_whatever_stands_in_it(content: bytes):
    try:
        read_compose(b"services:\n  sut: {}\nx: " + content)
    except ComposeRefused as refused:
        assert all(refused.problems)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), WORDS))
def test_it_reads_what_was_written(sut: dict[str, object]):
    written = yaml.safe_dump({"services": {"sut": {"environment": sut}}}, default_style='"')
    assert read_compose(written.encode())["services"]["sut"]["environment"] == sut
