"""A build by hand: which branch, tag or commit."""

from __future__ import annotations

import re
from typing import Any

from django import forms

from builds.core.refnames import name_problem, quoted
from builds.core.rules import Ref
from builds.forms import widgets

_COMMIT = re.compile(r"[0-9a-f]{7,64}")
# Only whole hashes can be asked of every Git server.
_WHOLE = (40, 64)


class TriggerForm(forms.Form):
    ref_type = forms.ChoiceField(
        label="Build a", choices=[("branch", "branch"), ("tag", "tag")], initial="branch", widget=widgets.choice()
    )
    ref = forms.CharField(label="Name", max_length=255, widget=widgets.mono(list="known-refs", placeholder="main"))
    commit = forms.CharField(
        max_length=64,
        required=False,
        widget=widgets.mono(placeholder="newest"),
        help_text="Empty: whatever the branch or tag points to when the build starts. Otherwise the whole hash.",
    )

    def clean_ref(self) -> str:
        name = str(self.cleaned_data["ref"]).strip()
        for prefix in ("refs/heads/", "refs/tags/"):
            name = name.removeprefix(prefix)
        if problem := name_problem(name):
            raise forms.ValidationError(f"{quoted(name)} is not a name that Git allows: {problem}.")
        return name

    def clean_commit(self) -> str:
        text = str(self.cleaned_data["commit"]).strip().lower()
        if text and not (_COMMIT.fullmatch(text) and len(text) in _WHOLE):
            raise forms.ValidationError(
                "A commit is named by its whole hash, 40 characters of 0–9 and a–f (64 with SHA-256)."
            )
        return text

    @property
    def chosen(self) -> Ref:
        """The ref of a valid form."""
        values: dict[str, Any] = self.cleaned_data
        return Ref(values["ref_type"], values["ref"])
