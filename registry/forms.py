"""Registries and credentials as people type them. Passwords are written and never read back."""

from __future__ import annotations

from typing import Any

from django import forms

from accounts.models import Namespace, Role
from registry.actions.credentials import CredentialDraft
from registry.actions.external import RegistryDraft
from registry.core.kinds import DEFAULT_TEMPLATE, KINDS, Kind
from registry.models import PullCredential, Registry

_STORED = "stored; paste to replace it"
_VERBATIM = {"autocomplete": "off", "autocapitalize": "none", "autocorrect": "off", "spellcheck": "false"}
_EVERYBODY = "everybody"


def _mono(**attrs: str) -> forms.TextInput:
    return forms.TextInput(attrs={"class": "form-control mono", **_VERBATIM, **attrs})


def _secret(**attrs: str) -> forms.PasswordInput:
    return forms.PasswordInput(
        attrs={"class": "form-control mono", **_VERBATIM, "autocomplete": "new-password", **attrs}
    )


def _choice() -> forms.Select:
    return forms.Select(attrs={"class": "form-select"})


class RegistryForm(forms.Form):
    """A registry. With `registry` it changes that one, whose owner stays."""

    kind = forms.ChoiceField(
        choices=[(kind.value, facts.title) for kind, facts in KINDS.items()],
        widget=_choice(),
        help_text="What it wants stands below this form.",
    )
    name = forms.CharField(
        max_length=100,
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off", "placeholder": "Team registry"}),
        help_text="To tell it from others.",
    )
    namespace = forms.ModelChoiceField(
        Namespace.objects.none(),
        label="For",
        to_field_name="name",
        required=False,
        empty_label=_EVERYBODY,
        widget=_choice(),
        help_text="Whose images may go there: what its account may write, they may.",
    )
    host = forms.CharField(
        max_length=255,
        required=False,
        widget=_mono(placeholder="registry.example.com", inputmode="url"),
        help_text="As in image names, without `https://`.",
    )
    scheme = forms.ChoiceField(
        label="Spoken over",
        choices=[("https", "HTTPS"), ("http", "plain HTTP, in a network of your own")],
        required=False,
        widget=_choice(),
    )
    username = forms.CharField(max_length=255, required=False, widget=_mono(placeholder="bot"))
    password = forms.CharField(
        label="Password or token",
        max_length=10_000,
        required=False,
        widget=_secret(),
        help_text="Kept encrypted, never shown again.",
    )
    path_template = forms.CharField(
        label="Path there",
        max_length=255,
        required=False,
        widget=_mono(placeholder=DEFAULT_TEMPLATE),
        help_text="Where the images of a repository go: `example-org/{name}`. Empty: by the same name as here.",
    )
    test_path = forms.CharField(
        label="Try the push on",
        max_length=255,
        required=False,
        widget=_mono(placeholder="example-org/web"),
        help_text="A repository there. The check begins an upload to it and gives it up; nothing is changed.",
    )

    def __init__(self, user: Any, *args: Any, registry: Registry | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.registry = registry
        field = self.fields["namespace"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Namespace.objects.with_role(user, Role.ADMIN)
        if user.is_superuser:
            field.queryset = Namespace.objects.order_by("name")
        else:
            field.required, field.empty_label = True, None
        if registry is not None:
            field.disabled = True
            field.initial = registry.namespace.name if registry.namespace else None
            if registry.username:
                self.fields["password"].widget.attrs["placeholder"] = _STORED
            for name in ("kind", "name", "host", "scheme", "username", "path_template", "test_path"):
                self.fields[name].initial = getattr(registry, name)

    def draft(self) -> RegistryDraft:
        """What the action takes. An empty password keeps the stored one, where there is one."""
        values = self.cleaned_data
        facts = KINDS[Kind(values["kind"])]
        return RegistryDraft(
            name=values["name"],
            kind=values["kind"],
            host=facts.host or values["host"],
            scheme="https" if facts.host else values["scheme"] or "https",
            username=values["username"],
            password=values["password"].strip() or (None if self.registry is not None else ""),
            path_template=values["path_template"] or DEFAULT_TEMPLATE,
            test_path=values["test_path"],
        )


class CredentialForm(forms.Form):
    """An account that reads private base images. With `credential` it changes that one."""

    host = forms.CharField(
        label="Registry",
        max_length=255,
        widget=_mono(placeholder="registry.example.com", inputmode="url"),
        help_text="As in `FROM`, without a path. Docker Hub is `docker.io`.",
    )
    scheme = forms.ChoiceField(
        label="Spoken over",
        choices=[("https", "HTTPS"), ("http", "plain HTTP, in a network of your own")],
        required=False,
        widget=_choice(),
    )
    username = forms.CharField(max_length=255, widget=_mono(placeholder="reader"))
    password = forms.CharField(
        label="Password or token",
        max_length=10_000,
        required=False,
        widget=_secret(),
        help_text="Give it one that may read and nothing else. Kept encrypted, never shown again.",
    )
    test_image = forms.CharField(
        label="Try it on",
        max_length=255,
        required=False,
        widget=_mono(placeholder="example-org/base:1"),
        help_text="A private image there. The check reads where its tag points.",
    )

    def __init__(self, *args: Any, credential: PullCredential | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.credential = credential
        if credential is not None:
            self.fields["password"].widget.attrs["placeholder"] = _STORED
            for name in ("host", "scheme", "username", "test_image"):
                self.fields[name].initial = getattr(credential, name)

    def draft(self) -> CredentialDraft:
        """What the action takes. An empty password keeps the stored one, where there is one."""
        values = self.cleaned_data
        return CredentialDraft(
            host=values["host"],
            scheme=values["scheme"] or "https",
            username=values["username"],
            password=values["password"].strip() or (None if self.credential is not None else ""),
            test_image=values["test_image"],
        )
