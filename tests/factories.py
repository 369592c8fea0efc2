"""One function for each noun: a valid row with neutral names; everything can be said differently by keyword."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import AutoField, Field, Model
from django.test import Client
from django.utils import timezone
from django.utils.crypto import get_random_string

from accounts.models import Membership, Namespace, Role, User
from builds.actions.request import next_number
from builds.core.states import State
from builds.models import Build, BuildRule, Source, Worker
from registry.actions import default_registry
from registry.core.kinds import kind_of_host
from registry.models import Registry, Repository

COMMIT = "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678"
Row = TypeVar("Row", bound=Model)


def found_or_made(model: type[Row], known: dict[str, Any], fields: dict[str, Any]) -> Row:
    """As `get_or_create` without its savepoint: thousands of tests begin here, and none makes one row twice at once."""
    found = row_of(model, **known)
    return found if found is not None else made(model, **known, **fields)


def row_of(model: type[Row], **known: Any) -> Row | None:
    """The first row that is like this. That there is none, as is usual, is asked in words that are made once."""
    key = _first_key(model, **known)
    return None if key is None else model._default_manager.get(pk=key)


def _first_key(model: type[Model], **known: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(_asking(model, tuple(known)), [getattr(value, "pk", value) for value in known.values()])
        found = cursor.fetchone()
    return found[0] if found else None


@cache
def _asking(model: type[Model], names: tuple[str, ...]) -> str:
    quote = connection.ops.quote_name
    columns = [quote(model._meta.get_field(name).column) for name in names]
    where = f" WHERE {' AND '.join(f'{column} = %s' for column in columns)}" if columns else ""
    key = quote(model._meta.pk.column)
    return f"SELECT {key} FROM {quote(model._meta.db_table)}{where} ORDER BY {key} LIMIT 1"


def made(model: type[Row], **fields: Any) -> Row:
    """As `create`, by an INSERT whose words are made once for each model: most rows of all tests are made here."""
    row = model(**fields)
    inserting = _inserting(model)
    if inserting is None or any(hasattr(value, "resolve_expression") for value in fields.values()):
        row.save(force_insert=True)
        return row
    words, columns = inserting
    with connection.cursor() as cursor:
        cursor.execute(words, [field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in columns])
        key = cursor.fetchone()[0]
    if row.pk is None:
        row.pk = key
    row._state.adding, row._state.db = False, connection.alias
    return row


@cache
def _inserting(model: type[Model]) -> tuple[str, list[Field[Any, Any]]] | None:
    """The INSERT, and the fields of its values. None for a model that needs more than one statement of that kind."""
    fields = [field for field in model._meta.concrete_fields if not isinstance(field, AutoField)]
    if model._meta.parents or any(field.has_db_default() or hasattr(field, "get_placeholder") for field in fields):
        return None
    quote = connection.ops.quote_name
    names = ", ".join(quote(field.column) for field in fields)
    values = ", ".join(["%s"] * len(fields))
    table, key = quote(model._meta.db_table), quote(model._meta.pk.column)
    return f"INSERT INTO {table} ({names}) VALUES ({values}) RETURNING {key}", fields


def make_user(username: str = "alice", **fields: Any) -> User:
    return found_or_made(User, {"username": username}, fields)


def log_in(client: Client, user: User) -> Client:
    """As the client's `force_login`, by the one row that it comes down to: most tests of pages begin with it."""
    key = get_random_string(32)
    token = {SESSION_KEY: str(user.pk), BACKEND_SESSION_KEY: settings.AUTHENTICATION_BACKENDS[0]}
    made(
        Session,
        session_key=key,
        session_data=SessionStore().encode({**token, HASH_SESSION_KEY: user.get_session_auth_hash()}),
        expire_date=timezone.now() + timedelta(days=1),
    )
    client.cookies[settings.SESSION_COOKIE_NAME] = key
    return client


def make_admin(username: str = "admin") -> User:
    return make_user(username, is_superuser=True, is_staff=True)


def make_member(namespace: Namespace, username: str, role: Role) -> User:
    user = make_user(username)
    if not Membership.objects.filter(namespace=namespace, user=user).update(role=role):
        made(Membership, namespace=namespace, user=user, role=role)
    return user


def make_repository(path: str = "acme/web", *, owner: User | None = None, **fields: Any) -> Repository:
    space, name = path.split("/")
    namespace = found_or_made(Namespace, {"name": space}, {})
    if owner is not None:
        make_member(namespace, owner.username, Role.OWNER)
    found = row_of(Repository, namespace=namespace, name=name)
    return found or made(Repository, namespace=namespace, name=name, registry=usual_registry(), **fields)


def usual_registry() -> Registry:
    """As the product's `default_registry`, which makes the first one in a savepoint of its own."""
    host = settings.REGISTRY_HOST
    if _first_key(Registry) is None:
        kind, scheme = kind_of_host(host), settings.REGISTRY_SCHEME
        return made(Registry, host=host, name=host, scheme=scheme, kind=kind, is_default=True)
    return default_registry()


def make_source(repository: Repository | None = None, **fields: Any) -> Source:
    repository = repository or make_repository()
    found = row_of(Source, repository=repository)
    fields = {"clone_url": "https://git.example.com/acme/web.git", "default_branch": "main", **fields}
    return found or made(Source, repository=repository, **fields)


def make_rule(source: Source | None = None, **fields: Any) -> BuildRule:
    fields = {"ref_type": "branch", "pattern": "main", "tags": ["latest"], **fields}
    return made(BuildRule, source=source or make_source(), **fields)


def make_build(rule: BuildRule | None = None, **fields: Any) -> Build:
    """A queued build of `main` unless told otherwise."""
    rule = rule or _first_rule() or make_rule()
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
    return made(
        Build, repository=repository, source=rule.source, rule=rule, number=next_number(repository.pk), **fields
    )


def _first_rule() -> BuildRule | None:
    if _first_key(BuildRule) is None:
        return None
    return BuildRule.objects.select_related("source__repository__namespace").first()


def make_worker(name: str = "w1", host: str = "builder-1", **fields: Any) -> Worker:
    """A worker that reported just now."""
    return made(Worker, **{"name": name, "host": host, "slots": 2, **fields})
