"""Who calls the API: a bearer token, or the session of somebody who looks at the pages. No rights here."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja.security import HttpBearer, SessionAuth

from accounts.tokens import authenticate_token


class TokenAuth(HttpBearer):
    """`Authorization: Bearer <token>`. The request then has the token's user, as a page's request has its own."""

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        user = authenticate_token(token)
        if user is not None:
            request.user = user
        return user


# A session is also a caller (the API's own documentation page); ninja checks its CSRF token.
api_auth = [TokenAuth(), SessionAuth(csrf=True)]
