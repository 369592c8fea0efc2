import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0009_signing_keys"),
    ]

    operations = [
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
            ],
            options={
                "ordering": ["-pk"],
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
            ],
            options={
                "verbose_name_plural": "registry watches",
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
            ],
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
            ],
            options={
                "verbose_name_plural": "tag news",
                "ordering": ["pk"],
            },
        ),
        migrations.AddField(
            model_name="tag",
            name="facts_due_at",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="When its size is to be read; empty: nobody waits for it.",
                null=True,
            ),
        ),
        migrations.AddIndex(
            model_name="tag",
            index=models.Index(fields=["repository", "-pulls", "name"], name="tags_by_pulls"),
        ),
        migrations.AddIndex(
            model_name="tag",
            index=models.Index(
                condition=models.Q(("facts_due_at", None), _negated=True),
                fields=["facts_due_at"],
                name="tags_without_facts",
            ),
        ),
        migrations.AddField(
            model_name="registryevent",
            name="repository",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="registry_events", to="registry.repository"
            ),
        ),
        migrations.AddField(
            model_name="registrywatch",
            name="registry",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE, related_name="watch", to="registry.registry"
            ),
        ),
        migrations.AddField(
            model_name="tagcomparison",
            name="repository",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE, related_name="comparison", to="registry.repository"
            ),
        ),
        migrations.AddField(
            model_name="tagnews",
            name="repository",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="tag_news", to="registry.repository"
            ),
        ),
        migrations.AddIndex(
            model_name="registryevent",
            index=models.Index(
                condition=models.Q(("handled_at", None)), fields=["not_before"], name="registry_events_to_do"
            ),
        ),
        migrations.AddIndex(
            model_name="registryevent",
            index=models.Index(fields=["handled_at"], name="registry_events_by_age"),
        ),
        migrations.AddIndex(
            model_name="tagcomparison",
            index=models.Index(fields=["due_at"], name="comparisons_by_due"),
        ),
    ]
