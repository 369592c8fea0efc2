"""Payloads that others published, among them some that once broke a real image builder: no exception, right verdict."""

from __future__ import annotations

import pytest

from builds.models import Build, Source
from tests.factories import make_rule
from tests.webhooks.sending import post
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db

SCM, WOODPECKER = "go-scm/github/testdata/webhooks", "woodpecker/github/fixtures"
# What each holds, as its own page on the forge would say: the ref, and the commit that is built or None.
PUSHES = {
    "quay/github_webhook.json": ("branch master", "410f4cdf8ff09b87f245b13845e8497f90b90a4c"),
    "quay/github_webhook_deletedcommit.json": ("branch master", "456806b662cb903a0febbaed8344f3ed42f27bab"),
    "quay/github_webhook_knownissue.json": ("branch 1.2.6", None),
    "quay/github_webhook_missing.json": ("branch master", "410f4cdf8ff09b87f245b13845e8497f90b90a4c"),
    "quay/github_webhook_noname.json": ("branch master", "118b07121695d9f2e40a5ff264fdcc2917680870"),
    "quay/github_webhook_slash_branch.json": ("branch slash/branch", "410f4cdf8ff09b87f245b13845e8497f90b90a4c"),
    f"{SCM}/push.json": ("branch master", "199eddf46df50de8d02e99bf1c5fdb4101338224"),
    f"{SCM}/push_branch_create.json": ("branch feature-branch", "d2b75aa7797ec26b088fa2dd527e9d2c052fcedd"),
    f"{SCM}/push_branch_delete.json": ("branch feature-branch", None),
    f"{SCM}/push_tag.json": ("tag v0.0.1", "d2b75aa7797ec26b088fa2dd527e9d2c052fcedd"),
    f"{SCM}/push_tag_delete.json": ("tag v0.0.1", None),
    f"{WOODPECKER}/HookPush.json": ("branch main", "366701fde727cb7a9e7f21eb88264f59f6f9b89c"),
    f"{WOODPECKER}/HookPushForced.json": ("branch main", "f7220f1f753260bf6f1c533357c70213e9fd4abe"),
    f"{WOODPECKER}/HookTag.json": ("tag the-tag-v1", "67012991d6c69b1c58378346fca366b864d8d1a1"),
}


@pytest.mark.parametrize("name", PUSHES)
def test_a_published_push_it_gives_the_right_verdict(source, corpora, name):
    source.rules.all().delete()
    make_rule(source, pattern="/.*/")
    make_rule(source, ref_type="tag", pattern="/.*/", tags=["{sourceref}"])
    answer = post(source, (corpora / "webhooks" / name).read_bytes())
    delivery, ref, commit = Delivery.objects.get(), *PUSHES[name]
    assert (answer.status_code, delivery.status) == (202, "built" if commit else "ignored")
    assert f"{delivery.ref_type} {delivery.ref}" == ref
    assert list(Build.objects.values_list("commit", flat=True)) == ([commit] if commit else [])


@pytest.mark.slow
def test_whatever_others_published_it_raises_nothing(source, corpora):
    """Payloads of every forge, sent as GitHub's push, ping and create: 202 or 400, each with a sentence."""
    for path in sorted((corpora / "webhooks").rglob("*.json")):
        if "octokit" in path.parts or path.stat().st_size > 200_000:
            continue
        for event in ("push", "ping", "create"):
            Source.objects.update(forge_repository_id="")
            answer = post(source, path.read_bytes(), event=event)
            assert answer.status_code in (202, 400), (path, event, answer.content)
            assert answer.json()["detail"]
