"""What happens before the pictures: repositories are linked, commits pushed, images built, all by a real run."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.base import Bench, say
from tests.forge_server import TOKEN, Forge
from tests.tour import project, registries
from tests.yard import Linked, Yard, until

RULES = [
    {"ref_type": "branch", "pattern": "main", "tags": ["latest", "{sha7}"]},
    {"ref_type": "tag", "pattern": r"/^v(\d+)\.(\d+)\.(\d+)$/", "tags": [r"{\1}.{\2}.{\3}", r"{\1}.{\2}"]},
]
SITE, API, RUNTIME, BACKUP = "acme/site", "acme/api", "library/runtime", "tools/backup"


@dataclass
class Story:
    """What the pictures are of. Numbers are those of builds of `acme/site`."""

    yard: Yard
    base_image: str
    site: Linked
    worker: Linked
    before: int = 0
    """The build that the one after it is compared with: that one is larger."""
    failed: int = 0
    cached: int = 0
    whole: int = 0
    running: int = 0
    review: int = 0
    delivery: str = ""
    image: str = ""
    layer: str = ""
    cleaned: int = 0
    """A run of the clean-up of `acme/api`."""

    @property
    def places(self) -> dict[str, str]:
        """For the addresses of the stops."""
        names = ("before", "failed", "cached", "whole", "running", "review", "delivery", "image", "layer", "cleaned")
        return {name: str(getattr(self, name)) for name in names} | {"after": str(self.before + 1)}


def tell(here: Bench, forge: Forge, told_to: str, elsewhere: registries.Elsewhere) -> Story:
    """Everything but what runs while pictures are taken."""
    yard = here.yard
    site = yard.link(SITE, rules=RULES, forge="github")
    worker = yard.link("acme/worker")
    registries.keep_accounts(here, elsewhere)
    story = Story(yard, here.base_image, site, worker)
    _around(story, forge, elsewhere)
    registries.leave_rubbish(here, RUNTIME)
    registries.untold(here, BACKUP, elsewhere)
    _push(site, "Say hello", project.first_files(story.base_image))
    _messages(site, told_to)
    _history(story)
    _proposal(story)
    _image(story)
    _registries(here, story)
    return story


def _push(linked: Linked, message: str, files: dict[str, str | bytes], *, ref: str = "") -> dict[str, Any]:
    commit = linked.git.commit(files, message)
    if ref:
        linked.git.git("tag", ref, commit)
        linked.git.git("push", "-q", "origin", ref)
    build = linked.build_push(
        commit, ref=f"refs/tags/{ref}" if ref else "refs/heads/main", message=message, timeout_s=300
    )
    say(f"{linked.path} #{build['number']} {build['state']}: {message}")
    return build


def _history(story: Story) -> None:
    site = story.site
    _push(site, "Greet by name", {"web/index.html": project.PAGE.format("Hello, you")})
    wider = {"package.list": project.PACKAGES + "axes 5\n", "api/units": "session router store mail prices\n"}
    story.whole = _push(site, "Draw prices as a chart", wider)["number"]
    _push(site, "Keep sessions for a day", {"api/units": "session router store mail clock\n"})
    _push(site, "Release 1.4", {"api/VERSION.txt": "1.4\n"}, ref="v1.4.0")
    story.cached = _push(site, "Reword the guide", {"docs/guide.md": "# Guide\n"})["number"]
    pictures = {f"web/images/{name}.jpg": os.urandom(9_000_000) for name in ("door", "shelf", "window", "street")}
    story.before = story.cached
    _push(site, "Larger pictures of the shop", pictures)
    failing = {"api/check.sh": project.BROKEN}
    _push(site, "Count wrong passwords", failing)
    story.failed = _push(site, "Count them per hour", failing | {"api/limits": "10 per hour\n"})["number"]
    _debug(story)


def _debug(story: Story) -> None:
    build = next(row for row in story.site.builds() if row["number"] == story.failed)
    path = f"/builds/{build['id']}/debug-image"
    story.yard.send("POST", path, {}, status=202)
    until(lambda: story.yard.get(path)["state"] == "ready", timeout_s=120, what="the debug image")


def _around(story: Story, forge: Forge, elsewhere: registries.Elsewhere) -> None:
    """Other repositories: a base image and what stands on it, one that is built at night, one that is not linked."""
    yard, base = story.yard, story.base_image
    rules = [{"ref_type": "branch", "pattern": "main", "tags": ["latest", "12"]}]
    runtime = yard.link(RUNTIME, rules=rules, visibility="public")
    lines = f"FROM {base}\nRUN echo runtime > /etc/runtime && head -c 9000000 /dev/urandom > /lib.bin\n"
    _push(runtime, "Begin", {"Dockerfile": lines})
    api = yard.link(API)
    stands_on = f"FROM {yard.registry}/{RUNTIME}:latest\nCOPY app /app\nRUN sleep 2 && sha256sum /app > /app.sum\n"
    for number, message in enumerate(("Begin", "Answer in JSON", "Answer faster", "Name the currency")):
        _push(api, message, {"Dockerfile": stands_on, "app": f"{number}\n"})
    yard.send("PUT", f"/repositories/{API}/bases", {"rebuild": True})
    backup = yard.link(BACKUP, rules=[
        {"ref_type": "branch", "pattern": "main", "tags": ["latest"], "schedule": "30 2 * * *",
         "schedule_zone": "Europe/Vienna"},
    ])  # fmt: skip
    yard.send("PUT", f"/repositories/{BACKUP}/registry", {"registry": elsewhere.host})
    for message in ("Begin", "Keep seven days"):
        _push(backup, message, {"Dockerfile": f"FROM {base}\nRUN echo '{message}' > /made && sleep 1\n"})
    registries.copy_to(yard, story.worker.path, elsewhere)
    for message in ("Begin", "Read rows", "Skip empty rows", "Name columns", "Read rows twice as fast"):
        made = f"FROM {elsewhere.base_image}\nRUN echo '{message}' > /made && sleep 2\n"
        _push(story.worker, message, {"Dockerfile": made})
    trigger = yard.send("POST", f"/repositories/{BACKUP}/triggers", {"name": "nightly import"}, status=201)
    yard.client.post(trigger["url"], json={"ref": "main"})
    yard.client.post(trigger["url"], json={"ref": "docs/typo"})
    yard.send("POST", "/repositories", {"namespace": "acme", "name": "new-idea"})
    _robots(yard)
    _connection(yard, api, forge)


def _robots(yard: Yard) -> None:
    at = "/namespaces/acme/robots"
    for robot in (
        {"name": "deploy", "role": "write", "note": "the pipeline of the shop"},
        {"name": "scanner", "note": "looks for known holes every night"},
    ):
        yard.send("POST", at, robot, status=201)
    ends = (datetime.now(UTC) + timedelta(days=3, hours=1)).isoformat()
    spring = {"name": "spring", "scope": "push", "expires_at": ends}
    for token in (spring, {"name": "autumn", "scope": "push", "repositories": ["acme/site"]}):
        yard.send("POST", f"{at}/deploy/tokens", token, status=201)


def _connection(yard: Yard, linked: Linked, forge: Forge) -> None:
    body = {"namespace": "acme", "name": "acme's robot", "forge": "github", "server": forge.url, "token": TOKEN}
    made = yard.send("POST", "/connections", body, status=201)
    forge.full_name = linked.path
    yard.send("PUT", f"/repositories/{linked.path}/forge", {"connection": made["id"], "full_name": linked.path})
    yard.send("POST", f"/repositories/{linked.path}/forge/errands", {"do": "install"}, status=202)
    until(lambda: not yard.get(f"/repositories/{linked.path}/forge")["asked"], timeout_s=40, what="the webhook")


def _proposal(story: Story) -> None:
    """A pull request from a fork, which waits for a member."""
    site, yard = story.site, story.yard
    yard.send("PUT", f"/repositories/{SITE}/pull-requests", {"policy": "forks"})
    git = site.git
    git.git("checkout", "-q", "-B", "pull-7", "origin/main")
    (git.tree / "Dockerfile").write_text(project.DOCKERFILE.format(base=story.base_image).replace(" as api", " AS api"))
    (git.tree / "web/index.html").write_text(project.PAGE.format("Welcome"))
    git.git("commit", "-q", "-am", "Write stages alike")
    git.git("push", "-q", "-f", "origin", "HEAD:refs/pull/7/head")
    commit = git.git("rev-parse", "HEAD")
    git.git("checkout", "-q", "main")
    base = {"id": 42, "full_name": SITE, "default_branch": "main"}
    head = {"id": 43, "full_name": "a-stranger/site", "clone_url": "https://github.com/a-stranger/site.git"}
    proposed = {
        "number": 7, "title": "Write stages alike", "user": {"login": "a-stranger"},
        "head": {"ref": "stages", "sha": commit, "repo": head}, "base": {"ref": "main", "repo": base},
    }  # fmt: skip
    body = {
        "action": "opened",
        "number": 7,
        "pull_request": proposed,
        "repository": base,
        "sender": {"login": "a-stranger"},
    }
    delivery = site.delivery(site.deliver("pull_request", json.dumps(body).encode()))
    build = delivery["builds"][0]["id"]
    story.review = yard.build(build)["number"]
    until(lambda: yard.get(f"/builds/{build}/review")["state"] == "good", what="the look at the commit")


def _messages(site: Linked, told_to: str) -> None:
    """Settings that have something to show, and deliveries that made no build."""
    yard = site.yard
    for kind, name, value in (("arg", "VERSION", "{sourceref}"), ("secret", "SIGNING_KEY", "0123456789abcdef")):
        yard.send("POST", f"/repositories/{SITE}/variables", {"kind": kind, "name": name, "value": value})
    body = {"kind": "webhook", "name": "chat", "target": told_to, "events": ["failed", "fixed"]}
    yard.send("POST", f"/repositories/{SITE}/notifications", body)
    commit = site.git.commit({"docs/typo.md": "typo\n"}, "Mend a typo", branch="docs/typo")
    site.push(commit, "refs/heads/docs/typo", message="Mend a typo")
    site.git.git("checkout", "-q", "main")
    site.deliver("push", b"{}", **{"X-Hub-Signature-256": "sha256=" + "0" * 64})


def _image(story: Story) -> None:
    build = next(row for row in story.site.builds() if row["number"] == story.before + 1)
    story.image = build["digest"]
    found = story.yard.sql("SELECT platforms FROM builds_buildrecord WHERE build_id = ?", build["id"])
    story.layer = max(json.loads(found[0][0])[0]["layers"], key=lambda row: row["size_bytes"])["digest"]
    story.delivery = story.yard.get(f"/repositories/{SITE}/deliveries")["items"][-1]["id"]


def _registries(here: Bench, story: Story) -> None:
    yard = here.yard
    registries.by_hand(here, SITE)
    registries.promote(yard, SITE, "acme/site-live", story.cached)
    story.cleaned = registries.clean_up(yard, SITE, API)
    yard.send("PUT", "/namespaces/acme/quota", {"limit_bytes": 300_000_000})
    registries.look(yard)


def begin_to_run(story: Story) -> None:
    """A build that takes its time, one of another repository beside it, and two behind them."""
    site, yard = story.site, story.yard
    slow = {
        "api/check.sh": project.SLOW,
        "web/index.html": project.PAGE.format("Welcome"),
        "api/limits": "20 per hour\n",
    }
    commit = site.git.commit(slow, "Wait for the whole check")
    delivery = site.delivery(site.push(commit, message="Wait for the whole check"))
    running = delivery["builds"][0]["id"]
    beside = {"Dockerfile": f"FROM {story.base_image}\nRUN for n in $(seq 900); do echo row $n; sleep 1; done\n"}
    story.worker.start(beside, message="Import everything")
    yard.wait_log(running, b"redirect 2", timeout_s=180)
    story.running = yard.build(running)["number"]
    commit = site.git.commit({"web/prices.html": project.PAGE.format("Prices of today")}, "Prices of today")
    site.push(commit, message="Prices of today")
    yard.send("POST", f"/repositories/{API}/builds", {"ref_type": "branch", "ref": "main", "commit": ""})
