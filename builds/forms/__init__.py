"""What people fill in: repositories, sources, rules, and a build by hand. Checks of meaning are the core's."""

from __future__ import annotations

from builds.forms.repository import DeleteForm, RepositoryForm, RepositorySettingsForm
from builds.forms.rules import RuleForm, RulesForm
from builds.forms.source import HostKeysForm, SourceForm
from builds.forms.trigger import TriggerForm

__all__ = [
    "DeleteForm",
    "HostKeysForm",
    "RepositoryForm",
    "RepositorySettingsForm",
    "RuleForm",
    "RulesForm",
    "SourceForm",
    "TriggerForm",
]
