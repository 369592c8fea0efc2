"""Registries that end with a test, and what a shared Imageyard keeps of them."""

from __future__ import annotations

from tests.yard import Yard


def forget_registries(yard: Yard) -> None:
    """Leave no account at any registry but the yard's own: addresses are given out again, to registries of others."""
    yard.sql(
        "UPDATE registry_registry SET host = 'gone-' || id || '.invalid' WHERE NOT is_default AND host != ?",
        yard.registry,
    )
