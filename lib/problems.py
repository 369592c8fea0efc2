"""Errors of the API as RFC 9457 problem documents: a status, a short title, and a sentence that helps."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.http import JsonResponse


def problem(status: int, detail: str, **more: Any) -> JsonResponse:
    """`application/problem+json` with `status`, its standard `title`, and `detail`, a sentence for a person."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return JsonResponse(body, status=status, content_type="application/problem+json")
