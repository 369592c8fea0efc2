"""A secret that is shown once."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from django.http import HttpRequest

from lib.shown_once import keep, take


@pytest.fixture
def request_():
    request = HttpRequest()
    request.session = {}
    return request


def test_it_gives_the_secret_once(request_):
    keep(request_, "token", "s3cret")
    assert take(request_, "token") == "s3cret"
    assert take(request_, "token") == ""


def test_it_keeps_nothing_in_clear(request_):
    keep(request_, "token", "s3cret")
    assert "s3cret" not in str(request_.session)


def test_it_gives_nothing_when_the_keys_were_changed_in_between(request_, settings):
    keep(request_, "token", "s3cret")
    settings.ENCRYPTION_KEYS = (Fernet.generate_key().decode(),)
    assert take(request_, "token") == ""
