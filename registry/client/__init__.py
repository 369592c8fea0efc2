"""The registry client: what the rest of the product may call. How it logs in, retries and pages is in the modules."""

from registry.client.blob_copy import Place
from registry.client.client import Deletion, Ping, RegistryClient
from registry.client.deletion import Outcome, Taken, give_tag_back, take_tag_away
from registry.client.promote import Copied, copy_image
from registry.client.publish import put_tags
from registry.core.errors import RegistryError, RegistryErrorKind
from registry.core.image import ImageFacts
from registry.core.manifest import Manifest
from registry.core.publication import Publication

__all__ = [
    "Copied",
    "Deletion",
    "ImageFacts",
    "Manifest",
    "Outcome",
    "Ping",
    "Place",
    "Publication",
    "RegistryClient",
    "RegistryError",
    "RegistryErrorKind",
    "Taken",
    "copy_image",
    "give_tag_back",
    "put_tags",
    "take_tag_away",
]
