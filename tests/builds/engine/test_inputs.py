"""Which folder and which Dockerfile buildx is given, and what is refused: nothing outside the tree is ever opened."""

from __future__ import annotations

import pytest

from builds.core.errors import BuildError, ErrorKind
from builds.engine.inputs import find_context, find_dockerfile


@pytest.fixture
def tree(tmp_path):
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    (outside / "Dockerfile").write_text("FROM secret")
    tree = tmp_path / "tree"
    for name in ("Dockerfile", "api/Dockerfile.dev", "api/build/web.Dockerfile", "-x", "$(id)", "docker/Dockerfile"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("FROM scratch")
    (tree / "api/Dockerfile.dev.dockerignore").write_text("x")
    links = {
        "up": "..", "out": "../outside", "abs": "/etc", "in": "api", "self": "self",
        "api/above": "../docker/Dockerfile", "beside": "docker/Dockerfile", "passwd": "/etc/passwd",
        "dots": "../../../../../etc/passwd", "gone": "nowhere",
    }  # fmt: skip
    for name, target in links.items():
        (tree / name).symlink_to(target)
    return tree


@pytest.mark.parametrize(
    ("context", "found"), [(".", "."), ("", "."), ("api", "api"), ("in/build", "api/build"), ("/api", "api")]
)
def test_it_finds_the_context(tree, context, found):
    assert find_context(tree, context) == (tree / found).resolve()


@pytest.mark.parametrize("path", ["..", "up", "out", "abs", "../outside", "api/../..", "in/../../outside", "out/deep"])
def test_nothing_outside_the_tree_is_a_context(tree, path):
    with pytest.raises(BuildError, match="leads out of the repository") as refused:
        find_context(tree, path)
    assert refused.value.kind is ErrorKind.USER


@pytest.mark.parametrize("path", ["nothing", "gone", "self", "a\0b", "x" * 5000, "--help"])
def test_a_missing_context_names_the_folders_there_are(tree, path):
    with pytest.raises(BuildError, match=r"is not in the repository. Its folders are: .*`api`.*`docker`"):
        find_context(tree, path)


def test_a_context_that_is_a_file_is_a_sentence(tree):
    with pytest.raises(BuildError, match="The build context `Dockerfile` is a file"):
        find_context(tree, "Dockerfile")


FOUND = {
    "Dockerfile": "Dockerfile",
    "./api/Dockerfile.dev": "api/Dockerfile.dev",
    "in/Dockerfile.dev": "api/Dockerfile.dev",
    "-x": "-x",
    "$(id)": "$(id)",
    "beside": "beside",  # a link that BuildKit can follow stays one: its `.dockerignore` goes by its name
    "api/above": "docker/Dockerfile",
}


@pytest.mark.parametrize("path", FOUND)
def test_it_finds_the_dockerfile(tree, path):
    assert find_dockerfile(tree, path) == tree.resolve() / FOUND[path]


@pytest.mark.parametrize(
    "path", ["passwd", "dots", "../outside/Dockerfile", "out/Dockerfile", "abs/passwd", "up/outside/Dockerfile"]
)
def test_c04_nothing_outside_the_tree_is_a_dockerfile(tree, path):
    with pytest.raises(BuildError, match="leads out of the repository") as refused:
        find_dockerfile(tree, path)
    assert "root:" not in refused.value.message


@pytest.mark.parametrize("path", ["Dockerfile.prod", "nothing/Dockerfile", "a\0b", "x" * 5000, "--file"])
def test_a_missing_dockerfile_names_those_there_are(tree, path):
    with pytest.raises(BuildError) as missing:
        find_dockerfile(tree, path)
    assert missing.value.message.startswith("There is no `")
    assert "There is: `Dockerfile`, `api/Dockerfile.dev`, `docker/Dockerfile`, `api/build/web.Dockerfile`." in (
        missing.value.message
    )


def test_a_link_to_nothing_is_a_sentence(tree):
    with pytest.raises(BuildError, match="`gone` is a link to a file that is not in the repository"):
        find_dockerfile(tree, "gone")


def test_a_folder_is_no_dockerfile(tree):
    with pytest.raises(BuildError, match="`docker` is a folder"):
        find_dockerfile(tree, "docker")


def test_a_repository_without_any_dockerfile_says_so(tmp_path):
    with pytest.raises(BuildError, match="Nothing in it is called Dockerfile: add one"):
        find_dockerfile(tmp_path, "Dockerfile")


def test_many_dockerfiles_are_cut(tmp_path):
    for number in range(12):
        (tmp_path / f"Dockerfile.{number:02}").touch()
    with pytest.raises(BuildError, match=r"`Dockerfile.07` and others\. Correct"):
        find_dockerfile(tmp_path, "Dockerfile")
