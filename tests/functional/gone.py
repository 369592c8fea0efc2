"""Registries that end with a test, and what a shared Imageyard keeps of them."""

from __future__ import annotations

from tests.yard import Yard

# An address for each where nothing ever listens, and which is nobody's to look up.
NOWHERE = "'127.1.' || (id / 250) || '.' || (id % 250 + 1) || ':1'"


def forget_registries(yard: Yard) -> None:
    """Leave no account at any registry but the yard's own: addresses are given out again, to registries of others."""
    yard.sql(f"UPDATE registry_registry SET host = {NOWHERE} WHERE NOT is_default AND host != ?", yard.registry)
