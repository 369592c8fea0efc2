"""Whether the registry is one whose storage can be cleaned up while it runs: its images are here, and it looks here.

Found out by trying: a small blob is sent, and its link taken away. A registry with a cache of descriptors goes on
saying that the blob is there. It would say so of every layer that was cleaned up, pushes would leave these out, and
it would take their manifests: images without layers.
"""

from __future__ import annotations

from functools import partial

from registry.client import RegistryClient
from registry.storage.layout import Storage, StorageProblem
from registry.storage.probe import REPOSITORY, Probe

_TOTAL_S = 15.0


def must_forget(client: RegistryClient, storage: Storage) -> None:
    """Raise StorageProblem where this is not the folder of that registry, or where it remembers what is gone.

    Raises RegistryError where the registry does not answer.
    """
    probe = Probe(storage)
    uploads = client.uploads(REPOSITORY)
    try:
        place = uploads.begin()
        if place is not None:
            uploads.send(place, probe.digest, len(probe.body), partial(iter, [probe.body]), _TOTAL_S)
        if not uploads.has(probe.digest):
            raise StorageProblem(f"{client.host} took a small file and does not have it; nothing was cleaned up.")
        if not probe.is_here():
            raise StorageProblem(
                f"{client.host} does not keep its images in {storage.root}: a small file that it took did not appear "
                "there. IMAGEYARD_REGISTRY_STORAGE has to name the folder of this registry. Nothing was cleaned up."
            )
        probe.take_link()
        if uploads.has(probe.digest):
            raise StorageProblem(
                f"{client.host} remembers what is not there any more, so its images would lose layers if its storage "
                "were cleaned up while it runs. Take `cache: blobdescriptor` out of its configuration and start it "
                "anew. Nothing was cleaned up."
            )
    finally:
        probe.remove()
