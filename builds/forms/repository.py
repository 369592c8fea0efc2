"""A repository: its name, what it says of itself, and its end."""

from __future__ import annotations

from typing import Any

from django import forms

from builds.forms import widgets
from registry.models import Repository

_VISIBILITY = [
    ("private", "private: only members see it"),
    ("public", "public: everybody sees it"),
]


class RepositoryForm(forms.Form):
    """A new repository. Names are checked by the action, which knows what a registry takes."""

    namespace = forms.CharField(max_length=64, widget=widgets.mono(list="namespaces"))
    name = forms.CharField(max_length=128, widget=widgets.mono(autofocus=True, placeholder="hello"))
    description = forms.CharField(max_length=200, required=False, widget=widgets.text())
    visibility = forms.ChoiceField(choices=_VISIBILITY, initial="private", widget=widgets.choice())

    def clean_namespace(self) -> str:
        return str(self.cleaned_data["namespace"]).strip().lower()

    def clean_name(self) -> str:
        return str(self.cleaned_data["name"]).strip()


class RepositorySettingsForm(forms.Form):
    description = forms.CharField(max_length=200, required=False, widget=widgets.text())
    visibility = forms.ChoiceField(choices=_VISIBILITY, widget=widgets.choice())
    shows_readme = forms.BooleanField(
        label="Show the README as overview",
        required=False,
        widget=widgets.switch(),
        help_text="That of the newest build of the default branch.",
    )
    syncs_description = forms.BooleanField(
        label="Take the description from the README",
        required=False,
        widget=widgets.switch(),
        help_text="Its first sentence replaces what stands above, with each build of the default branch.",
    )


class DeleteForm(forms.Form):
    """Whoever deletes a repository types its name."""

    confirm = forms.CharField(max_length=200, widget=widgets.mono())

    def __init__(self, repository: Repository, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.repository = repository
        self.fields["confirm"].label = f"Type {repository.path} to confirm"

    def clean_confirm(self) -> str:
        text = str(self.cleaned_data["confirm"]).strip()
        if text != self.repository.path:
            raise forms.ValidationError(
                f"That is not the name. Nothing was deleted; type {self.repository.path} to delete it."
            )
        return text
