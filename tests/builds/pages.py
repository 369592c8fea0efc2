"""What tests of pages share: who looks, and what a page says. Not a test."""

from __future__ import annotations

from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from accounts.models import Role, User
from registry.models import Repository
from tests.factories import log_in, make_member, make_repository, make_rule, make_source, make_user

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REFS = [
    {"type": "branch", "name": "main", "commit": COMMIT},
    {"type": "branch", "name": "docs/typo", "commit": COMMIT},
    {"type": "tag", "name": "v1.2.0", "commit": COMMIT},
]


def as_user(user: User) -> Client:
    return log_in(Client(), user)


@pytest.fixture
def repository(db) -> Repository:
    """acme/web, private, with a source, its refs, and the rule `main` → `latest`."""
    repository = make_repository("acme/web")
    make_rule(make_source(repository, refs=REFS, probe_state="good"))
    return repository


@pytest.fixture
def owner(repository) -> Client:
    return as_user(make_member(repository.namespace, "alice", Role.OWNER))


@pytest.fixture
def writer(repository) -> Client:
    return as_user(make_member(repository.namespace, "wendy", Role.WRITE))


@pytest.fixture
def reader(repository) -> Client:
    return as_user(make_member(repository.namespace, "bob", Role.READ))


@pytest.fixture
def stranger(db) -> Client:
    return as_user(make_user("charlie"))


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.hidden += tag in ("script", "style", "title")

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in ("script", "style", "title")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.parts.append(data)


def words(answer) -> str:
    """What a person reads on the page, with single spaces."""
    parser = _Text()
    parser.feed(answer.content.decode())
    return " ".join(unescape("".join(parser.parts)).split())


def rule_form(*rows: dict[str, str], **more: str) -> dict[str, str]:
    """The rules form as a browser sends it."""
    fields = {"rule-total": str(len(rows)), **more}
    for place, row in enumerate(rows):
        full = {"ref_type": "branch", "autobuild": "on", "cache": "on", **row}
        fields |= {f"rule-{place}-{name}": value for name, value in full.items()}
    return fields
