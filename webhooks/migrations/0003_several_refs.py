"""What came of each ref where one delivery moved several."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0002_duplicates_and_floods")]

    operations = [
        migrations.AddField(
            model_name="delivery", name="changes", field=models.JSONField(default=list, editable=False)
        ),
        migrations.AddField(
            model_name="delivery",
            name="more_refs",
            field=models.TextField(
                blank=True, default="", editable=False, help_text="Names of the other refs, one in a line."
            ),
            preserve_default=False,
        ),
    ]
