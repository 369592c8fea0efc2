"""What the admin pages of all rooms share: history that can be read and not changed, and links between objects."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """History: written by actions, read here. Nobody adds, changes or deletes a row by hand."""

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        return False


class ReadOnlyInline(admin.TabularInline):  # type: ignore[type-arg]
    """Rows of a history beneath their object."""

    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        return False


def link_to(row: Model | None, text: str = "") -> str:
    """A link to the admin page of another row; a dash where there is none."""
    if row is None:
        return "–"
    meta = row._meta  # noqa: SLF001 — Django documents it for this use
    try:
        address = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    except NoReverseMatch:
        return text or str(row)
    return format_html('<a href="{}">{}</a>', address, text or str(row))
