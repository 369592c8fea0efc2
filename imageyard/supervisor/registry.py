"""The registry that Imageyard can run for itself, and the one place where its configuration is put together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from imageyard.env import Env
from imageyard.env_values import linkable
from imageyard.supervisor.child import Child, PartError, wait_until
from imageyard.supervisor.parts import make_private, need
from imageyard.supervisor.ports import bind_problem, free_port, http_status, split_address
from registry.core.notification_config import endpoints, events_secret


class Registry:
    """A CNCF Distribution registry (2.8) over plain HTTP, with its data below the home and deletion allowed.

    `sections` are added to its configuration as they are; `own_sections` makes those of Imageyard's own registry.
    """

    waiting_for = "the registry to answer"

    def __init__(self, home: Path, host: str, sections: Mapping[str, object] | None = None) -> None:
        self.host = host
        self.sections = dict(sections or {})
        self.address, self.port = split_address(host, 80)
        self.folder = home / "registry"
        self.config = home / "registry.json"
        self.child = Child(
            "The registry", ["docker-registry", "serve", str(self.config)], log=home / "log/registry.log"
        )
        # Tracing of newer versions looks for a collector unless it is told not to.
        self.child.env["OTEL_TRACES_EXPORTER"] = "none"
        # Its memory is some megabytes, of which Go would look for garbage several times in each push: that took half
        # of its processor time. It may now grow to five times what it needs.
        self.child.env.setdefault("GOGC", "400")

    def need_port(self) -> None:
        """Before anything is started for it: nobody else may listen where it will. Raises PartError."""
        problem = bind_problem(self.address, self.port)
        if problem:
            raise PartError(
                f"The registry cannot listen on {self.host}: {problem}, and what is there is no registry. "
                "Stop that program, or set IMAGEYARD_REGISTRY to a free port, for example "
                f"IMAGEYARD_REGISTRY=127.0.0.1:{free_port()}."
            )

    def start(self) -> None:
        need("docker-registry", "docker-registry")
        make_private(self.folder)
        self.need_port()
        # It may hold the secret of the notifications.
        self.config.touch(mode=0o600)
        self.config.chmod(0o600)
        # JSON is YAML, which is what the registry reads.
        self.config.write_text(json.dumps(self._settings(), indent=1), encoding="utf-8")
        self.child.start()

    def wait_ready(self, timeout_s: float = 60) -> None:
        wait_until(lambda: registry_answers(self.host), self.child, timeout_s=timeout_s, waiting_for=self.waiting_for)

    def stop(self) -> None:
        self.child.stop(grace_s=10)

    def _settings(self) -> dict[str, object]:
        bound = f"[{self.address}]" if ":" in self.address else self.address
        return {
            "version": "0.1",
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(self.folder)},
                "delete": {"enabled": True},
                # No cache of descriptors: it would go on saying that a layer is there after it was cleaned up, and a
                # push would then leave it out. One look at a local disk costs next to nothing.
                "maintenance": {"uploadpurging": {"enabled": True, "age": "24h", "interval": "6h", "dryrun": False}},
            },
            "http": {"addr": f"{bound}:{self.port}"},
            **self.sections,
        }


def bundle_of(env: Env) -> Path:
    """Where the certificates are that the registry believes; `prepare` writes it before the registry starts."""
    return env.home / "registry-roots.pem"


def own_sections(env: Env) -> dict[str, object]:
    """What makes a registry Imageyard's own: who may come in, and whom it tells of what happens.

    Each section of Distribution's configuration has one line here. A registry that answers already gets none of them.
    """
    return {"auth": {"token": _token_auth(env)}, "notifications": {"endpoints": _endpoints(env)}}


def _token_auth(env: Env) -> dict[str, object]:
    """Whoever comes is sent to web for a token (Distribution, `auth.token`; registry.tokens signs them)."""
    return {
        "realm": f"{env.url}/registry/token",
        "service": env.registry,
        "issuer": "imageyard",
        "rootcertbundle": str(bundle_of(env)),
    }


def _endpoints(env: Env) -> list[dict[str, object]]:
    """Where it tells what was pushed, pulled and deleted: at this machine's own web, whatever stands in front of it."""
    return endpoints(f"http://{linkable(env.http_host)}:{env.http_port}", events_secret(env.secret_key))


def registry_answers(host: str) -> bool:
    """Whether a registry speaks there, over plain HTTP; one that wants a login first is one too."""
    address, port = split_address(host, 80)
    answer = http_status(address, port, "/v2/")
    if answer is None:
        return False
    status, _, headers = answer
    return status in (200, 401) and "docker-distribution-api-version" in headers
