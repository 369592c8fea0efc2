"""The registry client: what the rest of the product may call. How it logs in, retries and pages is in the modules."""

from registry.client.client import Deletion, Ping, RegistryClient
from registry.client.publish import put_tags
from registry.core.errors import RegistryError, RegistryErrorKind
from registry.core.image import ImageFacts
from registry.core.manifest import Manifest
from registry.core.publication import Publication

__all__ = [
    "Deletion",
    "ImageFacts",
    "Manifest",
    "Ping",
    "Publication",
    "RegistryClient",
    "RegistryError",
    "RegistryErrorKind",
    "put_tags",
]
