"""Which compose projects may run as tests: the clause for each thing that may not, and the bounds on the rest."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builds.core.composebuild import ServiceBuild
from builds.core.composefile import ComposeRefused
from builds.core.composevet import Around, Limits, Vetted, needed, vet
from builds.core.composewords import DROPPED, JUDGED, KEPT

TREE = "/work/tree"
MEMORY = 512 * 1024 * 1024
KINDS = {"tests": "folder", "check.sh": "file", "link-out": "outside", ".": "folder"}


def around(**fields: Any) -> Around:
    return Around(
        **{
            "project": "iytest-1",
            "tree": TREE,
            "images": "imageyard-test/a/1.1",
            "own_build": ServiceBuild(".", "Dockerfile"),
            "limits": Limits(MEMORY, 100, 2),
            "look": lambda path: KINDS.get(path, "missing"),
            "labels": {"imageyard.run": "1.1"},
            **fields,
        }
    )


def vetted(document: dict[str, Any] | None = None, *, place: Around | None = None, **sut: Any) -> Vetted:
    """`sut` of the image just built with these keys, in a document as Compose spells it out."""
    services = {"sut": {"image": "this", **sut}, **(document or {}).pop("services", {})}
    return vet({"services": services, **(document or {})}, place or around())


def problems(document: dict[str, Any] | None = None, **sut: Any) -> list[str]:
    with pytest.raises(ComposeRefused) as refused:
        vetted(document, **sut)
    return list(refused.value.problems)


def bind(source: str, target: str = "/app", **more: Any) -> dict[str, Any]:
    return {"type": "bind", "source": source, "target": target, **more}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"privileged": True}, "asks for `privileged`, which would give it the machine"),
        ({"use_api_socket": True}, "asks for the Docker Engine's socket"),
        ({"cap_add": ["SYS_ADMIN"]}, "adds capabilities (`cap_add: SYS_ADMIN`)"),
        ({"security_opt": ["seccomp:unconfined"]}, "`security_opt: seccomp:unconfined`"),
        ({"devices": [{"source": "/dev/kvm", "target": "/dev/kvm"}]}, "devices of the machine that it runs on"),
        ({"device_cgroup_rules": ["c 1:3 mr"]}, "device_cgroup_rules"),
        ({"gpus": "all"}, "graphics cards"),
        ({"runtime": "other"}, "another container runtime (`runtime: other`)"),
        ({"sysctls": {"kernel.shm_rmid_forced": "1"}}, "settings of the kernel (`sysctls: kernel.shm_rmid_forced`)"),
        ({"pid": "host"}, "shares processes with the machine"),
        ({"ipc": "host"}, "shares memory with the machine"),
        ({"uts": "host"}, "shares its host name"),
        ({"userns_mode": "host"}, "user namespace"),
        ({"cgroup": "host"}, "control group"),
        ({"cgroup_parent": "/"}, "control group"),
        ({"network_mode": "host"}, "asks for the machine's own network (`network_mode: host`)"),
        ({"network_mode": "container:other"}, "a network outside the test"),
        ({"network_mode": "bridge"}, "a network outside the test"),
        ({"extra_hosts": {"me": ["host-gateway"]}}, "the address of the machine that it runs on"),
        ({"external_links": ["other"]}, "links to containers outside the test"),
        ({"volumes_from": ["container:other"]}, "takes volumes of containers outside the test"),
        ({"oom_kill_disable": True}, "may not be ended when memory runs out"),
        ({"secrets": [{"source": "x"}]}, "uses `secrets`: keep what the test needs in the repository"),
        ({"configs": [{"source": "x"}]}, "uses `configs`"),
        ({"post_start": [{"command": ["x"], "privileged": True}]}, "runs commands from outside (`post_start`)"),
        ({"provider": {"type": "x"}}, "a program of the machine"),
        ({"credential_spec": {"file": "x"}}, "a file of the machine"),
        ({"storage_opt": {"size": "1G"}}, "how its disk is kept"),
        ({"something_new": {"a": 1}}, "has the key `something_new`, which Imageyard does not know"),
        ({"volumes": [bind("/")]}, "mounts `/`, a path of the machine"),
        ({"volumes": [bind("/etc/passwd")]}, "mounts `/etc/passwd`"),
        ({"volumes": [bind(f"{TREE}/../other")]}, "mounts `/work/tree/../other`, a path of the machine"),
        ({"volumes": [bind(f"{TREE}-2")]}, "a path of the machine"),
        ({"volumes": [bind("/var/run/docker.sock")]}, "the engine itself"),
        ({"volumes": [bind(f"{TREE}/link-out")]}, "mounts `link-out`, a path of the machine"),
        ({"volumes": [bind(f"{TREE}/nothing")]}, "mounts `nothing`, which is not in the repository"),
        ({"volumes": [{"type": "npipe", "source": "x", "target": "/x"}]}, "a mount of the type `npipe`"),
        ({"volumes": [{"type": "image", "source": "x", "target": "/x"}]}, "a mount of the type `image`"),
        ({"networks": {"default": {"ipv4_address": "10.0.0.1"}}}, "asks for a fixed address"),
        ({"image": "", "build": {"context": "/etc"}}, "builds from `/etc`, which is not in the repository"),
        ({"image": "", "build": {"context": "https://git.example.com/x.git"}}, "builds from `https://git.example.com"),
        ({"image": "", "build": {"context": TREE, "dockerfile": "../x"}}, "builds the Dockerfile `../x`"),
        ({"image": "", "build": {"context": TREE, "dockerfile_inline": "FROM x"}}, "(`dockerfile_inline`)"),
        ({"image": "", "build": {"context": TREE, "additional_contexts": {"a": "/"}}}, "further contexts"),
        ({"image": "", "build": {"context": TREE, "privileged": True}}, "builds with `privileged`"),
        ({"image": "", "build": {"context": TREE, "entitlements": ["security.insecure"]}}, "`entitlements`"),
        ({"image": "", "build": {"context": TREE, "network": "host"}}, "builds in the network `host`"),
        ({"image": "", "build": {"context": TREE, "secrets": [{"source": "x"}]}}, "hands secrets to its build"),
        ({"image": "", "build": {"context": TREE, "ssh": ["default"]}}, "hands SSH keys to its build"),
    ],
)
def test_it_refuses_what_reaches_outside(keys: dict[str, Any], words: str):
    """11. Nothing a repository contains can run outside the builder."""
    [problem] = problems(**keys)
    assert problem.startswith("service `sut` ")
    assert words in problem


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"volumes": {"v": {"external": True}}}, "volume `v` is `external`"),
        ({"volumes": {"v": {"driver": "nfs"}}}, "volume `v` has a driver"),
        ({"volumes": {"v": {"driver_opts": {"type": "none", "o": "bind", "device": "/"}}}}, "a path of the machine"),
        ({"networks": {"n": {"external": True}}}, "network `n` is `external`"),
        ({"networks": {"n": {"driver": "host"}}}, "network `n` has a driver"),
        ({"networks": {"n": {"ipam": {"config": [{"subnet": "10.0.0.0/8"}]}}}}, "fixed addresses"),
    ],
)
def test_it_refuses_networks_and_volumes_of_others(document: dict[str, Any], words: str):
    mounts = [{"type": "volume", "source": "v", "target": "/v"}]
    assert any(words in one for one in problems(document, networks={"n": None}, volumes=mounts))


def test_it_tells_everything_that_is_wrong_at_once():
    found = problems({"services": {"db": {"image": "db", "pid": "host"}}}, privileged=True, depends_on={"db": {}})
    assert len(found) == 2


def test_it_lets_harmless_values_of_those_keys_pass():
    assert vetted(privileged=False, cap_add=[], devices=None, pid="", secrets=[], security_opt=None)


def test_it_leaves_out_services_that_sut_does_not_need():
    """Docker Hub started `sut` and what it depends on; the rest of the file is somebody else's business."""
    services = {"db": {"image": "db"}, "admin": {"image": "x", "privileged": True}, "cache": {"image": "c"}}
    found = vetted({"services": services}, depends_on={"db": {}}, links=["cache:memory"])
    assert sorted(found.document["services"]) == ["cache", "db", "sut"]
    assert set(found.images) == {"imageyard-test/a/1.1:this", "db", "c"}


