"""Does a variable look like a secret: by its name, or by its value. A guess for warnings; masking is lib.redact's."""

from __future__ import annotations

import re
from itertools import pairwise

# Words of a name between `_`, `-`, `.` or a change of case: NPM_TOKEN, dbPassword, but neither KEYBOARD nor TOKENIZERS.
_WORDS = frozenset({
    "password", "passwd", "passphrase", "pwd", "pass", "secret", "secrets", "token", "apikey", "credential",
    "credentials", "authtoken", "accesskey", "secretkey", "privatekey", "bearer",
})  # fmt: skip
_PAIRS = frozenset({("api", "key"), ("access", "key"), ("private", "key"), ("signing", "key"), ("encryption", "key")})
# Names whose value only says where a secret is, or how long it lasts.
_HARMLESS_ENDS = frozenset({"file", "path", "dir", "url", "ttl", "name", "length", "expiry", "timeout", "id", "type"})
_SPLIT = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])")
# Forms that a service gives its secrets (GitHub, GitLab, AWS, Slack, Stripe, PyPI, PEM, JSON Web Tokens).
_VALUES = re.compile(
    r"gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{40,}|glpat-[A-Za-z0-9_-]{20,}|(?:AKIA|ASIA)[A-Z0-9]{16}"
    r"|xox[abprs]-[A-Za-z0-9-]{10,}|[rs]k_live_[A-Za-z0-9]{16,}|pypi-[A-Za-z0-9_-]{40,}|npm_[A-Za-z0-9]{36}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+"
)
_CREDENTIALS_IN_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:(?P<password>[^/\s@]+)@", re.IGNORECASE)
_LOOKED_AT = 4096


def looks_secret(name: str, value: str) -> bool:
    """Whether a person should look: `NPM_TOKEN=…`, or a value in the form of a known kind of secret.

    An empty value, and one that only refers to another (`$TOKEN`), gives nothing away.
    """
    value = value[:_LOOKED_AT].strip()
    if not value or value.startswith("$"):
        return False
    if _VALUES.search(value) or _CREDENTIALS_IN_URL.search(value):
        return True
    words = [word.lower() for word in _SPLIT.split(name[:256]) if word]
    if not words or words[-1] in _HARMLESS_ENDS:
        return False
    return not _WORDS.isdisjoint(words) or any(pair in _PAIRS for pair in pairwise(words))
