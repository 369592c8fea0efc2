"""Where to click on each forge, as the settings and the first-run guide show it."""

from __future__ import annotations

import html

import pytest

from builds.models import Source
from tests.factories import make_admin, make_source
from webhooks.providers.gitlab import signing_token

pytestmark = pytest.mark.django_db
SETTINGS, SETUP = "/r/acme/web/settings", "/r/acme/web/setup?step=webhook"
SAYS = {
    "github": ["Just the push event", "Pull requests"],
    "gitlab": ["Secret token", "Tag push events", "Merge request events"],
    "gitea": ["Target URL", "Test delivery", "ALLOWED_HOST_LIST"],
    "bitbucket": ["Repository push", "Source branch updated"],
    "generic": ["hooks/post-receive", "hooks/imageyard-secret", "openssl dgst"],
}


@pytest.fixture
def admin(client, db):
    client.force_login(make_admin())
    return client


@pytest.mark.parametrize("page", [SETTINGS, SETUP], ids=["settings", "first run"])
@pytest.mark.parametrize("forge", Source.Forge.values)
def test_the_steps_of_each_forge_it_shows_and_no_other(admin, forge, page):
    source = make_source(forge=forge)
    text = html.unescape(admin.get(page).content.decode())
    assert f"/webhooks/{forge}/{source.pk}" in text
    assert all(word in text for word in SAYS[forge])
    others = {words[0] for other, words in SAYS.items() if other != forge} - set(SAYS[forge])
    assert not [word for word in others if word in text]


def test_the_hook_it_shows_with_the_address_of_the_source(admin):
    source = make_source(forge="generic")
    text = admin.get(SETTINGS).content.decode()
    assert f"url=&#x27;http://testserver/webhooks/generic/{source.pk}&#x27;" in text or f"{source.pk}&#x27;" in text
    assert source.webhook_secret not in text


def test_gitlabs_signing_token_it_shows_once_with_the_secret(admin):
    make_source(forge="gitlab")
    admin.post(f"{SETTINGS}/webhook-secret")
    token = signing_token(Source.objects.get().webhook_secret)
    assert token in html.unescape(admin.get(SETTINGS).content.decode())
    assert "whsec_" not in admin.get(SETTINGS).content.decode()
