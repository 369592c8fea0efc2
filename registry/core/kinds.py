"""What the registries of the world want: names, addresses, paths, accounts. A table of facts; talks to nobody.

Whatever differs between Docker Hub, GHCR, Quay, Harbor, ECR and a plain registry stands here and nowhere else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from registry.core.reference import check_repository_path, is_valid_host

DOCKER_HUB_HOST = "docker.io"
# Docker's own registry has one name in images, one for its API, and an old one that clients still write.
_DOCKER_HUB_NAMES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})
_DOCKER_HUB_API = "registry-1.docker.io"
RATE_PREVIEW = ("ratelimitpreview/test", "latest")
"""Docker's documented image whose HEAD tells how many pulls are left, and counts as none."""
DEFAULT_TEMPLATE = "{namespace}/{name}"


class Kind(StrEnum):
    """Whose registry it is, as far as that changes what we do. `PLAIN` is any that follows the specification."""

    PLAIN = "plain"
    DOCKER_HUB = "docker_hub"
    GHCR = "ghcr"
    QUAY = "quay"
    HARBOR = "harbor"
    ECR = "ecr"
    GITLAB = "gitlab"
    ACR = "acr"
    GAR = "gar"


Deletes = Literal["tag", "digest", "own API"]


@dataclass(frozen=True, slots=True)
class KindFacts:
    """What one kind wants. `parts` is how many parts a path has at least and at most (0: any number).

    `host` is its only name, or "" where it has many, which `host_shape` then describes. `deletes` is how a tag goes:
    as a tag, by its digest with all tags of it, or through an API of the registry's own. `needs` is what a token must
    be allowed to, `token_url` where one is made, `habits` what its errors mean.
    """

    title: str
    host: str = ""
    host_shape: str = ""
    host_pattern: str = ""
    template: str = DEFAULT_TEMPLATE
    parts: tuple[int, int] = (1, 0)
    path_rule: str = "A path such as `acme/web`, in lower case."
    makes_repositories: bool = True
    deletes: Deletes = "tag"
    username: str = "The account that pushes."
    password: str = "Its password, or better a token that may push and nothing else."  # noqa: S105 — a hint
    needs: tuple[str, ...] = ("Pull and push. Deletion only for housekeeping.",)
    token_url: str = ""
    habits: str = ""
    counts_pulls: bool = False


