"""Tags for rules that come from a file: what the newest reading said, and where the forge shows the file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import template
from django.utils.dateparse import parse_datetime

from builds.core.forge_pages import commit_page, files_page
from builds.core.rulesfile import FILE_NAME
from builds.models import RulesFileRead, Source

register = template.Library()


@dataclass(frozen=True, slots=True)
class FileState:
    """`problems` are `{line, column, message}`; `is_read` says whether any reading came to an end."""

    name: str
    page: str
    is_asked: bool
    read_at: datetime | None
    commit: str
    commit_page: str
    problems: list[dict[str, Any]]
    sentence: str

    @property
    def is_read(self) -> bool:
        return self.read_at is not None


@register.simple_tag
def rules_file(source: Source) -> FileState:
    """`{% rules_file source as file %}`. One query."""
    said: dict[str, Any] = source.rules_file
    commit = str(said.get("commit", ""))
    below = files_page(source.forge, source.clone_url, source.default_branch)
    return FileState(
        name=FILE_NAME,
        page=f"{below}{FILE_NAME}" if below else "",
        is_asked=RulesFileRead.objects.filter(source=source, asked_at__isnull=False).exists(),
        read_at=parse_datetime(said["read_at"]) if said.get("read_at") else None,
        commit=commit,
        commit_page=commit_page(source.forge, source.clone_url, commit) if commit else "",
        problems=list(said.get("problems", [])),
        sentence=str(said.get("sentence", "")),
    )
