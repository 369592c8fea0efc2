"""A forge hears of builds: connected by the API, its webhook installed, statuses sent by workers that really run."""

from __future__ import annotations

from typing import Any

from tests.forge_server import TOKEN, GitHubServer, serving
from tests.github_api import EDITIONS
from tests.yard import Linked, Yard, fresh, until

CONTEXT = "imageyard/acme/status (main)"


def connect(yard: Yard, forge: GitHubServer) -> Linked:
    """A repository whose source is linked to the forge, with its webhook installed there."""
    linked = yard.link("acme/status")
    body = {"namespace": "acme", "name": "Robot", "forge": "github", "server": forge.url, "token": TOKEN}
    made = yard.send("POST", "/connections", body, status=201)
    forge.full_name = "acme/status"
    yard.send("PUT", "/repositories/acme/status/forge", {"connection": made["id"], "full_name": "acme/status"})
    yard.send("POST", "/repositories/acme/status/forge/errands", {"do": "install"}, status=202)
    found = until(lambda: installed(yard), timeout_s=40, what="the errand")
    assert found["hook_state"] == "good", found
    return linked


def installed(yard: Yard) -> dict[str, Any] | None:
    found = yard.get("/repositories/acme/status/forge")
    return None if found["asked"] else found


def test_4_14_it_tells_the_forge_how_builds_end_also_after_it_was_away(yard: Yard, base_image: str) -> None:
    edition = next(edition for edition in reversed(EDITIONS) if edition.startswith("ghes"))
    with serving(GitHubServer(edition, "/api/v3")) as forge:
        assert isinstance(forge, GitHubServer)
        linked = connect(yard, forge)
        (hook,) = forge.hooks.values()
        assert (hook["config"]["url"], hook["config"]["secret"]) == (linked.webhook_url, linked.secret)
        assert linked.build({"Dockerfile": fresh(base_image, "RUN echo no; exit 3")})["state"] == "failed"
        until(lambda: "failure" in forge.states(CONTEXT), timeout_s=40, what="the status")
        told = forge.posted[-1]
        assert told["target_url"].startswith(f"{yard.url}/r/acme/status/builds/1?step=")
        assert "ended with exit code 3" in told["description"]
        forge.fails(500)
        assert linked.build({"Dockerfile": fresh(base_image, "RUN true")})["state"] == "succeeded"
        until(lambda: any(a.method == "POST" and "/statuses/" in a.path for a in forge.asked[-3:]), what="a try")
        forge.heals()
        until(lambda: "success" in forge.states(CONTEXT), timeout_s=90, what="the status after the outage")
        assert forge.problems == []
