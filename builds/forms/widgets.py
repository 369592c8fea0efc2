"""Tabler's classes on Django's widgets, so that templates need not repeat them."""

from __future__ import annotations

from typing import Any

from django import forms


def text(**attributes: Any) -> forms.TextInput:
    return forms.TextInput(attrs={"class": "form-control", "autocomplete": "off", **attributes})


def mono(**attributes: Any) -> forms.TextInput:
    """For refs, patterns, paths, addresses: nothing that a keyboard should correct."""
    return forms.TextInput(attrs={"class": "form-control mono", **_VERBATIM, **attributes})


def lines(rows: int, **attributes: Any) -> forms.Textarea:
    return forms.Textarea(attrs={"class": "form-control mono", "rows": rows, **_VERBATIM, **attributes})


def secret(**attributes: Any) -> forms.PasswordInput:
    return forms.PasswordInput(
        attrs={"class": "form-control mono", **_VERBATIM, "autocomplete": "new-password", **attributes}
    )


def choice(**attributes: Any) -> forms.Select:
    return forms.Select(attrs={"class": "form-select", **attributes})


def switch(**attributes: Any) -> forms.CheckboxInput:
    return forms.CheckboxInput(attrs={"class": "form-check-input", **attributes})


_VERBATIM = {"autocomplete": "off", "autocapitalize": "none", "autocorrect": "off", "spellcheck": "false"}
