"""What registries want: hosts, paths, templates. Each row is a rule of that registry's own documentation."""

from __future__ import annotations

import pytest

from registry.core.kinds import (
    KINDS,
    Kind,
    api_host,
    canonical_host,
    ecr_region,
    fill,
    host_problem,
    kind_of_host,
    path_problem,
    template_problem,
)

ECR = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"


@pytest.mark.parametrize("name", ["docker.io", "index.docker.io", "registry-1.docker.io", " Docker.IO "])
def test_docker_hub_has_one_name_in_images_and_another_for_its_api(name):
    assert canonical_host(name) == "docker.io"
    assert api_host(name) == "registry-1.docker.io"
    assert kind_of_host(name) is Kind.DOCKER_HUB


@pytest.mark.parametrize("name", ["ghcr.io", "registry.example.com:5000", "[::1]:5000"])
def test_others_have_one_name(name):
    assert canonical_host(name) == api_host(name) == name


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("ghcr.io", Kind.GHCR),
        ("quay.io", Kind.QUAY),
        (ECR, Kind.ECR),
        ("example.azurecr.io", Kind.ACR),
        ("europe-west3-docker.pkg.dev", Kind.GAR),
        ("registry.gitlab.com", Kind.GITLAB),
        ("harbor.example.com", Kind.HARBOR),
        ("registry.example.com", Kind.PLAIN),
    ],
)
def test_a_name_often_tells_the_kind(host, kind):
    assert kind_of_host(host) is kind
    assert host_problem(kind, host) == ""


@pytest.mark.parametrize(
    ("kind", "host", "words"),
    [
        (
            Kind.PLAIN,
            "https://registry.example.com/v2/",
            "Write the host alone, as in image names: `registry.example.com`",
        ),
        (Kind.PLAIN, "registry.example.com/acme", "`registry.example.com`"),
        (Kind.PLAIN, "", "Write the host as it stands in image names"),
        (Kind.PLAIN, "a b", "Write the host as it stands in image names"),
        (Kind.PLAIN, "x" * 300, "Write the host as it stands in image names"),
        (Kind.PLAIN, ECR, "is Amazon ECR: choose that"),
        (Kind.PLAIN, "docker.io", "is Docker Hub: choose that"),
        (Kind.DOCKER_HUB, "registry.example.com", "Docker Hub is `docker.io` in image names."),
        (Kind.GHCR, "github.com", "is `ghcr.io` in image names."),
        (Kind.ECR, "ecr.eu-central-1.amazonaws.com", "Amazon ECR has names such as"),
        (Kind.ACR, "azurecr.io", "Azure container registry has names such as"),
    ],
)
def test_a_host_that_cannot_be_is_refused_with_the_right_one(kind, host, words):
    assert words in host_problem(kind, host)


@pytest.mark.parametrize(
    ("kind", "path", "is_good"),
    [
        (Kind.DOCKER_HUB, "example-org/web", True),
        (Kind.DOCKER_HUB, "web", False),
        (Kind.DOCKER_HUB, "example-org/web/api", False),
        (Kind.GHCR, "example-org/web/api", True),
        (Kind.GHCR, "Example-Org/web", False),
        (Kind.GHCR, "web", False),
        (Kind.QUAY, "web", False),
        (Kind.HARBOR, "project/web", True),
        (Kind.HARBOR, "web", False),
        (Kind.ECR, "web", True),
        (Kind.GITLAB, "group/web/api", True),
        (Kind.GAR, "project/web", False),
        (Kind.GAR, "project/images/web", True),
        (Kind.PLAIN, "web", True),
        (Kind.PLAIN, "acme/web:1", False),
    ],
)
def test_paths_are_those_that_the_registry_takes(kind, path, is_good):
    assert (path_problem(kind, path) == "") is is_good


def test_ghcr_says_that_capitals_become_small_letters():
    assert "write `example-org/web`" in path_problem(Kind.GHCR, "Example-Org/web")


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("example-org/{name}", ""),
        ("{namespace}/{name}", ""),
        ("example-org/{namespace}-{name}", ""),
        ("example-org/web", "needs `{name}`"),
        ("example-org/{repo}", "`{repo}` is no part"),
        ("example-org/{name}/{", "brace"),
        ("example-org/{name}/x", "3 parts"),
    ],
)
def test_a_template_says_where_every_repository_goes(template, words):
    found = template_problem(Kind.DOCKER_HUB, template)
    assert words in found if words else found == ""


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_says_what_it_needs_and_its_own_template_is_good(kind):
    facts = KINDS[kind]
    assert facts.title
    assert facts.needs
    assert facts.username
    assert facts.password
    assert template_problem(kind, facts.template) == ""
    if facts.host or facts.host_shape:
        assert host_problem(kind, facts.host or facts.host_shape) == ""


def test_a_template_is_filled_as_it_stands():
    assert fill("example-org/{namespace}-{name}", "acme", "web") == "example-org/acme-web"


def test_the_region_of_ecr_is_in_its_name():
    assert ecr_region(ECR) == "eu-central-1"
    assert ecr_region("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn") == "cn-north-1"
    assert ecr_region("registry.example.com") == ""
