"""`docker login`, `push` and `pull` with Imageyard's accounts, at a registry that believes Imageyard's tokens."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.docker_cli import DockerCli
from tests.yard import PLAIN, Yard, fresh, until

PASSWORD = "correct horse battery"


@dataclass
class Place:
    """A yard with its own registry, a local image to push, and people who come to it with docker."""

    yard: Yard
    base: str
    folder: Path
    host: str

    @property
    def registry(self) -> str:
        return self.yard.registry

    def person(self, username: str = "", password: str = "") -> DockerCli:
        """Somebody with docker; logged in where a name is given."""
        cli = DockerCli(self.folder / uuid.uuid4().hex, self.host)
        if username:
            cli.login(self.registry, username, password)
        return cli

    def admin(self) -> DockerCli:
        return self.person("admin", self.yard.token)

    def name(self, path: str, tag: str = "1") -> str:
        return f"{self.registry}/{path}:{tag}"

    def push(self, cli: DockerCli, path: str, tag: str = "1") -> str:
        name = cli.image(self.name(path, tag), of=self.base)
        cli("push", "--quiet", name)
        return name

    def add_users(self, space: str, **roles: str) -> None:
        """Users with the password above, by name with their role in the namespace."""
        lines = [
            "from accounts.models import Membership, Namespace, Role, User",
            f"space, _ = Namespace.objects.get_or_create(name={space!r})",
            *(
                f"user = User.objects.create_user({username!r}, password={PASSWORD!r})\n"
                f"Membership.objects.create(user=user, role=Role.{role.upper()}, namespace=space)"
                for username, role in roles.items()
            ),
        ]
        self.yard.shell("\n".join(lines))

    def forget(self, name: str) -> None:
        """Take a name out of the engine, which is also that of the builds: what is there, they need not pull."""
        self.person()("image", "rm", name)

    def public(self, path: str) -> None:
        space, name = path.split("/")
        self.yard.sql(
            "UPDATE registry_repository SET visibility = 'public' WHERE name = ? AND namespace_id = "
            "(SELECT id FROM accounts_namespace WHERE name = ?)",
            name,
            space,
        )


@pytest.fixture(scope="module")
def place(
    own_yard: Yard, base_image: str, docker_host: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    place = Place(own_yard, base_image, tmp_path_factory.mktemp("people"), docker_host)
    place.add_users("acme", wendy="write", rhea="read")
    yield place


def test_people_log_in_with_their_password_or_a_token_and_docker_keeps_neither(place: Place) -> None:
    wendy = place.person()
    assert "Login Succeeded" in wendy.login(place.registry, "wendy", PASSWORD)
    assert set(wendy.kept(place.registry)) == {"auth", "identitytoken"}
    admin = place.admin()
    assert place.yard.token not in str(admin.kept(place.registry))


@pytest.mark.parametrize(
    ("username", "password", "sentence"),
    [
        ("wendy", "wrong", "No account here has this user name and password."),
        ("nobody", "wrong", "No account here has this user name and password."),
        ("wendy", "iy_wrong", "This API token is unknown, revoked or expired"),
        ("wendy", "", "is not one of “wendy”"),
    ],
)
def test_a_wrong_log_in_is_refused_with_a_sentence(place: Place, username: str, password: str, sentence: str) -> None:
    said = place.person().refused(
        "login", place.registry, "--username", username, "--password-stdin", stdin=password or place.yard.token
    )
    assert sentence in said


def test_a_push_by_hand_makes_the_repository_private_and_says_who(place: Place) -> None:
    wendy = place.person("wendy", PASSWORD)
    place.push(wendy, "acme/by-hand")
    made = place.yard.get("/repositories/acme/by-hand")
    assert made["visibility"] == "private"
    (who, action), *_ = place.yard.sql(
        "SELECT u.username, a.action FROM accounts_auditentry a JOIN accounts_user u ON u.id = a.actor_id "
        "WHERE a.target = 'acme/by-hand'"
    )
    assert (who, action) == ("wendy", "repository.create")
    wendy("pull", "--quiet", place.name("acme/by-hand"))


def test_private_images_are_for_members_and_public_ones_for_everybody(place: Place) -> None:
    admin = place.admin()
    name = place.push(admin, "acme/shown")
    place.person("rhea", PASSWORD)("pull", "--quiet", name)
    hidden = place.person().refused("pull", name)
    unknown = place.person().refused("pull", place.name("acme/nowhere"))
    assert hidden.replace("acme/shown", "…") == unknown.replace("acme/nowhere", "…")
    place.public("acme/shown")
    place.person()("pull", "--quiet", name)


def test_a_reader_cannot_push_and_nobody_makes_repositories_elsewhere(place: Place) -> None:
    admin, rhea = place.admin(), place.person("rhea", PASSWORD)
    place.push(admin, "acme/closed")
    second = rhea.image(place.name("acme/closed", "2"), of=place.base)
    assert "insufficient_scope" in rhea.refused("push", second)
    rhea.image(place.name("acme/mine"), of=place.base)
    assert "insufficient_scope" in rhea.refused("push", place.name("acme/mine"))
    assert place.yard.client.get("/repositories/acme/mine").status_code == 404
    rhea.image(place.name("other/mine"), of=place.base)
    assert "insufficient_scope" in rhea.refused("push", place.name("other/mine"))
    place.push(rhea, "rhea/mine")  # a namespace of one's own is made at the first push
    assert "insufficient_scope" in place.person().refused("push", second)


def test_a_revoked_token_ends_every_log_in_that_was_made_with_it(place: Place) -> None:
    made = place.yard.shell(
        "from accounts.models import User; from accounts.tokens import create_token\n"
        "row, text = create_token(User.objects.get(username='wendy'), 'ci'); print(row.pk, text)",
    ).split()
    pk, text = made[-2:]
    ci = place.person("WENDY", text)
    name = place.push(ci, "acme/by-ci")
    place.yard.sql("UPDATE accounts_apitoken SET revoked_at = CURRENT_TIMESTAMP WHERE id = ?", pk.replace("-", ""))
    assert "401 Unauthorized" in ci.refused("buildx", "imagetools", "inspect", name)
    kept = ci.kept(place.registry)["identitytoken"]
    again = {"grant_type": "refresh_token", "refresh_token": kept, "service": place.registry}
    answer = httpx.post(f"{place.yard.url}/registry/token", data=again, timeout=30, **PLAIN)
    assert "This log-in is over" in answer.json()["errors"][0]["message"]


def test_a_build_pushes_with_a_pass_of_its_own_and_reads_private_bases_of_its_namespace(place: Place) -> None:
    yard, admin = place.yard, place.admin()
    base = place.push(admin, "acme/base")
    place.forget(base)
    linked = yard.link("acme/app")
    build = linked.build({"Dockerfile": fresh(base, "RUN echo built")})
    assert build["state"] == "succeeded", build["sentence"]
    assert {build["build_tag"], "latest"} <= yard.pushed_tags("acme/app")
    place.person("rhea", PASSWORD)("pull", "--quiet", place.name("acme/app", "latest"))


def test_a_build_cannot_read_the_private_base_of_somebody_else(place: Place) -> None:
    """Neither where the builder has it already, from a build of the other namespace."""
    yard, admin = place.yard, place.admin()
    base = place.push(admin, "other/base")
    place.forget(base)
    assert yard.link("other/app").build({"Dockerfile": fresh(base, "RUN echo built")})["state"] == "succeeded"
    linked = yard.link("acme/thief")
    build = linked.build({"Dockerfile": fresh(base, "RUN echo built")})
    assert build["state"] == "failed"
    assert "did not authorise reading the base image" in build["sentence"]
    assert "Builds of acme read what is in acme and what is public." in build["sentence"]
    place.public("other/base")
    assert linked.build({"Dockerfile": fresh(base, "RUN echo built")})["state"] == "succeeded"


def test_tests_of_a_build_pull_what_was_just_pushed(place: Place) -> None:
    """By the engine itself, which gets its token as docker does."""
    compose = "services:\n  sut:\n    build: .\n    command: ['sh', '-c', 'test -f /made']\n"
    files = {"Dockerfile": fresh(place.base, "RUN touch /made"), "docker-compose.test.yml": compose}
    build = place.yard.link("acme/tested").build(files, timeout_s=120)
    assert build["state"] == "succeeded", build["sentence"]
    assert "Fetch the image for its tests" in str(build["steps"])


def test_leaves_change_while_everything_runs(place: Place) -> None:
    """A leaf that is about to end is replaced by itself; nothing is restarted."""
    yard, wendy = place.yard, place.person("wendy", PASSWORD)
    place.push(wendy, "acme/rotating")
    (before,) = yard.sql("SELECT max(number) FROM registry_signingkey WHERE kind = 'leaf'")[0]
    yard.sql("UPDATE registry_signingkey SET not_after = datetime('now', '+1 day') WHERE kind = 'leaf'")

    def rotated() -> bool:
        wendy("pull", "--quiet", place.name("acme/rotating"))
        (now,) = yard.sql("SELECT max(number) FROM registry_signingkey WHERE kind = 'leaf'")[0]
        return int(now) > int(before)

    until(rotated, timeout_s=60, what="a new leaf")
    wendy("pull", "--quiet", place.name("acme/rotating"))
    assert yard.link("acme/after").build({"Dockerfile": fresh(place.base)})["state"] == "succeeded"
