"""The main job from push to answer, step by step, with a sentence for each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from imageyard.base_image import push_busybox
from imageyard.demo.api import NAME, Api
from imageyard.demo.failure import DemoError
from imageyard.demo.follow import Follower
from imageyard.demo.github import push_request
from imageyard.demo.gitrepo import push_commit
from imageyard.demo.trial import run_image
from imageyard.docker_login import docker_login
from imageyard.supervisor.child import PartError
from imageyard.supervisor.supervisor import Supervisor
from registry.client import RegistryClient, RegistryError

BASE = "library/busybox"
PRIVATE_FILE = "private-notes.txt"


def demo(supervisor: Supervisor) -> int:
    """Everything once; returns the exit code, after a sentence that says what did not work where it is not 0."""
    say = supervisor.terminal.say
    try:
        _demo(supervisor)
    except (DemoError, PartError, RegistryError) as error:
        say(str(error), who="demo")
        return 1
    except httpx.HTTPError as error:
        say(f"Imageyard did not answer: {error}", who="demo")
        return 1
    return 0


def _demo(supervisor: Supervisor) -> None:
    env, began = supervisor.env, time.monotonic()

    def say(sentence: str) -> None:
        supervisor.terminal.say(sentence, who="demo")

    folder = Path(env.local_git_root)
    token = env.admin_token or (env.home / "admin-token").read_text(encoding="utf-8").strip()
    api = Api(env.url, token)
    base = _ensure_base_image(supervisor, api, token)
    say(f"The base image is {base}: a static busybox, made here.")
    bare = folder / "hello.git"
    push = push_commit(bare)
    say(f"Committed {push.after[:7]} “{push.message}” to {bare}.")
    api.ensure_repository()
    webhook_url, secret = api.ensure_source(f"file://{bare}", env.home / "demo-webhook-secret")
    api.put_rules(base)
    say(f"Linked it to the repository {NAME}: branch main → latest.")
    delivery = api.deliver(webhook_url, *push_request(push, secret))
    builds = delivery.get("builds") or []
    if not builds:
        raise DemoError(f"The push was delivered and built nothing: {delivery.get('verdicts') or delivery}")
    build_id = builds[0]["id"] if isinstance(builds[0], dict) else builds[0]
    say(f"Sent a signed GitHub push; it made build {build_id}. Its log, live:")
    live = "ws" + env.url.removeprefix("http") + f"/ws/builds/{build_id}/"
    Follower(api.client, build_id, lambda line: supervisor.terminal.say(line, who="build")).follow(live, token)
    build = api.build(build_id)
    if build["state"] != "succeeded":
        raise DemoError(f"Build #{build['number']} ended as {build['state']}: {build['sentence']}")
    image = f"{env.registry}/{NAME}:latest"
    say(f"Build #{build['number']} succeeded: {', '.join(build['tags'])}. Running {image}.")
    with _docker_config(supervisor, token) as config:
        answer = run_image(supervisor.docker_host, image, config)
    if any(line.endswith(PRIVATE_FILE) for line in answer.files):
        raise DemoError(f"The build saw {PRIVATE_FILE}, which .dockerignore names.")
    say("It answers:")
    supervisor.terminal.say(answer.page.strip(), who="image")
    say(f"{PRIVATE_FILE} is not in it: .dockerignore kept it out.")
    say(f"From the push to the answer: {time.monotonic() - began:.1f} s.")
    say(f"The build's page: {build['url']}")
    if supervisor.owns_registry:
        say(f"{NAME} is private. To pull it yourself, log in first, with the same name and password as at the pages:")
        say(f"   docker login {env.registry} --username admin && docker pull {image}")
    if not supervisor.login:
        say("Log in as `admin`. The password was shown on the first start; `manage.py changepassword admin` sets one.")


def _ensure_base_image(supervisor: Supervisor, api: Api, token: str) -> str:
    """Pushed once; the same digest on every run is what lets later builds find their steps in the cache."""
    env = supervisor.env
    if supervisor.owns_registry:  # public, so that every build may stand on it
        api.ensure_repository(BASE, says="on this machine: a static busybox", visibility="public")
    with RegistryClient(env.registry, env.registry_scheme, "admin", token) as registry:
        is_there = registry.head(BASE, "static") is not None
    image = f"{env.registry}/{BASE}:static"
    if not is_there:
        with _docker_config(supervisor, token) as config:
            push_busybox(supervisor.docker_host, image, config)
    return image


@contextmanager
def _docker_config(supervisor: Supervisor, token: str) -> Iterator[Path | None]:
    """The administrator's log-in for docker; None, docker's own configuration, where the registry is another's."""
    if not supervisor.owns_registry:
        yield None
        return
    with docker_login(supervisor.docker_host, supervisor.env.registry, "admin", token) as config:
        yield config
