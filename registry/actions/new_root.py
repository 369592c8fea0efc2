"""Taking a new root into use: only once the registry was seen to believe it, so that nobody is ever shut out."""

from __future__ import annotations

from django.conf import settings

from registry.actions.registries import default_registry
from registry.client import RegistryError
from registry.opening import open_client
from registry.tokens import mark_accepted, signing_leaf, waiting_root


def look_at_new_root() -> None:
    """The same from beat, where there is one that waits; whoever restarts the registry need not think of it."""
    if settings.REGISTRY_AUTH == "token" and waiting_root() is not None:
        try_new_root()


def try_new_root() -> str:
    """Show the registry a token of the root that waits; from its acceptance on that root signs. What was found."""
    root = waiting_root()
    if root is None:
        return "No new root waits: the registry believes the one that signs."
    registry = default_registry()
    try:
        with open_client(registry, leaf=signing_leaf(root)) as client:
            client.ping()
    except RegistryError as error:
        return (
            f"{registry.host} does not believe {root} yet, so the old one goes on signing. Write its bundle "
            f"(`registry_keys`) and restart it. What it said: {error.message}"
        )
    mark_accepted(root)
    return f"{registry.host} believes {root}: from now on it signs."
