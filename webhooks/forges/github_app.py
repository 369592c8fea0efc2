"""How a GitHub App gets in: a short-lived JWT with its private key, and for that the token of one installation.

As in GitHub's documentation, "Generating a JSON Web Token (JWT) for a GitHub App" and "Authenticating as an
installation". Where the token is kept meanwhile is not decided here.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from webhooks.forges.api import ForgeAPI, in_path, text_of
from webhooks.forges.base import ForgeError

# GitHub refuses a JWT from the future and one that holds for more than ten minutes; clocks differ.
_BACKDATED_S = 60
_HOLDS_S = 540
_FALLBACK_S = 600.0

WANTS = "the App's own private key"


@dataclass(frozen=True, slots=True)
class InstallationToken:
    """`expires_at` in seconds since 1970; GitHub's hold for an hour."""

    token: str
    expires_at: float

    def __repr__(self) -> str:
        return f"InstallationToken(expires_at={self.expires_at})"


def key_problem(pem: str) -> str | None:
    """What is wrong with a private key as GitHub gives it, as a sentence; None where nothing is."""
    try:
        _load(pem)
    except ForgeError as error:
        return error.sentence
    return None


def make_jwt(app_id: str, pem: str, now: float) -> str:
    """A JWT by which GitHub knows the App (RS256, RFC 7519). Raises ForgeError for a key that is none."""
    claims = {"iat": int(now) - _BACKDATED_S, "exp": int(now) + _HOLDS_S, "iss": app_id}
    head = ".".join(_encoded(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    return f"{head}.{_encoded(_load(pem).sign(head.encode(), PKCS1v15(), SHA256()))}"


def installation_token(
    api_url: str, jwt: str, installation_id: str, *, now: float, trusted_hosts: Collection[str]
) -> InstallationToken:
    """A new token for one installation. Raises ForgeError."""
    headers = {"Authorization": f"Bearer {jwt}", "Accept": "application/vnd.github+json"}
    api = ForgeAPI("GitHub", api_url, headers, trusted_hosts=trusted_hosts, wants=WANTS)
    try:
        document = api.post(f"/app/installations/{in_path(installation_id)}/access_tokens", {})
    except ForgeError as error:
        raise _explained(error, installation_id) from error
    finally:
        api.close()
    token = text_of(document, "token")
    if not token:
        raise ForgeError("odd", "GitHub gave no token for the installation of the App.")
    return InstallationToken(token, _expiry(text_of(document, "expires_at")) or now + _FALLBACK_S)


def _explained(error: ForgeError, installation_id: str) -> ForgeError:
    if error.kind == "token":
        sentence = (
            "GitHub does not know the App by its private key (401): the App's id or its key is another one, or the "
            "clock of this server is wrong."
        )
        return ForgeError("token", sentence, status=error.status, wait_s=error.wait_s)
    if error.kind == "missing":
        sentence = f"GitHub knows no installation {installation_id} of the App: it was removed, or the number is wrong."
        return ForgeError("token", sentence, status=error.status)
    return error


def _expiry(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _load(pem: str) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(pem.strip().encode() + b"\n", password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        sentence = "The private key of the App is not one: paste the whole `.pem` file that GitHub gave."
        raise ForgeError("refused", sentence) from error
    if not isinstance(key, RSAPrivateKey):
        raise ForgeError("refused", "The private key of the App is no RSA key, as those of GitHub are.")
    return key


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()
