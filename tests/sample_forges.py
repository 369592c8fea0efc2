"""Connections to forges in every condition, and a repository whose webhooks are not right: rows for pages."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from builds.models import Build, Source
from webhooks.models import CommitStatus, ForgeConnection, ListedRepository, SourceLink

_ADDRESS = "http://127.0.0.1:8000/webhooks/github/"


def connect(path: str) -> None:
    """Link the source of `path` by the first of four connections; its newest build's status was not taken yet."""
    namespace, name = path.split("/")
    source = Source.objects.get(repository__namespace__name=namespace, repository__name=name)
    connection = _connections(source)
    for number in range(43):
        ListedRepository.objects.create(
            connection=connection,
            forge_id=str(number),
            full_name=f"acme/service-{number:02d}" if number else f"acme/{'a-long-name-' * 12}",
            clone_url="https://github.com/acme/service.git",
            is_private=number % 3 == 0,
            may_admin=number % 5 != 0,
        )
    SourceLink.objects.create(
        source=source,
        connection=connection,
        full_name=path,
        hook_state="failed",
        hook_sentence="The webhook leaves out pushes of branches and tags.",
        key_sentence="The deploy key is there, and may only read.",
        checked_at=timezone.now() - timedelta(minutes=2),
        findings=_findings(source),
    )
    build = Build.objects.filter(repository=source.repository).latest("number")
    CommitStatus.objects.create(
        source=source, build=build, commit=build.commit, context=f"imageyard/{path} (main)", state="failure",
        http_status=401, tries=7, sentence="GitHub does not take the token (401).",
        next_at=timezone.now() + timedelta(minutes=9),
    )  # fmt: skip


def _connections(source: Source) -> ForgeConnection:
    now = timezone.now()
    rows = {
        "acme's robot": {
            "check_state": "good", "check_sentence": "GitHub takes it: acme-robot.", "checked_at": now,
            "list_state": "good", "list_sentence": "GitHub lists 43 repositories.", "listed_at": now,
        },
        "Old laptop token": {
            "check_state": "failed", "checked_at": now - timedelta(days=9),
            "check_sentence": "GitHub takes the token of wendy, and it lacks the scope `admin:repo_hook`.",
        },
        "GitLab in the cellar": {
            "forge": "gitlab", "api_url": "https://gitlab.acme.example/api/v4", "check_state": "good", "failures": 7,
            "failing_sentence": "GitLab is at fault itself (it answered 502).",
            "paused_until": now + timedelta(minutes=12),
        },
        "New app": {"kind": "app", "check_state": "asked"},
    }  # fmt: skip
    common = {"namespace": source.repository.namespace, "api_url": "https://api.github.com", "token": "not-a-token"}
    made = [ForgeConnection.objects.create(**{"name": name, **common, **fields}) for name, fields in rows.items()]
    return made[0]


def _findings(source: Source) -> list[dict[str, str]]:
    address = f"{_ADDRESS}{source.pk}"
    rows = [
        (address, "events", "The webhook leaves out pushes of branches and tags.", "mend"),
        (f"{address}/", "double", "A second webhook with the same address: every push is delivered twice.", "remove"),
    ]
    return [
        {"hook_id": str(number), "url": url, "problem": problem, "sentence": sentence, "remedy": remedy}
        for number, (url, problem, sentence, remedy) in enumerate(rows)
    ]
