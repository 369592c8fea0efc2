"""A small blob in a repository of its own, by which one finds out whether a registry lives on this folder."""

from __future__ import annotations

import hashlib
import os
import shutil

from registry.storage.layout import LAYERS, Key, Storage, blob_path, link_path, text_of

REPOSITORY = "imageyard.probe/cleanup"


class Probe:
    """New each time, so that no registry has it yet."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.body = os.urandom(32)
        self._key: Key = hashlib.sha256(self.body).digest()
        self._link = f"{storage.v2}/{link_path(REPOSITORY, LAYERS, self._key)}"

    @property
    def digest(self) -> str:
        return text_of(self._key)

    def is_here(self) -> bool:
        """Whether the registry that took it wrote it here."""
        return os.path.lexists(self._link)

    def take_link(self) -> None:
        """As the clean-up does."""
        os.unlink(self._link)

    def remove(self) -> None:
        """All of it, and the repository."""
        data = f"{self._storage.v2}/{blob_path(self._key)}"
        if os.path.lexists(data):
            os.unlink(data)
            os.rmdir(os.path.dirname(data))
        shutil.rmtree(f"{self._storage.repositories}/{REPOSITORY}", ignore_errors=True)
