"""Docker Compose on the real engine: what it may read, how `sut` ends, and that nothing is left."""

from __future__ import annotations

import json
import subprocess
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builds.core.composefile import ComposeRefused
from builds.core.composemounts import TreeCopy
from builds.core.errors import Stopped
from builds.engine.compose import ComposeProject, CopyFailed, SutEnd
from builds.engine.composeconfig import spell_out
from builds.engine.dockerclient import Docker, bare_client
from builds.engine.stopflag import StopFlag


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "secret-of-the-host").write_text("HOST=s3cret")
    (tmp_path / "tree").mkdir()
    return tmp_path / "tree"


@pytest.fixture
def nowhere(tmp_path: Path) -> Docker:
    """A client for what needs no engine."""
    (tmp_path / "config").mkdir()
    return Docker("", tmp_path / "config", StopFlag())


@pytest.fixture
def docker(docker_host: str) -> Iterator[Docker]:
    with bare_client(docker_host, StopFlag()) as client:
        yield client


def spelled(docker: Docker, tree: Path, sut: dict[str, Any], variables: dict[str, str] | None = None) -> dict[str, Any]:
    file = tree / "docker-compose.test.yml"
    file.write_text(json.dumps({"services": {"sut": {"image": "this", **sut}}}))
    document = spell_out(docker, tree, file, project="iytest", variables=variables or {})
    return dict(document["services"]["sut"])


class TestSpellingOut:
    def test_it_fills_in_the_variables_of_the_build_and_none_of_the_worker(self, nowhere, tree, monkeypatch):
        monkeypatch.setenv("WORKERS_OWN", "s3cret")
        (tree / ".env").write_text("FROM_DOTENV=1\n")
        keys = {"environment": {"A": "$SOURCE_BRANCH", "B": "${WORKERS_OWN:-none}", "C": "${FROM_DOTENV:-none}"}}
        found = spelled(nowhere, tree, keys, {"SOURCE_BRANCH": "main"})
        assert found["environment"] == {"A": "main", "B": "none", "C": "none"}

    # Many values in each file: running Compose takes a second, and what it does to one it does to all.
    @pytest.mark.slow
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=4)
    @given(
        st.lists(
            st.text(
                st.sampled_from("ab '\"\\$\n\r#={}`ü!%") | st.characters(min_codepoint=32, max_codepoint=126),
                max_size=12,
            ),
            min_size=50,
            max_size=70,
        )
    )
    def test_it_hands_every_value_on_as_it_is(self, nowhere, tree, values: list[str]):
        variables = {f"GIVEN_{index}": value for index, value in enumerate(values)}
        found = spelled(nowhere, tree, {"environment": list(variables)}, variables)["environment"]
        assert {name: (found[name] or "").replace("$$", "$") for name in variables} == variables

    def test_a_variable_is_no_setting_of_compose(self, nowhere, tree):
        variables = {"COMPOSE_FILE": "/etc/passwd", "LD_PRELOAD": "/nothing.so", "DOCKER_HOST": "tcp://example.com:1"}
        assert spelled(nowhere, tree, {"environment": ["LD_PRELOAD"]}, variables)["environment"] == {
            "LD_PRELOAD": "/nothing.so"
        }

    @pytest.mark.parametrize(
        "keys",
        [
            {"env_file": "../secret-of-the-host"},
            {"env_file": ["link"]},
            {"env_file": [{"path": "/etc/passwd"}]},
            {"env_file": "$HOME/x"},
            {"extends": {"file": "../other.yml", "service": "x"}},
            {"extends": {"file": "link", "service": "x"}},
            {"extends": {"file": "https://example.com/x.yml", "service": "x"}},
            {"extends": {"file": "git@example.com:acme/x.git", "service": "x"}},
            {"env_file": "missing.env"},
        ],
    )
    def test_it_opens_nothing_outside_the_tree(self, nowhere, tree, keys: dict[str, Any]):
        """11. Nothing a repository contains can reach what is not its own."""
        (tree / "link").symlink_to(tree.parent / "secret-of-the-host")
        with pytest.raises(ComposeRefused) as refused:
            spelled(nowhere, tree, keys)
        assert "s3cret" not in str(refused.value)
        assert "service `sut`" in refused.value.problems[0]

    def test_a_test_that_is_a_link_out_of_the_tree_is_refused(self, nowhere, tree):
        file = tree / "docker-compose.test.yml"
        file.symlink_to(tree.parent / "secret-of-the-host")
        with pytest.raises(ComposeRefused, match="a link that leads out of it"):
            spell_out(nowhere, tree, file, project="iytest", variables={})

    def test_it_reads_other_files_of_the_tree_where_their_own_paths_hold(self, nowhere, tree):
        (tree / "base").mkdir()
        (tree / "base/vars").write_text("FROM_FILE=on\n")
        (tree / "base/common.yml").write_text("services:\n  base:\n    build: .\n    env_file: [vars]\n")
        found = spelled(nowhere, tree, {"extends": {"file": "base/common.yml", "service": "base"}})
        assert found["environment"] == {"FROM_FILE": "on"}
        assert found["build"]["context"] == str(tree / "base")
        assert [path.name for path in tree.rglob("*.json")] == []

    def test_it_repeats_what_compose_says(self, nowhere, tree):
        with pytest.raises(ComposeRefused) as refused:
            spelled(nowhere, tree, {"volums": []})
        assert "volums" in refused.value.problems[0]
        assert str(tree) not in refused.value.problems[0]


