"""Two builds of a repository as rows have them, compared: for the page, the tab and the API. Draws nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import F
from django.http import Http404

from builds.core.build_compare import Comparison, Given, compare_builds, size_sentence
from builds.core.forge_pages import compare_page
from builds.core.image_compare import ComparedLayer, ComparedLayers, ConfigRow, compare_layers
from builds.models import Build, BuildRecord, CommitChanges, Step
from builds.models.ran import ran_of
from registry.models import Repository

_NEAR = 500


@dataclass(frozen=True, slots=True)
class ComparedImage:
    """The layers of one platform in both images."""

    platform: str
    layers: ComparedLayers
    sentence: str


@dataclass(frozen=True, slots=True)
class ComparedSettings:
    """The settings that differ for one platform; no rows where all are the same."""

    platform: str
    rows: tuple[ConfigRow, ...]


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
    images, no_image = _images(before, after, rows)
    source = after.source
    return Compared(
        before,
        after,
        compare_builds(_given(before, rows[before.pk]), _given(after, rows[after.pk])),
        tuple(images),
        (),
        changes_of(before, after),
        compare_page(source.forge, source.clone_url, before.commit, after.commit) if source else "",
        no_image,
    )


def record_of(build: Build) -> BuildRecord | None:
    """The record, where the build has one."""
    return getattr(build, "record", None)


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


def _images(before: Build, after: Build, rows: Mapping[int, list[Step]]) -> tuple[list[ComparedImage], str]:
    """By platform, for those that both have; else a sentence why there is nothing to compare."""
    old, new = _layers(before, rows[before.pk]), _layers(after, rows[after.pk])
    found = []
    for platform in new:
        # One platform each: the builder's own may have another name in an older record.
        other = platform if platform in old else next(iter(old)) if len(old) == len(new) == 1 else None
        if other is not None:
            layers = compare_layers(old[other], new[platform])
            found.append(ComparedImage(platform, layers, size_sentence(layers)))
    if found:
        return found, ""
    without = [build for build in (before, after) if not build.digest]
    if without:
        return [], f"Build #{without[0].number} made no image."
    return [], "The layers of these images are not known here."


def _layers(build: Build, steps: Iterable[Step]) -> dict[str, list[ComparedLayer]]:
    record = record_of(build)
    by_index = {step.index: ran for step in steps for ran in ran_of([step])}
    found = {}
    for platform in record.platforms if record else []:
        rows = []
        for place, layer in enumerate(platform.get("layers", [])):
            made = by_index.get(layer.get("step"))
            is_base = place < platform.get("base_layers", 0)
            rows.append(
                ComparedLayer(
                    digest=layer["digest"],
                    size_bytes=layer["size_bytes"],
                    made_by=made.words if made else "",
                    step=made.index if made else None,
                    line=made.lines[0] if made and made.lines and not is_base else None,
                    is_base=is_base,
                )
            )
        if rows:
            found[platform.get("platform", "")] = rows
    return found
