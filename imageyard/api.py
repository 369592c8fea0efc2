"""The API's one object: which routers it is made of."""

from __future__ import annotations

from ninja import NinjaAPI

api = NinjaAPI(title="Imageyard", version="1", urls_namespace="api", docs_url="docs")
