"""How a request becomes a command line and surroundings; no engine is asked."""

from __future__ import annotations

import csv
import json
import os
import stat
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from builds.core.errors import BuildError
from builds.engine import buildx
from builds.engine.buildx import BuildRequest, RegistryAuth, build_arguments
from builds.engine.buildxclient import client_argv, client_env
from builds.engine.process import Finished, StopFlag

REQUEST = BuildRequest(Path("/w/tree"), Path("/w/buildx"), "registry.example.com/acme/web:build-1")
ODD = ["--help", "-x", "$(id)", "a,b", 'a"b', "a=b", "a\nb", " a ", ""]


def arguments(request: BuildRequest) -> list[str]:
    return build_arguments(request, Path("/w/tree"), Path("/w/tree/Dockerfile"), Path("/w/buildx/metadata.json"))


def output(request: BuildRequest) -> dict[str, str]:
    line = next(a for a in arguments(request) if a.startswith("--output=")).removeprefix("--output=")
    return dict(option.split("=", 1) for option in next(csv.reader([line])))


def test_it_pushes_the_image_without_storing_it_in_the_engine():
    assert output(REQUEST) == {
        "type": "image", "name": REQUEST.image, "push": "true", "unpack": "false", "store": "false",
        "oci-mediatypes": "true",
    }  # fmt: skip


def test_plain_http_is_allowed_only_where_it_is_needed():
    assert output(replace(REQUEST, insecure=True))["registry.insecure"] == "true"


def test_the_context_stands_last_behind_the_options():
    assert arguments(REQUEST)[-2:] == ["--", "/w/tree"]


@pytest.mark.parametrize("value", ODD)
def test_a_value_that_looks_like_an_option_stays_a_value(value):
    request = replace(
        REQUEST, target=value, build_args={"A": value}, builder=value, platforms=(value,) if value else ()
    )
    words = arguments(request)
    assert words[0] == "build"
    assert all(word.startswith("--") for word in words[1:-1])
    assert f"--build-arg=A={value}" in words
    assert f"--target={value}" in words or not value


@pytest.mark.parametrize("value", [value for value in ODD if "\n" not in value])
def test_a_label_with_commas_and_quotes_stays_one(value):
    request = replace(REQUEST, labels={"org.example.title": value})
    assert f"--label=org.example.title={value}" in arguments(request)
    assert output(request)["annotation.org.example.title"] == value


@pytest.mark.parametrize("name", ["", "A=B", "--help", "A B", "$(id)", "A\n"])
def test_a_build_argument_without_a_proper_name_is_refused(name):
    with pytest.raises(BuildError, match="is not a name for a build argument"):
        arguments(replace(REQUEST, build_args={name: "x"}))


@pytest.mark.parametrize(("cache", "found"), [(True, 0), (False, 2)])
def test_without_cache_every_step_runs_and_bases_are_pulled(cache, found):
    assert len({"--no-cache", "--pull"} & set(arguments(replace(REQUEST, cache=cache)))) == found


def test_nothing_of_our_environment_reaches_the_client(tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGEYARD_ADMIN_TOKEN", "secret")
    monkeypatch.setenv("DOCKER_HOST", "unix:///elsewhere")
    monkeypatch.setenv("BUILDX_BUILDER", "elsewhere")
    env = client_env(docker_config=tmp_path, buildx_config=tmp_path / "config", docker_host="")
    assert {"IMAGEYARD_ADMIN_TOKEN", "DOCKER_HOST", "BUILDX_BUILDER"} & env.keys() == set()


def test_builders_of_the_operator_are_known(tmp_path, monkeypatch):
    (tmp_path / ".docker/buildx/instances").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path))
    for _ in range(2):
        client_env(docker_config=tmp_path, buildx_config=tmp_path / "config", docker_host="")
    assert (tmp_path / "config/instances").resolve() == tmp_path / ".docker/buildx/instances"


def test_the_client_is_an_existing_program():
    assert os.access(client_argv()[0], os.X_OK) or client_argv() == ("docker", "buildx")


def client_that(monkeypatch, does: Callable[..., Finished]) -> None:
    """The client at its seam: what it does with its arguments and its environment, and how it ends."""

    @contextmanager
    def started(argv, **options):
        yield SimpleNamespace(follow=lambda *_a, **_o: does(argv, **options))

    monkeypatch.setattr(buildx, "started", started)


def test_logins_are_in_a_private_file_and_nowhere_else(tmp_path, monkeypatch):
    (tmp_path / "Dockerfile").touch()
    seen = {}

    def spy(argv, *, env, **_options):
        config = Path(env["DOCKER_CONFIG"]) / "config.json"
        seen.update(argv=argv, env=env, mode=stat.S_IMODE(config.stat().st_mode), auths=json.loads(config.read_text()))
        return Finished(1, b"")

    client_that(monkeypatch, spy)
    auths = (RegistryAuth("registry.example.com", "bot", "S3cret"), RegistryAuth("docker.io", "me", "hub"))
    request = replace(REQUEST, tree=tmp_path, work_dir=tmp_path / "w", registry_auths=auths)
    buildx.build(request, on_stderr=lambda _: None, stop=StopFlag(), timeout_s=1)
    assert seen["mode"] == 0o600
    assert seen["auths"]["auths"].keys() == {"registry.example.com", "https://index.docker.io/v1/"}
    assert "S3cret" not in f"{seen['argv']} {seen['env']} {request!r}"
    assert not Path(seen["env"]["DOCKER_CONFIG"]).exists()


def test_metadata_of_an_earlier_attempt_is_not_taken_for_this_one(tmp_path, monkeypatch):
    (tmp_path / "Dockerfile").touch()
    (tmp_path / "metadata.json").write_text("{}")
    client_that(monkeypatch, lambda *_a, **_o: Finished(0, b""))
    request = replace(REQUEST, tree=tmp_path, work_dir=tmp_path)
    assert buildx.build(request, on_stderr=lambda _: None, stop=StopFlag(), timeout_s=1).metadata is None