KINDS: dict[Kind, KindFacts] = {
    Kind.PLAIN: KindFacts(
        "Plain registry",
        host_shape="registry.example.com",
        path_rule="A path such as `acme/web`, in lower case. Distribution, Gitea, Nexus and others.",
        username="The account that pushes; empty where the registry asks for none.",
    ),
    Kind.DOCKER_HUB: KindFacts(
        "Docker Hub",
        host=DOCKER_HUB_HOST,
        template="example-org/{name}",
        parts=(2, 2),
        path_rule="Two parts: your user name or organization, then the repository, `example-org/web`.",
        deletes="own API",
        username="Your Docker ID, or that of an organization's robot.",
        password="An access token with Read & Write; a password is refused where two-factor log-in is on.",  # noqa: S106
        needs=("Access token: Read & Write.", "A private repository is made beforehand; a new one is made public."),
        token_url="https://app.docker.com/settings/personal-access-tokens",  # noqa: S106
        habits="A missing repository and a forbidden one are both “access denied”. 429 means that the account's pulls "
        "of the last six hours are used up.",
        counts_pulls=True,
    ),
    Kind.GHCR: KindFacts(
        "GitHub Packages (GHCR)",
        host="ghcr.io",
        template="example-org/{name}",
        parts=(2, 0),
        path_rule="The owner first, in lower case also where GitHub shows capitals: `example-org/web`.",
        deletes="own API",
        username="The GitHub user whose token it is.",
        password="A personal access token (classic); fine-grained ones are not taken by the registry.",  # noqa: S106
        needs=("`write:packages`, which includes reading.", "`delete:packages` only for housekeeping."),
        token_url="https://github.com/settings/tokens/new?scopes=write:packages",  # noqa: S106
        habits="“denied” to a log-in is a wrong or ended token; “permission_denied: write_package” is a package of "
        "somebody else, or one that is tied to another repository.",
    ),
    Kind.QUAY: KindFacts(
        "Quay",
        host_shape="quay.io",
        template="example-org/{name}",
        parts=(2, 0),
        path_rule="The organization or user first, `example-org/web`.",
        username="A robot account, written whole: `example-org+imageyard`.",
        password="The robot's token.",  # noqa: S106
        needs=("Write on the repository.", "Creator of the team or organization, for repositories that are new."),
        token_url="https://quay.io/organization/",  # noqa: S106
        habits="Asking for a push token makes a repository that is not there. 401 is also said to a robot without "
        "rights.",
    ),
    Kind.HARBOR: KindFacts(
        "Harbor",
        host_shape="harbor.example.com",
        template="example-project/{name}",
        parts=(2, 0),
        path_rule="The project first, which must be there: `example-project/web`.",
        username="A robot account, written whole: `robot$example-project+imageyard`.",
        password="The robot's secret.",  # noqa: S106
        needs=("Robot account of the project: push and pull of repositories.", "Tag deletion only for housekeeping."),
        habits="A project that is not there is “unauthorized”; a full quota is 412 or “DENIED” with the numbers; an "
        "immutable tag is 412.",
    ),
    Kind.ECR: KindFacts(
        "Amazon ECR",
        host_shape="123456789012.dkr.ecr.eu-central-1.amazonaws.com",
        host_pattern=r"\d{12}\.dkr\.ecr(?:-fips)?\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?",
        path_rule="A repository that is there: ECR makes none by a push.",
        makes_repositories=False,
        deletes="own API",
        username="The access key ID of an IAM user; empty for the role of the machine that Imageyard runs on.",
        password="The secret access key.",  # noqa: S106
        needs=(
            "`ecr:GetAuthorizationToken` on `*`.",
            "On the repositories the managed policy AmazonEC2ContainerRegistryPowerUser, or its parts.",
        ),
        token_url="https://console.aws.amazon.com/iam/home#/users",  # noqa: S106
        habits="“name unknown” means that the repository must be made first. Passwords live for 12 hours; Imageyard "
        "asks for new ones by itself.",
    ),
    Kind.GITLAB: KindFacts(
        "GitLab container registry",
        host_shape="registry.gitlab.com",
        parts=(2, 0),
        path_rule="Group and project, then any name: `example-group/web` or `example-group/web/api`.",
        username="The name of a deploy token, or a user.",
        password="A deploy token or access token.",  # noqa: S106
        needs=("`read_registry` and `write_registry`.",),
        habits="A project without a container registry is “denied”.",
    ),
    Kind.ACR: KindFacts(
        "Azure container registry",
        host_shape="example.azurecr.io",
        host_pattern=r"[a-z0-9-]+\.azurecr\.(?:io|cn|us)",
        username="The ID of a service principal, or the name of a repository token.",
        password="Its secret.",  # noqa: S106
        needs=("The role AcrPush.",),
    ),
    Kind.GAR: KindFacts(
        "Google Artifact Registry",
        host_shape="europe-west3-docker.pkg.dev",
        host_pattern=r"[a-z0-9-]+-docker\.pkg\.dev",
        template="example-project/images/{name}",
        parts=(3, 0),
        path_rule="Project and repository, which must be there, then any name: `example-project/images/web`.",
        username="`_json_key`, with the key file of a service account.",
        password="The whole JSON key file, on one line.",  # noqa: S106
        needs=("The role Artifact Registry Writer.",),
        habits="A repository that is not there is “name unknown”.",
    ),
}
_GUESSES = (
    (r"ghcr\.io", Kind.GHCR),
    (r"quay\.io", Kind.QUAY),
    (KINDS[Kind.ECR].host_pattern, Kind.ECR),
    (KINDS[Kind.ACR].host_pattern, Kind.ACR),
    (KINDS[Kind.GAR].host_pattern, Kind.GAR),
    (r"registry\.gitlab\.com", Kind.GITLAB),
    (r"(?:.*\.)?harbor\..+", Kind.HARBOR),
)
_MOST_HOST = 255
_ECR_REGION = re.compile(r"\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?\Z")
_PLACES = re.compile(r"\{([^{}]*)\}")


