"""Point 8: an image's history as a Dockerfile reads, and how it runs, of hostile and of recorded configurations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builds.core.image_compare import ComparedConfig
from builds.core.image_config import clean_words, compared, read_config


@pytest.mark.parametrize(
    ("created_by", "words"),
    [
        ('/bin/sh -c #(nop)  CMD ["bash"]', 'CMD ["bash"]'),
        ("/bin/sh -c #(nop) ADD file:4eedf861 in / ", "ADD file:4eedf861 in /"),
        ("/bin/sh -c apt-get update", "RUN apt-get update"),
        ("/bin/sh -c set -eux; \tapt-get update", "RUN set -eux; apt-get update"),
        ("|1 VERSION=2 /bin/sh -c make all", "RUN make all"),
        ("RUN /bin/sh -c pip install flask # buildkit", "RUN pip install flask"),
        ("RUN |2 A=1 B=x y /bin/sh -c make # buildkit", "RUN make"),
        ("RUN /bin/bash -o pipefail -exc a | b # buildkit", "RUN a | b"),
        ("COPY . /app # buildkit", "COPY . /app"),
        ("COPY /bin/sh -c # buildkit", "COPY /bin/sh -c"),
        ("EXPOSE map[8080/tcp:{} 9090/udp:{}]", "EXPOSE 8080/tcp 9090/udp"),
        ("VOLUME [/data]", "VOLUME [/data]"),
        ('ENTRYPOINT ["sh" "-c" "serve"]', 'ENTRYPOINT ["sh" "-c" "serve"]'),
        ("WORKDIR /app", "WORKDIR /app"),
        ("cmd /S /C #(nop) USER ContainerUser", "USER ContainerUser"),
        ("# debian.sh --arch 'amd64' out/", "# debian.sh --arch 'amd64' out/"),
        ("crane append", "crane append"),
        ("", ""),
    ],
)
def test_the_words_of_a_history_entry_it_gives_the_instruction(created_by: str, words: str):
    assert clean_words(created_by) == words


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"Test": ["CMD", "curl", "-f", "http://localhost/"]}, "CMD curl -f http://localhost/"),
        ({"Test": ["CMD-SHELL", "curl -f x || exit 1"], "Retries": 3}, "CMD curl -f x || exit 1, 3 times"),
        ({"Test": ["CMD", "a b"], "Interval": 90 * 10**9, "Timeout": 10**9}, 'CMD "a b", every 1 m 30 s, at most 1 s'),
        ({"Test": ["NONE"]}, "NONE"),
        ({"Test": []}, ""),
        ({"Test": "curl"}, ""),
    ],
)
def test_a_health_check_it_reads_as_in_a_dockerfile(told: dict, words: str):
    assert read_config(json.dumps({"config": {"Healthcheck": told}}).encode())["config"]["healthcheck"] == words


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"config": None, "history": None, "rootfs": None},
        {"config": [], "history": [None, 1, "x"]},
        {"config": {"Env": "PATH", "Cmd": {"a": 1}, "Labels": ["x"], "ExposedPorts": [1], "User": 5, "OnBuild": [2]}},
        {"architecture": 1, "os": ["linux"], "created": 7, "history": [{"created_by": 5, "empty_layer": "yes"}]},
    ],
)
def test_wrong_types_are_empty_values_it_never_raises(document: dict):
    found = read_config(json.dumps(document).encode())
    assert compared(found["config"]) == ComparedConfig()


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff\xfe"])
def test_what_is_no_configuration_it_says_so(body: bytes):
    with pytest.raises(ValueError):
        read_config(body)


def test_texts_and_lists_without_end_it_cuts():
    document = {"config": {"Env": [f"A{n}={'x' * 10_000}" for n in range(2_000)], "User": "u" * 10_000}}
    found = read_config(json.dumps(document).encode())["config"]
    assert len(found["env"]) == 500
    assert len(found["user"]) == 8_000


def test_published_configurations_it_reads_them_all(corpora: Path):
    files = sorted((corpora / "registry" / "buildkit-compat-manifests").rglob("config.json"))
    assert len(files) > 15
    for path in files:
        found = read_config(path.read_bytes())
        assert found["platform"] == "linux/amd64", path
        assert found["history"], path
        assert all("#(nop)" not in entry["words"] and "# buildkit" not in entry["words"] for entry in found["history"])
