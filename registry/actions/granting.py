"""What a caller gets of what they ask for at the own registry; a push makes the repository that is not there yet."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

import structlog
from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, OuterRef, Q

from accounts.models import NAMESPACE_NAME, Role
from lib.refusal import Refused
from registry.actions.entry import Caller
from registry.actions.quotas import full_paths, note_refused_push
from registry.actions.repositories import create_repository
from registry.core.grants import NOTHING, PULL, PUSH, Access, actions_for, decide, wished
from registry.core.scopes import REPOSITORY, Wanted
from registry.models import REPOSITORY_NAME, Repository

log = structlog.get_logger(__name__)
Allowed = dict[str, frozenset[str]]
_PUSHES = frozenset({PUSH})


def grant(caller: Caller, wanted: Collection[Wanted]) -> tuple[Access, ...]:
    """The intersection of what is asked, what the caller may do, and what the log-in is good for.

    A push to a repository that is not there, by somebody who may make it, makes it: private, and audited. Of what is
    somebody else's nothing is granted, as of what does not exist. At most four queries for any number of scopes.
    """
    paths = {one.name for one in wanted if one.type == REPOSITORY and _split(one.name) is not None}
    allowed = _allowed(caller, paths)
    full = _full(caller, wanted, allowed)
    for one in wanted:
        if one.name not in full and _should_be_made(caller, one, allowed) and _make(caller, one.name):
            allowed |= _allowed(caller, {one.name})
    return decide(
        wanted, lambda path: allowed.get(path, NOTHING) - (_PUSHES if path in full else NOTHING), caller.ceiling
    )


def _full(caller: Caller, wanted: Collection[Wanted], allowed: Allowed) -> set[str]:
    """What cannot be pushed to because its quota is used up. A build that has begun may end: it was looked at then."""
    pushes = {one.name for one in wanted if one.type == REPOSITORY and PUSH in wished(one) and _split(one.name)}
    if caller.user is None or not pushes:
        return set()
    full = full_paths(pushes)
    for path in sorted(full):
        if PUSH in allowed.get(path, NOTHING):
            note_refused_push(caller.user, path)
    return full


def _allowed(caller: Caller, paths: Collection[str]) -> Allowed:
    """What may be done in each of these that is there and can be seen."""
    if not paths:
        return {}
    return _for_build(caller, paths) if caller.build is not None else _for_user(caller.user, paths)


def _for_user(user: Any, paths: Collection[str]) -> Allowed:
    user = user or AnonymousUser()
    rows = _named(Repository.objects.visible_to(user), paths).annotate(
        can_write=Exists(Repository.objects.writable_by(user).filter(pk=OuterRef("pk"))),
        can_admin=Exists(Repository.objects.writable_by(user, Role.ADMIN).filter(pk=OuterRef("pk"))),
    )
    return {
        row.path: actions_for(can_see=True, can_write=row.can_write, can_admin=row.can_admin)
        if row.registry.is_own
        else NOTHING
        for row in rows
    }


def _for_build(caller: Caller, paths: Collection[str]) -> Allowed:
    """Its own repository to push to; its namespace's and what is public to pull: base images."""
    given = caller.build
    assert given is not None
    rows = _named(Repository.objects.all(), paths).filter(
        Q(visibility=Repository.Visibility.PUBLIC) | Q(namespace__name=given.namespace)
    )
    own = frozenset({PULL, PUSH})
    return {
        row.path: (own if row.path == given.repository else frozenset({PULL})) if row.registry.is_own else NOTHING
        for row in rows
    }


def _named(rows: Any, paths: Iterable[str]) -> Any:
    wanted = Q(pk__in=[])
    for namespace, name in filter(None, map(_split, paths)):
        wanted |= Q(namespace__name=namespace, name=name)
    return rows.filter(wanted).select_related("namespace", "registry").defer("readme", "registry__password")


def _should_be_made(caller: Caller, one: Wanted, allowed: Allowed) -> bool:
    if caller.user is None or one.type != REPOSITORY or one.name in allowed or _split(one.name) is None:
        return False
    return PUSH in wished(one) & caller.ceiling.within(one.name, frozenset({PUSH}))


def _make(caller: Caller, path: str) -> bool:
    """Whether it is there now, made by us or by whoever came first."""
    split = _split(path)
    assert caller.user is not None
    assert split is not None
    try:
        create_repository(caller.user, *split)
    except Refused as refused:
        return refused.code == "conflict"
    log.info("a push made a repository", repository=path, user=caller.user.username)
    return True


def _split(path: str) -> tuple[str, str] | None:
    """Namespace and name of `acme/web`; None for what is no path of a repository here."""
    namespace, _, name = path.partition("/")
    is_one = re.fullmatch(NAMESPACE_NAME.regex, namespace) and re.fullmatch(REPOSITORY_NAME.regex, name)
    return (namespace, name) if is_one else None