def test_it_names_a_service_that_is_not_there():
    with pytest.raises(ComposeRefused, match="names the service `db`"):
        needed({"sut": {"depends_on": {"db": {}}}})


@pytest.mark.parametrize(("asked", "given"), [(None, MEMORY), ("1048576", 1048576), (MEMORY * 9, MEMORY), (-1, MEMORY)])
def test_it_bounds_memory(asked: Any, given: int):
    sut = vetted(mem_limit=asked, memswap_limit="-1").document["services"]["sut"]
    assert (sut["mem_limit"], sut["memswap_limit"]) == (given, given)


def test_it_bounds_everything_else_and_overrides_what_the_file_says():
    sut = vetted(
        pids_limit=-1, cpus=64, deploy={"replicas": 9}, scale=3, restart="always", container_name="prod",
        labels={"a": 1}, logging={"driver": "syslog"}, oom_score_adj=-1000, profiles=["x"],
    ).document["services"]["sut"]  # fmt: skip
    assert (sut["pids_limit"], sut["cpu_quota"], sut["restart"]) == (100, 200_000, "no")
    assert sut["labels"] == {"imageyard.run": "1.1"}
    assert sut["logging"]["driver"] == "json-file"
    assert not {"deploy", "scale", "container_name", "oom_score_adj", "profiles", "cpus"} & sut.keys()
    assert sut["networks"] == {"default": {"aliases": ["prod"]}}