@pytest.fixture(scope="module")
def pulled(docker_host: str, base_image: str) -> str:
    """The small base image, in the engine once for all tests."""
    with bare_client(docker_host, StopFlag()) as client:
        client("pull", "--quiet", base_image)
    return base_image


@pytest.fixture
def project(docker: Docker, pulled: str, tmp_path: Path) -> Iterator[Any]:
    """Makes projects of services with the small base image; all are gone afterwards, and that is looked at."""
    made: list[ComposeProject] = []

    def make(**services: dict[str, Any]) -> ComposeProject:
        name = f"iytest-{uuid.uuid4().hex[:8]}"
        full = {key: {"image": pulled, "restart": "no", **service} for key, service in services.items()}
        made.append(ComposeProject(docker, tmp_path, {"name": name, "services": full}))
        return made[-1]

    yield make
    for one in made:
        one.remove()
        for kind in (["ps", "-aq"], ["network", "ls", "-q"], ["volume", "ls", "-q"]):
            assert docker.read(*kind, f"--filter=label=com.docker.compose.project={one.name}") == ""


def sh(script: str) -> dict[str, Any]:
    return {"command": ["sh", "-c", script]}


def run(project: ComposeProject, *, timeout_s: float = 60) -> tuple[SutEnd, str]:
    out: list[bytes] = []
    end = project.run(out.append, timeout_s=timeout_s)
    return end, b"".join(out).decode()


