"""Where a build runs and what it shares with others."""

from __future__ import annotations

import pytest

from builds.core.errors import BuildError
from builds.pipeline.checkout import mirror_for, mirror_of
from builds.pipeline.isolation import check_frontend, place_of
from tests.factories import make_build, make_repository, make_rule, make_source

pytestmark = pytest.mark.django_db


def proposed(number: int = 7):
    pull_request = {"number": number, "fork": True}
    return make_build(ref_type="pull_request", cause="pull_request", untrusted=True, pull_request=pull_request)


def test_builds_of_a_repository_share_its_cache_mounts_and_those_of_another_do_not():
    one, two = make_build(), make_build(cause="manual")
    other = make_build(make_rule(make_source(make_repository("acme/other"))))
    assert place_of(one) == place_of(two)
    assert place_of(one).cache_scope != place_of(other).cache_scope
    assert not place_of(one).isolated


def test_w15_each_pull_request_has_a_scope_of_its_own():
    scopes = {place_of(build).cache_scope for build in (make_build(), proposed(7), proposed(8), proposed(7))}
    assert len(scopes) == 3
    assert place_of(proposed()).isolated


@pytest.mark.parametrize(
    ("setting", "builder", "host"),
    [
        ("", "usual", "unix:///usual"),
        ("strangers", "strangers", "unix:///usual"),
        ("tcp://10.0.0.9:2376", "", "tcp://10.0.0.9:2376"),
    ],
)
def test_strangers_code_runs_where_the_operator_says(settings, setting, builder, host):
    settings.BUILDX_BUILDER, settings.DOCKER_HOST, settings.UNTRUSTED_BUILDER = "usual", "unix:///usual", setting
    place = place_of(proposed())
    assert (place.builder, place.docker_host, place.isolated) == (builder, host, True)
    assert place_of(make_build()).builder == "usual"


def test_w15_a_stranger_does_not_choose_the_frontend(tmp_path):
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("# syntax=evil/frontend\nFROM scratch\n")
    check_frontend(make_build(), dockerfile)
    with pytest.raises(BuildError, match="`evil/frontend`"):
        check_frontend(proposed(), dockerfile)


def test_w15_what_a_stranger_proposes_is_in_no_mirror_of_the_source_s_own():
    build = proposed()
    assert mirror_for(build) != mirror_of(build.source)
    assert mirror_for(make_build()) == mirror_of(build.source)
