import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import builds.core.states
import lib.crypto
import lib.fields
import lib.folded


class Migration(lib.folded.FoldedMigration):
    replaces = [
        ("builds", "0001_initial"),
        ("builds", "0002_cancelled_builds_make_room"),
        ("builds", "0003_source_lfs"),
        ("builds", "0004_automated_builds"),
        ("builds", "0005_variables"),
        ("builds", "0006_base_images"),
        ("builds", "0007_reviews"),
        ("builds", "0008_catch_up"),
        ("builds", "0009_rule_sources"),
        ("builds", "0010_build_records"),
        ("builds", "0011_pauses"),
        ("builds", "0012_debug_shells"),
        ("builds", "0013_commit_changes"),
        ("builds", "0014_lists_at_scale"),
        ("builds", "0015_image_looks"),
        ("builds", "0016_tag_orders"),
        ("builds", "0017_longer_kinds"),
        ("builds", "0018_room_on_disks"),
        ("builds", "0019_promotions"),
        ("builds", "0020_destination_pushes"),
        ("builds", "0021_gone_refs"),
    ]

    initial = True

    dependencies = [
        ("accounts", "0001_squashed_0003_robots"),
        ("registry", "0001_squashed_0016_collections_that_remove"),
    ]

    operations = [
        migrations.CreateModel(
            name="BaseImage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "name",
                    models.CharField(
                        help_text="With host and tag: docker.io/library/debian:12", max_length=512, unique=True
                    ),
                ),
                ("host", models.CharField(max_length=255)),
                ("path", models.CharField(max_length=255)),
                ("tag", models.CharField(max_length=128)),
                ("digest", models.CharField(blank=True, max_length=128)),
                ("previous_digest", models.CharField(blank=True, max_length=128)),
                ("moved_at", models.DateTimeField(blank=True, null=True)),
                ("checked_at", models.DateTimeField(blank=True, null=True)),
                ("next_check_at", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                (
                    "failures",
                    models.PositiveSmallIntegerField(default=0, help_text="Checks in a row that got no answer."),
                ),
                (
                    "sentence",
                    models.CharField(blank=True, help_text="What the last check said, in words.", max_length=500),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="CachePolicy",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "host",
                    models.CharField(
                        blank=True, help_text="Empty: every host without its own.", max_length=255, unique=True
                    ),
                ),
                ("keep_bytes", models.BigIntegerField(blank=True, help_text="At most; null: no bound.", null=True)),
                (
                    "unused_days",
                    models.PositiveIntegerField(blank=True, help_text="Goes after so long; null: never.", null=True),
                ),
                ("set_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("set_by", models.CharField(blank=True, max_length=150)),
            ],
            options={
                "verbose_name_plural": "cache policies",
                "ordering": ["host"],
            },
        ),
        migrations.CreateModel(
            name="Source",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "forge",
                    models.CharField(
                        choices=[
                            ("github", "GitHub"),
                            ("gitlab", "GitLab"),
                            ("gitea", "Gitea or Forgejo"),
                            ("bitbucket", "Bitbucket"),
                            ("generic", "another Git server"),
                        ],
                        default="github",
                        max_length=16,
                    ),
                ),
                (
                    "clone_url",
                    models.CharField(
                        help_text="https://, ssh:// or git@host:path; without credentials.", max_length=1000
                    ),
                ),
                ("default_branch", models.CharField(blank=True, help_text="Empty: as the forge says.", max_length=255)),
                (
                    "username",
                    models.CharField(
                        blank=True, help_text="User name for https, where the forge wants one.", max_length=255
                    ),
                ),
                (
                    "token",
                    lib.fields.EncryptedTextField(
                        blank=True, help_text="Access token for https. Encrypted at rest, never shown again."
                    ),
                ),
                ("deploy_key", lib.fields.EncryptedTextField(blank=True, editable=False)),
                ("deploy_key_public", models.TextField(blank=True, editable=False)),
                (
                    "ssh_known_hosts",
                    models.TextField(blank=True, help_text="Host keys that are trusted, as in known_hosts."),
                ),
                ("webhook_secret", lib.fields.EncryptedTextField(default=lib.crypto.new_secret, editable=False)),
                ("submodules", models.BooleanField(default=True)),
                (
                    "lfs",
                    models.BooleanField(
                        default=False, help_text="Fetch the content of Git LFS files.", verbose_name="Git LFS"
                    ),
                ),
                (
                    "keeps_git_dir",
                    models.BooleanField(default=False, help_text="Send .git with the context (for `git describe`)."),
                ),
                ("forge_repository_id", models.CharField(blank=True, editable=False, max_length=64)),
                ("forge_full_name", models.CharField(blank=True, editable=False, max_length=255)),
                (
                    "connected_at",
                    models.DateTimeField(blank=True, editable=False, help_text="First good delivery.", null=True),
                ),
                ("last_delivery_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "pull_requests",
                    models.CharField(
                        choices=[
                            ("off", "none"),
                            ("same", "those of branches of this repository"),
                            ("forks", "those of forks too, once a member approves"),
                        ],
                        default="off",
                        help_text="Whose pull requests are tested.",
                        max_length=8,
                    ),
                ),
                (
                    "autotest",
                    models.BooleanField(
                        default=True,
                        help_text="Run every `*.test.yml` beside the Dockerfile after the build and before the tags move.",
                    ),
                ),
                (
                    "hooks_trusted",
                    models.BooleanField(
                        default=False,
                        help_text="Run the scripts of `hooks/`. Only an administrator of the server switches this on.",
                    ),
                ),
                (
                    "rebuild_on_base",
                    models.BooleanField(
                        default=False, help_text="Build anew when a base image of the newest build moves."
                    ),
                ),
                (
                    "rules_from",
                    models.CharField(
                        choices=[("page", "the Rules page"), ("file", "the file `.imageyard.yml`")],
                        default="page",
                        max_length=8,
                    ),
                ),
                (
                    "rules_file",
                    models.JSONField(
                        default=dict,
                        editable=False,
                        help_text="What the newest `.imageyard.yml` said: {commit, read_at, problems}.",
                    ),
                ),
                (
                    "parallel_builds",
                    models.PositiveSmallIntegerField(default=1, help_text="Builds of this repository at once."),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "probe_state",
                    models.CharField(blank=True, editable=False, help_text="asked, good or failed", max_length=8),
                ),
                ("probe_sentence", models.TextField(blank=True, editable=False)),
                ("probed_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "refs",
                    models.JSONField(default=list, editable=False, help_text="[{type, name, commit}], newest probe"),
                ),
                (
                    "repository",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="source", to="registry.repository"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="BuildRule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField(default=0)),
                (
                    "ref_type",
                    models.CharField(
                        choices=[("branch", "Branch"), ("tag", "Tag"), ("pull_request", "pull request")],
                        default="branch",
                        max_length=16,
                    ),
                ),
                (
                    "pattern",
                    models.CharField(
                        help_text="An exact name, or /a regular expression/ (RE2, unanchored).", max_length=500
                    ),
                ),
                ("tags", models.JSONField(default=list, help_text='Tag templates: ["latest", "{sourceref}"]')),
                ("dockerfile", models.CharField(default="Dockerfile", max_length=500)),
                ("context", models.CharField(default=".", max_length=500)),
                ("target", models.CharField(blank=True, max_length=128)),
                ("platforms", models.JSONField(blank=True, default=list)),
                (
                    "build_args",
                    models.JSONField(
                        blank=True, default=dict, help_text="Visible in the image and in logs; no secrets."
                    ),
                ),
                ("autobuild", models.BooleanField(default=True)),
                ("cache", models.BooleanField(default=True)),
                (
                    "supersedes_running",
                    models.BooleanField(default=False, help_text="A newer push stops a running build too."),
                ),
                (
                    "timeout_s",
                    models.PositiveIntegerField(blank=True, help_text="Seconds; empty: as the server says.", null=True),
                ),
                (
                    "paths_include",
                    models.JSONField(blank=True, default=list, help_text="Globs: a push must touch one of them."),
                ),
                (
                    "paths_exclude",
                    models.JSONField(blank=True, default=list, help_text="Globs: paths that do not count."),
                ),
                (
                    "examples",
                    models.JSONField(
                        blank=True, default=list, help_text="[{ref_type, ref, tags}]: the rule's own tests."
                    ),
                ),
                (
                    "schedule",
                    models.CharField(
                        blank=True, help_text="Five cron fields; empty: only pushes build.", max_length=100
                    ),
                ),
                (
                    "schedule_zone",
                    models.CharField(blank=True, default="UTC", help_text="IANA time zone.", max_length=64),
                ),
                ("schedule_next_at", models.DateTimeField(blank=True, db_index=True, editable=False, null=True)),
                ("user_failures", models.PositiveSmallIntegerField(default=0, editable=False)),
                ("platform_failures", models.PositiveSmallIntegerField(default=0, editable=False)),
                ("paused_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("paused_reason", models.CharField(blank=True, editable=False, max_length=300)),
                (
                    "source",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="rules", to="builds.source"
                    ),
                ),
            ],
            options={
                "ordering": ["position", "pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("paused_at__isnull", False)), fields=["-paused_at"], name="rules_paused"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Pause",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "host",
                    models.CharField(blank=True, help_text="Empty: the whole queue.", max_length=255, unique=True),
                ),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                ("by", models.CharField(max_length=150)),
                ("reason", models.CharField(max_length=200)),
            ],
            options={
                "ordering": ["host"],
            },
        ),
        migrations.CreateModel(
            name="Worker",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "name",
                    models.CharField(
                        help_text="Celery's node name, and the process's start.", max_length=255, unique=True
                    ),
                ),
                ("host", models.CharField(max_length=255)),
                ("slots", models.PositiveSmallIntegerField()),
                (
                    "builder",
                    models.CharField(
                        blank=True, help_text="Engine or BuildKit version, as it answered.", max_length=255
                    ),
                ),
                (
                    "builder_fault",
                    models.CharField(blank=True, help_text="Why the builder does not answer.", max_length=300),
                ),
                ("disk_free_bytes", models.BigIntegerField(blank=True, null=True)),
                ("started_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("seen_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("disk_total_bytes", models.BigIntegerField(blank=True, null=True)),
                ("memory_free_bytes", models.BigIntegerField(blank=True, null=True)),
                ("memory_total_bytes", models.BigIntegerField(blank=True, null=True)),
                ("cpus", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("load", models.FloatField(blank=True, help_text="Mean of the last minute.", null=True)),
                ("disks", models.JSONField(blank=True, default=list, editable=False)),
                ("low_disks", models.JSONField(blank=True, default=list, editable=False)),
                (
                    "disk_fault",
                    models.CharField(blank=True, help_text="Which disk has no room for another build.", max_length=300),
                ),
                (
                    "shared_disk_fault",
                    models.CharField(blank=True, help_text="The same of a disk that all fill.", max_length=300),
                ),
                ("cache", models.JSONField(blank=True, default=dict, editable=False)),
                (
                    "drain_asked_at",
                    models.DateTimeField(blank=True, help_text="Ends what it has, then its process.", null=True),
                ),
                ("drain_asked_by", models.CharField(blank=True, max_length=150)),
                ("draining_since", models.DateTimeField(blank=True, null=True)),
                ("stopped_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["host", "name"],
            },
        ),
        migrations.CreateModel(
            name="Build",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField(editable=False)),
                (
                    "plan",
                    models.JSONField(
                        default=dict, editable=False, help_text="The rule as it was, and the tags it makes."
                    ),
                ),
                (
                    "ref_type",
                    models.CharField(
                        choices=[("branch", "Branch"), ("tag", "Tag"), ("pull_request", "pull request")], max_length=16
                    ),
                ),
                ("ref", models.CharField(max_length=255)),
                (
                    "commit",
                    models.CharField(
                        blank=True, db_index=True, help_text="Empty until the checkout knows it.", max_length=64
                    ),
                ),
                (
                    "before",
                    models.CharField(blank=True, help_text="Where the ref pointed before the push.", max_length=64),
                ),
                ("commit_message", models.TextField(blank=True)),
                ("commit_author", models.CharField(blank=True, max_length=255)),
                ("forced", models.BooleanField(default=False, help_text="The push that caused it rewrote history.")),
                (
                    "cause",
                    models.CharField(
                        choices=[
                            ("manual", "Manual"),
                            ("push", "Push"),
                            ("pull_request", "pull request"),
                            ("base_image", "base image"),
                            ("schedule", "Schedule"),
                            ("retry", "Retry"),
                            ("trigger", "trigger token"),
                            ("catch_up", "catch-up"),
                            ("back_fill", "back-fill"),
                        ],
                        default="push",
                        max_length=16,
                    ),
                ),
                ("cause_detail", models.CharField(blank=True, help_text="Who or what, in words.", max_length=300)),
                (
                    "delivery_id",
                    models.UUIDField(blank=True, db_index=True, help_text="The delivery that caused it.", null=True),
                ),
                (
                    "priority",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (10, "Manual"),
                            (20, "Push"),
                            (30, "Pull Request"),
                            (40, "Base Image"),
                            (50, "Schedule"),
                        ],
                        default=20,
                    ),
                ),
                (
                    "pull_request",
                    models.JSONField(
                        default=dict,
                        editable=False,
                        help_text="{number, title, url, author, head_repository, head_ref, base_ref, fork}",
                    ),
                ),
                (
                    "untrusted",
                    models.BooleanField(
                        default=False,
                        editable=False,
                        help_text="Of a stranger's code: no secrets, no hooks, no shared cache.",
                    ),
                ),
                (
                    "hold",
                    models.CharField(
                        blank=True,
                        editable=False,
                        help_text="approval: no worker takes it before a member says so.",
                        max_length=16,
                    ),
                ),
                (
                    "hold_until",
                    models.DateTimeField(blank=True, editable=False, help_text="When the question expires.", null=True),
                ),
                ("approved_by", models.CharField(blank=True, editable=False, max_length=150)),
                ("approved_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("skip_reason", models.CharField(blank=True, editable=False, max_length=300)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "queued"),
                            ("preparing", "preparing"),
                            ("building", "building"),
                            ("testing", "testing"),
                            ("publishing", "publishing"),
                            ("succeeded", "succeeded"),
                            ("failed", "failed"),
                            ("cancelled", "cancelled"),
                            ("superseded", "superseded"),
                        ],
                        db_index=True,
                        default=builds.core.states.State["QUEUED"],
                        max_length=16,
                    ),
                ),
                (
                    "attempt",
                    models.PositiveSmallIntegerField(default=0, help_text="How many times a worker has claimed it."),
                ),
                ("platform_failures", models.PositiveSmallIntegerField(default=0)),
                (
                    "space_failures",
                    models.PositiveSmallIntegerField(default=0, help_text="How often it met a full disk."),
                ),
                ("worker", models.CharField(blank=True, max_length=255)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                (
                    "not_before",
                    models.DateTimeField(
                        default=django.utils.timezone.now, help_text="Waits until then: backoff after a fault."
                    ),
                ),
                (
                    "wait_reason",
                    models.CharField(blank=True, help_text="Why it waits again, in words.", max_length=300),
                ),
                ("deadline_at", models.DateTimeField(blank=True, null=True)),
                ("timeout_s", models.PositiveIntegerField(default=3600)),
                ("queued_at", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("cancel_requested_at", models.DateTimeField(blank=True, null=True)),
                ("cancelled_by", models.CharField(blank=True, max_length=150)),
                ("cancel_reason", models.CharField(blank=True, max_length=300)),
                (
                    "error_kind",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("user", "user"),
                            ("source", "source"),
                            ("registry", "registry"),
                            ("builder", "builder"),
                            ("timeout", "timeout"),
                            ("limit", "limit"),
                            ("platform", "platform"),
                        ],
                        max_length=16,
                    ),
                ),
                ("error_message", models.TextField(blank=True)),
                ("error_step", models.CharField(blank=True, max_length=500)),
                (
                    "error_line",
                    models.PositiveIntegerField(blank=True, help_text="Line of the Dockerfile, from 1.", null=True),
                ),
                (
                    "tags",
                    models.JSONField(default=list, editable=False, help_text="Names that were put, build tag first."),
                ),
                (
                    "moves",
                    models.JSONField(
                        default=list, editable=False, help_text="[{tag, moved, sentence}] of the publication."
                    ),
                ),
                (
                    "publication",
                    models.JSONField(default=dict, editable=False, help_text="{digest, tags?}: begun, not finished."),
                ),
                ("digest", models.CharField(blank=True, db_index=True, max_length=128)),
                ("size_bytes", models.BigIntegerField(blank=True, null=True)),
                ("base_images", models.JSONField(default=list, editable=False, help_text="[{name, digest, platform}]")),
                ("warnings", models.JSONField(default=list, editable=False)),
                (
                    "tests",
                    models.JSONField(default=list, editable=False, help_text="[{file, state, seconds, sentence}]"),
                ),
                ("steps_total", models.PositiveSmallIntegerField(default=0)),
                ("steps_cacheable", models.PositiveSmallIntegerField(blank=True, editable=False, null=True)),
                ("steps_cached", models.PositiveSmallIntegerField(blank=True, editable=False, null=True)),
                (
                    "saved_s",
                    models.FloatField(blank=True, editable=False, help_text="Seconds that the cache saved.", null=True),
                ),
                (
                    "turn",
                    models.CharField(
                        choices=[("broke", "broke"), ("mended", "mended")], editable=False, max_length=8, null=True
                    ),
                ),
                (
                    "failure_key",
                    models.CharField(
                        blank=True,
                        editable=False,
                        help_text="The same for failures alike, in one repository.",
                        max_length=64,
                    ),
                ),
                ("log_bytes", models.BigIntegerField(default=0)),
                ("log_lines", models.BigIntegerField(default=0)),
                (
                    "log_clipped",
                    models.CharField(blank=True, help_text="Why the log is not whole, in words.", max_length=300),
                ),
                (
                    "repository",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="builds", to="registry.repository"
                    ),
                ),
                (
                    "retry_of",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="retries",
                        to="builds.build",
                    ),
                ),
                (
                    "superseded_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="supersedes",
                        to="builds.build",
                    ),
                ),
                (
                    "rule",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="builds",
                        to="builds.buildrule",
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="builds",
                        to="builds.source",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "queued")), fields=["priority", "queued_at"], name="build_queue"
                    ),
                    models.Index(fields=["repository", "-number"], name="builds_buil_reposit_0cefa7_idx"),
                    models.Index(fields=["rule", "ref_type", "ref", "state"], name="builds_buil_rule_id_37c179_idx"),
                    models.Index(
                        condition=models.Q(("lease_until", None), _negated=True),
                        fields=["lease_until"],
                        name="build_leases",
                    ),
                    models.Index(
                        condition=models.Q(("failure_key", ""), _negated=True),
                        fields=["repository", "failure_key", "-number"],
                        name="failures_alike",
                    ),
                    models.Index(fields=["repository", "finished_at", "state"], name="ended_of_repository"),
                    models.Index(
                        condition=models.Q(("finished_at__isnull", False)), fields=["finished_at"], name="ended_lately"
                    ),
                    models.Index(
                        condition=models.Q(("turn__isnull", False)),
                        fields=["turn", "finished_at"],
                        name="turned_lately",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("repository", "number"), name="build_number_is_taken"),
                    models.UniqueConstraint(
                        condition=models.Q(
                            ("cancel_requested_at", None),
                            ("cause", "push"),
                            (
                                "state__in",
                                [
                                    builds.core.states.State["BUILDING"],
                                    builds.core.states.State["PREPARING"],
                                    builds.core.states.State["PUBLISHING"],
                                    builds.core.states.State["QUEUED"],
                                    builds.core.states.State["TESTING"],
                                ],
                            ),
                            models.Q(("commit", ""), _negated=True),
                        ),
                        fields=("rule", "ref_type", "ref", "commit"),
                        name="one_active_build_per_pushed_commit",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BuildEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("kind", models.CharField(help_text="queued, claimed, state, finished, …", max_length=32)),
                ("attempt", models.PositiveSmallIntegerField(default=0)),
                ("detail", models.JSONField(default=dict)),
                ("handled_at", models.DateTimeField(blank=True, db_index=True, null=True)),
                (
                    "build",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="events", to="builds.build"
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="BuildRecord",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("attempt", models.PositiveSmallIntegerField()),
                ("dockerfile", models.TextField(blank=True, help_text="The text that was built.")),
                ("dockerfile_path", models.CharField(blank=True, max_length=500)),
                (
                    "platforms",
                    models.JSONField(
                        default=list,
                        help_text="[{platform, build_args, base_images, layers: [{digest, size_bytes, step}]}]",
                    ),
                ),
                ("image", models.JSONField(default=dict, help_text="Config and history of the image, by platform.")),
                (
                    "cache_report",
                    models.JSONField(default=dict, help_text="builds.core.cache_report, as it was at the end."),
                ),
                (
                    "failure",
                    models.JSONField(default=dict, help_text="builds.core.failure_digest, as it was at the end."),
                ),
                ("builder", models.CharField(blank=True, help_text="Host and builder that ran it.", max_length=255)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "build",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="record", to="builds.build"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="BuildSequence",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("last", models.PositiveIntegerField(default=0)),
                (
                    "repository",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="build_sequence",
                        to="registry.repository",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="CachePrune",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("host", models.CharField(max_length=255)),
                ("builder", models.CharField(blank=True, max_length=255)),
                (
                    "cause",
                    models.CharField(
                        choices=[("person", "asked"), ("policy", "Policy"), ("disk", "disk low")], max_length=8
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
                ("asked_by", models.CharField(blank=True, max_length=150)),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("keep_bytes", models.BigIntegerField(blank=True, null=True)),
                ("unused_days", models.PositiveIntegerField(blank=True, null=True)),
                ("free_bytes", models.BigIntegerField(blank=True, null=True)),
                ("worker", models.CharField(blank=True, max_length=255)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("freed_bytes", models.BigIntegerField(blank=True, null=True)),
                ("sentence", models.CharField(blank=True, help_text="What came of it.", max_length=300)),
            ],
            options={
                "ordering": ["-pk"],
                "indexes": [models.Index(fields=["host", "-id"], name="prunes_of_a_host")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["asked", "running"])),
                        fields=("host",),
                        name="one_prune_of_a_host",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CatchUpLook",
            fields=[
                (
                    "source",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="catch_up_look",
                        serialize=False,
                        to="builds.source",
                    ),
                ),
                (
                    "automatic",
                    models.BooleanField(default=False, help_text="Build the newest missed pushes without asking."),
                ),
                (
                    "clone_url",
                    models.CharField(blank=True, editable=False, help_text="What was looked at.", max_length=1000),
                ),
                (
                    "seen",
                    models.JSONField(
                        default=dict, editable=False, help_text='{"branch main": commit} of the last look.'
                    ),
                ),
                (
                    "suspects",
                    models.JSONField(default=list, editable=False, help_text="Missed if the next look finds them too."),
                ),
                (
                    "asked_at",
                    models.DateTimeField(
                        blank=True, editable=False, help_text="A person wants to know now.", null=True
                    ),
                ),
                ("looked_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "next_look_at",
                    models.DateTimeField(db_index=True, default=django.utils.timezone.now, editable=False),
                ),
                ("failures", models.PositiveSmallIntegerField(default=0, editable=False)),
                ("sentence", models.CharField(blank=True, editable=False, max_length=500)),
            ],
        ),
        migrations.CreateModel(
            name="RulesFileRead",
            fields=[
                (
                    "source",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="rules_file_read",
                        serialize=False,
                        to="builds.source",
                    ),
                ),
                ("asked_at", models.DateTimeField(blank=True, db_index=True, editable=False, null=True)),
                (
                    "not_before",
                    models.DateTimeField(
                        default=django.utils.timezone.now, editable=False, help_text="Later after each failure."
                    ),
                ),
                ("failures", models.PositiveSmallIntegerField(default=0, editable=False)),
                (
                    "push",
                    models.JSONField(
                        default=dict,
                        editable=False,
                        help_text="{ref, commit, before, forced, message, author, detail, delivery_id}: judged by the new rules.",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SourceRefs",
            fields=[
                (
                    "source",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="all_refs",
                        serialize=False,
                        to="builds.source",
                    ),
                ),
                ("refs", models.JSONField(default=list)),
                ("total", models.PositiveIntegerField(default=0, help_text="How many the Git server has.")),
                ("read_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "verbose_name_plural": "refs of sources",
            },
        ),
        migrations.CreateModel(
            name="CommitChanges",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("base", models.CharField(max_length=64)),
                ("head", models.CharField(max_length=64)),
                (
                    "state",
                    models.CharField(
                        choices=[("asked", "Asked"), ("good", "Good"), ("failed", "Failed")],
                        default="asked",
                        max_length=8,
                    ),
                ),
                ("sentence", models.CharField(blank=True, help_text="Why nobody can tell.", max_length=300)),
                ("files", models.JSONField(default=list, help_text="The first paths, in order.")),
                ("total", models.PositiveIntegerField(default=0)),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "source",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="commit_changes", to="builds.source"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("source", "base", "head"), name="one_row_per_pair_of_commits")
                ],
            },
        ),
        migrations.CreateModel(
            name="DebugImage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("attempt", models.PositiveSmallIntegerField()),
                (
                    "step_index",
                    models.PositiveSmallIntegerField(help_text="The failing step; the image ends before it."),
                ),
                ("step_name", models.TextField(blank=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("asked", "Asked"),
                            ("making", "Making"),
                            ("ready", "Ready"),
                            ("failed", "Failed"),
                            ("expired", "Expired"),
                        ],
                        default="asked",
                        max_length=16,
                    ),
                ),
                ("sentence", models.TextField(blank=True, help_text="Why it failed, or what the maker does now.")),
                ("image", models.CharField(blank=True, help_text="Name with registry and tag.", max_length=500)),
                ("digest", models.CharField(blank=True, max_length=128)),
                (
                    "facts",
                    models.JSONField(
                        default=dict, help_text="builds.core.debug_step.StepFacts: the step to try by hand."
                    ),
                ),
                ("worker", models.CharField(blank=True, max_length=255)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("ready_at", models.DateTimeField(blank=True, null=True)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                (
                    "asked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "build",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="debug_images", to="builds.build"
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "indexes": [models.Index(fields=["state", "expires_at"], name="debug_images_to_do")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["asked", "making", "ready"])),
                        fields=("build",),
                        name="one_living_debug_image_per_build",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="DebugSession",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("worker", models.CharField(blank=True, max_length=255)),
                ("container", models.CharField(blank=True, max_length=128)),
                (
                    "sentence",
                    models.CharField(blank=True, help_text="What is done for it before it starts.", max_length=300),
                ),
                ("opened_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("started_at", models.DateTimeField(blank=True, help_text="When the shell was there.", null=True)),
                ("until", models.DateTimeField(help_text="When it is closed whatever happens.")),
                ("seen_at", models.DateTimeField(blank=True, help_text="The worker's last sign of life.", null=True)),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                ("end_reason", models.CharField(blank=True, max_length=300)),
                (
                    "transcript",
                    models.CharField(blank=True, help_text="Its object in the log storage.", max_length=255),
                ),
                (
                    "debug_image",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="sessions", to="builds.debugimage"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("closed_at", None)), fields=["worker", "opened_at"], name="open_shells"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("closed_at", None), ("user__isnull", False)),
                        fields=("user",),
                        name="one_open_shell_per_person",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="DestinationPush",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("turns", models.PositiveSmallIntegerField(default=0, help_text="How often a worker took it.")),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("not_before", models.DateTimeField(default=django.utils.timezone.now)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("host", models.CharField(max_length=255)),
                ("path", models.CharField(max_length=255)),
                ("digest", models.CharField(max_length=200)),
                ("tags", models.JSONField(default=list, help_text="All tags of the build, its own first.")),
                ("moved", models.JSONField(default=list, help_text="Those that have the image there.")),
                ("not_moved", models.JSONField(default=list, help_text="Sentences about those that were left alone.")),
                (
                    "state",
                    models.CharField(
                        choices=[("asked", "waits"), ("doing", "copying"), ("done", "Done"), ("failed", "Failed")],
                        default="asked",
                        max_length=8,
                    ),
                ),
                (
                    "sentence",
                    models.TextField(blank=True, help_text="What it waits for, what was done, or why it failed."),
                ),
                (
                    "by",
                    models.CharField(blank=True, help_text="Who asked for it again; empty: the build.", max_length=150),
                ),
                (
                    "build",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="destination_pushes",
                        to="builds.build",
                    ),
                ),
                (
                    "destination",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="pushes",
                        to="registry.destination",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "destination pushes",
                "ordering": ["pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["asked", "doing"])),
                        fields=["not_before"],
                        name="destination_pushes_to_do",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("destination", "build"), name="one_push_per_build_and_destination")
                ],
            },
        ),
        migrations.CreateModel(
            name="GoneRef",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "ref_type",
                    models.CharField(
                        choices=[("branch", "Branch"), ("tag", "Tag"), ("pull_request", "pull request")], max_length=16
                    ),
                ),
                ("ref", models.CharField(help_text="Its name; of a pull request its number.", max_length=255)),
                (
                    "gone_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, help_text="When the forge told, or a look missed it first."
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="gone_refs", to="builds.source"
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("source", "ref_type", "ref"), name="a_ref_is_gone_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="ImageLook",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("image", "Image"), ("files", "Files"), ("waste", "Waste"), ("packages", "Packages")],
                        max_length=8,
                    ),
                ),
                ("digest", models.CharField(max_length=140)),
                (
                    "state",
                    models.CharField(
                        choices=[("asked", "Asked"), ("reading", "Reading"), ("ready", "Ready"), ("failed", "Failed")],
                        default="asked",
                        max_length=8,
                    ),
                ),
                ("sentence", models.TextField(blank=True, help_text="How far it is, or why it failed.")),
                ("facts", models.JSONField(default=dict)),
                (
                    "data",
                    models.BinaryField(
                        default=bytes, help_text="JSON as one zstd frame: what only one page at a time needs."
                    ),
                ),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("lease_until", models.DateTimeField(blank=True, help_text="Until then a worker reads it.", null=True)),
                ("read_at", models.DateTimeField(blank=True, null=True)),
                (
                    "repository",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="image_looks",
                        to="registry.repository",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["asked", "reading"])),
                        fields=["asked_at"],
                        name="image_looks_to_do",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("repository", "kind", "digest"), name="one_look_per_digest")
                ],
            },
        ),
        migrations.CreateModel(
            name="LogArchive",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("attempt", models.PositiveSmallIntegerField()),
                ("object_name", models.CharField(max_length=255)),
                ("index", models.JSONField(default=list)),
                ("size_bytes", models.BigIntegerField(default=0)),
                ("lines", models.BigIntegerField(default=0)),
                ("clipped", models.CharField(blank=True, max_length=300)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "build",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="archives", to="builds.build"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("build", "attempt"), name="one_archive_per_attempt")],
            },
        ),
        migrations.CreateModel(
            name="LogFrame",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("attempt", models.PositiveSmallIntegerField()),
                ("step_index", models.PositiveSmallIntegerField()),
                ("seq", models.PositiveIntegerField(help_text="Order within the step, from 0.")),
                ("first_line", models.BigIntegerField()),
                ("lines", models.BigIntegerField(help_text="Lines that end in this frame.")),
                ("byte_offset", models.BigIntegerField(help_text="Within the step.")),
                ("size_bytes", models.BigIntegerField(help_text="Uncompressed.")),
                ("data", models.BinaryField()),
                (
                    "build",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="frames", to="builds.build"
                    ),
                ),
            ],
            options={
                "ordering": ["build", "attempt", "step_index", "seq"],
                "constraints": [
                    models.UniqueConstraint(fields=("build", "attempt", "step_index", "seq"), name="one_frame_per_seq")
                ],
            },
        ),
        migrations.CreateModel(
            name="Rebuild",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("ref_type", models.CharField(max_length=16)),
                ("ref", models.CharField(max_length=255)),
                ("commit", models.CharField(max_length=64)),
                ("old_digest", models.CharField(max_length=128)),
                ("new_digest", models.CharField(max_length=128)),
                ("chain", models.JSONField(default=list)),
                (
                    "state",
                    models.CharField(
                        choices=[("waiting", "Waiting"), ("asked", "Asked"), ("dropped", "Dropped")],
                        db_index=True,
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("sentence", models.CharField(blank=True, max_length=500)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                (
                    "base",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="rebuilds", to="builds.baseimage"
                    ),
                ),
                (
                    "build",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="base_rebuilds",
                        to="builds.build",
                    ),
                ),
                (
                    "rule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="rebuilds", to="builds.buildrule"
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "waiting")),
                        fields=("rule", "ref_type", "ref"),
                        name="one_waiting_rebuild_per_ref",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Review",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[("asked", "Asked"), ("good", "Good"), ("failed", "Failed")],
                        db_index=True,
                        default="asked",
                        max_length=8,
                    ),
                ),
                (
                    "sentence",
                    models.TextField(blank=True, help_text="What the worker found, or why it could not look."),
                ),
                ("commit", models.CharField(help_text="The commit that was looked at.", max_length=64)),
                ("base_commit", models.CharField(blank=True, help_text="Where the two histories part.", max_length=64)),
                (
                    "files",
                    models.JSONField(
                        default=list, help_text="[{path, change, diff, clipped}] of the files that say what runs."
                    ),
                ),
                ("others", models.JSONField(default=list, help_text="[{path, change}] of the rest, bounded.")),
                ("others_total", models.PositiveIntegerField(default=0)),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("made_at", models.DateTimeField(blank=True, null=True)),
                (
                    "build",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="review", to="builds.build"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SkippedPush",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "ref_type",
                    models.CharField(
                        choices=[("branch", "Branch"), ("tag", "Tag"), ("pull_request", "pull request")],
                        editable=False,
                        max_length=16,
                    ),
                ),
                ("ref", models.CharField(editable=False, max_length=255)),
                ("commit", models.CharField(editable=False, max_length=64)),
                ("commit_message", models.TextField(blank=True, editable=False)),
                ("delivery_id", models.UUIDField(editable=False, null=True)),
                ("sentence", models.CharField(editable=False, help_text="Why, in words.", max_length=300)),
                (
                    "source",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="skipped_pushes",
                        to="builds.source",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "skipped pushes",
                "ordering": ["-at", "-pk"],
                "indexes": [models.Index(fields=["source", "-at"], name="builds_skip_source__dc05a7_idx")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("source", "ref_type", "ref", "commit"), name="one_skip_per_pushed_commit"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Step",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("attempt", models.PositiveSmallIntegerField()),
                ("index", models.PositiveSmallIntegerField()),
                (
                    "vertex",
                    models.CharField(
                        blank=True, help_text="BuildKit's digest; empty for our own steps.", max_length=128
                    ),
                ),
                ("name", models.TextField()),
                ("internal", models.BooleanField(default=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("running", "Running"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="pending",
                        max_length=16,
                    ),
                ),
                ("cached", models.BooleanField(default=False)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("duration_s", models.FloatField(blank=True, help_text="Sum of its intervals, in seconds.", null=True)),
                ("error", models.TextField(blank=True)),
                ("dockerfile_line", models.PositiveIntegerField(blank=True, null=True)),
                (
                    "layer_bytes",
                    models.BigIntegerField(blank=True, help_text="Compressed size of the layer it made.", null=True),
                ),
                ("lines", models.BigIntegerField(default=0)),
                ("size_bytes", models.BigIntegerField(default=0)),
                (
                    "inputs",
                    models.JSONField(
                        default=list, editable=False, help_text="Indexes of the steps whose result it takes."
                    ),
                ),
                (
                    "intervals",
                    models.JSONField(
                        default=list, editable=False, help_text="[[begin, end | null]], seconds since 1970."
                    ),
                ),
                (
                    "transfers",
                    models.JSONField(
                        default=list, editable=False, help_text="[{id, current, total}], bytes, as it ended."
                    ),
                ),
                (
                    "operation",
                    models.CharField(blank=True, editable=False, help_text="source, exec, file, …", max_length=8),
                ),
                (
                    "fingerprint",
                    models.CharField(blank=True, editable=False, help_text="Of the operation alone.", max_length=64),
                ),
                ("paths", models.JSONField(default=list, editable=False, help_text="What a COPY takes.")),
                (
                    "dockerfile_lines",
                    models.JSONField(default=list, editable=False, help_text="All its lines, from 1."),
                ),
                (
                    "build",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="steps", to="builds.build"
                    ),
                ),
            ],
            options={
                "ordering": ["build", "attempt", "index"],
                "constraints": [
                    models.UniqueConstraint(fields=("build", "attempt", "index"), name="one_step_per_index")
                ],
            },
        ),
        migrations.CreateModel(
            name="TagOrder",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("turns", models.PositiveSmallIntegerField(default=0, help_text="How often a worker took it.")),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("not_before", models.DateTimeField(default=django.utils.timezone.now)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("tag", models.CharField(max_length=128)),
                ("digest", models.CharField(max_length=140)),
                (
                    "build_number",
                    models.PositiveIntegerField(blank=True, help_text="The build that made the image.", null=True),
                ),
                (
                    "from_digest",
                    models.CharField(blank=True, help_text="Where the tag pointed when it was asked.", max_length=140),
                ),
                ("from_build", models.PositiveIntegerField(blank=True, null=True)),
                ("source_path", models.CharField(blank=True, max_length=255)),
                ("source_build", models.PositiveIntegerField(blank=True, null=True)),
                (
                    "with_referrers",
                    models.BooleanField(default=True, help_text="Copy signatures and the like with the image."),
                ),
                (
                    "bytes_done",
                    models.BigIntegerField(default=0, help_text="Of the copy; what was there already counts."),
                ),
                (
                    "bytes_total",
                    models.BigIntegerField(blank=True, help_text="Empty until the image was read.", null=True),
                ),
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
                        max_length=12,
                    ),
                ),
                ("hold", models.BooleanField(help_text="Held afterwards, released, or as it was.", null=True)),
                ("by", models.CharField(max_length=150)),
                (
                    "state",
                    models.CharField(
                        choices=[("asked", "Asked"), ("doing", "Doing"), ("done", "Done"), ("failed", "Failed")],
                        default="asked",
                        max_length=8,
                    ),
                ),
                (
                    "sentence",
                    models.TextField(blank=True, help_text="What it waits for, what was done, or why it failed."),
                ),
                (
                    "repository",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="tag_orders", to="registry.repository"
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="orders_elsewhere",
                        to="registry.repository",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["asked", "doing"])),
                        fields=["not_before"],
                        name="tag_orders_to_do",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["asked", "doing"])),
                        fields=("repository", "tag"),
                        name="one_order_at_a_time_per_tag",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Variable",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("arg", "build argument"), ("secret", "secret"), ("ssh", "SSH key")],
                        default="arg",
                        max_length=8,
                    ),
                ),
                ("name", models.CharField(max_length=128)),
                ("value", lib.fields.EncryptedTextField(blank=True, editable=False)),
                ("public", models.TextField(blank=True, editable=False, help_text="The public half of an SSH key.")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_by", models.CharField(blank=True, editable=False, max_length=150)),
                (
                    "rule",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="variables",
                        to="builds.buildrule",
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="variables", to="builds.source"
                    ),
                ),
            ],
            options={
                "ordering": ["kind", "name", "rule"],
                "constraints": [
                    models.UniqueConstraint(fields=("source", "kind", "name", "rule"), name="one_variable_per_rule"),
                    models.UniqueConstraint(
                        condition=models.Q(("rule", None)),
                        fields=("source", "kind", "name"),
                        name="one_variable_per_source",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BaseUse",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("ref_type", models.CharField(max_length=16)),
                ("ref", models.CharField(max_length=255)),
                ("digest", models.CharField(max_length=128)),
                (
                    "base",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="uses", to="builds.baseimage"
                    ),
                ),
                (
                    "build",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="base_uses", to="builds.build"
                    ),
                ),
                (
                    "rule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="base_uses", to="builds.buildrule"
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
                "indexes": [models.Index(fields=["rule", "ref_type", "ref"], name="builds_base_rule_id_9de573_idx")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("base", "rule", "ref_type", "ref"), name="one_use_of_a_base_per_ref"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CatchUp",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "missed",
                    models.JSONField(
                        default=list, editable=False, help_text="[{ref_type, ref, commit, before, rules}]"
                    ),
                ),
                (
                    "choice",
                    models.CharField(
                        blank=True,
                        choices=[("newest", "the newest of each rule"), ("all", "all"), ("none", "none")],
                        editable=False,
                        max_length=8,
                    ),
                ),
                ("decided_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("decided_by", models.CharField(blank=True, editable=False, max_length=150)),
                ("build_ids", models.JSONField(default=list, editable=False)),
                (
                    "source",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="catch_ups",
                        to="builds.source",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(condition=models.Q(("decided_at", None)), fields=["-id"], name="catch_ups_open")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("decided_at", None)),
                        fields=("source",),
                        name="one_open_catch_up_per_source",
                    )
                ],
            },
        ),
    ]
