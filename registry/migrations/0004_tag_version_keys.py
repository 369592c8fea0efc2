from __future__ import annotations

from typing import Any

from django.db import migrations, models

import registry.models
from registry.core.tag_key import tag_key

_AT_ONCE = 1_000


def fill(apps: Any, _schema: Any) -> None:
    """The keys of the tags that are there. Words have an empty one, which they have already."""
    tags = apps.get_model("registry", "Tag").objects
    changed = []
    for tag in tags.only("pk", "name").iterator(_AT_ONCE):
        if tag_key(tag.name):
            changed.append(tag)
        if len(changed) == _AT_ONCE:
            _write(tags, changed)
            changed = []
    _write(tags, changed)


def _write(tags: Any, changed: list[Any]) -> None:
    for tag in changed:
        tag.version_key = tag_key(tag.name)
    tags.bulk_update(changed, ["version_key"])


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0003_tags_by_hand"),
    ]

    operations = [
        migrations.AddField(
            model_name="tag",
            name="version_key",
            field=registry.models.TagKeyField(default=b"", editable=False, max_length=512),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="tag",
            index=models.Index(fields=["repository", "-version_key", "name"], name="tags_by_version"),
        ),
        migrations.AddIndex(
            model_name="tag",
            index=models.Index(fields=["repository", "-pushed_at", "name"], name="tags_by_age"),
        ),
    ]
