"""The admin is usable: every list and every row opens, history cannot be changed, and the actions act."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

import imageyard.urls
from accounts.audit import record
from accounts.tokens import create_token
from builds.actions.runs import record_event
from builds.core.states import State
from builds.models import (
    Build,
    CatchUp,
    CatchUpLook,
    DestinationPush,
    LogArchive,
    LogFrame,
    Pause,
    Review,
    RulesFileRead,
    SkippedPush,
    Source,
    SourceRefs,
    Step,
    Variable,
    Worker,
)
from lib.admin import ReadOnlyAdmin
from registry.models import Destination, PullCredential, Tag, TagMove
from tests.builds.debugging import make_image, make_session
from tests.factories import make_build, make_member, make_repository, make_rule, make_source, make_user
from webhooks.actions.triggers import create_trigger
from webhooks.models import CommitStatus, Delivery, ForgeConnection, Notification, SourceLink, Subscription, TriggerCall

pytestmark = pytest.mark.django_db
assert imageyard.urls.urlpatterns  # what registers them
OURS = [m for m in admin.site._registry if m._meta.app_label in {"accounts", "registry", "builds", "webhooks"}]
assert OURS


@pytest.fixture(scope="module")
def rows(django_db_setup, django_db_blocker) -> Iterator[None]:
    """A row of everything, made once; what a test does to them ends with it."""
    with django_db_blocker.unblock(), transaction.atomic():
        make_rows()
        yield
        transaction.set_rollback(True)


@pytest.fixture
def everything(rows, admin_client):
    return admin_client


def make_rows() -> None:
    source = make_source()
    build = make_build(make_rule(source))
    repository = make_repository()
    record(make_user(), "build.trigger", build)
    create_token(make_user(), "laptop")
    record_event(build.pk, "queued")
    Step.objects.create(build=build, attempt=1, index=0, name="RUN true")
    Variable.objects.create(source=source, kind="secret", name="TOKEN", value="hunter2-variable")
    Review.objects.create(build=build, commit=build.commit)
    LogArchive.objects.create(build=build, attempt=1, object_name="x")
    Worker.objects.create(name="host-1", host="host", slots=2)
    Pause.objects.create(host="host", by="admin", reason="disk exchange")
    Tag.objects.create(repository=repository, name="latest", digest="sha256:00")
    TagMove.objects.create(repository=repository, tag="latest", to_digest="sha256:00")
    Delivery.objects.create(source=source, forge="github", status="built", sentence="1 rule: build #1 by `main`.")
    token, _secret = create_trigger(make_user(), source, "nightly import")
    TriggerCall.objects.create(token=token, status="built", code=201, sentence="1 rule: build #1 by `main`.")
    SkippedPush.objects.create(source=source, ref_type="branch", ref="main", commit=build.commit, sentence="Skipped.")
    CatchUp.objects.create(source=source)
    CatchUpLook.objects.create(source=source)
    SourceRefs.objects.create(source=source, refs=[["branch", "main", build.commit]], total=1)
    RulesFileRead.objects.create(source=source)
    connection = ForgeConnection.objects.create(
        namespace=repository.namespace, name="Robot", api_url="https://api.github.com", token="hunter2-connection"
    )
    SourceLink.objects.create(source=source, connection=connection, full_name="acme/web")
    CommitStatus.objects.create(
        source=source, commit=build.commit, context="imageyard/acme/web (main)", state="success"
    )
    subscription = Subscription.objects.create(
        repository=repository,
        name="robot",
        target="https://x/hunter2-hook",
        shown_target="https://x",
        secret="hunter2-s",
    )
    Notification.objects.create(subscription=subscription, build=build, event="failed", body="{}")
    make_session(make_image(build), make_user())
    make_member(repository.namespace, "rita", 10)
    PullCredential.objects.create(host="registry.example.com", username="reader", password="not-a-secret")
    to = Destination.objects.create(repository=repository, registry=repository.registry, remote_path="acme/copy")
    DestinationPush.objects.create(build=build, destination=to, host="registry.example.com", path="acme/copy")


@pytest.mark.parametrize("model", OURS, ids=lambda m: m.__name__)
def test_every_list_and_row_opens_and_can_be_searched(everything, model):
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    listing = reverse(f"{name}_changelist")
    assert everything.get(listing).status_code == 200
    assert everything.get(listing, {"q": "acme"}).status_code == 200
    row = model._default_manager.first()
    assert row is not None
    assert everything.get(reverse(f"{name}_change", args=[row.pk])).status_code == 200


@pytest.mark.parametrize(
    "model", [m for m in OURS if isinstance(admin.site._registry[m], ReadOnlyAdmin)], ids=lambda m: m.__name__
)
def test_history_cannot_be_changed_or_deleted(everything, model):
    row = model._default_manager.first()
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    assert everything.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    assert everything.get(reverse(f"{name}_add")).status_code == 403


def act(client, model, action, *rows):
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return client.post(address, {"action": action, "_selected_action": [row.pk for row in rows]}, follow=True)


def test_it_triggers_cancels_and_retries(everything):
    source, build = Source.objects.get(), Build.objects.get()
    assert b"build #2" in act(everything, Source, "trigger", source).content
    assert b"is being cancelled" in act(everything, Build, "cancel", build).content
    build.refresh_from_db()
    assert build.state == State.CANCELLED
    act(everything, Build, "retry", build)
    build.refresh_from_db()
    assert build.state == State.QUEUED


def test_it_drains_keeps_resumes_and_forgets(everything):
    Worker.objects.update(seen_at=timezone.now())  # the rows are as old as the first test of them
    worker, pause = Worker.objects.get(), Pause.objects.get()
    assert b"ends what it runs" in act(everything, Worker, "drain", worker).content
    assert b"takes builds again" in act(everything, Worker, "keep", worker).content
    assert b"takes builds again" in act(everything, Pause, "resume", pause).content
    assert b"only workers that are gone" in act(everything, Worker, "forget", worker).content
    Worker.objects.update(stopped_at=worker.seen_at)
    assert b"is forgotten" in act(everything, Worker, "forget", worker).content
    assert (Worker.objects.count(), Pause.objects.count()) == (0, 0)


def test_it_shows_no_secret(everything):
    Source.objects.update(token="hunter2-token", deploy_key="hunter2-key")
    source = Source.objects.get()
    page = everything.get(reverse("admin:builds_source_change", args=[source.pk])).content.decode()
    for secret in ("hunter2-token", "hunter2-key", source.webhook_secret):
        assert secret not in page


def test_it_shows_no_value_of_a_variable(everything):
    page = reverse("admin:builds_variable_change", args=[Variable.objects.get().pk])
    assert b"hunter2" not in everything.get(page).content


def test_frames_of_a_running_log_are_no_page():
    assert LogFrame not in admin.site._registry
