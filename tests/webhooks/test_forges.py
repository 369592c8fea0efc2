"""The field cases of webhooks, W01 to W15, for every forge but GitHub: the right answers are the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builds.core.states import State
from builds.models import Build
from tests.factories import make_rule, make_source
from tests.webhooks.forges import SENDERS, deliver
from tests.webhooks.sending import BEFORE, COMMIT, ZEROS
from tests.webhooks.test_inbound import SKIPS, TAG_OBJECT
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db


@pytest.fixture(params=SENDERS)
def sender(request):
    return SENDERS[request.param]()


@pytest.fixture
def source(sender, db):
    """acme/web on that forge, built from its branch `main`."""
    source = make_source(forge=sender.forge, clone_url="https://mirror.example.org/acme/web.git")
    make_rule(source)
    return source


def test_a_push_it_is_stored_judged_and_built(source, sender):
    answer = deliver(source, sender, sender.push("refs/heads/main"))
    delivery, build = Delivery.objects.get(), Build.objects.get()
    assert (answer.status_code, delivery.status) == (202, "built")
    assert delivery.sentence.startswith("1 rule: build #1 by `main`.")
    assert (build.commit, build.ref, build.before, build.state) == (COMMIT, "main", BEFORE, State.QUEUED)
    assert (build.commit_message, build.commit_author) == ("Fix login", "A. Author")
    assert build.cause_detail == "pushed by alice"


@pytest.mark.parametrize("zeros", [ZEROS, "0" * 64], ids=["sha1", "sha256"])
@pytest.mark.parametrize("ref", ["refs/heads/1.2.6", "refs/tags/v1"])
def test_w01_a_deleted_ref_it_is_ignored_and_builds_nothing(source, sender, ref, zeros):
    make_rule(source, pattern="/.*/")
    make_rule(source, ref_type="tag", pattern="/.*/", tags=["{sourceref}"])
    answer = deliver(source, sender, sender.deleted(ref, zeros))
    delivery = Delivery.objects.get()
    assert (answer.status_code, delivery.status, Build.objects.count()) == (202, "ignored", 0)
    assert "ref deleted" in delivery.sentence


def test_w03_an_annotated_tag_it_builds_the_commit_and_tags_by_it(source, sender):
    make_rule(source, ref_type="tag", pattern="/.*/", tags=["{sourceref}", "{sha7}"])
    deliver(source, sender, sender.push("refs/tags/v1.0.0", before=ZEROS, message="rel", tag_object=TAG_OBJECT))
    build = Build.objects.get()
    assert (build.commit, build.ref_type, build.ref) == (COMMIT, "tag", "v1.0.0")
    assert [tag["name"] for tag in build.plan["tags"]] == ["v1.0.0", COMMIT[:7]]


@pytest.mark.parametrize("before", [ZEROS, BEFORE], ids=["new branch on an old commit", "back to an older commit"])
def test_w05_no_commits_it_builds_what_the_ref_points_to(source, sender, before):
    deliver(source, sender, sender.push("refs/heads/main", before=before, message=None))
    assert Build.objects.get().commit == COMMIT


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        ({}, "no secret token|no signature|proves nothing"),
        ({"X-Hub-Signature": "sha1=" + "0" * 40}, "no secret token|no signature|is not a signature|proves nothing"),
    ],
    ids=["nothing", "sha1"],
)
def test_w08_a_request_that_proves_nothing_it_refuses_and_says_what_is_missing(source, sender, headers, sentence):
    unproved = dict.fromkeys(sender.proof("", b""))
    answer = deliver(source, sender, sender.push("refs/heads/main"), headers={**unproved, **headers})
    assert (answer.status_code, Build.objects.count()) == (401, 0)
    assert any(part in Delivery.objects.get().sentence for part in sentence.split("|"))
    assert source.webhook_secret not in str(Delivery.objects.get().headers)


def test_w08_what_another_secret_proves_it_refuses(source, sender):
    wrong = sender.proof("another", b"{}")
    answer = deliver(source, sender, sender.push("refs/heads/main"), headers=wrong)
    assert (answer.status_code, Build.objects.count()) == (401, 0)
    assert "another" in Delivery.objects.get().sentence


def test_w08_a_source_without_a_secret_it_refuses_whatever_is_proved(source, sender):
    source.webhook_secret = ""
    source.save()
    assert deliver(source, sender, sender.push("refs/heads/main")).status_code == 401
    assert "has no webhook secret" in Delivery.objects.get().sentence


def test_w09_the_same_delivery_again_it_builds_once(source, sender):
    told = sender.push("refs/heads/main")
    answers = [deliver(source, sender, told, delivery="one").status_code for _ in range(2)]
    Build.objects.update(state=State.SUCCEEDED)
    answers.append(deliver(source, sender, told, delivery="one").status_code)
    assert (answers, Build.objects.count()) == ([202, 200, 200], 1)


def test_w09_the_same_push_under_another_id_it_builds_once_while_it_is_under_way(source, sender):
    for delivery in ("one", "two"):
        deliver(source, sender, sender.push("refs/heads/main"), delivery=delivery)
    assert Build.objects.count() == 1
    assert "no second one" in Delivery.objects.first().sentence


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"\xef\xbb\xbf{}", b"{", b'"\xe9"', b"[" * 2000])
def test_w10_broken_bodies_it_answers_with_400_and_a_sentence(source, sender, body):
    event, _ = sender.push("refs/heads/main")
    answer = deliver(source, sender, (event, body))
    assert (answer.status_code, Build.objects.count()) == (400, 0)
    assert Delivery.objects.get().sentence == answer.json()["detail"]


@pytest.mark.parametrize("name", ["gitlab", "gitea", "generic"])
@pytest.mark.parametrize("ref", [None, 123, "main", "refs/heads/a..b", "refs/heads/", ["refs/heads/main"]], ids=repr)
def test_w10_what_is_no_ref_it_says_so(db, name, ref):
    sender = SENDERS[name]()
    event, document = sender.push("refs/heads/main")
    answer = deliver(make_source(forge=sender.forge), sender, (event, document | {"ref": ref}))
    is_git = isinstance(ref, str) and ref.startswith("refs/")
    assert answer.status_code == (202 if is_git else 400)
    assert not Build.objects.exists()


def test_w10_an_event_that_builds_nothing_it_ignores_with_a_sentence(source, sender):
    answer = deliver(source, sender, sender.unused())
    assert answer.status_code == 202
    assert Delivery.objects.get().sentence.startswith("Ignored: nothing is built for") or (
        "is not known" in Delivery.objects.get().sentence
    )


@pytest.mark.parametrize("ref", ["refs/pull/7/merge", "refs/notes/x"])
def test_w10_a_ref_that_is_no_branch_and_no_tag_it_ignores(source, sender, ref):
    answer = deliver(source, sender, sender.push(ref))
    assert (answer.status_code, Delivery.objects.get().status) == (202, "ignored")
    assert "neither a branch nor a tag" in Delivery.objects.get().sentence


@pytest.mark.parametrize(("ref", "message", "status"), SKIPS.values(), ids=SKIPS)
def test_w12_a_skip_mark_it_counts_in_the_newest_commit_of_a_branch(source, sender, ref, message, status):
    make_rule(source, ref_type="tag", pattern="/.*/", tags=["{sourceref}"])
    deliver(source, sender, sender.push(ref, message=message))
    assert Delivery.objects.get().status == status
    assert Build.objects.count() == (status == "built")


NAMES = {"gitlab": "path_with_namespace", "generic": "name"}


def renamed(sender, **fields):
    """The sender with a repository of another id or name."""
    key = "uuid" if "uuid" in sender.repository else "id"
    repository = dict(sender.repository)
    if "id" in fields:
        repository[key] = fields["id"]
    if "name" in fields and "slug" in repository:
        project, _, slug = fields["name"].partition("/")
        repository |= {"project": {"key": project}, "slug": slug}
    elif "name" in fields:
        repository[NAMES.get(sender.forge, "full_name")] = fields["name"]
    return replace(sender, repository=repository)


@pytest.fixture
def known(source):
    source.forge_repository_id, source.forge_full_name = "42", "Org/old"
    source.save()
    return source


def test_w13_a_renamed_repository_it_builds_and_says_the_new_name(known, sender):
    sender = renamed(sender, name="NewOrg/new")
    deliver(known, sender, sender.push("refs/heads/main"))
    known.refresh_from_db()
    assert Build.objects.count() == 1
    assert "is called `NewOrg/new` now, and was `Org/old`" in Delivery.objects.get().sentence
    assert known.forge_full_name == "NewOrg/new"


def test_w13_the_same_name_in_another_case_it_builds(known, sender):
    sender = renamed(sender, name="org/OLD")
    deliver(known, sender, sender.push("refs/heads/main"))
    assert "is called" not in Delivery.objects.get().sentence
    assert Build.objects.count() == 1


def test_w13_another_repository_with_the_old_name_it_never_builds(known, sender):
    """GitLab switches a webhook off that is refused, so it hears 202; the ledger says refused all the same."""
    sender = renamed(sender, id=43 if sender.forge != "bitbucket" or "slug" in sender.repository else "43")
    answer = deliver(known, sender, sender.push("refs/heads/main"))
    assert answer.status_code == (202 if sender.forge == "gitlab" else 403)
    assert (Build.objects.count(), Delivery.objects.get().status) == (0, "refused")
    assert answer.json()["detail"].startswith("This webhook belongs to another repository")


def test_w13_the_default_branch_it_takes_from_the_forge(source, sender):
    source.default_branch = ""
    source.save()
    deliver(source, sender, sender.push("refs/heads/main"))
    source.refresh_from_db()
    says = {"gitlab": "trunk", "gitea": "trunk", "generic": "trunk"}.get(sender.forge, "")
    assert source.default_branch == says


OURS = {
    "gitlab": "git@gitlab.example.com:acme/web.git",
    "gitea": "https://gitea.example.com/acme/web",
    "bitbucket": "git@bitbucket.org:acme/web.git",
    "generic": "https://git.example.com/acme/web.git",
}


def test_w13_the_webhook_of_a_group_it_does_not_tie_the_source_to_the_first_repository(source, sender):
    source.clone_url = (
        "ssh://git@git.example.com:7999/acme/web.git" if "slug" in sender.repository else OURS[sender.forge]
    )
    source.save()
    other = renamed(sender, id=7, name="acme/other")
    if "slug" in other.repository:
        other.repository["links"] = {"self": [{"href": "https://git.example.com/projects/ACME/repos/other/browse"}]}
    for key in ("git_http_url", "clone_url"):
        if key in other.repository:
            other.repository[key] = other.repository[key].replace("acme/web", "acme/other")
    deliver(source, other, other.push("refs/heads/main"))
    assert Build.objects.count() == 0
    deliver(source, sender, sender.push("refs/heads/main"))
    source.refresh_from_db()
    assert (Build.objects.count(), source.forge_repository_id) == (1, "42")


def test_w13_a_forge_on_another_host_than_the_clone_url_it_asks_whether_that_is_meant(source, sender):
    deliver(source, sender, sender.push("refs/heads/main"))
    sentence = Delivery.objects.get().sentence
    assert "this source clones from `mirror.example.org/acme/web`: right if that is a mirror" in sentence


def test_w14_a_large_push_it_takes(source, sender):
    event, document = sender.push("refs/heads/main")
    answer = deliver(source, sender, (event, document | {"padding": "x" * 3_000_000}))
    assert (answer.status_code, Build.objects.count()) == (202, 1)


PULLS = [name for name, kind in SENDERS.items() if hasattr(kind, "pull_request")]


@pytest.mark.parametrize("name", PULLS)
@pytest.mark.parametrize("fork", [False, True, None], ids=["own branch", "fork", "fork that is gone"])
def test_w15_a_pull_request_it_never_builds_by_default(db, name, fork):
    sender = SENDERS[name]()
    source = make_source(forge=sender.forge, clone_url="https://mirror.example.org/acme/web.git")
    make_rule(source, pattern="/.*/")
    answer = deliver(source, sender, sender.pull_request(fork))
    assert (answer.status_code, Delivery.objects.get().status, Build.objects.count()) == (202, "ignored", 0)
    assert "#7" in Delivery.objects.get().sentence
