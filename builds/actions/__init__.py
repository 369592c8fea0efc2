"""One function for each thing that happens to sources, rules and builds: the only place where their state changes."""

from __future__ import annotations

from builds.actions.cancel import cancel_build
from builds.actions.known import known_of
from builds.actions.request import NothingMatches, Order, request_builds, retry_build, trigger_builds
from builds.actions.rules import RuleDraft, RulesRefused, save_rules
from builds.actions.sources import (
    SavedSource,
    SourceDraft,
    make_deploy_key,
    record_contact,
    renew_webhook_secret,
    request_probe,
    save_source,
    trust_host_keys,
)

__all__ = [
    "NothingMatches",
    "Order",
    "RuleDraft",
    "RulesRefused",
    "SavedSource",
    "SourceDraft",
    "cancel_build",
    "known_of",
    "make_deploy_key",
    "record_contact",
    "renew_webhook_secret",
    "request_builds",
    "request_probe",
    "retry_build",
    "save_rules",
    "save_source",
    "trigger_builds",
    "trust_host_keys",
]
