"""A connection as people type it. Secrets are written and never read back; what is right is the action's to say."""

from __future__ import annotations

from typing import Any

from django import forms

from accounts.models import Namespace, Role
from builds.forms import widgets
from webhooks.actions.connections import ConnectionDraft
from webhooks.models import ForgeConnection

_STORED = "stored; paste to replace it"


class ConnectionForm(forms.Form):
    """For namespaces in which `user` is an admin. With `connection` it changes that one, whose namespace stays."""

    namespace = forms.ModelChoiceField(
        Namespace.objects.none(),
        to_field_name="name",
        empty_label=None,
        widget=widgets.choice(),
        help_text="Its admins may use the connection for their repositories, and so act with its token.",
    )
    name = forms.CharField(
        max_length=100,
        widget=widgets.text(placeholder="acme's robot"),
        help_text="To tell it from others.",
    )
    forge = forms.ChoiceField(choices=ForgeConnection.Forge.choices, widget=widgets.choice())
    server = forms.CharField(
        label="Address",
        max_length=400,
        required=False,
        widget=widgets.mono(placeholder="https://git.example.com", inputmode="url"),
        help_text="As in your browser. Empty for github.com, gitlab.com and bitbucket.org.",
    )
    kind = forms.ChoiceField(label="With", choices=ForgeConnection.Kind.choices, widget=widgets.choice())
    token = forms.CharField(
        label="Access token",
        max_length=2000,
        required=False,
        widget=widgets.secret(),
        help_text="Kept encrypted, never shown again. What it must be allowed to stands beside this form.",
    )
    username = forms.CharField(
        label="Account's address",
        max_length=255,
        required=False,
        widget=widgets.mono(placeholder="robot@example.com"),
        help_text="Only for a person's API token of Bitbucket; workspace and repository tokens go without.",
    )
    owner = forms.CharField(
        label="Organization, group or workspace",
        max_length=255,
        required=False,
        widget=widgets.mono(placeholder="acme"),
        help_text="Lists its repositories only. Bitbucket needs it.",
    )
    app_id = forms.CharField(
        label="App ID", max_length=32, required=False, widget=widgets.mono(inputmode="numeric", placeholder="123456")
    )
    installation_id = forms.CharField(
        label="Installation ID",
        max_length=32,
        required=False,
        widget=widgets.mono(inputmode="numeric", placeholder="12345678"),
        help_text="The number at the end of the address of the installation's settings on GitHub.",
    )
    private_key = forms.CharField(
        label="Private key",
        max_length=20_000,
        required=False,
        widget=widgets.lines(4, placeholder="-----BEGIN RSA PRIVATE KEY-----"),
        help_text="The whole `.pem` file that GitHub gave. Kept encrypted, never shown again.",
    )

    def __init__(self, user: Any, *args: Any, connection: ForgeConnection | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connection = connection
        field = self.fields["namespace"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Namespace.objects.with_role(user, Role.ADMIN)
        if connection is not None:
            field.disabled = True
            field.initial = connection.namespace.name
            stored = "private_key" if connection.kind == ForgeConnection.Kind.APP else "token"
            self.fields[stored].widget.attrs["placeholder"] = _STORED
            for name in ("name", "forge", "kind", "username", "owner", "app_id", "installation_id"):
                self.fields[name].initial = getattr(connection, name)
            self.fields["server"].initial = connection.api_url

    def draft(self) -> ConnectionDraft:
        """What the action takes. An empty secret keeps the stored one, where there is one."""
        values = self.cleaned_data
        keeps = self.connection is not None
        return ConnectionDraft(
            name=values["name"],
            forge=values["forge"],
            server=values["server"].strip(),
            kind=values["kind"],
            owner=values["owner"],
            username=values["username"],
            token=values["token"].strip() or (None if keeps else ""),
            app_id=values["app_id"],
            installation_id=values["installation_id"],
            private_key=values["private_key"].strip() or (None if keeps else ""),
        )
