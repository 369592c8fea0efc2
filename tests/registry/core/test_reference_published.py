"""The published tables of distribution/reference, row by row (field case R04)."""

from __future__ import annotations

import json
import re

import pytest

from registry.core.reference import (
    BadReferenceError,
    check_repository_path,
    is_valid_host,
    parse_image_name,
    parse_reference,
)

CODES = {
    "ErrNameEmpty": "empty",
    "ErrReferenceInvalidFormat": "format",
    "ErrNameContainsUppercase": "uppercase",
    "ErrNameTooLong": "too_long",
    "digest.ErrDigestInvalidLength": "digest_length",
    "digest.ErrDigestUnsupported": "digest_unsupported",
}


@pytest.fixture(scope="module")
def tables(corpora):
    return json.loads((corpora / "references/distribution-reference.json").read_text())


def verdict(read, text):
    """What a parser says of a text: the reference, or the code of its refusal."""
    try:
        return read(text)
    except BadReferenceError as problem:
        return problem.code


def test_r04_it_parses_every_published_reference(tables):
    for row in tables["TestReferenceParse"]:
        found = verdict(parse_reference, row["input"])
        if "err" in row:
            assert found == CODES[row["err"]], row
        else:
            wanted = tuple(row.get(key, "") for key in ("domain", "repository", "tag", "digest"))
            assert (found.domain, found.name, found.tag, found.digest) == wanted, row


def test_r04_it_reads_every_published_short_name(tables):
    for row in tables["TestParseRepositoryInfo"]:
        for key in ("FamiliarName", "FullName", "AmbiguousName"):
            if row[key]:
                found = parse_image_name(row[key])
                wanted = (row["RemoteName"], row["FamiliarName"], row["FullName"], row["Domain"])
                assert (found.path, found.familiar_name, found.name, found.domain) == wanted, row


def test_r04_it_agrees_on_every_published_full_name(tables):
    for row in tables["TestFullNameRegexp"]:
        found = verdict(parse_reference, row["input"])
        is_bare_name = not isinstance(found, str) and not found.tag and not found.digest
        assert is_bare_name is (row["match"] == "true"), row
        subs = row.get("subs", "")
        if subs and "Repeat" not in subs:  # one row is written as a Go expression
            groups = re.findall(r'"([^"]*)"', subs)
            assert [found.domain, found.path] == groups, row


def test_r04_it_agrees_on_every_published_reference_with_tag_and_digest(tables):
    for row in tables["TestReferenceRegexp"]:
        if "input" in row:
            found = verdict(parse_reference, row["input"])
            assert isinstance(found, str) is row["match"].startswith("false"), row


def test_r04_it_agrees_on_every_published_host(tables):
    for row in tables["TestDomainRegexp"]:
        assert is_valid_host(row["input"]) is row["match"].startswith("true"), row


def test_r04_it_takes_every_valid_name_and_no_invalid_one(tables):
    for name in tables["valid_reference_names"] + tables["valid_remote_names"]:
        assert not isinstance(verdict(parse_image_name, name), str), name
    for name in tables["invalid_reference_names"] + tables["invalid_remote_names"]:
        assert isinstance(verdict(parse_image_name, name), str), name


def test_r04_its_check_of_repository_paths_agrees_too(tables):
    assert [name for name in tables["valid_remote_names"] if check_repository_path(name)] == []
    assert [name for name in tables["invalid_remote_names"] if not check_repository_path(name)] == []
