"""Names of images (field case R04)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.reference import (
    BadReferenceError,
    Reference,
    check_repository_path,
    is_valid_host,
    is_valid_tag,
    parse_image_name,
    parse_reference,
)

DIGEST = "sha256:" + "f" * 64

PARSED = [
    ("web", Reference("", "web")),
    ("acme/web:1.0", Reference("acme", "web", "1.0")),
    ("registry.local:5000/acme/web", Reference("registry.local:5000", "acme/web")),
    (f"localhost/app:x@{DIGEST}", Reference("localhost", "app", "x", DIGEST)),
    ("[fc00::1]:5000/app", Reference("[fc00::1]:5000", "app")),
    ("registry:5000", Reference("", "registry", "5000")),
    ("MyHost/app", Reference("MyHost", "app")),
    ("a__b/c---d", Reference("", "a__b/c---d")),
]


@pytest.mark.parametrize(("text", "reference"), PARSED)
def test_r04_it_splits_a_reference_as_written(text, reference):
    assert parse_reference(text) == reference
    assert str(reference) == text


REFUSED = [
    ("", "empty"),
    (":tag", "format"),
    ("https://registry/app", "format"),
    ("registry.local:5000/MyOrg/MyApp", "uppercase"),
    ("-docker/x", "format"),
    ("docker///x", "format"),
    ("[fc00::1]", "format"),
    ("[fe80::1%eth0]/x", "format"),
    ("a/" + "x" * 256, "too_long"),
    ("a" * 100_000, "too_long"),
    ("a-" * 500_000, "too_long"),
    ("x@sha256:" + "f" * 40, "digest_length"),
    ("x@sha512:" + "f" * 128, "digest_unsupported"),
    ("x:" + "t" * 129, "format"),
    ("acme/web\n", "format"),
]


@pytest.mark.parametrize(("text", "code"), REFUSED, ids=lambda value: value[:30])
def test_r04_it_refuses_what_docker_refuses(text, code):
    with pytest.raises(BadReferenceError) as caught:
        parse_reference(text)
    assert caught.value.code == code


FAMILIAR = [
    ("debian", "docker.io/library/debian", "debian"),
    ("acme/web", "docker.io/acme/web", "acme/web"),
    ("index.docker.io/acme/web", "docker.io/acme/web", "acme/web"),
    ("docker.io/debian", "docker.io/library/debian", "debian"),
    ("library/foo/bar", "docker.io/library/foo/bar", "library/foo/bar"),
    ("localhost/app", "localhost/app", "localhost/app"),
    ("registry:5000/app", "registry:5000/app", "registry:5000/app"),
]


@pytest.mark.parametrize(("text", "full", "familiar"), FAMILIAR)
def test_r04_it_reads_a_short_name_as_docker_does(text, full, familiar):
    reference = parse_image_name(text)
    assert (reference.name, reference.familiar_name) == (full, familiar)


def test_r04_it_refuses_upper_case_on_docker_hub_and_says_what_to_write():
    with pytest.raises(BadReferenceError, match="has upper-case letters: write `acme/app`"):
        parse_image_name("acme/App")


PATHS = [
    ("", "needs a name"),
    ("https://registry/app", "A repository's name has no `https://`: write `registry/app`"),
    ("registry.local:5000/acme/web", "names a registry: write only the path, `acme/web`"),
    ("[fc00::1]:5000/app", "names a registry: write only the path, `app`"),
    ("registry:5000", "names a registry and no repository"),
    ("acme/web:1.0", "holds the tag `1.0`: write `acme/web`"),
    ("web:latest", "holds the tag `latest`: write `web`"),
    (f"acme/web@{DIGEST}", "holds a digest: write `acme/web`"),
    ("MyOrg/MyApp", "has upper-case letters, which registries refuse: write `myorg/myapp`"),
    ("acme//web", "is not a repository name"),
    ("-docker/x", "is not a repository name"),
    ("acme/wéb", "is not a repository name"),
    ("a_/b", "is not a repository name"),
    ("0" * 64, "an image's id"),
    ("x" * 256, "256 characters; 255 is the most"),
]


@pytest.mark.parametrize(("name", "words"), PATHS, ids=lambda value: value[:30])
def test_r04_it_says_what_is_wrong_with_a_repository_name(name, words):
    assert words in check_repository_path(name)


@pytest.mark.parametrize("name", ["web", "acme/web", "a__b/c---d", "a/b/c", "1/2", "acme/" + "0" * 64, "x" * 255])
def test_r04_it_takes_a_good_repository_name(name):
    assert check_repository_path(name) is None


@settings(deadline=None)
@given(st.text(max_size=80) | st.text("aA/:.-_@0", max_size=20))
def test_a_name_it_takes_is_one_that_docker_takes(name):
    if check_repository_path(name) is None:
        assert parse_reference(f"registry.example.com/{name}").path == name


TAGS = [("latest", True), ("_x", True), ("A.b-C", True), ("x" * 128, True), ("", False), ("x" * 129, False)]
TAGS += [(".x", False), ("-x", False), ("a/b", False), ("a\n", False), ("é", False), ("1+2", False)]


@pytest.mark.parametrize(("tag", "valid"), TAGS)
def test_it_knows_which_tags_registries_take(tag, valid):
    assert is_valid_tag(tag) is valid


HOSTS = [("127.0.0.1:5000", True), ("[::1]:5000", True), ("Host", True), ("", False), ("a_b", False), ("x:http", False)]


@pytest.mark.parametrize(("host", "valid"), HOSTS)
def test_it_knows_which_hosts_stand_in_image_names(host, valid):
    assert is_valid_host(host) is valid
