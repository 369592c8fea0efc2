"""Two builds of a repository as rows have them, compared: for the page, the tab and the API. Draws nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import F
from django.http import Http404
from django.utils import timezone

from builds.actions.changes import ASK_AGAIN
from builds.core.build_compare import Comparison, Given, compare_builds
from builds.core.forge_pages import compare_page
from builds.models import Build, CommitChanges, Step
from builds.models.ran import ran_of
from builds.views.comparing_images import ComparedImage, ComparedSettings, images_of, record_of, settings_of
from registry.models import Repository

_NEAR = 500


@dataclass(frozen=True, slots=True)
class Compared:
    """`changes` is what is known of the files between the commits; `forge_url` is the forge's own page about them."""

    before: Build
    after: Build
    builds: Comparison
    images: tuple[ComparedImage, ...]
    configs: tuple[ComparedSettings, ...]
    changes: CommitChanges | None
    forge_url: str
    no_image: str

    @property
    def asks_nobody(self) -> bool:
        """Whether no worker knows the files that differ, or is about to: then somebody may ask one."""
        row = self.changes
        if row is None or row.state == CommitChanges.State.FAILED:
            return True
        return row.state == CommitChanges.State.ASKED and timezone.now() - row.asked_at > ASK_AGAIN

    @property
    def pair(self) -> tuple[Build, Build]:
        """Both, for the columns of a table."""
        return self.before, self.after

    @property
    def headlines(self) -> tuple[str, ...]:
        """What a person wants to know first."""
        told = [image.sentence for image in self.images if image.sentence]
        return tuple(sentence for sentence in [*told, self.no_image, self.builds.time_sentence] if sentence)


def two_builds(repository: Repository, before: int, after: int) -> tuple[Build, Build]:
    """Both of this repository. Raises Http404 where one is not there, or both are the same."""
    rows = Build.objects.filter(repository=repository, number__in=[min(before, 2**31 - 1), min(after, 2**31 - 1)])
    found = {build.number: build for build in rows.select_related("source", "rule", "record")}
    if missing := [number for number in (before, after) if number not in found]:
        raise Http404(f"{repository.path} has no build #{missing[0]}.")
    if before == after:
        raise Http404(f"Build #{before} is compared with another one, not with itself.")
    for build in found.values():
        build.repository = repository
    return found[before], found[after]


def usual_partner(build: Build) -> Build | None:
    """The build that one is compared with when nobody says which: the one before it of its rule, or else any."""
    rows = Build.objects.filter(repository=build.repository_id, attempt__gt=0)
    rows = rows.filter(number__lt=build.number, number__gt=build.number - _NEAR)
    of_rule = rows.filter(rule=build.rule_id).order_by("-number").first() if build.rule_id else None
    return of_rule or rows.order_by("-number").first()


def compared(before: Build, after: Build) -> Compared:
    """Everything about two builds of one repository, in two queries more than it takes to find them."""
    steps = Step.objects.filter(build__in=[before.pk, after.pk], attempt=F("build__attempt")).order_by("index")
    rows: dict[int, list[Step]] = {before.pk: [], after.pk: []}
    for step in steps:
        rows[step.build_id].append(step)
    images, no_image = images_of(before, after, rows)
    source = after.source
    return Compared(
        before,
        after,
        compare_builds(_given(before, rows[before.pk]), _given(after, rows[after.pk])),
        images,
        settings_of(before, after),
        changes_of(before, after),
        compare_page(source.forge, source.clone_url, before.commit, after.commit) if source else "",
        no_image,
    )


def changes_of(before: Build, after: Build) -> CommitChanges | None:
    """What is known of the files between the commits; None where nobody asked, or both are one."""
    if after.source_id is None or not before.commit or before.commit == after.commit:
        return None
    return CommitChanges.objects.filter(source=after.source_id, base=before.commit, head=after.commit).first()


def _given(build: Build, steps: Iterable[Step]) -> Given:
    plan: dict[str, Any] = build.plan
    passed: dict[str, Any] = plan.get("passed", {})
    record = record_of(build)
    took = build.finished_at - build.started_at if build.finished_at and build.started_at else None
    return Given(
        number=build.number,
        commit=build.commit,
        settings={
            "Ref": f"{build.get_ref_type_display().lower()} {build.ref}",
            "Rule": plan.get("rule", ""),
            "Dockerfile": plan.get("dockerfile", ""),
            "Context": plan.get("context", ""),
            "Target": plan.get("target") or "last stage",
            "Platforms": ", ".join(plan.get("platforms", [])) or "the builder's own",
            "Cache": "on" if plan.get("cache", True) else "off",
            "Builder": record.builder if record else "",
        },
        args=passed.get("args", plan.get("build_args", {})),
        secrets=(*passed.get("secrets", ()), *passed.get("ssh", ())),
        bases=_bases(build),
        dockerfile=record.dockerfile if record else "",
        dockerfile_path=record.dockerfile_path if record else "",
        steps=tuple(ran_of(steps)),
        seconds=took.total_seconds() if took else None,
    )


def _bases(build: Build) -> dict[str, str]:
    """Digests by name; an image of several platforms has one for each."""
    several = len({image.get("platform", "") for image in build.base_images}) > 1
    return {
        f"{image['name']} ({image['platform']})" if several and image.get("platform") else image["name"]: image[
            "digest"
        ]
        for image in build.base_images
    }
