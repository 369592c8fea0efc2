"""What people fill in here: a token, a member, a robot, a namespace. What is wrong with it the actions say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.utils import timezone

from accounts.actions import RobotWish, TokenWish
from accounts.models import ApiToken, Namespace, Role

_DAYS = [("7", "a week"), ("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("", "until it is revoked")]
_TEXT = {"class": "form-control", "autocomplete": "off"}


def _text(**attrs: str) -> forms.TextInput:
    return forms.TextInput(attrs=_TEXT | attrs)


def _choice() -> forms.Select:
    return forms.Select(attrs={"class": "form-select"})


class TokenForm(forms.Form):
    """A token. Without a registry of Imageyard's own there is nothing to choose but its name and its end.

    `namespace` is a robot's, whose repositories may be named without it.
    """

    name = forms.CharField(
        max_length=100,
        widget=_text(placeholder="deploy script"),
        help_text="What uses it, so that you know what stops when you revoke it.",
    )
    scope = forms.ChoiceField(
        label="Good for",
        choices=ApiToken.Scope.choices,
        required=False,
        initial=ApiToken.Scope.FULL,
        widget=_choice(),
        help_text="A token for the registry alone is refused by the API.",
    )
    repositories = forms.CharField(
        label="Only these repositories",
        max_length=4000,
        required=False,
        widget=_text(placeholder="acme/web acme/api"),
        help_text="For the registry alone. Empty: all that its account may reach.",
    )
    days = forms.ChoiceField(label="Valid for", choices=_DAYS, required=False, initial="90", widget=_choice())

    def __init__(self, *args: Any, namespace: Namespace | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        self.namespace = namespace
        if settings.REGISTRY_AUTH != "token":
            del self.fields["scope"], self.fields["repositories"]

    @property
    def wish(self) -> TokenWish:
        days = self.cleaned_data["days"]
        return TokenWish(
            name=self.cleaned_data["name"],
            scope=self.cleaned_data.get("scope") or ApiToken.Scope.FULL,
            repositories=[self._path(part) for part in self._named()],
            expires_at=timezone.now() + timedelta(days=int(days)) if days else None,
        )

    def _named(self) -> list[str]:
        text = self.cleaned_data.get("repositories", "")
        return list(dict.fromkeys(text.replace(",", " ").split()))

    def _path(self, part: str) -> str:
        return part if "/" in part or self.namespace is None else f"{self.namespace.name}/{part}"


class MemberForm(forms.Form):
    """Somebody and a role. `most` is the highest that the person who asks can give."""

    username = forms.CharField(
        max_length=150, widget=_text(placeholder="wendy"), help_text="The name they log in with. They need an account."
    )
    role = forms.TypedChoiceField(coerce=int, initial=Role.READ, widget=_choice())

    def __init__(self, *args: Any, most: Role = Role.OWNER, **more: Any) -> None:
        super().__init__(*args, **more)
        role: Any = self.fields["role"]
        role.choices = [(role.value, role.label) for role in Role if role <= most]

    @property
    def wanted(self) -> Role:
        return Role(self.cleaned_data["role"])


class RobotForm(forms.Form):
    """What a robot may do, and what it is for."""

    role = forms.TypedChoiceField(
        coerce=int,
        choices=[(Role.READ.value, "read: pull"), (Role.WRITE.value, "write: pull, push, build")],
        initial=Role.READ,
        widget=_choice(),
    )
    note = forms.CharField(
        label="What it is for", max_length=200, required=False, widget=_text(placeholder="the cluster in Vienna")
    )

    @property
    def wish(self) -> RobotWish:
        return RobotWish(Role(self.cleaned_data["role"]), self.cleaned_data["note"])


class NewRobotForm(RobotForm):
    name = forms.CharField(
        max_length=64,
        widget=_text(placeholder="deploy"),
        help_text="Lower-case letters and digits, with dots, underscores or dashes between them.",
    )
    field_order = ("name", "role", "note")


class NamespaceForm(forms.Form):
    name = forms.CharField(
        max_length=64, widget=_text(placeholder="acme"), help_text="The first part of the names of its images."
    )
