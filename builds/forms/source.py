"""Linking a Git repository. Addresses are judged by the action; a token is written and never read back."""

from __future__ import annotations

from typing import Any

from django import forms

from builds.actions.sources import SourceDraft
from builds.core.forge_pages import guess_forge
from builds.forms import widgets
from builds.models import Source

_FORGES = [("", "Tell it from the address"), *Source.Forge.choices]


class SourceForm(forms.Form):
    clone_url = forms.CharField(
        label="Clone address",
        max_length=1000,
        widget=widgets.mono(placeholder="https://github.com/acme/hello.git", inputmode="url"),
        help_text="`https://…`, `ssh://…` or `git@host:path`. With SSH, Imageyard makes a deploy key of its own.",
    )
    forge = forms.ChoiceField(
        choices=_FORGES, required=False, widget=widgets.choice(), help_text="Who sends the webhook."
    )
    default_branch = forms.CharField(
        max_length=255, required=False, widget=widgets.mono(placeholder="main"), help_text="Empty: as the forge says."
    )
    username = forms.CharField(
        max_length=255,
        required=False,
        widget=widgets.mono(),
        help_text="Only where the forge wants one beside the token.",
    )
    token = forms.CharField(
        label="Access token",
        max_length=2000,
        required=False,
        widget=widgets.secret(),
        help_text="For a private repository over `https`. Read access is enough. Kept encrypted, never shown again.",
    )
    forget_token = forms.BooleanField(label="Forget the stored token", required=False, widget=widgets.switch())
    submodules = forms.BooleanField(label="Check out submodules", required=False, initial=True, widget=widgets.switch())
    lfs = forms.BooleanField(
        label="Fetch Git LFS content",
        required=False,
        widget=widgets.switch(),
        help_text="Off, files in Git LFS are pointers of a few lines in the build, and it says so.",
    )
    keeps_git_dir = forms.BooleanField(
        label="Send .git with the build context",
        required=False,
        widget=widgets.switch(),
        help_text="For builds that run `git describe`. It changes with every commit, so `COPY . .` is never cached.",
    )
    parallel_builds = forms.IntegerField(
        label="Builds of this repository at once",
        min_value=1,
        max_value=64,
        initial=1,
        required=False,
        widget=forms.NumberInput(attrs={"class": "form-control", "min": 1, "max": 64}),
    )

    @classmethod
    def of(cls, source: Source | None) -> SourceForm:
        """The form as it stands for a saved source; an empty one before there is a source."""
        if source is None:
            return cls()
        names = [name for name in cls.base_fields if hasattr(source, name) and name != "token"]
        form = cls(initial={name: getattr(source, name) for name in names})
        if source.token:
            form.fields["token"].widget.attrs["placeholder"] = "stored; type to replace it"
        return form

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if not values.get("forge") and values.get("clone_url"):
            values["forge"] = guess_forge(values["clone_url"]) or Source.Forge.GENERIC
        return values

    def draft(self) -> SourceDraft:
        """What the action takes. An empty token field keeps the stored one."""
        values = self.cleaned_data
        token = "" if values["forget_token"] else (values["token"] or None)
        return SourceDraft(
            forge=values["forge"],
            clone_url=values["clone_url"],
            default_branch=values["default_branch"],
            username=values["username"],
            token=token,
            submodules=values["submodules"],
            lfs=values["lfs"],
            keeps_git_dir=values["keeps_git_dir"],
            parallel_builds=values["parallel_builds"] or 1,
        )


class HostKeysForm(forms.Form):
    known_hosts = forms.CharField(
        label="Host keys",
        max_length=20_000,
        required=False,
        widget=widgets.lines(3, placeholder="git.example.com ssh-ed25519 AAAA…"),
        help_text="Lines as in `known_hosts`. Run `ssh-keyscan <host>` and compare with what the forge publishes.",
    )
