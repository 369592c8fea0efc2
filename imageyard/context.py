"""What every template knows about the product."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def product(_request: HttpRequest) -> dict[str, Any]:
    return {"IMAGEYARD_URL": settings.PUBLIC_URL, "IMAGEYARD_VERSION": settings.VERSION}
