from __future__ import annotations

from django.db import migrations, models

ACTIVE = ["building", "preparing", "publishing", "queued", "testing"]


class Migration(migrations.Migration):
    """A pushed commit may be built again while its cancelled build still winds down."""

    dependencies = [
        ("builds", "0001_initial"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="build",
            name="one_active_build_per_pushed_commit",
        ),
        migrations.AlterField(
            model_name="build",
            name="publication",
            field=models.JSONField(default=dict, editable=False, help_text="{digest, tags?}: begun, not finished."),
        ),
        migrations.AddConstraint(
            model_name="build",
            constraint=models.UniqueConstraint(
                condition=models.Q(cause="push", state__in=ACTIVE, cancel_requested_at=None) & ~models.Q(commit=""),
                fields=("rule", "ref_type", "ref", "commit"),
                name="one_active_build_per_pushed_commit",
            ),
        ),
    ]
