from __future__ import annotations

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import lib.fields


class Migration(migrations.Migration):
    dependencies = [("registry", "0008_promotions")]

    operations = [
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
    ]
