import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import lib.fields
import lib.folded


class Migration(lib.folded.FoldedMigration):
    replaces = [
        ("webhooks", "0001_initial"),
        ("webhooks", "0002_duplicates_and_floods"),
        ("webhooks", "0003_several_refs"),
        ("webhooks", "0004_triggers"),
        ("webhooks", "0005_forges"),
        ("webhooks", "0006_notifications"),
        ("webhooks", "0007_ledger"),
        ("webhooks", "0008_lists_at_scale"),
    ]

    initial = True

    dependencies = [
        ("accounts", "0001_squashed_0003_robots"),
        ("builds", "0001_squashed_0021_gone_refs"),
        ("registry", "0001_squashed_0016_collections_that_remove"),
    ]

    operations = [
        migrations.CreateModel(
            name="ForgeConnection",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(help_text="To tell it from others.", max_length=100)),
                (
                    "forge",
                    models.CharField(
                        choices=[
                            ("github", "GitHub"),
                            ("gitlab", "GitLab"),
                            ("gitea", "Gitea or Forgejo"),
                            ("bitbucket", "Bitbucket Cloud"),
                        ],
                        default="github",
                        max_length=16,
                    ),
                ),
                (
                    "api_url",
                    models.CharField(help_text="Where its API is, without a slash at the end.", max_length=500),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("token", "an access token"), ("app", "a GitHub App")], default="token", max_length=8
                    ),
                ),
                (
                    "owner",
                    models.CharField(
                        blank=True,
                        help_text="Only the repositories of this organization, group or workspace.",
                        max_length=255,
                    ),
                ),
                (
                    "username",
                    models.CharField(
                        blank=True, help_text="Where the forge wants one beside the token.", max_length=255
                    ),
                ),
                ("token", lib.fields.EncryptedTextField(blank=True, editable=False)),
                ("app_id", models.CharField(blank=True, max_length=32)),
                ("installation_id", models.CharField(blank=True, max_length=32)),
                ("private_key", lib.fields.EncryptedTextField(blank=True, editable=False)),
                (
                    "check_state",
                    models.CharField(
                        blank=True,
                        choices=[("", "not asked yet"), ("asked", "asking"), ("good", "good"), ("failed", "failed")],
                        editable=False,
                        max_length=8,
                    ),
                ),
                ("check_sentence", models.TextField(blank=True, editable=False)),
                ("checked_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "list_state",
                    models.CharField(
                        blank=True,
                        choices=[("", "not asked yet"), ("asked", "asking"), ("good", "good"), ("failed", "failed")],
                        editable=False,
                        max_length=8,
                    ),
                ),
                ("list_sentence", models.TextField(blank=True, editable=False)),
                ("listed_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("paused_until", models.DateTimeField(blank=True, editable=False, null=True)),
                ("failures", models.PositiveSmallIntegerField(default=0, editable=False, help_text="In a row.")),
                ("failing_sentence", models.TextField(blank=True, editable=False)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "namespace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="connections", to="accounts.namespace"
                    ),
                ),
            ],
            options={
                "ordering": ["namespace__name", "name"],
                "constraints": [models.UniqueConstraint(fields=("namespace", "name"), name="one_connection_per_name")],
            },
        ),
        migrations.CreateModel(
            name="ListedRepository",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("forge_id", models.CharField(max_length=64)),
                ("full_name", models.CharField(max_length=255)),
                ("clone_url", models.CharField(max_length=1000)),
                ("ssh_url", models.CharField(blank=True, max_length=1000)),
                ("default_branch", models.CharField(blank=True, max_length=255)),
                ("is_private", models.BooleanField(default=False)),
                (
                    "may_admin",
                    models.BooleanField(help_text="Whether the token may add webhooks; empty: not told.", null=True),
                ),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="repositories",
                        to="webhooks.forgeconnection",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "listed repositories",
                "ordering": ["full_name"],
                "constraints": [
                    models.UniqueConstraint(fields=("connection", "full_name"), name="listed_once_per_connection")
                ],
            },
        ),
        migrations.CreateModel(
            name="SourceLink",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("full_name", models.CharField(help_text="As the forge calls it: acme/web", max_length=255)),
                ("forge_id", models.CharField(blank=True, editable=False, max_length=64)),
                (
                    "reports_status",
                    models.BooleanField(
                        default=True,
                        help_text="Tell the forge how the builds of each commit end.",
                        verbose_name="report commit status",
                    ),
                ),
                (
                    "errand",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "nothing"),
                            ("look", "look"),
                            ("install", "install"),
                            ("mend", "repair"),
                            ("remove", "remove"),
                        ],
                        editable=False,
                        max_length=8,
                    ),
                ),
                (
                    "errand_hooks",
                    models.JSONField(default=list, editable=False, help_text="Ids of the webhooks that are meant."),
                ),
                ("hook_id", models.CharField(blank=True, editable=False, max_length=64)),
                (
                    "hook_state",
                    models.CharField(
                        blank=True,
                        choices=[("", "not asked yet"), ("asked", "asking"), ("good", "good"), ("failed", "failed")],
                        editable=False,
                        max_length=8,
                    ),
                ),
                ("hook_sentence", models.TextField(blank=True, editable=False)),
                ("deploy_key_id", models.CharField(blank=True, editable=False, max_length=64)),
                ("key_sentence", models.TextField(blank=True, editable=False)),
                ("findings", models.JSONField(default=list, editable=False)),
                ("checked_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="links", to="webhooks.forgeconnection"
                    ),
                ),
                (
                    "source",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="forge_link", to="builds.source"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Subscription",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("apprise", "a message"), ("webhook", "a webhook")], default="webhook", max_length=16
                    ),
                ),
                (
                    "format",
                    models.CharField(
                        choices=[("imageyard", "Imageyard"), ("docker_hub", "Docker Hub")],
                        default="imageyard",
                        max_length=16,
                    ),
                ),
                ("name", models.CharField(help_text="To tell it from others.", max_length=100)),
                ("target", lib.fields.EncryptedTextField(editable=False)),
                (
                    "shown_target",
                    models.CharField(editable=False, help_text="Scheme and host, nothing secret.", max_length=255),
                ),
                ("secret", lib.fields.EncryptedTextField(blank=True, editable=False)),
                ("events", models.JSONField(default=list, help_text="Names of webhooks.senders.events.EVENTS.")),
                ("enabled", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "last_sentence",
                    models.TextField(blank=True, editable=False, help_text="What came of the last attempt, in words."),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "repository",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="subscriptions",
                        to="registry.repository",
                    ),
                ),
            ],
            options={
                "ordering": ["name", "pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("repository", "name"), name="one_subscription_per_name")
                ],
            },
        ),
        migrations.CreateModel(
            name="Notification",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("build_event_id", models.BigIntegerField(editable=False, null=True)),
                ("event", models.CharField(editable=False, max_length=32)),
                (
                    "tag",
                    models.CharField(
                        blank=True,
                        editable=False,
                        help_text="Docker Hub's format: one message for each tag.",
                        max_length=128,
                    ),
                ),
                ("message_id", models.UUIDField(default=uuid.uuid4, editable=False)),
                ("body", models.TextField(editable=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "waiting"),
                            ("sending", "being sent"),
                            ("sent", "delivered"),
                            ("given_up", "given up"),
                        ],
                        default="queued",
                        editable=False,
                        max_length=16,
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0, editable=False)),
                ("next_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("lease_until", models.DateTimeField(editable=False, null=True)),
                ("response_status", models.PositiveSmallIntegerField(editable=False, null=True)),
                ("response_body", models.TextField(blank=True, editable=False, help_text="The beginning of it.")),
                ("sentence", models.TextField(blank=True, editable=False, help_text="What came of it, in words.")),
                ("tries", models.JSONField(default=list, editable=False)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("sent_at", models.DateTimeField(editable=False, null=True)),
                (
                    "build",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="notifications",
                        to="builds.build",
                    ),
                ),
                (
                    "subscription",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notifications",
                        to="webhooks.subscription",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-pk"],
                "indexes": [
                    models.Index(fields=["subscription", "-created_at"], name="webhooks_no_subscri_9f14a1_idx"),
                    models.Index(
                        condition=models.Q(("state__in", ["queued", "sending"])),
                        fields=["next_at"],
                        name="notifications_unsent",
                    ),
                    models.Index(fields=["created_at"], name="webhooks_no_created_daf9a2_idx"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("subscription", "build_event_id", "event", "tag"), name="one_notification_per_event"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="TriggerToken",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                ("sha256", models.CharField(editable=False, max_length=64, unique=True)),
                ("prefix", models.CharField(editable=False, max_length=8)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("last_used_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="trigger_tokens",
                        to="builds.source",
                    ),
                ),
            ],
            options={
                "ordering": ["created_at", "pk"],
            },
        ),
        migrations.CreateModel(
            name="TriggerCall",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("remote_address", models.CharField(blank=True, editable=False, max_length=45)),
                ("method", models.CharField(default="POST", editable=False, max_length=8)),
                ("body", models.TextField(blank=True, editable=False, help_text="The beginning of it.")),
                ("ref_type", models.CharField(blank=True, editable=False, max_length=16)),
                ("ref", models.CharField(blank=True, editable=False, max_length=255)),
                ("commit", models.CharField(blank=True, editable=False, max_length=64)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("built", "built"),
                            ("nothing", "nothing to build"),
                            ("malformed", "not understood"),
                            ("limited", "too many"),
                        ],
                        editable=False,
                        max_length=16,
                    ),
                ),
                (
                    "code",
                    models.PositiveSmallIntegerField(editable=False, help_text="The HTTP status that was answered."),
                ),
                ("sentence", models.TextField(editable=False, help_text="What came of it, in words.")),
                ("verdicts", models.JSONField(default=list, editable=False)),
                ("build_ids", models.JSONField(default=list, editable=False)),
                (
                    "times",
                    models.PositiveIntegerField(default=1, editable=False, help_text="Calls in a flood share a row."),
                ),
                (
                    "token",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="calls",
                        to="webhooks.triggertoken",
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "-pk"],
                "indexes": [models.Index(fields=["token", "-at"], name="webhooks_tr_token_i_b39d5f_idx")],
            },
        ),
        migrations.CreateModel(
            name="CommitStatus",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("commit", models.CharField(max_length=64)),
                ("context", models.CharField(max_length=255)),
                (
                    "build_number",
                    models.PositiveIntegerField(default=0, help_text="The newest build decides; 0: no build."),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("success", "Success"),
                            ("failure", "Failure"),
                            ("error", "Error"),
                            ("stopped", "Stopped"),
                            ("skipped", "Skipped"),
                        ],
                        max_length=8,
                    ),
                ),
                ("description", models.CharField(blank=True, max_length=140)),
                ("target_url", models.CharField(blank=True, max_length=1000)),
                ("revision", models.PositiveIntegerField(default=1)),
                (
                    "wanted_at",
                    models.DateTimeField(default=django.utils.timezone.now, help_text="When it became what it is."),
                ),
                ("told_revision", models.PositiveIntegerField(default=0)),
                ("told_at", models.DateTimeField(blank=True, null=True)),
                (
                    "confirmed_at",
                    models.DateTimeField(blank=True, help_text="When the forge was last asked and agreed.", null=True),
                ),
                ("next_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("lease_until", models.DateTimeField(blank=True, help_text="A worker sends it until then.", null=True)),
                ("tries", models.PositiveIntegerField(default=0, help_text="Of this revision, without success.")),
                ("is_given_up", models.BooleanField(default=False)),
                ("sentence", models.TextField(blank=True, help_text="Why the forge has not taken it.")),
                ("http_status", models.PositiveSmallIntegerField(blank=True, null=True)),
                (
                    "build",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="commit_statuses",
                        to="builds.build",
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="commit_statuses", to="builds.source"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "commit statuses",
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("is_given_up", False), ("told_revision__lt", models.F("revision"))),
                        fields=["next_at"],
                        name="untold_statuses",
                    ),
                    models.Index(fields=["wanted_at"], name="webhooks_co_wanted__af9415_idx"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("source", "commit", "context"), name="one_status_per_commit_and_context"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("forge", models.CharField(editable=False, max_length=16)),
                ("event", models.CharField(blank=True, editable=False, max_length=64)),
                ("forge_delivery_id", models.CharField(editable=False, max_length=128, null=True)),
                ("received_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "headers",
                    models.JSONField(default=dict, editable=False, help_text="Without signatures and cookies."),
                ),
                ("body", models.BinaryField(default=bytes, help_text="As it came, compressed with zstd.")),
                ("body_bytes", models.PositiveIntegerField(default=0, editable=False)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("built", "built"),
                            ("nothing", "nothing to build"),
                            ("ignored", "ignored"),
                            ("skipped", "skipped"),
                            ("connected", "connected"),
                            ("duplicate", "duplicate"),
                            ("refused", "refused"),
                            ("fault", "Imageyard's fault"),
                        ],
                        editable=False,
                        max_length=16,
                    ),
                ),
                ("sentence", models.TextField(editable=False, help_text="What came of it, in words.")),
                ("ref_type", models.CharField(blank=True, editable=False, max_length=16)),
                ("ref", models.CharField(blank=True, editable=False, max_length=255)),
                ("before", models.CharField(blank=True, editable=False, max_length=64)),
                ("commit", models.CharField(blank=True, editable=False, max_length=64)),
                ("commit_message", models.TextField(blank=True, editable=False)),
                ("sender", models.CharField(blank=True, editable=False, max_length=255)),
                ("forced", models.BooleanField(default=False, editable=False)),
                ("verdicts", models.JSONField(default=list, editable=False)),
                ("changes", models.JSONField(default=list, editable=False)),
                (
                    "more_refs",
                    models.TextField(blank=True, editable=False, help_text="Names of the other refs, one in a line."),
                ),
                ("rules_snapshot", models.JSONField(default=list, editable=False)),
                ("build_ids", models.JSONField(default=list, editable=False)),
                (
                    "as_it_was",
                    models.BooleanField(default=False, editable=False, help_text="Replayed with the rules of then."),
                ),
                (
                    "times",
                    models.PositiveIntegerField(
                        default=1, editable=False, help_text="Refusals in a flood share a row."
                    ),
                ),
                (
                    "duplicate_of",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="duplicates",
                        to="webhooks.delivery",
                    ),
                ),
                (
                    "replay_of",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="replays",
                        to="webhooks.delivery",
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="builds.source",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "deliveries",
                "ordering": ["-received_at", "-pk"],
                "indexes": [
                    models.Index(fields=["source", "-received_at"], name="webhooks_de_source__afa916_idx"),
                    models.Index(
                        condition=models.Q(("status", "refused")), fields=["-received_at"], name="deliveries_refused"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("source", "forge_delivery_id"), name="one_delivery_per_forge_id")
                ],
            },
        ),
    ]
