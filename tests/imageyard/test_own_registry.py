"""The registry that `make up` starts is Imageyard's own, and commands by hand know it."""

from __future__ import annotations

from pathlib import Path

from imageyard.env import read_env
from imageyard.own_registry import note_own_registry, own_storage
from imageyard.supervisor.registry import Registry, bundle_of, own_sections


def environ(home: Path, **more: str) -> dict[str, str]:
    return {"IMAGEYARD_HOME": str(home), "IMAGEYARD_REGISTRY": "127.0.0.1:5001", **more}


def test_its_configuration_sends_everybody_to_web_for_a_token(tmp_path: Path) -> None:
    env = read_env(environ(tmp_path, IMAGEYARD_URL="https://imageyard.example.com"))
    assert env.owns_started_registry
    token = own_sections(env)["auth"]["token"]  # type: ignore[index]
    assert token == {
        "realm": "https://imageyard.example.com/registry/token",
        "service": "127.0.0.1:5001",
        "issuer": "imageyard",
        "rootcertbundle": str(bundle_of(env)),
    }
    assert not read_env(environ(tmp_path, IMAGEYARD_REGISTRY_AUTH="none")).owns_started_registry
    assert Registry(tmp_path, "127.0.0.1:5001").sections == {}


def test_a_command_by_hand_knows_the_registry_that_runs(tmp_path: Path) -> None:
    env = read_env(environ(tmp_path))
    assert (env.registry_auth, env.registry_storage) == ("none", "")
    env.run_dir.mkdir(exist_ok=True)
    note_own_registry(env.run_dir, "127.0.0.1:5001", tmp_path / "registry")
    known = read_env(environ(tmp_path))
    assert (known.registry_auth, known.registry_storage) == ("token", str(tmp_path / "registry"))
    assert read_env(environ(tmp_path, IMAGEYARD_REGISTRY_AUTH="none")).registry_auth == "none"
    assert own_storage(env.run_dir, "registry.example.com") == ""
    note_own_registry(env.run_dir, "127.0.0.1:5001", None)
    note_own_registry(env.run_dir, "127.0.0.1:5001", None)
    assert read_env(environ(tmp_path)).registry_auth == "none"


def test_a_note_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    note_own_registry(tmp_path, "127.0.0.1:5001", tmp_path)
    (tmp_path / "own-registry.json").write_text("[1")
    assert own_storage(tmp_path, "127.0.0.1:5001") == ""
