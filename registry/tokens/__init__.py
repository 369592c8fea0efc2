"""What the own registry believes, and how its tokens are made: keys, bearer tokens, refresh tokens, build passes."""

from __future__ import annotations

from registry.tokens.bearer import ISSUER, LIFETIME_S, Bearer, sign_bearer
from registry.tokens.bundle import bundle_pem, write_bundle
from registry.tokens.passes import BuildPass, make_build_pass, make_refresh_token, read_build_pass, read_refresh_token
from registry.tokens.rotation import Leaf, begin_root, ensure_root, mark_accepted, signing_leaf, waiting_root

__all__ = [
    "ISSUER",
    "LIFETIME_S",
    "Bearer",
    "BuildPass",
    "Leaf",
    "begin_root",
    "bundle_pem",
    "ensure_root",
    "make_build_pass",
    "make_refresh_token",
    "mark_accepted",
    "read_build_pass",
    "read_refresh_token",
    "sign_bearer",
    "signing_leaf",
    "waiting_root",
    "write_bundle",
]
