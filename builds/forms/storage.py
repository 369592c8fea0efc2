"""How much may be kept, in gigabytes as people say them; empty is no limit."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from django import forms

GB = 10**9
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,3})?")


class GigabytesField(forms.CharField):
    """`20`, `0.5`; the value is bytes, or None where nothing was given."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {"class": "form-control num", "inputmode": "decimal", "autocomplete": "off"}
        super().__init__(**{"required": False, "max_length": 16, "widget": forms.TextInput(attrs=attrs), **kwargs})

    def clean(self, value: Any) -> int | None:
        text = str(super().clean(value) or "").strip().replace(",", ".")
        if not text:
            return None
        if not _NUMBER.fullmatch(text):
            raise forms.ValidationError("Give a number of gigabytes, for example 20 or 0.5; empty is no limit.")
        return int(Decimal(text) * GB)

    def prepare_value(self, value: Any) -> Any:
        return gigabytes(value) if isinstance(value, int) else value


def gigabytes(size_bytes: int) -> str:
    """`20`, `0.5`: as it may be given again."""
    text = f"{(Decimal(size_bytes) / GB).quantize(Decimal('0.001')):f}"
    return text.rstrip("0").rstrip(".")


class QuotaForm(forms.Form):
    limit = GigabytesField(label="Quota in GB", help_text="Empty: no limit.")


class CachePolicyForm(forms.Form):
    keep = GigabytesField(label="Keep at most, GB", help_text="Empty: no bound.")
    days = forms.IntegerField(
        label="Unused for, days",
        required=False,
        min_value=1,
        max_value=3650,
        help_text="What was not used for so long goes. Empty: never.",
        widget=forms.NumberInput(attrs={"class": "form-control num"}),
    )
