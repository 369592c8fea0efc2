"""Addresses of this room: home, repositories with their tabs, builds with their logs, the queue, and the sockets."""

from __future__ import annotations

from django.urls import URLPattern, path

from builds.consumers import BuildConsumer, PagesConsumer
from builds.views import (
    backfill,
    badges,
    builds,
    catchup,
    family,
    first_run,
    home,
    logs,
    pausing,
    pull_requests,
    queue,
    repositories,
    review,
    rules,
    rules_exchange,
    rules_source,
    source,
    tags,
    testing,
    trigger,
    variables,
)

R = "r/<str:namespace>/<str:name>"
B = f"{R}/builds/<int:number>"


urlpatterns: list[URLPattern] = [
    path("", home.home, name="home"),
    path("new", first_run.new, name="repository-new"),
    path("queue", queue.queue, name="queue"),
    path("queue/fragment", queue.fragment, name="queue-fragment"),
    path(R, repositories.overview, name="repository"),
    path(f"{R}/setup", first_run.setup, name="repository-setup"),
    path(f"{R}/builds", repositories.builds, name="repository-builds"),
    path(f"{R}/tags", tags.tags, name="repository-tags"),
    path(f"{R}/tags/<str:tag>", tags.tag, name="repository-tag"),
    path(f"{R}/rules", rules.rules, name="repository-rules"),
    path(f"{R}/rules/try", rules.try_rules, name="rules-try"),
    path(f"{R}/rules/import", rules_exchange.import_page, name="rules-import"),
    path(f"{R}/rules/export", rules_exchange.export, name="rules-export"),
    path(f"{R}/rules/source", rules_source.switch, name="rules-source"),
    path(f"{R}/rules/source/read", rules_source.look, name="rules-source-read"),
    path(f"{R}/rules/source/state", rules_source.state, name="rules-source-state"),
    path(f"{R}/rules/back-fill", backfill.page, name="rules-backfill"),
    path(f"{R}/rules/back-fill/total", backfill.total, name="rules-backfill-total"),
    path(f"{R}/rules/<int:rule_id>/resume", pausing.resume, name="rule-resume"),
    path(f"{R}/settings/catch-up", catchup.page, name="settings-catch-up"),
    path(f"{R}/settings/catch-up/look", catchup.look, name="catch-up-look"),
    path(f"{R}/settings/catch-up/automatic", catchup.automatic, name="catch-up-automatic"),
    path(f"{R}/catch-up/<int:question_id>", catchup.decide, name="catch-up-decide"),
    path(f"{R}/build", trigger.trigger, name="repository-trigger"),
    path(f"{R}/build/verdicts", trigger.verdicts, name="trigger-verdicts"),
    path(f"{R}/family", family.family, name="repository-family"),
    path(f"{R}/family/switch", family.switch, name="family-switch"),
    path(f"{R}/family/look", family.look, name="family-look"),
    path(f"{R}/settings", source.settings, name="repository-settings"),
    path(f"{R}/badge/<str:kind>.svg", badges.badge, name="badge"),
    path(f"{R}/settings/badges", badges.page, name="settings-badges"),
    path(f"{R}/settings/badges/renew", badges.renew, name="badges-renew"),
    path(f"{R}/settings/general", source.general, name="settings-general"),
    path(f"{R}/settings/source", source.link, name="settings-source"),
    path(f"{R}/settings/probe", source.probe, name="settings-probe"),
    path(f"{R}/settings/webhook-secret", source.webhook_secret, name="settings-webhook-secret"),
    path(f"{R}/settings/deploy-key", source.deploy_key, name="settings-deploy-key"),
    path(f"{R}/settings/host-keys", source.host_keys, name="settings-host-keys"),
    path(f"{R}/settings/pull-requests", pull_requests.pull_requests, name="settings-pull-requests"),
    path(f"{R}/settings/tests", testing.page, name="settings-tests"),
    path(f"{R}/settings/tests/autotest", testing.autotest, name="settings-autotest"),
    path(f"{R}/settings/tests/hooks", testing.hooks, name="settings-hooks"),
    path(f"{R}/settings/variables", variables.variables, name="settings-variables"),
    path(f"{R}/settings/variables/<int:variable_id>/delete", variables.delete, name="settings-variable-delete"),
    path(f"{R}/settings/delete", source.delete, name="settings-delete"),
    path(B, builds.build, name="build"),
    path(f"{B}/review", review.review, name="build-review"),
    path(f"{B}/review/look", review.look, name="build-look"),
    path(f"{B}/approve", review.approve, name="build-approve"),
    path(f"{B}/decline", review.decline, name="build-decline"),
    path(f"{B}/cancel", builds.cancel, name="build-cancel"),
    path(f"{B}/retry", builds.retry, name="build-retry"),
    path(f"{B}/fragment", builds.fragment, name="build-fragment"),
    path(f"{B}/log", logs.log, name="build-log"),
    path(f"{B}/lines", logs.lines, name="build-lines"),
]


websocket_urlpatterns: list[URLPattern] = [
    path("ws/builds/<int:build_id>/", BuildConsumer.as_asgi()),
    path("ws/pages/", PagesConsumer.as_asgi()),
]
