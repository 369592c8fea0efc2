"""The one door: where it leads, and where it does not."""

from __future__ import annotations

import pytest

from tests.factories import make_admin

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("wanted", "led"),
    [
        ("/queue", "/queue"),
        ("https://evil.example.com/", "/"),
        ("//evil.example.com", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_it_leads_to_our_own_pages_only(client, wanted, led):
    admin = make_admin()
    admin.set_password("a-long-password")
    admin.save()
    form = {"login": "admin", "password": "a-long-password", "next": wanted}
    answer = client.post("/accounts/login/", form)
    assert (answer.status_code, answer["location"]) == (302, led)


def test_it_does_not_tell_a_wrong_name_from_a_wrong_password(client):
    make_admin()
    pages = [
        client.post("/accounts/login/", {"login": name, "password": "wrong"}).content.decode().split("<form")[1]
        for name in ("admin", "nobody")
    ]
    told = [page.replace("admin", "…").replace("nobody", "…") for page in pages]
    csrf = "csrfmiddlewaretoken"
    assert [line for line in told[0].splitlines() if csrf not in line] == [
        line for line in told[1].splitlines() if csrf not in line
    ]


def test_an_account_that_is_switched_off_is_told_who_can_switch_it_on(client):
    admin = make_admin()
    admin.set_password("a-long-password")
    admin.is_active = False
    admin.save()
    answer = client.post("/accounts/login/", {"login": "admin", "password": "a-long-password"}, follow=True)
    page = answer.content.decode()
    assert "_auth_user_id" not in client.session
    assert "This account is switched off" in page
    assert "Ask the person who runs it." in page
    wrong = client.post("/accounts/login/", {"login": "admin", "password": "wrong"}, follow=True).content.decode()
    assert "switched off" not in wrong, "only who knows the password learns it"
