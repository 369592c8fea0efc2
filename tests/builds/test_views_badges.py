"""Badges over HTTP: what they say, who gets them, and how they are kept fresh."""

from __future__ import annotations

import pytest

from registry.actions import badge_token
from registry.models import Repository, Tag
from tests.builds.pages import words
from tests.factories import make_build

pytestmark = pytest.mark.django_db
URL = "/r/acme/web/badge"


@pytest.fixture
def public(repository) -> Repository:
    repository.visibility = "public"
    repository.save()
    return repository


def said(client, kind: str, query: str = "") -> str:
    answer = client.get(f"{URL}/{kind}.svg{query}")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "image/svg+xml; charset=utf-8"
    return answer.content.decode().split("<title>")[1].split("</title>")[0]


def test_it_says_how_the_newest_build_of_the_default_branch_ended(public, client):
    assert said(client, "status") == "build: unknown"
    make_build(state="succeeded")
    assert said(client, "status") == "build: passing"
    make_build(state="failed", ref="topic")
    make_build(state="queued")
    assert said(client, "status") == "build: passing"
    assert said(client, "status", "?branch=topic&label=topic") == "topic: failing"


def test_it_says_the_highest_stable_version_and_the_size_of_a_tag(public, client):
    for name in ("1.9.0", "1.10.0", "2.0.0-rc.1", "build-7", "latest"):
        Tag.objects.create(repository=public, name=name, digest="sha256:" + "a" * 64, size_bytes=5_000_000)
    assert said(client, "version") == "version: 1.10.0"
    assert said(client, "size") == "size: 5.0 MB"
    assert said(client, "size", "?tag=none") == "size: unknown"


@pytest.mark.one_database
def test_it_gives_a_private_one_to_members_and_to_whoever_has_its_token(repository, client, reader, stranger):
    assert said(reader, "status") == "build: unknown"
    assert stranger.get(f"{URL}/status.svg").status_code == 404
    assert stranger.get(f"{URL}/status.svg?token=wrong").status_code == 404
    assert said(client, "status", f"?token={badge_token(repository)}") == "build: unknown"


def test_it_ends_the_addresses_that_were_given_away(repository, client, owner, writer):
    token = badge_token(repository)
    assert writer.post("/r/acme/web/settings/badges/renew").status_code == 403
    owner.post("/r/acme/web/settings/badges/renew")
    assert client.get(f"{URL}/status.svg?token={token}").status_code == 404


def test_it_is_asked_for_each_time_and_sent_once(public, client):
    first = client.get(f"{URL}/status.svg")
    assert "no-cache" in first["Cache-Control"]
    assert client.get(f"{URL}/status.svg", headers={"If-None-Match": first["ETag"]}).status_code == 304


@pytest.mark.one_database
def test_it_knows_no_other_badge(public, client):
    assert client.get(f"{URL}/stars.svg").status_code == 404


@pytest.mark.one_database
def test_it_gives_lines_to_copy(repository, reader):
    page = words(reader.get("/r/acme/web/settings/badges"))
    assert f"/r/acme/web/badge/status.svg?token={badge_token(repository)}" in page
    assert "This repository is private" in page
