"""The pages about forges: connections, a repository's forge settings, and what a build page says of its status."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Role
from builds.models import Source
from tests.builds.pages import owner, reader, repository, stranger, words, writer  # noqa: F401
from tests.factories import make_build, make_member, make_repository
from webhooks.models import CommitStatus, ForgeConnection, ListedRepository, SourceLink

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rings")]
CONNECTIONS = "/account/connections"
FORGE = "/r/acme/web/settings/forge"
NEW = {"namespace": "acme", "name": "Robot", "forge": "github", "kind": "token", "token": "ghp_very_secret"}


@pytest.fixture
def connection(repository):  # noqa: F811
    Source.objects.update(clone_url="https://github.com/acme/web.git")
    return ForgeConnection.objects.create(
        namespace=repository.namespace,
        name="Robot",
        forge="github",
        api_url="https://api.github.com",
        token="ghp_very_secret",
        list_state="good",
        list_sentence="GitHub lists 2 repositories.",
        listed_at=timezone.now(),
    )


@pytest.fixture
def listed(connection):
    rows = [("acme/web", False, True), ("acme/secret", True, False)]
    for name, private, admin in rows:
        ListedRepository.objects.create(
            connection=connection, full_name=name, forge_id="42", is_private=private, may_admin=admin,
            clone_url=f"https://github.com/{name}.git", ssh_url=f"git@github.com:{name}.git", default_branch="main",
        )  # fmt: skip
    return connection


@pytest.fixture
def link(listed, repository):  # noqa: F811
    return SourceLink.objects.create(source=repository.source, connection=listed, full_name="acme/web")


# --- connections --------------------------------------------------------------------------------------------------


def test_it_makes_a_connection_and_has_it_checked(owner, rings, django_capture_on_commit_callbacks):  # noqa: F811
    with django_capture_on_commit_callbacks(execute=True):
        page = owner.post(CONNECTIONS, NEW, follow=True)
    made = ForgeConnection.objects.get()
    assert (made.api_url, made.token, made.check_state) == ("https://api.github.com", "ghp_very_secret", "asked")
    assert rings == ["webhooks.check_connection"]
    assert "Robot" in words(page)
    assert "ghp_very_secret" not in page.content.decode()


def test_what_is_wrong_it_says_at_the_form_without_the_token(owner):  # noqa: F811
    page = owner.post(CONNECTIONS, {**NEW, "server": "nonsense"})
    assert page.status_code == 422
    assert "https://" in words(page)
    assert "ghp_very_secret" not in page.content.decode()
    assert not ForgeConnection.objects.exists()


def test_it_changes_one_and_keeps_its_token(owner, connection):  # noqa: F811
    owner.post(f"{CONNECTIONS}?change={connection.pk}", {**NEW, "name": "Renamed", "token": ""})
    connection.refresh_from_db()
    assert (connection.name, connection.token) == ("Renamed", "ghp_very_secret")


def test_it_removes_one(owner, connection, link):  # noqa: F811
    owner.post(f"{CONNECTIONS}/{connection.pk}/delete")
    assert not ForgeConnection.objects.exists()
    assert not SourceLink.objects.exists()


@pytest.mark.parametrize("path", ["/state", "/check", "/delete", "?change"])
@pytest.mark.parametrize("who", ["reader", "writer", "stranger"])
def test_nobody_below_admin_it_shows_a_connection(request, connection, who, path):
    client = request.getfixturevalue(who)
    if path == "?change":
        assert client.get(f"{CONNECTIONS}?change={connection.pk}").status_code == 404
        assert "Robot" not in words(client.get(CONNECTIONS))
    else:
        ask = client.get if path == "/state" else client.post
        assert ask(f"{CONNECTIONS}/{connection.pk}{path}").status_code == 404
    assert ForgeConnection.objects.get().check_state == ""


def test_it_makes_none_in_a_namespace_of_others(owner):  # noqa: F811
    make_repository("other/web")
    assert owner.post(CONNECTIONS, {**NEW, "namespace": "other"}).status_code == 422
    assert not ForgeConnection.objects.exists()


def test_a_failing_forge_it_shows_with_the_next_try(owner, connection):  # noqa: F811
    ForgeConnection.objects.update(
        failing_sentence="GitHub is at fault itself (it answered 502).",
        failures=3,
        paused_until=timezone.now() + timedelta(minutes=7),
    )
    assert "GitHub is at fault itself (it answered 502). It is tried again in 6 min" in words(owner.get(CONNECTIONS))


# --- the forge settings of a repository ---------------------------------------------------------------------------


@pytest.mark.one_database
def test_without_a_connection_it_says_where_one_is_made(owner):  # noqa: F811
    assert "Connect the namespace to its forge first" in words(owner.get(FORGE))


@pytest.mark.one_database
def test_it_lists_what_a_worker_found_and_narrows_it(owner, listed):  # noqa: F811
    page = words(owner.get(f"{FORGE}?q="))
    assert "acme/web" in page
    assert "The token may not administrate it" in page
    narrowed = words(owner.get(f"{FORGE}?part=repositories&connection={listed.pk}&q=SEC"))
    assert "acme/secret" in narrowed
    assert "acme/web" not in narrowed


def test_an_old_list_it_shows_and_asks_for_anew(owner, listed, rings, django_capture_on_commit_callbacks):  # noqa: F811
    ForgeConnection.objects.update(listed_at=timezone.now() - timedelta(hours=1))
    with django_capture_on_commit_callbacks(execute=True):
        page = words(owner.get(FORGE))
    assert "acme/web" in page
    assert "asking" in page
    assert rings == ["webhooks.list_repositories"]


def test_it_links_the_source_and_has_a_worker_look(owner, listed, rings, django_capture_on_commit_callbacks):  # noqa: F811
    with django_capture_on_commit_callbacks(execute=True):
        owner.post(FORGE, {"connection": listed.pk, "full_name": "acme/web"})
    link = SourceLink.objects.get()
    assert (link.full_name, link.forge_id, link.errand) == ("acme/web", "42", "look")
    assert rings == ["webhooks.run_forge_errand"]


@pytest.mark.parametrize(
    ("picked", "url"),
    [("acme/web", "https://github.com/acme/web.git"), ("acme/secret", "git@github.com:acme/secret.git")],
)
def test_a_repository_without_a_source_it_gives_one_from_the_list(owner, listed, repository, picked, url):  # noqa: F811
    repository.source.delete()
    owner.post(FORGE, {"connection": listed.pk, "full_name": picked})
    source = Source.objects.get()
    assert source.clone_url == url
    assert bool(source.deploy_key) == url.startswith("git@")
    assert SourceLink.objects.get().source == source


@pytest.mark.one_database
@pytest.mark.parametrize("name", ["", "web", "acme/../x", "a/" + "b" * 300])
def test_a_name_that_is_none_it_refuses_with_a_sentence(owner, listed, name):  # noqa: F811
    page = owner.post(FORGE, {"connection": listed.pk, "full_name": name})
    assert page.status_code == 422
    assert "acme/web" in words(page)
    assert not SourceLink.objects.exists()


def test_a_connection_of_another_namespace_it_does_not_know(owner, listed):  # noqa: F811
    ForgeConnection.objects.update(namespace=make_repository("other/web").namespace)
    assert owner.post(FORGE, {"connection": listed.pk, "full_name": "acme/web"}).status_code == 422
    assert not SourceLink.objects.exists()


ERRANDS = ["install", "look", "mend", "remove"]


@pytest.mark.parametrize("what", ERRANDS)
def test_it_asks_a_worker_and_shows_that_it_does(owner, link, what, rings, django_capture_on_commit_callbacks):  # noqa: F811
    with django_capture_on_commit_callbacks(execute=True):
        page = words(owner.post(f"{FORGE}/{what}", {"hook": ["7"]}, headers={"HX-Request": "true"}))
    assert "A worker asks GitHub." in page
    link.refresh_from_db()
    assert (link.errand, link.errand_hooks) == (what, ["7"] if what in ("mend", "remove") else [])
    assert rings == ["webhooks.run_forge_errand"]


def test_what_is_not_right_it_lists_with_what_to_do(owner, link):  # noqa: F811
    finding = {"hook_id": "7", "url": "https://old.example.com/webhooks/github/x", "problem": "old_address",
               "sentence": "It calls this source at an old address.", "remedy": "remove"}  # fmt: skip
    SourceLink.objects.update(
        findings=[finding], hook_state="good", hook_sentence="The webhook is installed and right."
    )
    page = words(owner.get(FORGE))
    assert "It calls this source at an old address." in page
    assert "Remove it" in page
    assert "The webhook is installed and right." in page


@pytest.mark.one_database
def test_a_source_that_clones_another_repository_it_points_out(owner, link):  # noqa: F811
    assert "The source clones" not in words(owner.get(FORGE))
    Source.objects.update(clone_url="https://github.com/acme/shop.git")
    assert "The source clones acme/shop, and this is acme/web." in words(owner.get(FORGE))


@pytest.mark.one_database
def test_the_repository_that_the_source_clones_it_shows_first(owner, listed):  # noqa: F811
    page = owner.get(FORGE).content.decode()
    assert 'name="q" value="acme/web"' in page
    assert "acme/secret" not in page


def test_a_connection_that_fails_it_shows_on_the_home_page_of_its_admins(owner, reader, link):  # noqa: F811
    assert "does not work" not in words(owner.get("/"))
    ForgeConnection.objects.update(failures=3, failing_sentence="GitHub does not take the token (401).")
    assert "acme: the connection “Robot” does not work GitHub does not take the token (401)." in words(owner.get("/"))
    assert "does not work" not in words(reader.get("/"))


def test_it_switches_the_reporting_off_and_on(owner, link):  # noqa: F811
    owner.post(f"{FORGE}/reporting", {})
    assert not SourceLink.objects.get().reports_status
    owner.post(f"{FORGE}/reporting", {"reports": "on"})
    assert SourceLink.objects.get().reports_status


def test_it_forgets_the_link(owner, link):  # noqa: F811
    owner.post(f"{FORGE}/unlink")
    assert not SourceLink.objects.exists()


@pytest.mark.one_database
@pytest.mark.parametrize("path", ["", "/list", "/install", "/reporting", "/unlink"])
@pytest.mark.parametrize(("who", "status"), [("reader", 403), ("writer", 403), ("stranger", 404)])
def test_nobody_below_admin_it_lets_change_it(request, link, who, status, path):
    assert request.getfixturevalue(who).post(f"{FORGE}{path}", {"connection": 1}).status_code == status


# --- what a build page says ---------------------------------------------------------------------------------------


def status(**fields) -> CommitStatus:
    build = make_build(state="succeeded", finished_at=timezone.now())
    fields = {"source": build.source, "commit": build.commit, "context": "c", "state": "success", **fields}
    return CommitStatus.objects.create(build=build, **fields)


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"told_revision": 1, "told_at": timezone.now()}, "GitHub knows: success"),
        ({"state": "stopped", "told_revision": 1}, "GitHub knows: error"),
        ({}, "GitHub is told soon: success"),
        ({"is_given_up": True, "http_status": 404, "sentence": "Gone."}, "GitHub did not take it: 404"),
        (
            {"tries": 1, "sentence": "No answer."},
            "GitHub has not taken it yet: no answer, tried 1 time, next in a moment",
        ),
    ],
)
def test_a_build_page_it_tells_what_the_forge_knows(owner, link, fields, said):  # noqa: F811
    status(**fields)
    assert said in words(owner.get("/r/acme/web/builds/1"))


@pytest.mark.one_database
def test_a_build_page_it_tells_when_the_forge_is_tried_again(owner, link, settings):  # noqa: F811
    settings.TIME_ZONE = "UTC"
    later = (timezone.now() + timedelta(hours=2)).replace(minute=5)
    ForgeConnection.objects.update(paused_until=later, failures=7)
    status(http_status=401, sentence="Revoked.")
    said = f"GitHub has not taken it yet: 401, tried 7 times, next at {later:%H}:05"
    assert said in words(owner.get("/r/acme/web/builds/1"))


@pytest.mark.one_database
def test_a_build_page_without_a_link_it_leaves_as_it_was(owner):  # noqa: F811
    make_build(state="succeeded")
    assert "GitHub" not in words(owner.get("/r/acme/web/builds/1"))


@pytest.mark.one_database
def test_a_member_of_nothing_it_says_who_keeps_connections(stranger):  # noqa: F811
    assert "You are an admin of no namespace" in words(stranger.get(CONNECTIONS))


@pytest.mark.one_database
def test_it_shows_all_namespaces_of_an_admin(owner, connection):  # noqa: F811
    other = make_repository("tools/cron").namespace
    make_member(other, "alice", Role.ADMIN)
    page = owner.get(CONNECTIONS).content.decode()
    assert '<option value="tools">' in page