def canonical_host(host: str) -> str:
    """The one name of a registry in image names: `index.docker.io` is `docker.io`; case does not count."""
    host = host.strip().lower()
    return DOCKER_HUB_HOST if host in _DOCKER_HUB_NAMES else host


def api_host(host: str) -> str:
    """Where the API of a registry is that image names call `host`."""
    return _DOCKER_HUB_API if canonical_host(host) == DOCKER_HUB_HOST else host


def kind_of_host(host: str) -> Kind:
    """What is probably behind a name; `PLAIN` where the name tells nothing."""
    if canonical_host(host) == DOCKER_HUB_HOST:
        return Kind.DOCKER_HUB
    return next((kind for pattern, kind in _GUESSES if re.fullmatch(pattern, host)), Kind.PLAIN)


def host_problem(kind: Kind, host: str) -> str:
    """What is wrong with `host` for a registry of that kind, as a sentence; "" if nothing."""
    facts, bare = KINDS[kind], host.partition("://")[2] or host
    alone = bare.partition("/")[0]
    known = kind_of_host(host)
    problems = (
        (
            bare != alone or bare != host,
            f"Write the host alone, as in image names: `{alone[:100]}`. A path belongs into the path.",
        ),
        (
            not host or len(host) > _MOST_HOST or not is_valid_host(alone),
            "Write the host as it stands in image names, such as `registry.example.com` or `registry.local:5000`.",
        ),
        (facts.host and canonical_host(host) != facts.host, f"{facts.title} is `{facts.host}` in image names."),
        (
            facts.host_pattern and not re.fullmatch(facts.host_pattern, host),
            f"{facts.title} has names such as `{facts.host_shape}`.",
        ),
        (
            kind is Kind.PLAIN and known in (Kind.ECR, Kind.DOCKER_HUB),
            f"`{alone}` is {KINDS[known].title}: choose that, since its log-in is another one.",
        ),
    )
    return next((sentence for holds, sentence in problems if holds), "")


def path_problem(kind: Kind, path: str) -> str:
    """What is wrong with `path` as the place of an image in a registry of that kind; "" if nothing."""
    wrong = check_repository_path(path)
    if wrong:
        return wrong
    facts, count = KINDS[kind], len(path.split("/"))
    least, most = facts.parts
    if count < least or (most and count > most):
        return f"`{path}` has {count} {'part' if count == 1 else 'parts'}. {facts.title}: {facts.path_rule}"
    return ""


def template_problem(kind: Kind, template: str) -> str:
    """What is wrong with the template of paths, such as `example-org/{name}`; "" if nothing."""
    unknown = [place for place in _PLACES.findall(template) if place not in ("namespace", "name")]
    if unknown:
        return f"`{{{unknown[0][:40]}}}` is no part of a repository here: write `{{namespace}}` and `{{name}}`."
    if "{name}" not in template:
        return "The path needs `{name}` in it, or all repositories would be one."
    if {"{", "}"} & set(_PLACES.sub("", template)):
        return "A brace in the path is not closed: write `{namespace}` and `{name}`."
    return path_problem(kind, fill(template, "acme", "web"))


def fill(template: str, namespace: str, name: str) -> str:
    """The path of `namespace`/`name` in a registry with that template."""
    return template.replace("{namespace}", namespace).replace("{name}", name)


def ecr_region(host: str) -> str:
    """The AWS region in the name of an ECR registry; "" where it is none."""
    found = _ECR_REGION.search(host)
    return found[1] if found else ""
