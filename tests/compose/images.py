"""Makes stand-ins for the images that the compose file names, from this machine's Debian and its own programs."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

from imageyard.supervisor.parts import _postgres_tool

CHECKOUT = Path(__file__).resolve().parent.parent.parent
STANDINS = Path(__file__).parent / "standins"
LABEL = "imageyard.standin"
BASE = "imageyard-standin/debian:latest"
BASE_PACKAGES = "busybox,ca-certificates,iproute2,iptables,openssl,python3,python3-venv,tzdata"

# name in the files → stage in standins/Dockerfile
NAMES = {
    "python:3.11-slim-bookworm": "python",
    "node:22-bookworm-slim": "node",
    "docker:28-cli": "docker-cli",
    "docker:28-dind": "docker-dind",
    "postgres:17-bookworm": "postgres",
    "redis:7.2-bookworm": "redis",
    "registry:3": "registry",
}
PROGRAMS = {
    "node": ("node",),
    "docker-cli": ("docker",),
    "docker-dind": (
        "dockerd",
        "docker-proxy",
        "docker-init",
        "containerd",
        "containerd-shim-runc-v2",
        "runc",
    ),
    "redis": ("redis-server", "redis-cli"),
    "registry": ("docker-registry",),
}
PLUGINS = ("docker-buildx", "docker-compose")
# These belong to the C library, which the base image has.
_C_LIBRARY = re.compile(r"/(ld-linux[^/]*|lib(c|m|dl|rt|pthread|resolv|util|nsl)\.so[^/]*)$")


def make_standins(docker_host: str) -> None:
    """Make what is missing or was made from other files than today's. An image that is no stand-in is left alone."""
    version = _version()
    wanted = [name for name in NAMES if _label(docker_host, name) not in (version, "")]
    if not wanted:
        return
    if _label(docker_host, BASE) != BASE_PACKAGES:
        _make_base(docker_host)
    with tempfile.TemporaryDirectory(prefix="iy-standins-") as folder:
        context = Path(folder)
        shutil.copytree(STANDINS, context, dirs_exist_ok=True)
        _gather(context)
        bake = context / "bake.json"
        bake.write_text(json.dumps(_bake(str(context), wanted, version)))
        docker(docker_host, "buildx", "bake", "--allow=fs=*", "--file", str(bake), *(NAMES[name] for name in wanted))


def docker(docker_host: str, *arguments: str, stdin: Path | None = None, **environ: str) -> str:
    env = {**os.environ, "DOCKER_HOST": docker_host, **environ}
    with (stdin or Path(os.devnull)).open("rb") as source:
        ran = subprocess.run(["docker", *arguments], stdin=source, capture_output=True, text=True, check=False, env=env)
    assert ran.returncode == 0, f"docker {' '.join(arguments)}: {ran.stderr[-3000:]}{ran.stdout[-1000:]}"
    return ran.stdout


@lru_cache(maxsize=1)
def mirror() -> tuple[str, str]:
    """The mirror and the release that this machine's apt uses."""
    release = re.search(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(), re.MULTILINE)
    assert release is not None
    listing = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)", "Created-By: Packages"]
    rows = [
        row.split() for row in subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split("\n")
    ]
    return next(row[0] for row in rows if row[1:] == [release[1], "main"]), release[1]


def _version() -> str:
    files = sorted(path for path in [Path(__file__), *STANDINS.iterdir()] if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


def _bake(context: str, names: list[str], version: str) -> dict[str, object]:
    arguments = {"BASE": BASE, "POSTGRES_BIN": str(Path(_postgres_tool("postgres")).parent)}
    return {
        "target": {
            NAMES[name]: {
                "context": context,
                "target": NAMES[name],
                "tags": [name],
                "args": arguments,
                "labels": {LABEL: version},
                "attest": ["type=provenance,disabled=true"],
                # They never leave this machine; compressing them would take most of the time.
                "output": ["type=image,compression=uncompressed"],
            }
            for name in names
        }
    }


def _label(docker_host: str, name: str) -> str | None:
    """The label of an image: "" where it has none, None where there is no such image."""
    look = ["docker", "image", "inspect", "--format", f'{{{{index .Config.Labels "{LABEL}"}}}}', name]
    ran = subprocess.run(
        look, capture_output=True, text=True, check=False, env={**os.environ, "DOCKER_HOST": docker_host}
    )
    return ran.stdout.strip() if ran.returncode == 0 else None


def _make_base(docker_host: str) -> None:
    uri, release = mirror()
    with tempfile.TemporaryDirectory(prefix="iy-base-") as folder:
        tar = Path(folder) / "base.tar"
        make = ["mmdebstrap", "--quiet", "--variant=apt", f"--include={BASE_PACKAGES}", release, str(tar), uri]
        subprocess.run(make, check=True, capture_output=True)
        docker(docker_host, "import", "--change", f'LABEL {LABEL}="{BASE_PACKAGES}"', "-", BASE, stdin=tar)


def _gather(context: Path) -> None:
    """One folder for each stage, laid out as its image's root."""
    for stage, programs in PROGRAMS.items():
        for program in programs:
            _add(context / stage, _which(program))
    for plugin in PLUGINS:
        folder = context / "docker-cli/usr/local/libexec/docker/cli-plugins"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy2(_plugin(plugin), folder)
    _add_npm(context / "node")
    _add_postgres(context / "postgres")


def _add(root: Path, program: Path, *, into: str = "usr/local/bin") -> None:
    target = root / into
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy2(program.resolve(), target / program.name)
    libraries = root / "usr/local/lib"
    libraries.mkdir(parents=True, exist_ok=True)
    told = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False).stdout
    for library in re.findall(r"=> (/\S+)", told):
        if not _C_LIBRARY.search(library):
            shutil.copy2(library, libraries)


def _add_npm(root: Path) -> None:
    package = next(folder for folder in _which("npm").resolve().parents if folder.name == "npm")
    shutil.copytree(package, root / "usr/local/lib/node_modules/npm", symlinks=True)
    if package.parent == Path("/usr/share/nodejs"):  # Debian's own npm has its dependencies beside it
        shutil.copytree(package.parent, root / "usr/share/nodejs", symlinks=True)
    (root / "usr/local/bin/npm").symlink_to("../lib/node_modules/npm/bin/npm-cli.js")


def _add_postgres(root: Path) -> None:
    programs = Path(_postgres_tool("postgres")).parent
    version = programs.parent.name
    skip = shutil.ignore_patterns("bitcode", "llvmjit*", "pgxs", "man")
    shutil.copytree(programs.parent, root / "usr/lib/postgresql" / version, ignore=skip)
    shutil.copytree(f"/usr/share/postgresql/{version}", root / "usr/share/postgresql" / version, ignore=skip)
    for program in ("postgres", "psql", "initdb"):
        _add(root, programs / program, into=f"usr/lib/postgresql/{version}/bin")


def _which(program: str) -> Path:
    found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert found, f"The program `{program}` is missing: `scripts/setup test` installs it."
    return Path(found)


def _plugin(name: str) -> Path:
    folders = ("/usr/libexec/docker", "/usr/lib/docker", "/usr/local/lib/docker", "/usr/local/libexec/docker")
    return next(path for folder in folders if (path := Path(folder, "cli-plugins", name)).exists())
