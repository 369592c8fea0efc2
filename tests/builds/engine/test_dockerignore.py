"""Field case C01: what of a checkout reaches an image, against a table made with BuildKit itself.

The table says what a build *without* Imageyard did; a difference would be a file that checkout or buildx call changed.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from builds.core.errors import BuildError
from builds.engine import buildx
from builds.engine.buildx import BuildRequest
from builds.engine.buildxclient import client_argv, client_env
from builds.engine.git import Remote, checkout
from builds.engine.inputs import find_context, find_dockerfile
from builds.engine.process import StopFlag, run
from tests.git_server import make_repo

TABLE = json.loads((Path(__file__).parents[2] / "data/dockerignore/oracle-buildkit.json").read_text())["cases"]
DOCKERFILE = {"type": "file", "text": "FROM scratch\nCOPY . /\n"}


@dataclass
class Trees:
    tree: Path
    docker_host: str

    def build(self, name: str, work: Path) -> tuple[int, str]:
        """Build one folder of the tree and write the image's files to `work/out`; the exit code and stderr."""
        request = BuildRequest(self.tree, work, "unused", context=name, dockerfile=f"{name}/Dockerfile")
        paths = find_context(self.tree, name), find_dockerfile(self.tree, request.dockerfile)
        words = [
            f"--output=type=local,dest={work}/out" if word.startswith("--output=") else word
            for word in buildx.build_arguments(request, *paths, work / "metadata.json")
            if not word.startswith("--provenance=")
        ]
        env = client_env(docker_config=work, buildx_config=work / "config", docker_host=self.docker_host)
        done = run([*client_argv(), *words], env=env, timeout_s=60, stop=StopFlag())
        return done.returncode, done.stderr_tail.decode(errors="replace")


@pytest.fixture(scope="module")
def trees(docker_host, tmp_path_factory) -> Trees:
    """Every tree of the table in a folder of one repository, checked out by us."""
    root = tmp_path_factory.mktemp("dockerignore")
    repo = make_repo(root)
    late: list[tuple[str, dict]] = []
    for case in TABLE:
        for name, entry in ({"Dockerfile": DOCKERFILE} | case["tree"]).items():
            path = f"{case['id']}/{name}"
            # Git holds neither empty folders nor a `.git`; they come in after the checkout.
            if entry["type"] == "dir" or "/.git/" in path:
                late.append((path, entry))
            else:
                write(repo.work / path, entry)
    repo.commit({})
    checkout(
        Remote(repo.url, local_root=str(root)), ref_type="branch", ref="main", commit=None,
        mirror=root / "mirror.git", tree=root / "tree", log=lambda _: None, stop=StopFlag(), timeout_s=60,
    )  # fmt: skip
    for path, entry in late:
        write(root / "tree" / path, entry)
    return Trees(root / "tree", docker_host)


def write(path: Path, entry: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if entry["type"] == "dir":
        path.mkdir(exist_ok=True)
    elif entry["type"] == "symlink":
        path.symlink_to(entry["to"])
    elif "text_repeat" in entry:
        assert entry["text_repeat"] == 'x*70000 + "\\n.git\\n"'
        path.write_text("x" * 70_000 + "\n.git\n")
    else:
        path.write_bytes(entry["latin1"].encode("latin-1") if "latin1" in entry else entry["text"].encode())
        path.chmod(0o755 if entry["type"] == "exec" else 0o644)


def listing(root: Path) -> list[str]:
    """Names as the table writes them: `dir/`, `link -> target`, `program *x`."""
    found = []
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            shown = str(path.relative_to(root))
            if path.is_symlink():
                shown += f" -> {path.readlink()}"
            elif path.is_dir():
                shown += "/"
            elif path.stat().st_mode & 0o100:
                shown += " *x"
            found.append(shown)
    return sorted(found)


@pytest.mark.engine
@pytest.mark.parametrize("case", [case for case in TABLE if case["result"]["rc"] == 0], ids=lambda case: case["id"])
def test_c01_c02_the_image_holds_what_buildkit_says(trees, tmp_path, case):
    code, stderr = trees.build(case["id"], tmp_path)
    assert code == 0, stderr[-2000:]
    assert listing(tmp_path / "out") == sorted(case["result"]["context"])


@pytest.mark.engine
@pytest.mark.parametrize("case", [case for case in TABLE if case["result"]["rc"] != 0], ids=lambda case: case["id"])
def test_c01_c04_the_failure_is_the_one_buildkit_gives(trees, tmp_path, case):
    if "symlink" in case["id"]:
        with pytest.raises(BuildError, match="leads out of the repository"):
            trees.build(case["id"], tmp_path)
        return
    code, stderr = trees.build(case["id"], tmp_path)
    assert code != 0
    assert case["result"]["error"].removeprefix("ERROR: failed to build: failed to solve: ") in stderr
