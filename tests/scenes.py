"""Every page that a person opens, by the name of its address, over the sample set; and which addresses are none.

`tests/imageyard/test_scenes.py` holds the list against the addresses that there are: a new page needs a line here, and
is then looked at in both schemes, by keyboard, by query counts and for scripts. Tabs of a build come by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from builds.views.build_tabs import TABS
from tests.images import sha256
from tests.sample_builds import DELIVERY, FAILED, PATH, RUNNING, SUCCEEDED, WAITING
from tests.sample_image import CONTENTS, SBOM, documents, statement

SITE, HELLO, BACKUP = f"/r/{PATH}", "/r/acme/hello", "/r/tools/backup"
_BUILDS = f"{SITE}/builds"
IMAGE = f"{SITE}/images/{documents()['digest']}"


@dataclass(frozen=True, slots=True)
class Scene:
    """A page: the name of its address, and one address. `user` is "" for somebody who is not logged in."""

    name: str
    address: str
    user: str = "admin"
    status: int = 200

    def __str__(self) -> str:
        return f"{self.address} ({self.user or 'nobody'})"


PAGES: dict[str, tuple[str, ...]] = {
    "home": ("/", "/?q=no-such-name", "/?page=2"),
    "repository-new": ("/new",),
    "queue": ("/queue",),
    "storage": ("/storage", "/storage?days=90"),
    "storage-caches": ("/storage/caches",),
    "storage-clean-up": ("/storage/clean-up",),
    "namespace-storage": ("/n/acme/storage?days=90", "/n/empty/storage"),
    "tokens": ("/account/tokens",),
    "namespaces": ("/n", "/n?q=no-such-name"),
    "namespace": ("/n/acme", "/n/acme?q=no-such-name", "/n/empty"),
    "namespace-members": ("/n/acme/members",),
    "namespace-robots": ("/n/acme/robots", "/n/tools/robots"),
    "namespace-robot": ("/n/acme/robots/deploy", "/n/acme/robots/scanner"),
    "connections": ("/account/connections",),
    "registry-watch": ("/registries/watch",),
    "registries": ("/registries", "/registries?kind=ecr"),
    "credentials": ("/registries/credentials",),
    "namespace-credentials": ("/n/acme/credentials",),
    "account_change_password": ("/accounts/password/change/",),
    "account_logout": ("/accounts/logout/",),
    "repository": (HELLO, SITE, "/r/acme/new-idea", "/r/library/node"),
    "repository-setup": (f"{HELLO}/setup?step=webhook", "/r/acme/new-idea/setup", f"{SITE}/setup?step=rules"),
    "repository-builds": (f"{HELLO}/builds", f"{BACKUP}/builds", f"{HELLO}/builds?state=superseded"),
    "repository-tags": (f"{HELLO}/tags", "/r/acme/new-idea/tags", f"{SITE}/tags?by=image&kind=all"),
    "repository-tag": (f"{HELLO}/tags/latest", "/r/library/node/tags/latest", f"{SITE}/tags/latest"),
    "tags-compare": (
        f"{SITE}/compare-tags/1.9/latest",
        f"{SITE}/compare-tags/2/latest",
        f"{SITE}/compare-tags/{documents()['digest']}/pushed-by-hand",
    ),
    "tag-move": (f"{HELLO}/tags/latest/move?build=1",),
    "tag-promote": (f"{HELLO}/tags/latest/promote",),
    "repository-rules": (f"{HELLO}/rules", f"{BACKUP}/rules"),
    "rules-import": (f"{HELLO}/rules/import",),
    "rules-export": (f"{HELLO}/rules/export",),
    "rules-backfill": (f"{HELLO}/rules/back-fill",),
    "settings-catch-up": (f"{BACKUP}/settings/catch-up",),
    "repository-trigger": (f"{HELLO}/build", f"{HELLO}/build?ref=main"),
    "repository-family": (f"{HELLO}/family",),
    "repository-settings": (f"{HELLO}/settings", "/r/acme/web/settings"),
    "settings-badges": (f"{HELLO}/settings/badges",),
    "settings-pull-requests": (f"{HELLO}/settings/pull-requests",),
    "settings-tests": (f"{HELLO}/settings/tests",),
    "settings-fixed-tags": (f"{HELLO}/settings/fixed-tags",),
    "settings-retention": (f"{HELLO}/settings/retention", f"{SITE}/settings/retention"),
    "retention-run": (f"{SITE}/settings/retention/runs/9001",),
    "namespace-retention": ("/n/acme/retention", "/n/empty/retention"),
    "tags-delete": (f"{SITE}/delete-tags?tag=1.9&tag=latest", f"{SITE}/delete-tags?tag=no-such-tag"),
    "settings-registries": (f"{HELLO}/settings/registries",),
    "settings-variables": (f"{HELLO}/settings/variables",),
    "settings-triggers": (f"{BACKUP}/settings/triggers",),
    "settings-notifications": (f"{HELLO}/settings/notifications",),
    "settings-forge": ("/r/acme/web/settings/forge?choose=1&q=acme", f"{HELLO}/settings/forge"),
    "repository-deliveries": ("/r/acme/web/deliveries", f"{HELLO}/deliveries"),
    "delivery": (f"{SITE}/deliveries/{DELIVERY}",),
    "build-review": (f"{HELLO}/builds/45/review",),
    "builds-compare": (f"{SITE}/compare/1...2",),
    "image": (IMAGE, f"{IMAGE}?platform=linux/arm64", f"{SITE}/images/sha256:{'0' * 64}"),
    "image-layer": tuple(f"{IMAGE}/layers/{sha256(body)}" for body in CONTENTS[1:]),
    "image-packages": (f"{IMAGE}/packages/{sha256(statement(SBOM))}",),
    "build-tag": (f"{_BUILDS}/{SUCCEEDED}/tag",),
    "build-debug": (f"{_BUILDS}/{FAILED}/debug",),
    "build-shell": (f"{_BUILDS}/{FAILED}/shell",),
}
# The tabs of each kind of build; #1 of the sample has no build before it to compare with.
TABBED = (1, SUCCEEDED, FAILED, RUNNING, WAITING)
# Of those who are not logged in, of readers, and of what is not there.
OTHERS = (
    Scene("account_login", "/accounts/login/", user=""),
    Scene("account_signup", "/accounts/signup/", user=""),
    Scene("account_inactive", "/accounts/inactive/", user=""),
    Scene("repository", HELLO, user=""),
    Scene("namespace", "/n/acme", user=""),
    Scene("namespaces", "/n", user="carol"),
    Scene("namespace", "/n/acme", user="bob"),
    Scene("namespace-members", "/n/acme/members", user="bob"),
    Scene("home", "/", user="bob"),
    Scene("repository", "/r/acme/web", user="bob"),
    Scene("repository-rules", "/r/acme/web/rules", user="bob"),
    Scene("build", "/r/acme/web/builds/26", user="bob"),
    Scene("home", "/r/no/where", status=404),
)

# Why an address is no page of its own.
POST, PART, DATA = "takes POST alone", "a part of a page", "is read by programs"
NO_PAGES: dict[str, str] = {
    **dict.fromkeys(("healthz", "readyz", "webhook", "trigger", "badge", "build-log", "build-lines"), DATA),
    **dict.fromkeys(("registry-events", "registry-token"), DATA),
    **dict.fromkeys(("build-log-search", "build-log-error", "build-shell-transcript", "image-raw"), DATA),
    **dict.fromkeys(
        ("queue-fragment", "rules-source-state", "build-fragment", "build-timeline", "build-cache", "build-image"), PART
    ),
    **dict.fromkeys(("registry-state", "credential-state", "build-destinations"), PART),
    **dict.fromkeys(("retention-preview", "retention-runs"), PART),
    **dict.fromkeys(("connection-state", "build-debug-fragment", "tag-hand"), PART),
    "account_reauthenticate": "asks for the password again, and nothing leads there while one has just logged in",
    **dict.fromkeys(("builds-compare-choose", "tags-compare-choose"), "leads to the comparison that was chosen"),
}


def scenes() -> Iterator[Scene]:
    """All of them, those of one address after each other."""
    yield from pages()
    yield from tabs()


def pages() -> Iterator[Scene]:
    for name, addresses in PAGES.items():
        yield from (Scene(name, address) for address in addresses)
    yield from OTHERS


def tabs() -> Iterator[Scene]:
    """Those of each kind of build."""
    for number in TABBED:
        yield from (Scene("build", f"{_BUILDS}/{number}?tab={tab.name}") for tab in TABS)