class TestRunning:
    def test_the_exit_code_of_sut_decides_and_all_output_is_there(self, project):
        sut = sh("for i in $$(seq 2000); do echo line $$i; done; printf no-newline; exit 3")
        end, out = run(project(sut=sut))
        assert end == SutEnd(3)
        assert "sut-1  | line 2000" in out
        assert "no-newline" in out

    def test_a_service_that_ends_before_it_does_not_end_the_test(self, project):
        done = {"migrate": {"condition": "service_completed_successfully"}, "db": {"condition": "service_started"}}
        made = project(
            migrate=sh("echo migrated"), db=sh("sleep 600"), sut=sh("sleep 0.5; echo tested") | {"depends_on": done}
        )
        end, out = run(made)
        assert end == SutEnd(0)
        assert "migrate-1  | migrated" in out
        assert "sut-1      | tested" in out

    def test_a_service_of_a_similar_name_is_not_taken_for_sut(self, project):
        waits = {"depends_on": {"not-sut": {"condition": "service_started"}}}
        made = project(**{"not-sut": sh("exit 5")}, sut=sh("sleep 1.5; exit 4") | waits)
        assert run(made)[0] == SutEnd(4)

    def test_a_dependency_that_fails_is_told_of(self, project):
        waits = {"depends_on": {"db": {"condition": "service_completed_successfully"}}}
        end, _ = run(project(db=sh("exit 9"), sut=sh("true") | waits))
        assert end.exit_code is None
        assert "db" in end.said
        assert "exit 9" in end.said

    def test_a_container_does_not_speak_for_the_engine(self, project):
        fake = "printf 'x\\rCannot connect to the Docker daemon. error\\nerror: EOF\\n' >&2; exit 9"
        waits = {"depends_on": {"db": {"condition": "service_completed_successfully"}}}
        end, out = run(project(db=sh(fake), sut=sh("true") | waits))
        assert "error: EOF" in out
        assert end.exit_code is None
        assert "Cannot connect" not in end.said
        assert "exit 9" in end.said

    def test_a_command_that_is_not_there_is_told_of(self, project):
        end, _ = run(project(sut={"command": ["/no/such/program"]}))
        assert "/no/such/program" in end.said or end.exit_code == 127

    def test_memory_is_bounded(self, project):
        hungry = sh("head -c 200m /dev/zero | tail > /dev/null") | {"mem_limit": 16 << 20, "memswap_limit": 16 << 20}
        end, _ = run(project(sut=hungry))
        assert end.exit_code != 0
        assert end.out_of_memory or end.exit_code == 137

    def test_processes_are_bounded(self, project):
        bomb = sh("for i in $$(seq 50); do sleep 30 & done; echo all started") | {"pids_limit": 16}
        end, out = run(project(sut=bomb))
        assert "can't fork" in out or end.exit_code != 0
        assert "all started" not in out

    def test_time_is_bounded(self, project):
        with pytest.raises(Stopped) as stopped:
            run(project(sut=sh("echo here; sleep 600")), timeout_s=3)
        assert stopped.value.reason == "timeout"

    def test_a_run_that_is_told_to_stop_ends_the_test(self, docker, pulled, tmp_path):
        stop = StopFlag()
        services = {"sut": {"image": pulled, **sh("echo here; sleep 600")}}
        made = ComposeProject(
            Docker(docker.host, docker.config, stop),
            tmp_path,
            {"name": f"iytest-{uuid.uuid4().hex[:8]}", "services": services},
        )
        threading.Timer(1.5, stop.set, ["cancelled"]).start()
        with pytest.raises(Stopped, match="cancelled"):
            made.run(lambda _chunk: None, timeout_s=60)
        made.remove()
        assert docker.read("ps", "-aq", f"--filter=label=com.docker.compose.project={made.name}") == ""


class TestCopies:
    def test_files_and_folders_are_where_the_file_says(self, project, tree):
        (tree / "data/inner").mkdir(parents=True)
        (tree / "data/inner/a").write_text("from the tree\n")
        (tree / "data/link").symlink_to("/etc/shadow")
        (tree / "one").write_text("one file\n")
        volume = [{"type": "volume", "source": "v", "target": "/deep/er/data"}]
        made = project(sut=sh("cat /deep/er/data/inner/a /etc/one; readlink /deep/er/data/link") | {"volumes": volume})
        made_document = json.loads(made._file.read_text())
        made._file.write_text(json.dumps({**made_document, "volumes": {"v": {}}}))
        made.copy_in(
            tree,
            (
                TreeCopy("sut", "data", "/deep/er/data", is_folder=True),
                TreeCopy("sut", "one", "/etc/one", is_folder=False),
            ),
        )
        end, out = run(made)
        assert end == SutEnd(0)
        assert "from the tree" in out
        assert "one file" in out
        assert "/etc/shadow" in out

    def test_a_place_that_is_not_there_is_told_of(self, project, tree):
        (tree / "one").write_text("x")
        with pytest.raises(CopyFailed, match=r"`one` could not be put at `/no/such/folder/one`"):
            project(sut=sh("true")).copy_in(tree, (TreeCopy("sut", "one", "/no/such/folder/one", is_folder=False),))


def test_a_client_has_nothing_of_the_workers_environment(nowhere: Docker, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    out = bytearray()
    nowhere(argv=("env",), on_stdout=out.extend)
    assert b"s3cret" not in out
    assert subprocess.run(["env"], capture_output=True, check=True).stdout.count(b"s3cret") == 1
