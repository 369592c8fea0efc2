"""One function for each noun: a valid row with neutral names; everything can be said differently by keyword."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import Model

from accounts.models import Membership, Namespace, Role, User
from builds.actions.request import next_number
from builds.core.states import State
from builds.models import Build, BuildRule, Source, Worker
from registry.actions import default_registry
from registry.models import Repository

COMMIT = "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678"
Row = TypeVar("Row", bound=Model)


def found_or_made(model: type[Row], known: dict[str, Any], fields: dict[str, Any]) -> Row:
    """As `get_or_create` without its savepoint: thousands of tests begin here, and none makes one row twice at once."""
    rows = model._default_manager
    return rows.filter(**known).first() or rows.create(**known, **fields)


def make_user(username: str = "alice", **fields: Any) -> User:
    return found_or_made(User, {"username": username}, fields)


def make_admin(username: str = "admin") -> User:
    return make_user(username, is_superuser=True, is_staff=True)


def make_member(namespace: Namespace, username: str, role: Role) -> User:
    user = make_user(username)
    if not Membership.objects.filter(namespace=namespace, user=user).update(role=role):
        Membership.objects.create(namespace=namespace, user=user, role=role)
    return user


def make_repository(path: str = "acme/web", *, owner: User | None = None, **fields: Any) -> Repository:
    space, name = path.split("/")
    namespace = found_or_made(Namespace, {"name": space}, {})
    if owner is not None:
        make_member(namespace, owner.username, Role.OWNER)
    found = Repository.objects.filter(namespace=namespace, name=name).first()
    return found or Repository.objects.create(namespace=namespace, name=name, registry=default_registry(), **fields)


def make_source(repository: Repository | None = None, **fields: Any) -> Source:
    repository = repository or make_repository()
    found = Source.objects.filter(repository=repository).first()
    fields = {"clone_url": "https://git.example.com/acme/web.git", "default_branch": "main", **fields}
    return found or Source.objects.create(repository=repository, **fields)


def make_rule(source: Source | None = None, **fields: Any) -> BuildRule:
    fields = {"ref_type": "branch", "pattern": "main", "tags": ["latest"], **fields}
    return BuildRule.objects.create(source=source or make_source(), **fields)


def make_build(rule: BuildRule | None = None, **fields: Any) -> Build:
    """A queued build of `main` unless told otherwise."""
    rule = rule or BuildRule.objects.select_related("source__repository__namespace").first() or make_rule()
    repository = rule.source.repository
    fields = {"ref_type": rule.ref_type, "ref": "main", "commit": COMMIT, "state": State.QUEUED, **fields}
    fields.setdefault(
        "plan",
        {
            "rule": str(rule),
            "ref_type": rule.ref_type,
            "pattern": rule.pattern,
            "templates": list(rule.tags),
            "tags": [],
            "problems": [],
            "dockerfile": rule.dockerfile,
            "context": rule.context,
            "target": rule.target,
            "platforms": [],
            "build_args": dict(rule.build_args),
            "cache": rule.cache,
        },
    )
    return Build.objects.create(
        repository=repository, source=rule.source, rule=rule, number=next_number(repository.pk), **fields
    )


def make_worker(name: str = "w1", host: str = "builder-1", **fields: Any) -> Worker:
    """A worker that reported just now."""
    return Worker.objects.create(**{"name": name, "host": host, "slots": 2, **fields})
