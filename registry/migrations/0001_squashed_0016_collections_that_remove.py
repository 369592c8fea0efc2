import datetime

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import lib.fields
import lib.folded
import registry.models.tag


class Migration(lib.folded.FoldedMigration):
    replaces = [
        ("registry", "0001_initial"),
        ("registry", "0002_overview_and_badges"),
        ("registry", "0003_tags_by_hand"),
        ("registry", "0004_tag_version_keys"),
        ("registry", "0005_catalogue"),
        ("registry", "0006_retention"),
        ("registry", "0007_storage_use"),
        ("registry", "0008_promotions"),
        ("registry", "0009_signing_keys"),
        ("registry", "0010_notifications"),
        ("registry", "0011_external_registries"),
        ("registry", "0012_quota_refusals"),
        ("registry", "0013_collections"),
        ("registry", "0014_moves_by_digest"),
        ("registry", "0015_found_moves"),
        ("registry", "0016_collections_that_remove"),
    ]

    initial = True

    dependencies = [
        ("accounts", "0001_squashed_0003_robots"),
    ]

    operations = [
        migrations.CreateModel(
            name="Registry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100, unique=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("plain", "Plain registry"),
                            ("docker_hub", "Docker Hub"),
                            ("ghcr", "GitHub Packages (GHCR)"),
                            ("quay", "Quay"),
                            ("harbor", "Harbor"),
                            ("ecr", "Amazon ECR"),
                            ("gitlab", "GitLab container registry"),
                            ("acr", "Azure container registry"),
                            ("gar", "Google Artifact Registry"),
                        ],
                        default="plain",
                        max_length=12,
                    ),
                ),
                ("host", models.CharField(help_text="host[:port], as it stands in image names", max_length=255)),
                (
                    "scheme",
                    models.CharField(choices=[("https", "Https"), ("http", "Http")], default="https", max_length=5),
                ),
                ("username", models.CharField(blank=True, max_length=255)),
                (
                    "password",
                    lib.fields.EncryptedTextField(
                        blank=True, help_text="Password or token; encrypted at rest, never shown again."
                    ),
                ),
                ("is_default", models.BooleanField(default=False)),
                (
                    "keeps_build_tags",
                    models.BooleanField(
                        default=True,
                        help_text="Push every image as build-<n> first, so that all tags of a build appear together or none does.",
                    ),
                ),
                (
                    "path_template",
                    models.CharField(
                        default="{namespace}/{name}", help_text="Where {namespace}/{name} goes there.", max_length=255
                    ),
                ),
                (
                    "test_path",
                    models.CharField(
                        blank=True, help_text="A repository there on which the check tries.", max_length=255
                    ),
                ),
                (
                    "check_state",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "not checked yet"),
                            ("asked", "checking"),
                            ("good", "works"),
                            ("failed", "does not work"),
                        ],
                        editable=False,
                        max_length=8,
                    ),
                ),
                ("check_sentence", models.TextField(blank=True, editable=False)),
                (
                    "check_lines",
                    models.JSONField(default=list, editable=False, help_text="What was tried, as registry.core.check."),
                ),
                ("check_asked_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("checked_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "checks_good",
                    models.PositiveIntegerField(default=0, editable=False, help_text="Checks that passed, all told."),
                ),
                ("checks_failed", models.PositiveIntegerField(default=0, editable=False)),
                ("last_used_at", models.DateTimeField(blank=True, editable=False, help_text="By a build.", null=True)),
                (
                    "last_error",
                    models.TextField(blank=True, editable=False, help_text="Of the newest use or check that failed."),
                ),
                ("last_error_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("rate_limit", models.PositiveIntegerField(blank=True, editable=False, null=True)),
                ("rate_remaining", models.PositiveIntegerField(blank=True, editable=False, null=True)),
                ("rate_window_s", models.PositiveIntegerField(blank=True, editable=False, null=True)),
                ("rate_seen_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "namespace",
                    models.ForeignKey(
                        blank=True,
                        help_text="Whose it is; empty: superusers keep it, and every namespace may use it.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="registries",
                        to="accounts.namespace",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "registries",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("namespace", None)), fields=("host",), name="one_registry_for_all_per_host"
                    ),
                    models.UniqueConstraint(fields=("namespace", "host"), name="one_registry_per_namespace_and_host"),
                    models.UniqueConstraint(
                        condition=models.Q(("is_default", True)), fields=("is_default",), name="one_default_registry"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CollectionRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("is_dry", models.BooleanField(default=False, help_text="A look only: nothing is deleted.")),
                (
                    "by",
                    models.CharField(
                        blank=True, help_text="Who asked for it; empty where its time had come.", max_length=150
                    ),
                ),
                (
                    "removes",
                    models.JSONField(
                        blank=True, default=list, help_text="Repositories that nobody knows and that go first."
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("asked", "Asked"), ("running", "Running"), ("done", "Done"), ("failed", "Failed")],
                        default="asked",
                        max_length=8,
                    ),
                ),
                (
                    "step",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("recover", "looking after the last run"),
                            ("images", "looking at images"),
                            ("blobs", "looking at layers"),
                            ("shared", "adding up"),
                            ("delete", "deleting"),
                            ("tidy", "removing empty folders"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "sentence",
                    models.TextField(blank=True, help_text="What came of it, what it waits for, or why it failed."),
                ),
                ("repositories", models.PositiveIntegerField(default=0, help_text="That were looked at, so far.")),
                ("images", models.PositiveIntegerField(default=0, help_text="In these.")),
                ("blobs", models.PositiveIntegerField(default=0, help_text="That were looked at, so far.")),
                ("gone_images", models.PositiveIntegerField(default=0)),
                (
                    "gone_links",
                    models.PositiveIntegerField(default=0, help_text="Layers that one repository has no more."),
                ),
                (
                    "gone_blobs",
                    models.PositiveIntegerField(default=0, help_text="Layers and the like that nobody had any more."),
                ),
                (
                    "put_back",
                    models.PositiveIntegerField(
                        default=0, help_text="What the second look found to be needed after all."
                    ),
                ),
                (
                    "freed_bytes",
                    models.BigIntegerField(default=0, help_text="As the disk counts; of a dry run, what it would be."),
                ),
                (
                    "found",
                    models.JSONField(
                        default=dict, help_text="By repository; those that nobody knows; those left alone, why."
                    ),
                ),
                ("worker", models.CharField(blank=True, max_length=255)),
                ("turns", models.PositiveSmallIntegerField(default=0, help_text="How often a worker took it.")),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "registry",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="collections", to="registry.registry"
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["asked", "running"])),
                        fields=("registry",),
                        name="one_collection_at_a_time",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RegistryWatch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("heard_at", models.DateTimeField(blank=True, help_text="When its last notification came.", null=True)),
                ("lease_until", models.DateTimeField(blank=True, help_text="A worker compares until then.", null=True)),
                (
                    "compared_at",
                    models.DateTimeField(
                        blank=True, help_text="When the last round of all repositories ended.", null=True
                    ),
                ),
                (
                    "round_at",
                    models.DateTimeField(blank=True, help_text="When the round that is under way began.", null=True),
                ),
                (
                    "is_by_disk",
                    models.BooleanField(default=False, help_text="Its storage was read; no request for each tag."),
                ),
                ("tags", models.PositiveIntegerField(default=0, help_text="Tags that the round compared.")),
                ("mended", models.PositiveIntegerField(default=0, help_text="Tags that the round mended.")),
                (
                    "failed",
                    models.PositiveIntegerField(default=0, help_text="Repositories that the round could not compare."),
                ),
                (
                    "unknown",
                    models.JSONField(
                        blank=True, default=list, help_text="Repositories that only the registry knows; the first."
                    ),
                ),
                ("unknown_total", models.PositiveIntegerField(default=0)),
                ("sentence", models.TextField(blank=True, help_text="What went wrong last; empty: nothing.")),
                (
                    "registry",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="watch", to="registry.registry"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "registry watches",
            },
        ),
        migrations.CreateModel(
            name="Repository",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "name",
                    models.CharField(
                        max_length=128,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*\\Z",
                                "A repository name is lower-case letters and digits, with single dots, underscores or dashes between them.",
                            )
                        ],
                    ),
                ),
                ("description", models.CharField(blank=True, max_length=200)),
                (
                    "readme",
                    models.TextField(blank=True, editable=False, help_text="Markdown of the newest build, as it came."),
                ),
                (
                    "shows_readme",
                    models.BooleanField(
                        default=True,
                        help_text="Show the README of the newest build of the default branch.",
                        verbose_name="README as overview",
                    ),
                ),
                (
                    "syncs_description",
                    models.BooleanField(
                        default=False,
                        help_text="Take its first sentence over with each build.",
                        verbose_name="description from the README",
                    ),
                ),
                (
                    "badge_revision",
                    models.PositiveSmallIntegerField(default=0, editable=False, help_text="Raised: old addresses end."),
                ),
                (
                    "visibility",
                    models.CharField(
                        choices=[("private", "Private"), ("public", "Public")], default="private", max_length=8
                    ),
                ),
                (
                    "remote_path",
                    models.CharField(
                        blank=True,
                        help_text="Where its images are in the registry; empty: by the same name.",
                        max_length=255,
                    ),
                ),
                (
                    "fixed_tags",
                    models.TextField(blank=True, help_text="Tags that never move: one name or /pattern/ a line."),
                ),
                (
                    "pulls",
                    models.PositiveBigIntegerField(default=0, editable=False, help_text="By tag or digest, by people."),
                ),
                ("last_pulled_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("publish_lock", models.CharField(blank=True, editable=False, max_length=64)),
                ("publish_lock_until", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "namespace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="repositories",
                        to="accounts.namespace",
                    ),
                ),
                (
                    "registry",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="repositories", to="registry.registry"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "repositories",
                "ordering": ["namespace__name", "name"],
                "constraints": [models.UniqueConstraint(fields=("namespace", "name"), name="repository_name_is_taken")],
            },
        ),
        migrations.CreateModel(
            name="RegistryEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("event_id", models.CharField(max_length=100, unique=True)),
                ("action", models.CharField(choices=[("push", "Push"), ("delete", "Delete")], max_length=8)),
                (
                    "tag",
                    models.CharField(blank=True, help_text="Empty: every tag that had the digest.", max_length=128),
                ),
                ("digest", models.CharField(blank=True, max_length=200)),
                ("media_type", models.CharField(blank=True, max_length=128)),
                (
                    "by",
                    models.CharField(
                        blank=True, help_text="The person or robot; empty where nobody logged in.", max_length=150
                    ),
                ),
                ("at", models.DateTimeField()),
                ("received_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("not_before", models.DateTimeField(default=django.utils.timezone.now)),
                ("turns", models.PositiveSmallIntegerField(default=0, help_text="How often a worker tried.")),
                ("handled_at", models.DateTimeField(blank=True, null=True)),
                ("sentence", models.CharField(blank=True, help_text="Why it waits.", max_length=300)),
                (
                    "repository",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="registry_events",
                        to="registry.repository",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("handled_at", None)), fields=["not_before"], name="registry_events_to_do"
                    ),
                    models.Index(fields=["handled_at"], name="registry_events_by_age"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Quota",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("limit_bytes", models.BigIntegerField()),
                ("set_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("set_by", models.CharField(blank=True, max_length=150)),
                (
                    "refused_at",
                    models.DateTimeField(
                        blank=True, editable=False, help_text="When a push was last refused.", null=True
                    ),
                ),
                (
                    "refused_by",
                    models.CharField(blank=True, editable=False, help_text="Whose push that was.", max_length=150),
                ),
                (
                    "namespace",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="quota",
                        to="accounts.namespace",
                    ),
                ),
                (
                    "repository",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="quota",
                        to="registry.repository",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("namespace__isnull", False), ("repository", None)),
                            models.Q(("namespace", None), ("repository__isnull", False)),
                            _connector="OR",
                        ),
                        name="quota_is_of_one",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Destination",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "remote_path",
                    models.CharField(help_text="Where the images go there: example-org/web", max_length=255),
                ),
                (
                    "is_on",
                    models.BooleanField(
                        default=True, help_text="Switched off, nothing is copied there.", verbose_name="on"
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("turn", models.CharField(blank=True, editable=False, max_length=64)),
                ("turn_until", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "registry",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="destinations", to="registry.registry"
                    ),
                ),
                (
                    "repository",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="destinations",
                        to="registry.repository",
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("repository", "registry"), name="one_destination_per_registry"),
                    models.UniqueConstraint(fields=("registry", "remote_path"), name="one_repository_per_remote_path"),
                ],
            },
        ),
        migrations.CreateModel(
            name="RetentionPolicy",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("rules", models.JSONField(default=list, help_text="As registry.core.retention_rules reads them.")),
                (
                    "in_use_days",
                    models.PositiveSmallIntegerField(
                        default=7,
                        help_text="A tag that was pulled within so many days is in use. 0: pulls do not count.",
                    ),
                ),
                (
                    "untagged_days",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="Days after which an image that has no tag any more goes. Empty: it stays.",
                        null=True,
                    ),
                ),
                ("is_on", models.BooleanField(default=True, help_text="Whether it runs by itself.")),
                ("run_at", models.TimeField(default=datetime.time(3, 0), help_text="When, every day.")),
                ("zone", models.CharField(default="UTC", help_text="IANA time zone of that.", max_length=64)),
                ("next_run_at", models.DateTimeField(blank=True, db_index=True, editable=False, null=True)),
                ("revision", models.PositiveIntegerField(default=1, editable=False)),
                ("changed_by", models.CharField(blank=True, editable=False, max_length=150)),
                ("changed_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("seen_revision", models.PositiveIntegerField(default=0, editable=False)),
                ("seen_by", models.CharField(blank=True, editable=False, max_length=150)),
                ("seen_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "namespace",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="retention_policy",
                        to="accounts.namespace",
                    ),
                ),
                (
                    "repository",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="retention_policy",
                        to="registry.repository",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "retention policies",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("namespace", None), ("repository__isnull", False)),
                            models.Q(("namespace__isnull", False), ("repository", None)),
                            _connector="OR",
                        ),
                        name="policy_of_a_repository_or_a_namespace",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RetentionRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("turns", models.PositiveSmallIntegerField(default=0, help_text="How often a worker took it.")),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("not_before", models.DateTimeField(default=django.utils.timezone.now)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("revision", models.PositiveIntegerField(default=0, help_text="Of the policy when it was asked for.")),
                ("is_dry", models.BooleanField(default=False, help_text="A look only: nothing is deleted.")),
                (
                    "by",
                    models.CharField(
                        blank=True, help_text="Who asked for it; empty where its schedule did.", max_length=150
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("asked", "Asked"),
                            ("choosing", "Choosing"),
                            ("deleting", "Deleting"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="asked",
                        max_length=8,
                    ),
                ),
                (
                    "sentence",
                    models.TextField(blank=True, help_text="What came of it, what it waits for, or why it failed."),
                ),
                ("total", models.PositiveIntegerField(default=0, help_text="Tags that were looked at.")),
                (
                    "going",
                    models.PositiveIntegerField(
                        default=0, help_text="Tags that the policy chose; each is a TagDeletion."
                    ),
                ),
                ("reasons", models.JSONField(default=list, help_text="[[goes, why, how many tags], …]")),
                (
                    "freed_bytes",
                    models.BigIntegerField(
                        blank=True, help_text="An estimate, before anything is collected.", null=True
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="runs",
                        to="registry.retentionpolicy",
                    ),
                ),
                (
                    "repository",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="retention_runs",
                        to="registry.repository",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(fields=["repository", "-asked_at"], name="retention_runs_of_repository"),
                    models.Index(
                        condition=models.Q(("state__in", ["asked", "choosing", "deleting"])),
                        fields=["not_before"],
                        name="retention_to_do",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["asked", "choosing", "deleting"])),
                        fields=("repository",),
                        name="one_retention_run_at_a_time",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SigningKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("root", "Root"), ("leaf", "Leaf")], editable=False, max_length=4)),
                (
                    "number",
                    models.PositiveIntegerField(
                        editable=False, help_text="Counts the keys of a kind: who is first makes it."
                    ),
                ),
                ("certificate", models.TextField(editable=False, help_text="PEM")),
                (
                    "private_key",
                    lib.fields.EncryptedTextField(editable=False, help_text="PEM; encrypted at rest, never shown."),
                ),
                ("not_after", models.DateTimeField(editable=False)),
                ("accepted_at", models.DateTimeField(editable=False, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "root",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="leaves",
                        to="registry.signingkey",
                    ),
                ),
            ],
            options={
                "ordering": ["-number"],
                "constraints": [models.UniqueConstraint(fields=("kind", "number"), name="one_signing_key_per_number")],
            },
        ),
        migrations.CreateModel(
            name="StorageSurvey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("asked_at", models.DateTimeField(blank=True, null=True)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("worker", models.CharField(blank=True, max_length=255)),
                ("measured_at", models.DateTimeField(blank=True, null=True)),
                ("took_s", models.FloatField(blank=True, null=True)),
                ("sentence", models.CharField(blank=True, help_text="Why it could not be measured.", max_length=300)),
                (
                    "registry",
                    models.OneToOneField(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="survey",
                        to="registry.registry",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="StorageUse",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("total_bytes", models.BigIntegerField(default=0, help_text="Of all blobs in it, each once.")),
                ("unique_bytes", models.BigIntegerField(default=0, help_text="Of those that nothing else has.")),
                ("shared_bytes", models.BigIntegerField(default=0, help_text="Of those that others have too.")),
                (
                    "reclaimable_bytes",
                    models.BigIntegerField(default=0, help_text="That no tag leads to, as far as it is known."),
                ),
                ("images", models.PositiveIntegerField(default=0)),
                ("tags", models.PositiveIntegerField(default=0)),
                (
                    "is_estimate",
                    models.BooleanField(
                        default=True, help_text="From the sizes of tags; layers of two images count twice."
                    ),
                ),
                ("measured_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "namespace",
                    models.OneToOneField(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="storage_use",
                        to="accounts.namespace",
                    ),
                ),
                (
                    "registry",
                    models.OneToOneField(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="storage_use",
                        to="registry.registry",
                    ),
                ),
                (
                    "repository",
                    models.OneToOneField(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="storage_use",
                        to="registry.repository",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["-total_bytes"], name="largest_first")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("namespace", None), ("registry", None), ("repository__isnull", False)),
                            models.Q(("namespace__isnull", False), ("registry", None), ("repository", None)),
                            models.Q(("namespace", None), ("registry__isnull", False), ("repository", None)),
                            _connector="OR",
                        ),
                        name="storage_use_is_of_one",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="StoragePoint",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("total_bytes", models.BigIntegerField()),
                (
                    "use",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="points",
                        to="registry.storageuse",
                    ),
                ),
            ],
            options={
                "ordering": ["day"],
                "constraints": [models.UniqueConstraint(fields=("use", "day"), name="one_point_a_day")],
            },
        ),
        migrations.CreateModel(
            name="Tag",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=128)),
                ("version_key", registry.models.tag.TagKeyField(default=b"", max_length=512)),
                ("digest", models.CharField(max_length=200)),
                ("media_type", models.CharField(blank=True, max_length=128)),
                (
                    "size_bytes",
                    models.BigIntegerField(blank=True, help_text="Compressed layers and config, each once.", null=True),
                ),
                ("build_number", models.PositiveIntegerField(blank=True, null=True)),
                ("pushed_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "pulls",
                    models.PositiveBigIntegerField(
                        default=0, help_text="Pulls through this tag, a few seconds behind."
                    ),
                ),
                ("last_pulled_at", models.DateTimeField(blank=True, null=True)),
                (
                    "facts_due_at",
                    models.DateTimeField(
                        blank=True,
                        editable=False,
                        help_text="When its size is to be read; empty: nobody waits for it.",
                        null=True,
                    ),
                ),
                (
                    "held_by",
                    models.CharField(
                        blank=True, help_text="Who holds it: no build moves it meanwhile.", max_length=150
                    ),
                ),
                ("held_since", models.DateTimeField(blank=True, null=True)),
                (
                    "repository",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="tags", to="registry.repository"
                    ),
                ),
            ],
            options={
                "ordering": ["-pushed_at", "name"],
                "indexes": [
                    models.Index(fields=["repository", "digest"], name="registry_ta_reposit_cae432_idx"),
                    models.Index(fields=["repository", "-version_key", "name"], name="tags_by_version"),
                    models.Index(fields=["repository", "-pushed_at", "name"], name="tags_by_age"),
                    models.Index(fields=["repository", "-pulls", "name"], name="tags_by_pulls"),
                    models.Index(
                        condition=models.Q(("facts_due_at", None), _negated=True),
                        fields=["facts_due_at"],
                        name="tags_without_facts",
                    ),
                ],
                "constraints": [models.UniqueConstraint(fields=("repository", "name"), name="tag_name_is_taken")],
            },
        ),
        migrations.CreateModel(
            name="TagComparison",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("due_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "may_empty",
                    models.BooleanField(
                        default=False, help_text="Somebody said that it is right if all its tags are gone."
                    ),
                ),
                (
                    "cursor",
                    models.CharField(
                        blank=True, help_text="The tag behind which the next run goes on.", max_length=128
                    ),
                ),
                (
                    "tags",
                    models.PositiveIntegerField(default=0, help_text="That the comparison under way has looked at."),
                ),
                ("mended", models.PositiveIntegerField(default=0)),
                ("compared_at", models.DateTimeField(blank=True, null=True)),
                ("failures", models.PositiveSmallIntegerField(default=0)),
                ("sentence", models.TextField(blank=True, help_text="Why it could not be compared; empty: it was.")),
                (
                    "repository",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="comparison", to="registry.repository"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["due_at"], name="comparisons_by_due")],
            },
        ),
        migrations.CreateModel(
            name="TagDeletion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("turns", models.PositiveSmallIntegerField(default=0, help_text="How often a worker took it.")),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("not_before", models.DateTimeField(default=django.utils.timezone.now)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("tag", models.CharField(max_length=128)),
                ("digest", models.CharField(help_text="Where the tag pointed when it was asked.", max_length=200)),
                ("build_number", models.PositiveIntegerField(blank=True, null=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("build", "Build"),
                            ("rollback", "roll back"),
                            ("promote", "Promote"),
                            ("push", "Push"),
                            ("delete", "Delete"),
                            ("retention", "Retention"),
                        ],
                        default="delete",
                        max_length=12,
                    ),
                ),
                (
                    "why",
                    models.CharField(blank=True, help_text="The sentence of the rule that chose it.", max_length=300),
                ),
                (
                    "by",
                    models.CharField(
                        blank=True, help_text="Who asked for it; empty where a policy did.", max_length=150
                    ),
                ),
                (
                    "mark",
                    models.CharField(
                        help_text="In the manifest that stands in for the tag's own, in the end.", max_length=32
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("listed", "Listed"),
                            ("asked", "Asked"),
                            ("doing", "Doing"),
                            ("done", "Done"),
                            ("left", "Left"),
                            ("failed", "Failed"),
                        ],
                        default="asked",
                        max_length=8,
                    ),
                ),
                ("sentence", models.TextField(blank=True, help_text="What it waits for, what was done, or why not.")),
                (
                    "repository",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tag_deletions",
                        to="registry.repository",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deletions",
                        to="registry.retentionrun",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(fields=["run", "state", "tag"], name="tag_deletions_of_run"),
                    models.Index(
                        condition=models.Q(("state__in", ["asked", "doing"])),
                        fields=["not_before"],
                        name="tag_deletions_to_do",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["asked", "doing"])),
                        fields=("repository", "tag"),
                        name="one_deletion_at_a_time_per_tag",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="TagMove",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("tag", models.CharField(max_length=128)),
                ("at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("from_digest", models.CharField(blank=True, max_length=200)),
                ("to_digest", models.CharField(blank=True, max_length=200)),
                ("build_number", models.PositiveIntegerField(blank=True, null=True)),
                (
                    "moved",
                    models.BooleanField(
                        default=True, help_text="False where the tag was not moved; the sentence says why."
                    ),
                ),
                ("sentence", models.CharField(blank=True, max_length=300)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("build", "Build"),
                            ("rollback", "roll back"),
                            ("promote", "Promote"),
                            ("push", "Push"),
                            ("delete", "Delete"),
                            ("retention", "Retention"),
                        ],
                        default="build",
                        max_length=12,
                    ),
                ),
                (
                    "by",
                    models.CharField(
                        blank=True, help_text="The person who moved it; empty where a build did.", max_length=150
                    ),
                ),
                ("origin_path", models.CharField(blank=True, help_text="Its name, which outlives it.", max_length=255)),
                (
                    "origin_build",
                    models.PositiveIntegerField(blank=True, help_text="The build there that made it.", null=True),
                ),
                (
                    "origin",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="promotions",
                        to="registry.repository",
                    ),
                ),
                (
                    "repository",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="tag_moves", to="registry.repository"
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "-pk"],
                "indexes": [
                    models.Index(fields=["repository", "tag", "-at"], name="registry_ta_reposit_042861_idx"),
                    models.Index(
                        condition=models.Q(("by", ""), ("kind__in", ["push", "delete"])),
                        fields=["-at", "-id"],
                        name="moves_that_were_found",
                    ),
                    models.Index(fields=["repository", "to_digest"], name="moves_by_digest"),
                ],
            },
        ),
        migrations.CreateModel(
            name="TagNews",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("tag", models.CharField(max_length=128)),
                (
                    "digest",
                    models.CharField(blank=True, help_text="Where it points now; empty: it is gone.", max_length=200),
                ),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "repository",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="tag_news", to="registry.repository"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "tag news",
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="PullCredential",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("host", models.CharField(help_text="host[:port], as it stands in image names", max_length=255)),
                (
                    "scheme",
                    models.CharField(choices=[("https", "https"), ("http", "http")], default="https", max_length=5),
                ),
                ("username", models.CharField(max_length=255)),
                (
                    "password",
                    lib.fields.EncryptedTextField(help_text="Password or token; encrypted at rest, never shown again."),
                ),
                (
                    "test_image",
                    models.CharField(blank=True, help_text="A private image that the check reads.", max_length=255),
                ),
                (
                    "check_state",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "not checked yet"),
                            ("asked", "checking"),
                            ("good", "works"),
                            ("failed", "does not work"),
                        ],
                        editable=False,
                        max_length=8,
                    ),
                ),
                ("check_sentence", models.TextField(blank=True, editable=False)),
                ("check_lines", models.JSONField(default=list, editable=False)),
                ("check_asked_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("checked_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "namespace",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: for all.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="pull_credentials",
                        to="accounts.namespace",
                    ),
                ),
            ],
            options={
                "ordering": ["host", "pk"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("namespace", None)), fields=("host",), name="one_credential_for_all"
                    ),
                    models.UniqueConstraint(fields=("namespace", "host"), name="one_credential_per_namespace"),
                ],
            },
        ),
    ]
