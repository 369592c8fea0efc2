"""Point 8: provenance and SBOM as people read them: both versions of SLSA, SPDX and CycloneDX, and what is none."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from builds.core.image_statement import Statement, kind_of, read_packages, read_provenance, read_statement
from tests.sample_image import PROVENANCE, SBOM, statement

CYCLONEDX = {
    "_type": "https://in-toto.io/Statement/v1",
    "predicateType": "https://cyclonedx.org/bom/v1.6",
    "predicate": {
        "components": [
            {
                "type": "library", "name": "flask", "version": "3.0", "purl": "pkg:pypi/flask@3.0",
                "licenses": [{"license": {"id": "BSD-3-Clause"}}],
            },
            {"type": "file", "name": "/etc/passwd"},
            {"type": "library", "name": "own", "licenses": [{"expression": "MIT OR Apache-2.0"}]},
        ]
    },
}  # fmt: skip


def test_recorded_provenance_of_version_02_it_reads(data: Path):
    predicate = json.loads((data / "rawjson" / "metadata" / "push.json").read_text())["buildx.build.provenance"]
    told = read_provenance(Statement("https://slsa.dev/provenance/v0.2", (), predicate))
    assert (told["version"], told["entry_point"], told["platform"]) == ("0.2", "Dockerfile", "linux/amd64")
    assert told["materials"][0]["name"] == "busybox:local"
    assert told["materials"][0]["digest"].startswith("sha256:5c15")
    assert told["is_full"]
    assert ["force-network-mode", "none"] in told["arguments"]


def test_provenance_of_version_1_it_reads():
    told = read_provenance(read_statement(statement(PROVENANCE)))
    assert (told["version"], told["builder"], told["is_full"]) == ("1", "https://builders.acme.example/1", False)
    assert told["materials"] == [
        {
            "name": "debian:12",
            "uri": "pkg:docker/debian@12?platform=linux%2Famd64",
            "digest": f"sha256:{'a' * 64}",
            "platform": "linux/amd64",
        }
    ]


def test_the_revision_comes_from_the_source_or_from_what_the_client_said():
    remote = {"uri": "https://github.com/acme/site.git#main", "digest": {"sha1": "a" * 40}}
    told = read_provenance(Statement("", (), {"invocation": {"configSource": remote}}))
    assert (told["source"], told["revision"]) == (remote["uri"], "a" * 40)
    kit = {"vcs": {"source": "git@github.com:acme/site", "revision": "b" * 40}}
    told = read_provenance(Statement("", (), {"metadata": {"https://mobyproject.org/buildkit@v1#metadata": kit}}))
    assert (told["source"], told["revision"]) == ("git@github.com:acme/site", "b" * 40)


def test_packages_of_spdx_it_lists_by_name():
    rows = read_packages(read_statement(statement(SBOM)))
    assert rows[0] == ["libacl", "1.0-2", "deb", "MIT", "pkg:deb/debian/libacl@1.0-2"]
    assert [row[3] for row in rows[:3]] == ["MIT", "GPL-2.0-or-later", ""]
    assert len(rows) == 10


def test_packages_of_cyclonedx_it_lists_without_files():
    rows = read_packages(read_statement(statement(CYCLONEDX)))
    assert rows == [
        ["flask", "3.0", "pypi", "BSD-3-Clause", "pkg:pypi/flask@3.0"],
        ["own", "", "", "MIT OR Apache-2.0", ""],
    ]


def test_a_statement_in_an_envelope_it_opens():
    payload = base64.b64encode(statement(SBOM)).decode()
    body = json.dumps({"payloadType": "application/vnd.in-toto+json", "payload": payload, "signatures": []}).encode()
    assert read_statement(body).predicate_type == "https://spdx.dev/Document"


@pytest.mark.parametrize(
    ("body", "clause"),
    [
        (b"", "it is not JSON"),
        (b"[]", "it is not a JSON object"),
        (b"{}", "it is not an in-toto statement"),
        (b'{"payloadType": "application/vnd.in-toto+json", "payload": "?"}', "it is not JSON"),
    ],
)
def test_what_is_no_statement_it_says_why(body: bytes, clause: str):
    with pytest.raises(ValueError, match=clause):
        read_statement(body)


@pytest.mark.parametrize(
    "predicate", [{}, {"packages": 5}, {"packages": [None, {"name": 5}]}, {"components": [{"licenses": 1}]}]
)
def test_wrong_types_in_a_statement_it_never_raises(predicate):
    assert isinstance(read_packages(Statement("", (), predicate)), list)
    assert read_provenance(Statement("", (), {"buildDefinition": predicate, "runDetails": 1}))["materials"] == []


@pytest.mark.parametrize(
    ("predicate_type", "kind"),
    [
        ("https://slsa.dev/provenance/v0.2", "provenance"),
        ("https://slsa.dev/provenance/v1", "provenance"),
        ("https://spdx.dev/Document", "sbom"),
        ("https://spdx.dev/Document/v2.3", "sbom"),
        ("https://cyclonedx.org/bom", "sbom"),
        ("https://acme.example/vulnerabilities", ""),
        ("", ""),
    ],
)
def test_what_kind_of_attestation_it_is_goes_by_its_type(predicate_type: str, kind: str):
    assert kind_of(predicate_type) == kind
