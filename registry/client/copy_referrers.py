"""Copies what refers to an image that was copied: signatures and SBOMs by `subject`, and cosign's tags."""

from __future__ import annotations

from registry.client.copy import ImageCopy
from registry.core.copy_plan import CopyPlan
from registry.core.errors import RegistryError, RegistryErrorKind
from registry.core.manifest import Descriptor, Manifest, ManifestError
from registry.core.referrers import (
    MOST_REFERRERS,
    companion_tags,
    holds_all_of,
    merged_index,
    referrers_tag,
    subject_of,
    subjects_of,
)


class ReferrerCopy:
    """The second half of a copy. `copied` counts; `left_out` has a sentence for each that could not be copied."""

    def __init__(self, work: ImageCopy) -> None:
        self._work = work
        self.copied = 0
        self.left_out: list[str] = []

    def of_image(self, root: Manifest, plan: CopyPlan) -> None:
        """Copy what refers to `root` or to a platform of it. Raises `RegistryError` only where it may work later."""
        waiting, seen = subjects_of(root, plan), set[str]()
        while waiting and self.copied < MOST_REFERRERS:
            subject = waiting.pop(0)
            if subject in seen:
                continue
            seen.add(subject)
            try:
                # A signature of an SBOM refers to that.
                waiting += self._by_subject(subject)
                self._by_tag(subject)
            except RegistryError as error:
                if error.retryable:
                    raise
                self.left_out.append(error.message)

    def _by_subject(self, subject: str) -> list[str]:
        """Copy the manifests that name `subject`; gives their digests."""
        found = self._listed(subject)[:MOST_REFERRERS]
        raw: dict[str, Manifest] = {}
        for descriptor in found:
            manifest, plan = self._work.read(descriptor.digest)
            if subject_of(manifest) == subject:
                self._work.carry_out(plan)
                raw[descriptor.digest] = manifest
                self.copied += 1
        if raw:
            self._list_there(subject, found, raw)
        return list(raw)

    def _listed(self, subject: str) -> list[Descriptor]:
        source = self._work.source
        listed = source.client.referrers(source.repository, subject)
        if listed is not None:
            return listed
        index = self._find(source.repository, referrers_tag(subject))
        return list(self._work.parts(index).manifests) if index else []

    def _list_there(self, subject: str, found: list[Descriptor], raw: dict[str, Manifest]) -> None:
        """Where the target does not list them by itself, put them into the index that does."""
        target = self._work.target
        if target.client.referrers(target.repository, subject) is not None:
            return
        tag = referrers_tag(subject)
        try:
            index = merged_index(target.client.find(target.repository, tag), found, raw)
        except ManifestError:
            return  # something else has that name there
        if index is not None:
            target.client.put_manifest(target.repository, tag, index)

    def _by_tag(self, subject: str) -> None:
        source, target = self._work.source, self._work.target
        for tag in companion_tags(subject):
            manifest = self._find(source.repository, tag)
            if manifest is None:
                continue
            there = target.client.find(target.repository, tag, of_any_kind=True)
            if there is not None and (there.digest == manifest.digest or not holds_all_of(manifest, there)):
                continue  # nobody's signature is lost
            _, plan = self._work.read(manifest.digest)
            self._work.carry_out(plan)
            target.client.put_manifest(target.repository, tag, manifest)
            self.copied += 1

    def _find(self, repository: str, tag: str) -> Manifest | None:
        """What a tag of the source has; None also where the registry takes no such question."""
        try:
            return self._work.source.client.find(repository, tag, of_any_kind=True)
        except RegistryError as error:
            if error.kind in {RegistryErrorKind.INVALID, RegistryErrorKind.UNSUPPORTED}:
                return None
            raise
