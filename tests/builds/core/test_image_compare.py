"""Point 8: what became of layers and settings from one image to the next, in rows and sentences."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builds.core.image_compare import HIDDEN, ComparedConfig, ComparedLayer, compare_config, compare_layers
from builds.core.secret_words import looks_secret

MB = 1_000_000


def layer(name: str, size: int, made_by: str = "", **more: object) -> ComparedLayer:
    return ComparedLayer(f"sha256:{name}", size * MB, made_by, **more)


BASE = layer("base", 30, "debian", is_base=True)
PIP = "RUN pip install -r requirements.txt"


def test_a_layer_that_grew_is_named_by_its_instruction_it_says_by_how_much():
    found = compare_layers([BASE, layer("a", 12, PIP)], [BASE, layer("b", 50, PIP)])
    assert [row.change for row in found.rows] == ["same", "changed"]
    assert found.sentences == (f"`{PIP}` grew by 38.0 MB, from 12.0 MB to 50.0 MB.",)
    assert found.summary == "The image grew by 38.0 MB, from 42.0 MB to 80.0 MB."
    assert (found.delta_bytes, found.shared_bytes) == (38 * MB, 30 * MB)


@pytest.mark.parametrize(
    ("before", "after", "changes", "sentences"),
    [
        ([layer("a", 3, "COPY a /")], [layer("a", 3, "COPY a /")], ["same"], ()),
        ([], [layer("a", 3, "COPY a /")], ["added"], ("`COPY a /` is new: 3.0 MB.",)),
        ([layer("a", 3, "COPY a /")], [], ["removed"], ("`COPY a /` is gone: 3.0 MB less.",)),
        (
            [layer("a", 3, "RUN make")],
            [layer("b", 3, "RUN make")],
            ["changed"],
            ("`RUN make` made other content of the same size.",),
        ),
        (
            [layer("a", 3, "RUN make all")],
            [layer("b", 2, "RUN make -j4 all")],
            ["changed"],
            ("`RUN make -j4 all` (it was `RUN make all`) shrank by 1.0 MB, from 3.0 MB to 2.0 MB.",),
        ),
        (
            [layer("a", 1, "RUN x"), layer("b", 9, "COPY . .")],
            [layer("c", 2, "RUN x"), layer("d", 4, "ADD z /"), layer("e", 9, "COPY . .")],
            ["changed", "added", "changed"],
            (
                "`ADD z /` is new: 4.0 MB.",
                "`RUN x` grew by 1.0 MB, from 1.0 MB to 2.0 MB.",
                "`COPY . .` made other content of the same size.",
            ),
        ),
        (
            [layer("a", 3)],
            [layer("b", 5)],
            ["changed"],
            ("A layer of unknown origin grew by 2.0 MB, from 3.0 MB to 5.0 MB.",),
        ),
    ],
)
def test_every_way_a_layer_changes_has_its_sentence_it_starts_with_the_largest(before, after, changes, sentences):
    found = compare_layers(before, after)
    assert [row.change for row in found.rows] == changes
    assert found.sentences == sentences


def test_what_the_base_image_changed_is_one_thing_it_is_not_mixed_with_own_layers():
    newer = [
        layer("base2", 33, "debian", is_base=True),
        layer("base3", 1, "etc", is_base=True),
        layer("a", 2, "COPY a /"),
    ]
    found = compare_layers([BASE, layer("a", 2, "COPY a /")], newer)
    assert found.sentences == ("The base image grew by 4.0 MB.",)
    assert found.rows[-1].change == "same"


def test_the_same_words_twice_are_two_layers_it_pairs_equal_ones_by_digest():
    found = compare_layers(
        [layer("a", 1, "RUN make"), layer("b", 2, "RUN make")],
        [layer("b", 2, "RUN make"), layer("c", 7, "RUN make")],
    )
    pairs = {(row.before and row.before.digest[7:], row.after and row.after.digest[7:]) for row in found.rows}
    assert ("b", "b") in pairs


def test_settings_that_differ_are_rows_it_says_each_in_a_sentence():
    before = ComparedConfig(cmd=("serve",), env=(("A", "1"), ("B", "2")), user="", ports=("80/tcp",))
    after = ComparedConfig(cmd=("serve", "my app"), env=(("A", "3"), ("C", "4")), user="app", ports=("8080/tcp",))
    assert [row.sentence for row in compare_config(before, after)] == [
        'Command changed from `serve` to `serve "my app"`.',
        "User changed from `root` to `app`.",
        "Variable `A` changed from `1` to `3`.",
        "Variable `B` is gone: it was `2`.",
        "Variable `C` is new: `4`.",
        "Port `8080/tcp` is new.",
        "Port `80/tcp` is gone.",
    ]


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("platform", "linux/arm64", "Platform"),
        ("entrypoint", ("/bin/x",), "Entrypoint"),
        ("working_dir", "/app", "Working directory"),
        ("volumes", ("/data",), "Volume"),
        ("labels", (("org.acme", "x"),), "Label"),
        ("stop_signal", "SIGINT", "Stop signal"),
        ("healthcheck", "CMD curl localhost", "Health check"),
        ("onbuild", ("COPY . .",), "ONBUILD"),
        ("shell", ("/bin/bash", "-c"), "Shell"),
    ],
)
def test_no_setting_is_forgotten_it_finds(field, value, what):
    rows = compare_config(ComparedConfig(), replace(ComparedConfig(), **{field: value}))
    assert [row.what for row in rows] == [what]
    assert compare_config(ComparedConfig(**{field: value}), ComparedConfig(**{field: value})) == ()


def test_a_value_that_looks_secret_is_compared_it_is_not_shown():
    rows = compare_config(ComparedConfig(env=(("NPM_TOKEN", "abc"),)), ComparedConfig(env=(("NPM_TOKEN", "def"),)))
    assert (rows[0].before, rows[0].after) == (HIDDEN, HIDDEN)
    assert "abc" not in rows[0].sentence


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("NPM_TOKEN", "x", True),
        ("dbPassword", "x", True),
        ("API_KEY", "x", True),
        ("DATABASE_URL", "postgres://app:hunter2@db/app", True),
        ("ANYTHING", "ghp_" + "a" * 36, True),
        ("NPM_TOKEN", "", False),
        ("NPM_TOKEN", "$TOKEN", False),
        ("TOKENIZERS_PARALLELISM", "false", False),
        ("KEYBOARD", "de", False),
        ("PASSWORD_FILE", "/run/secrets/db", False),
        ("GPG_KEY", "A035C8C19219BA821ECEA86B64E628F8D684696D", False),
        ("PATH", "/usr/bin", False),
        ("HOMEPAGE", "https://acme.example/a:b@c", False),
    ],
)
def test_a_variable_looks_secret_by_name_or_value_it_spares_the_others(name, value, secret):
    assert looks_secret(name, value) is secret
