"""What retention goes by: the tags of a repository with what builds, people and other repositories want of them.

A constant number of queries, however many tags there are. "In use" is said in docs/clean-up.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q
from django.db.models.fields.json import KT

from builds.actions.fixed_tags import fixed_tags_of
from builds.core.fixed_tags import never_moves
from builds.core.states import ACTIVE, State
from builds.models import BaseImage, Build, DestinationPush, GoneRef, TagOrder
from lib.humanize import quoted
from registry.core.retention import TagFacts
from registry.core.retention_rules import kind_of
from registry.models import Repository, Tag

_OPEN = ("asked", "doing")
_PULL = KT("pull_request__number")
_Key = tuple[int | None, str, str]


@dataclass(frozen=True, slots=True)
class _Made:
    """The build that put a tag: of which rule and ref."""

    rule: int | None
    ref_type: str
    ref: str

    @property
    def group(self) -> _Key:
        """Whose newest image counts: that of a branch by each of its rules; of Git tags that of the rule."""
        return self.rule, self.ref_type, "" if self.ref_type == "tag" else self.ref


def tag_facts(repository: Repository) -> list[TagFacts]:
    """All tags of a repository, newest first. Needs its namespace and registry."""
    tags = list(Tag.objects.filter(repository=repository).order_by("-pushed_at", "name").values(*_COLUMNS))
    made, gone, uses = _builds(repository), _gone(repository), Uses(repository)
    fixed = fixed_tags_of(repository.pk)
    newest: dict[_Key, int] = {}
    for number, one in made.items():
        newest[one.group] = max(number, newest.get(one.group, 0))
    facts = []
    for tag in tags:
        number = tag["build_number"]
        build: _Made | None = made.get(number or 0)
        gone_at = gone.get((build.ref_type, build.ref)) if build else None
        is_newest = build is not None and newest[build.group] == number and gone_at is None
        pattern = fixed.pattern_of(tag["name"]) if kind_of(tag["name"]) != "build" else ""
        facts.append(
            TagFacts(
                name=tag["name"],
                digest=tag["digest"],
                pushed_at=tag["pushed_at"],
                last_pulled_at=tag["last_pulled_at"],
                pulls=tag["pulls"],
                build_number=number,
                ref_type=build.ref_type if build else "",
                ref=build.ref if build else "",
                gone_at=gone_at,
                is_held=tag["held_since"] is not None,
                held_by=tag["held_by"],
                fixed=never_moves(pattern) if pattern else "",
                in_use=uses.of(tag["name"], tag["digest"])
                or (uses.awaited(build.group) if build and is_newest else ""),
                newest_of=_newest_of(build) if build and is_newest else "",
                size_bytes=tag["size_bytes"],
            )
        )
    return facts


_COLUMNS = (
    "name", "digest", "pushed_at", "last_pulled_at", "pulls", "build_number", "held_since", "held_by", "size_bytes",
)  # fmt: skip


def _builds(repository: Repository) -> dict[int, _Made]:
    """The builds that put the tags, by number."""
    tagged = Tag.objects.filter(repository=repository).exclude(build_number=None).values("build_number")
    rows = Build.objects.filter(repository=repository, state=State.SUCCEEDED, number__in=tagged).order_by()
    found = rows.values_list("number", "rule_id", "ref_type", "ref", _PULL)
    return {number: _Made(rule, ref_type, _ref(ref_type, ref, pull)) for number, rule, ref_type, ref, pull in found}


def _ref(ref_type: str, ref: str, pull: object) -> str:
    """The name of a branch or Git tag; of a pull request its number, since `ref` is where it goes to."""
    return str(pull) if ref_type == "pull_request" and pull else ref


def _gone(repository: Repository) -> dict[tuple[str, str], datetime]:
    rows = GoneRef.objects.filter(source__repository=repository).order_by()
    return {(ref_type, ref): gone_at for ref_type, ref, gone_at in rows.values_list("ref_type", "ref", "gone_at")}


def _newest_of(build: _Made) -> str:
    if build.ref_type == "tag":
        return "its rule for Git tags"
    return f"pull request #{build.ref}" if build.ref_type == "pull_request" else f"branch {quoted(build.ref)}"


class Uses:
    """Who needs which tag or image of a repository at this moment; read once."""

    def __init__(self, repository: Repository) -> None:
        self._tags: dict[str, str] = {}
        self._digests: dict[str, str] = {}
        self._awaited: dict[_Key, int] = {}
        self._read_builds(repository)
        self._read_copies(repository)
        self._read_orders(repository)
        self._read_bases(repository)

    def of(self, tag: str, digest: str) -> str:
        """The clause that says who, "" where nobody does."""
        return self._tags.get(tag) or self._digests.get(digest, "")

    def awaited(self, group: _Key) -> str:
        """Of the newest image of a rule and ref whose next build is under way: it may be needed if that fails."""
        number = self._awaited.get(group)
        return f"build #{number} may take its place and is under way" if number else ""

    def _read_builds(self, repository: Repository) -> None:
        # One that waits for an approval may never start.
        rows = Build.objects.filter(repository=repository, state__in=ACTIVE, hold="").order_by("number")
        for number, rule, ref_type, ref, pull, publication in rows.values_list(
            "number", "rule_id", "ref_type", "ref", _PULL, "publication"
        ):
            self._awaited[_Made(rule, ref_type, _ref(ref_type, ref, pull)).group] = number
            for tag in publication.get("tags", ()):
                self._tags[tag] = f"build #{number} is putting it at this moment"

    def _read_copies(self, repository: Repository) -> None:
        rows = DestinationPush.objects.filter(build__repository=repository, state__in=_OPEN).order_by()
        for digest in rows.values_list("digest", flat=True):
            self._digests[digest] = "its image is being copied to another registry"

    def _read_orders(self, repository: Repository) -> None:
        rows = TagOrder.objects.filter(Q(repository=repository) | Q(source=repository), state__in=_OPEN).order_by()
        for where, tag, digest, by in rows.values_list("repository_id", "tag", "digest", "by"):
            if where == repository.pk:
                self._tags[tag] = f"{by} is moving it at this moment"
                self._digests[digest] = f"{by} is putting {quoted(tag)} on its image at this moment"
            else:
                self._digests[digest] = f"{by} is promoting its image to another repository at this moment"

    def _read_bases(self, repository: Repository) -> None:
        rows = BaseImage.objects.filter(host=repository.registry.host, path=repository.registry_path).order_by()
        counted = rows.annotate(of=Count("uses__rule__source__repository", distinct=True)).filter(of__gt=0)
        for tag, count in counted.values_list("tag", "of"):
            who = "a repository is" if count == 1 else f"{count} repositories are"
            self._tags[tag] = f"{who} built from it"
