"""A rich, realistic set of rows, through the ORM: what screenshots and query counts are taken of."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.actions import RobotWish, TokenWish, make_namespace, make_robot, make_token, set_robot_enabled
from accounts.models import ApiToken, Namespace, Role, User
from accounts.tokens import create_token
from builds.actions.pausing import note_end
from builds.actions.request import next_number
from builds.core.failure_alike import failure_key
from builds.core.rules import describe_rule
from builds.core.states import State
from builds.models import Build, BuildRule, Source, Step, Worker
from registry.models import Repository, Tag, TagMove
from tests.factories import make_member, make_repository, make_user
from tests.sample_collections import add_collections
from tests.sample_questions import add_question, add_variables
from tests.sample_registries import add_registries
from tests.sample_storage import add_storage
from webhooks.models import Delivery

README = """# hello

A small web service that says hello.

## Run it

```sh
docker run --rm -p 8080:8080 registry.example.com/acme/hello
```

| variable | default | meaning |
|---|---|---|
| `PORT` | `8080` | where it listens |
| `GREETING` | `hello` | what it says |

See [the guide](docs/guide.md). It is tested with Python 3.11 and newer.
"""
SUBJECTS = [
    "Fix log-in behind a proxy",
    "Say hello in the language of the browser",
    "Bump the base image",
    "Drop the legacy endpoint",
    "Cache templates between requests",
    "Measure the time to first byte",
]
AUTHORS = ["A. Author", "B. Builder", "Chris Example"]
STEPS = [
    "check out the source",
    "[base 1/2] FROM docker.io/library/debian:12@sha256:aaaa",
    "[build 2/5] RUN apt-get update && apt-get install -y build-essential",
    "[build 3/5] COPY . .",
    "[build 4/5] RUN make -j4 all",
    "[stage-2 5/5] COPY --from=build /out /usr/local/bin",
]
_random = random.Random(41)


def fill(admin: User) -> None:
    """Everything: namespaces with members, repositories in every condition, workers, tokens, deliveries."""
    _members(admin)
    _workers()
    hello = _repository("acme/hello", description="Says hello to the world.", readme=README, visibility="public")
    main, release = _rules(hello)
    _history(main, release, count=44)
    web = _repository("acme/web", description="The shop's front end")
    _history(*_rules(web), count=26, last="failed")
    _running(_repository("acme/worker"), steps_done=3)
    _running(_repository("tools/image-resizer", description="Thumbnails, on demand"), steps_done=1)
    _queued(_repository("acme/api", description="The shop's public interface"))
    for name in ("tools/backup", "tools/cron", "library/base"):
        _history(*_rules(_repository(name)), count=_random.randint(3, 22))
    _superseded_and_cancelled(_repository("library/node"))
    _repository("acme/new-idea", description="Not linked yet", linked=False)
    _deliveries(Source.objects.get(repository=web))
    add_variables(admin, main.source)
    add_question(main, next_number(hello.pk), _commit())
    _tokens(admin)
    _robots(admin)
    add_storage()
    add_registries()
    add_collections()


def _members(admin: User) -> None:
    for name in ("acme", "tools", "library"):
        namespace, _ = Namespace.objects.get_or_create(name=name)
        make_member(namespace, admin.username, Role.OWNER)
        make_member(namespace, "bob", Role.READ)
        make_member(namespace, "wendy", Role.WRITE)


def _workers() -> None:
    now = timezone.now()
    common = {
        "slots": 2,
        "builder": "docker 28.5.2, BuildKit 0.25",
        "started_at": now - timedelta(hours=31),
        "seen_at": now + timedelta(minutes=30),
        "disk_total_bytes": 500_000_000_000,
        "memory_total_bytes": 16_000_000_000,
        "cpus": 4,
    }
    one = {"disk_free_bytes": 182_000_000_000, "memory_free_bytes": 6_100_000_000, "load": 2.41}
    two = {"disk_free_bytes": 410_000_000, "memory_free_bytes": 900_000_000, "load": 5.2}
    Worker.objects.create(name="worker@builder-1", host="builder-1", **common, **one)
    Worker.objects.create(name="worker@builder-2", host="builder-2", **common, **two)
    gone = common | {"seen_at": now - timedelta(hours=2), "stopped_at": now - timedelta(hours=2)}
    drained = {"draining_since": now - timedelta(hours=2), "drain_asked_at": now - timedelta(hours=3)}
    Worker.objects.create(name="worker@builder-3", host="builder-3", drain_asked_by="admin", **gone, **drained)


def _repository(path: str, *, linked: bool = True, **fields: Any) -> Repository:
    repository = make_repository(path, **fields)
    if linked:
        refs = [("branch", "main"), ("branch", "develop"), ("branch", "feature/log-in#42"), ("branch", "docs/typo")]
        refs += [("tag", f"v1.{minor}.{patch}") for minor in (0, 1, 2) for patch in (0, 1)] + [("tag", "nightly")]
        Source.objects.create(
            repository=repository,
            clone_url=f"https://github.com/{path}.git",
            default_branch="main",
            refs=[{"type": kind, "name": name, "commit": _commit()} for kind, name in refs],
            probe_state="good",
            probe_sentence="The Git server answers.",
            probed_at=timezone.now() - timedelta(minutes=4),
            connected_at=timezone.now() - timedelta(days=40),
            last_delivery_at=timezone.now() - timedelta(hours=2),
        )
    return repository


def _rules(repository: Repository) -> tuple[BuildRule, BuildRule]:
    source = Source.objects.get(repository=repository)
    main = BuildRule.objects.create(source=source, position=0, pattern="main", tags=["latest", "main"])
    release = BuildRule.objects.create(
        source=source,
        position=1,
        ref_type="tag",
        pattern=r"/^v(\d+)\.(\d+)\.(\d+)$/",
        tags=[r"{\1}.{\2}.{\3}", r"{\1}.{\2}"],
    )
    return main, release


def _history(main: BuildRule, release: BuildRule, *, count: int, last: str = "succeeded") -> None:
    now = timezone.now()
    for place in range(count):
        at = now - timedelta(hours=3 * (count - place) + _random.random())
        state = last if place == count - 1 else _random.choices(["succeeded", "failed"], [9, 1])[0]
        rule, ref = (release, f"v1.2.{place}") if place % 7 == 3 else (main, "main")
        _ended(rule, ref, state, at)


def _ended(rule: BuildRule, ref: str, state: str, at: Any, **fields: Any) -> Build:
    seconds = _random.choice([38, 52, 64, 71, 95, 180]) + _random.random() * 20
    if state == "failed":
        fields |= {
            "error_kind": "user",
            "error_message": "Step 4 of 7 (`RUN npm ci`, Dockerfile line 9) ended with exit code 1.",
            "error_step": "RUN npm ci",
            "error_line": 9,
            "failure_key": failure_key("user", "RUN npm ci", "Step 4 of 7 (`RUN npm ci`) ended with exit code 1."),
        }
    waited = timedelta(seconds=_random.choice([1, 2, 2, 3, 14, 48]))
    end = at + timedelta(seconds=seconds)
    build = _build(rule, ref, state, queued_at=at - waited, started_at=at, finished_at=end, **fields)
    note_end(build.pk, 1, State(state))
    build.refresh_from_db()
    if state == "succeeded":
        _put_tags(build, ["latest", "main"] if ref == "main" else [ref[1:], "1.2"])
    _tested(build)
    return build


def _tested(build: Build) -> None:
    """Builds of `acme/hello` have tests; where one failed, its second test did."""
    if build.repository.path != "acme/hello" or build.state not in ("succeeded", "failed"):
        return
    rows = [
        {"file": "docker-compose.test.yml", "state": "passed", "seconds": 12.4, "sentence": ""},
        {"file": "smoke.test.yml", "state": "passed", "seconds": 3.1, "sentence": ""},
    ]
    if build.state == "failed":
        sentence = "The test `smoke.test.yml` failed: service `sut` ended with exit code 3."
        rows[1] |= {"state": "failed", "sentence": sentence}
        failure = {"error_step": "Test smoke.test.yml: sut", "error_line": None}
        message = f"{sentence} No tag but `{build.build_tag}` was moved."
        Build.objects.filter(pk=build.pk).update(error_message=message, **failure)
    Build.objects.filter(pk=build.pk).update(tests=rows)


def _build(rule: BuildRule, ref: str, state: str, **fields: Any) -> Build:
    return Build.objects.create(
        repository=rule.source.repository,
        source=rule.source,
        rule=rule,
        number=next_number(rule.source.repository_id),
        plan={"rule": describe_rule(rule.spec), "tags": [], "problems": [], "templates": list(rule.tags)},
        ref_type=rule.ref_type,
        ref=ref,
        state=state,
        attempt=0 if state == "queued" else 1,
        **{
            "commit": _commit(),
            "commit_message": _random.choice(SUBJECTS),
            "commit_author": _random.choice(AUTHORS),
            "cause": "push",
            "cause_detail": "by chris",
            **fields,
        },
    )


def _put_tags(build: Build, names: list[str]) -> None:
    digest = f"sha256:{_random.randbytes(32).hex()}"
    size = 78_200_000 + 260_000 * build.number + _random.randrange(3_000_000)
    names = [build.build_tag, *names]
    before = {tag.name: tag.digest for tag in Tag.objects.filter(repository=build.repository, name__in=names)}
    TagMove.objects.bulk_create(
        TagMove(
            repository=build.repository,
            tag=name,
            at=build.finished_at,
            from_digest=before.get(name, ""),
            to_digest=digest,
            build_number=build.number,
        )
        for name in names
    )
    put = {"digest": digest, "size_bytes": size, "build_number": build.number, "pushed_at": build.finished_at}
    Tag.objects.bulk_create(
        [Tag(repository=build.repository, name=name, **put) for name in names],
        update_conflicts=True,
        unique_fields=["repository", "name"],
        update_fields=[*put],
    )
    moves = [{"tag": name, "moved": True, "sentence": ""} for name in names]
    Build.objects.filter(pk=build.pk).update(tags=names, moves=moves, digest=digest, size_bytes=size)


def _running(repository: Repository, *, steps_done: int) -> None:
    main, release = _rules(repository)
    _history(main, release, count=8)
    started = timezone.now() - timedelta(seconds=41)
    build = _build(
        main, "main", "building", queued_at=started, started_at=started, worker="worker@builder-1", steps_total=6
    )
    steps = []
    for index, name in enumerate(STEPS):
        state = "succeeded" if index < steps_done else "running" if index == steps_done else "pending"
        steps.append(Step(build=build, attempt=1, index=index, name=name, state=state, started_at=started))
    Step.objects.bulk_create(steps)


def _queued(repository: Repository) -> None:
    main, release = _rules(repository)
    _history(main, release, count=5)
    _build(main, "main", "queued")
    _build(release, "v1.3.0", "queued", cause="manual", cause_detail="by wendy", commit="")


def _superseded_and_cancelled(repository: Repository) -> None:
    main, _release = _rules(repository)
    now = timezone.now()
    first = _ended(main, "main", "superseded", now - timedelta(hours=5))
    second = _ended(main, "main", "succeeded", now - timedelta(hours=4))
    Build.objects.filter(pk=first.pk).update(superseded_by=second)
    _ended(main, "feature/log-in", "cancelled", now - timedelta(hours=2), cancelled_by="wendy")
    TagMove.objects.create(
        repository=repository,
        tag="latest",
        to_digest=f"sha256:{_random.randbytes(32).hex()}",
        build_number=first.number,
        moved=False,
        sentence=f"`latest` was not moved: build #{second.number}, of a newer commit, already has it.",
    )


def _deliveries(source: Source) -> None:
    now = timezone.now()
    rows = [
        ("built", "push", "1 rule: build #26 by `main`.", 5),
        ("nothing", "push", "Delivered, nothing to build: no rule matches branch `docs/typo`. Rules: `main`.", 3),
        ("refused", "push", "The signature does not fit: the secret on GitHub is another one. Make a new one here.", 1),
    ]
    for status, event, sentence, hours in rows:
        Delivery.objects.create(
            source=source, forge="github", event=event, status=status, sentence=sentence, ref_type="branch", ref="main",
            received_at=now - timedelta(hours=hours),
        )  # fmt: skip


def _tokens(admin: User) -> None:
    create_token(admin, "deploy script", expires_at=timezone.now() + timedelta(days=60))
    token, _ = create_token(admin, "dashboard")
    ApiToken.objects.filter(pk=token.pk).update(last_used_at=timezone.now() - timedelta(minutes=12))


def _robots(admin: User) -> None:
    """One that pushes with two tokens, of which one ends soon, one that is disabled, and a namespace with nothing."""
    acme = Namespace.objects.get(name="acme")
    now = timezone.now()
    deploy = make_robot(admin, acme, "deploy", RobotWish(Role.WRITE, "the pipeline of the shop"))
    make_token(admin, deploy, TokenWish("spring", scope="push", expires_at=now + timedelta(days=3, hours=1)))
    make_token(admin, deploy, TokenWish("autumn", scope="push", repositories=["acme/web"]))
    ApiToken.objects.filter(user=deploy, name="spring").update(last_used_at=now - timedelta(hours=3))
    scanner = make_robot(admin, acme, "scanner", RobotWish(Role.READ))
    set_robot_enabled(admin, scanner, enabled=False)
    make_namespace(admin, "empty")
    make_user("carol")


def _commit() -> str:
    return _random.randbytes(20).hex()
