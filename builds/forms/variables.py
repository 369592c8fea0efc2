"""One variable as a person types it. Names and values are judged by the action; a secret is written and never read."""

from __future__ import annotations

from typing import Any

from django import forms

from builds.actions.variables import VariableDraft
from builds.core.variables import WORDS, Kind
from builds.forms import widgets
from builds.models import Source, Variable


class VariableForm(forms.Form):
    """The kinds that the person may not set are left out."""

    kind = forms.ChoiceField(choices=[], widget=widgets.choice())
    name = forms.CharField(max_length=128, widget=widgets.mono(placeholder="NPM_TOKEN"))
    rule = forms.ChoiceField(label="For", choices=[], required=False, widget=widgets.choice())
    value = forms.CharField(
        strip=False,
        required=False,
        widget=widgets.lines(4),
        help_text="Kept to the last character, a line break at the end too; browsers send line breaks as CR LF, which "
        "are stored as LF. For an SSH key leave it empty, and Imageyard makes one.",
    )

    def __init__(self, source: Source, *args: Any, sees_secrets: bool, **more: Any) -> None:
        super().__init__(*args, **more)
        kinds = [kind for kind in Kind if sees_secrets or not kind.is_secret]
        self.fields["kind"].choices = [(kind.value, WORDS[kind]) for kind in kinds]  # type: ignore[attr-defined]
        rules = [(str(rule.pk), f"the rule {rule}") for rule in source.rules.all()]
        self.fields["rule"].choices = [("", "every rule of this repository"), *rules]  # type: ignore[attr-defined]

    @classmethod
    def of(cls, variable: Variable, *, sees_secrets: bool) -> VariableForm:
        """The form for changing a variable; only the value of an argument is in it."""
        initial = {"kind": variable.kind, "name": variable.name, "rule": variable.rule_id or ""}
        if not variable.is_secret:
            initial["value"] = variable.value
        return cls(variable.source, initial=initial, sees_secrets=sees_secrets)

    def draft(self) -> VariableDraft:
        """What the action takes."""
        values = self.cleaned_data
        kind = Kind(values["kind"])
        value: str | None = values["value"].replace("\r\n", "\n")
        if kind is Kind.SSH and not (value or "").strip():
            value = None
        return VariableDraft(kind, values["name"].strip(), value, int(values["rule"]) if values["rule"] else None)