def test_it_names_networks_and_volumes_after_the_project():
    document = {"networks": {"n": {"name": "prod"}}, "volumes": {"v": {"name": "prod-data"}}}
    mounts = [{"type": "volume", "source": "v", "target": "/v"}]
    found = vetted(document, networks={"n": None}, volumes=mounts).document
    names = [found["networks"]["n"]["name"], found["volumes"]["v"]["name"]]
    assert all(name.startswith("iytest-1") for name in names)


def test_it_publishes_no_port_and_says_so():
    found = vetted(ports=[{"target": 80, "published": "8080"}])
    assert "ports" not in found.document["services"]["sut"]
    assert found.notes == ("Service `sut` publishes no ports here; others reach it by its name.",)


def test_it_takes_nothing_from_the_environment_of_the_worker():
    """A name without a value would be filled in by Compose when it starts the project."""
    sut = vetted(environment={"PATH": None, "A": "b"}).document["services"]["sut"]
    assert sut["environment"] == {"A": "b"}


def test_it_gives_strangers_no_way_to_more_privileges():
    sut = vetted(place=around(untrusted=True)).document["services"]["sut"]
    assert sut["security_opt"] == ["no-new-privileges:true"]


class TestImages:
    def test_this_is_the_image_that_was_built(self):
        assert vetted().document["services"]["sut"]["image"] == "imageyard-test/a/1.1:this"

    @pytest.mark.parametrize("build", [TREE, {"context": TREE, "dockerfile": "Dockerfile"}, {"context": f"{TREE}/"}])
    def test_a_build_of_the_same_dockerfile_is_that_image_too(self, build: Any):
        found = vetted(image="acme/web", build=build)
        assert found.document["services"]["sut"]["image"] == "imageyard-test/a/1.1:this"
        assert found.builds == {}

    def test_another_build_is_its_own(self):
        found = vetted(image="", build={"context": f"{TREE}/tests", "args": {"A": "$$b", "C": None}, "target": "t"})
        assert found.builds == {"sut": ServiceBuild("tests", "tests/Dockerfile", "t", (("A", "$b"),))}
        assert found.document["services"]["sut"]["image"] == "imageyard-test/a/1.1:1"
        assert found.images == ()


class TestCopies:
    def test_a_folder_is_a_volume_that_services_share(self):
        services = {"db": {"image": "db", "volumes": [bind(f"{TREE}/tests", "/data", read_only=True)]}}
        found = vetted({"services": services}, volumes=[bind(f"{TREE}/tests", "/tests")], depends_on={"db": {}})
        mounts = [found.document["services"][name]["volumes"][0] for name in ("sut", "db")]
        assert [mount["source"] for mount in mounts] == ["imageyard-tree-0", "imageyard-tree-0"]
        assert [(copy.path, copy.target, copy.is_folder) for copy in found.copies] == [("tests", "/tests", True)]

    def test_a_file_is_put_into_the_container(self):
        found = vetted(volumes=[bind(f"{TREE}/check.sh", "/check.sh")])
        assert "volumes" not in found.document["services"]["sut"]
        assert [(copy.service, copy.path, copy.is_folder) for copy in found.copies] == [("sut", "check.sh", False)]


KEYS = st.sampled_from(sorted(KEPT | DROPPED | JUDGED | {"privileged", "cap_add", "pid", "secrets", "x-mine", "new"}))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "host", "/", "this", f"{TREE}/tests", "a:b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
ALLOWED = (KEPT | {
    "build", "cpu_period", "cpu_quota", "environment", "extra_hosts", "image", "labels", "logging", "mem_limit",
    "memswap_limit", "network_mode", "networks", "pids_limit", "restart", "shm_size", "ulimits", "volumes",
    "volumes_from",
}) - {"build"}  # fmt: skip


@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_whatever_the_file_says_only_known_keys_come_out(sut: dict[str, Any]):
    """11. Nothing a repository contains can run outside the builder."""
    try:
        found = vet({"services": {"sut": {**sut}}}, around())
    except ComposeRefused:
        return
    made = found.document["services"]["sut"]
    assert made.keys() <= ALLOWED
    assert made["mem_limit"] <= MEMORY
    assert all(mount["type"] in ("volume", "tmpfs") for mount in made.get("volumes", ()))
    assert made.get("network_mode", "none") == "none" or made["network_mode"].startswith("service:")
