"""Who calls the API: a bearer token, or the session of somebody who looks at the pages. No rights here."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja.security import HttpBearer, SessionAuth

from accounts.tokens import api_refusal, find_token
from lib.refusal import Refused


class TokenAuth(HttpBearer):
    """`Authorization: Bearer <token>`. The request then has the token's user, as a page's request has its own.

    Raises Refused (forbidden) for a good token that is for the registry alone.
    """

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        row = find_token(token)
        if row is None:
            return None
        if sentence := api_refusal(row.scope):
            raise Refused(sentence, code="forbidden")
        request.user = row.user
        request.api_token = row  # type: ignore[attr-defined]  # what it makes ends no later than itself
        return row.user


# A session is also a caller (the API's own documentation page); ninja checks its CSRF token.
api_auth = [TokenAuth(), SessionAuth(csrf=True)]
