"""Point 6: when branches were deleted and pull requests closed, for tags that die with them."""

from __future__ import annotations

import pytest

from builds.actions.sources import record_probe
from builds.models import GoneRef
from registry.models import Tag
from tests.factories import make_build, make_rule, make_source
from tests.webhooks.forges import BitbucketSender, GiteaSender, deliver
from tests.webhooks.sending import COMMIT, ZEROS

pytestmark = pytest.mark.django_db
SENDER = GiteaSender()


@pytest.fixture
def source(db):
    source = make_source(forge="gitea", clone_url="git@gitea.example.com:acme/web.git", pull_requests="same")
    make_rule(source, pattern="/.*/", tags=["{sourceref}"])
    return source


def gone():
    return list(GoneRef.objects.values_list("ref_type", "ref"))


def look(source, *branches: str) -> None:
    refs = [{"type": "branch", "name": name, "commit": COMMIT} for name in branches]
    record_probe(source, sentence="", good=True, refs=[*refs, {"type": "tag", "name": "v1", "commit": COMMIT}])


def built(source, ref: str, *, tagged: bool = True) -> None:
    build = make_build(source.rules.get(), ref=ref, state="succeeded")
    if tagged:
        Tag.objects.create(repository=source.repository, name=build.build_tag, digest="d", build_number=build.number)


def test_a_deleted_branch_is_gone_until_it_is_pushed_again(source):
    deliver(source, SENDER, SENDER.deleted("refs/heads/feature/a"))
    first = GoneRef.objects.get()
    assert (first.source, first.ref_type, first.ref) == (source, "branch", "feature/a")
    deliver(source, SENDER, SENDER.push("refs/heads/feature/a", before=ZEROS))
    assert gone() == []


def test_the_first_time_counts(source):
    deliver(source, SENDER, SENDER.deleted("refs/heads/a"))
    first = GoneRef.objects.get().gone_at
    deliver(source, SENDER, SENDER.deleted("refs/heads/a"))
    assert GoneRef.objects.get().gone_at == first


def test_a_deleted_git_tag_is_no_reason(source):
    deliver(source, SENDER, SENDER.deleted("refs/tags/v1"))
    assert gone() == []


def test_a_closed_pull_request_is_gone_until_it_is_opened_again(source):
    deliver(source, SENDER, SENDER.pull_request(action="closed"))
    assert [kind for kind, _ in gone()] == ["pull_request"]
    deliver(source, SENDER, SENDER.pull_request(action="reopened"))
    assert gone() == []


def test_of_several_refs_each_counts(source):
    many = BitbucketSender()
    source.forge = "bitbucket"
    source.clone_url = "git@bitbucket.org:acme/web.git"
    source.save()
    changes = [many.change(f"refs/heads/{name}", None) for name in "ab"]
    deliver(source, many, many.many(many.change("refs/heads/main"), *changes))
    assert gone() == [("branch", "a"), ("branch", "b")]


def test_a_look_notices_what_no_forge_told(source):
    for ref in ("main", "feature/a", "feature/b"):
        built(source, ref)
    built(source, "without-a-tag", tagged=False)
    look(source, "main", "feature/b")
    assert gone() == [("branch", "feature/a")]
    first = GoneRef.objects.get().gone_at
    look(source, "main", "feature/b")
    assert GoneRef.objects.get().gone_at == first
    look(source, "main", "feature/a", "feature/b")
    assert gone() == []


def test_a_server_without_any_branch_tells_nothing(source):
    built(source, "main")
    look(source)
    assert gone() == []


def test_what_a_former_git_repository_had_is_forgotten(source, admin):
    from builds.actions import SourceDraft, save_source

    GoneRef.objects.create(source=source, ref_type="branch", ref="a")
    save_source(admin, source.repository, SourceDraft(forge="github", clone_url="git@github.com:acme/other.git"))
    assert gone() == []


@pytest.fixture
def admin(source):
    from tests.factories import make_admin

    return make_admin()
