"""Passwords for Amazon ECR: its registries take a token of AWS's API that lives for 12 hours, and no lasting password.

botocore signs the one request and knows where keys of a machine's own role come from. Keeping the token is the
business of `registry.opening`.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from registry.core.errors import RegistryError, RegistryErrorKind
from registry.core.kinds import ecr_region
from registry.core.refusal import plain_text

_CONNECT_S = 5
_READ_S = 10
_ATTEMPTS = 2
# Codes of AWS that say that the keys are wrong, and those that say that they may not do it.
_WRONG_KEYS = frozenset(
    {
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "InvalidClientTokenId",
        "ExpiredTokenException",
        "IncompleteSignature",
    }
)
_FORBIDDEN = frozenset({"AccessDeniedException", "AccessDenied"})


@dataclass(frozen=True, slots=True)
class EcrLogin:
    """A log-in for `host`, good until `expires_at` (Unix time)."""

    username: str
    password: str = field(repr=False)
    expires_at: float


def fetch_login(host: str, access_key: str, secret_key: str) -> EcrLogin:
    """Ask AWS for a password of the registry `host`. Without `access_key` as the role of this machine.

    Raises RegistryError: AWS refuses the keys, or does not answer.
    """
    region = ecr_region(host)
    if not region:
        raise RegistryError(f"{host} names no AWS region, so nobody can be asked for its password.", kind=_INVALID)
    # 0.3 s, which nobody without ECR waits for.
    import botocore.session
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    config = Config(
        connect_timeout=_CONNECT_S, read_timeout=_READ_S, retries={"mode": "standard", "total_max_attempts": _ATTEMPTS}
    )
    keys = {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key} if access_key else {}
    who = f"the access key `{access_key}`" if access_key else "the role of this machine"
    try:
        session = botocore.session.Session()
        session.register_component("data_loader", _descriptions())
        client = session.create_client("ecr", region_name=region, config=config, **keys)
        found = client.get_authorization_token()["authorizationData"][0]
        username, _, password = base64.b64decode(found["authorizationToken"]).decode().partition(":")
        return EcrLogin(username, password, found["expiresAt"].timestamp())
    except NoCredentialsError as error:
        message = f"{host} refused the log-in: this machine has no role at AWS. Give an access key, or the role."
        raise RegistryError(message, kind=RegistryErrorKind.UNAUTHORIZED) from error
    except ClientError as error:
        raise _refused(host, who, error) from error
    except BotoCoreError as error:
        message = f"AWS, which makes the passwords of {host}, cannot be reached: {_first_line(str(error))}."
        raise RegistryError(message, kind=RegistryErrorKind.NETWORK, retryable=True) from error
    except (LookupError, ValueError, AttributeError) as error:
        message = f"AWS answered without a password for {host}."
        raise RegistryError(message, kind=_INVALID) from error


_INVALID = RegistryErrorKind.INVALID
_SERVER_ERROR = 500


@cache
def _descriptions() -> Any:
    """AWS's descriptions of its services: read once for this process and not for each log-in. They hold no account."""
    import botocore.loaders

    return botocore.loaders.create_loader()


def _refused(host: str, who: str, error: object) -> RegistryError:
    response = getattr(error, "response", {})
    said, status = response.get("Error", {}), response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code, text = str(said.get("Code", ""))[:60], plain_text(str(said.get("Message", "")))
    told = f" It says: {text}." if text else ""
    if code in _WRONG_KEYS:
        return RegistryError(
            f"AWS does not accept {who} for {host}.{told}",
            kind=RegistryErrorKind.UNAUTHORIZED,
            status=status,
            code=code,
        )
    if code in _FORBIDDEN:
        sentence = f"AWS gives {who} no password for {host}: it lacks `ecr:GetAuthorizationToken`.{told}"
        return RegistryError(sentence, kind=RegistryErrorKind.DENIED, status=status, code=code)
    if status >= _SERVER_ERROR or code in {"ThrottlingException", "TooManyRequestsException"}:
        sentence = f"AWS, which makes the passwords of {host}, answered {status or code}.{told}"
        return RegistryError(sentence, kind=RegistryErrorKind.UNAVAILABLE, status=status, retryable=True, code=code)
    return RegistryError(f"AWS gave no password for {host}.{told}", kind=_INVALID, status=status, code=code)


def _first_line(text: str) -> str:
    return plain_text(text.partition("\n")[0])
