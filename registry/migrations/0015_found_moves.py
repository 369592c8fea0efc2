from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0014_moves_by_digest"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="tagmove",
            index=models.Index(
                condition=models.Q(("by", ""), ("kind__in", ["push", "delete"])),
                fields=["-at", "-id"],
                name="moves_that_were_found",
            ),
        ),
    ]
