"""Making an API token: what it is called and how long it holds."""

from __future__ import annotations

from datetime import datetime, timedelta

from django import forms
from django.utils import timezone

_DAYS = [("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("", "until it is revoked")]


class TokenForm(forms.Form):
    name = forms.CharField(
        max_length=100,
        widget=forms.TextInput(attrs={"class": "form-control", "placeholder": "deploy script", "autocomplete": "off"}),
        help_text="What uses it, so that you know what stops when you revoke it.",
    )
    days = forms.ChoiceField(
        label="Valid for",
        choices=_DAYS,
        required=False,
        initial="90",
        widget=forms.Select(attrs={"class": "form-select"}),
    )

    @property
    def expires_at(self) -> datetime | None:
        """When it ends; None for a token without an end."""
        days = self.cleaned_data["days"]
        return timezone.now() + timedelta(days=int(days)) if days else None
