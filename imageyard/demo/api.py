"""The few calls of Imageyard's API that the demo makes; an answer that was not hoped for becomes a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from imageyard.demo.failure import DemoError

NAME = "demo/hello"


class Api:
    """The API as the administrator."""

    def __init__(self, url: str, token: str) -> None:
        self.client = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False
        )

    def ensure_repository(
        self, path: str = NAME, *, says: str = "from examples/hello", visibility: str = "private"
    ) -> None:
        """Make it where it is new."""
        if self.client.get(f"/api/v1/repositories/{path}").status_code == httpx.codes.OK:
            return
        namespace, name = path.split("/")
        body = {"namespace": namespace, "name": name, "visibility": visibility}
        body["description"] = f"Made by `make demo` {says}"
        self._json("make the repository", self.client.post("/api/v1/repositories", json=body))

    def ensure_source(self, clone_url: str, secret_file: Path) -> tuple[str, str]:
        """Link the Git repository; returns the webhook's URL and secret.

        The secret is told once, when it is made; it is kept in the file (mode 0600) for later runs.
        """
        body = {"forge": "github", "clone_url": clone_url, "default_branch": "main"}
        source = self._json("link the source", self.client.put(f"/api/v1/repositories/{NAME}/source", json=body))
        if source.get("webhook_secret"):
            secret_file.touch(mode=0o600)
            secret_file.write_text(source["webhook_secret"], encoding="utf-8")
        if not secret_file.exists():
            raise DemoError(
                f"The webhook secret of {NAME} was made by an earlier run and {secret_file} is gone. Delete the "
                f"repository {NAME} on its settings page and run the demo again."
            )
        return str(source["webhook_url"]), secret_file.read_text(encoding="utf-8")

    def put_rules(self, base_image: str) -> None:
        """Branch `main` makes `latest` and a tag of its commit, every version tag makes its own."""
        build_args = {"BASE": base_image}
        rules = [
            {"ref_type": "branch", "pattern": "main", "tags": ["latest", "{sha7}"], "build_args": build_args},
            {"ref_type": "tag", "pattern": "/^v([0-9.]+)$/", "tags": ["{\\1}"], "build_args": build_args},
        ]
        self._json("save the rules", self.client.put(f"/api/v1/repositories/{NAME}/rules", json=rules))

    def deliver(self, webhook_url: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
        """Send the webhook as the forge would, without the API's token; returns the delivery with its verdicts."""
        answer = httpx.post(webhook_url, content=body, headers=headers, timeout=30, trust_env=False)
        delivery = self._json("deliver the push", answer, right=httpx.codes.ACCEPTED)["delivery"]
        return self._json("read the delivery", self.client.get(f"/api/v1/deliveries/{delivery}"))

    def build(self, number: int) -> dict[str, Any]:
        """One build by its id."""
        return self._json("read the build", self.client.get(f"/api/v1/builds/{number}"))

    def _json(self, doing: str, answer: httpx.Response, *, right: int = 0) -> dict[str, Any]:
        if answer.is_error or (right and answer.status_code != right):
            raise DemoError(f"Imageyard would not {doing}: {answer.status_code} {answer.text[:500]}")
        document: dict[str, Any] = answer.json()
        return document
