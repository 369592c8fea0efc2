"""Copies an image from one repository to another, of the same registry or not, bit for bit.

Blobs go first, several at once, then the manifests from the bottom up; no tag is put. What is there already is left
out, so that a copy that broke goes on where it was, and doing it twice is harmless.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from lib.humanize import short_digest
from registry.client.blob_copy import BlobCopy, Meter, Place
from registry.core.copy_plan import Blob, CopyPlan, Parts, blob_of, parts_of
from registry.core.errors import RegistryError, RegistryErrorKind
from registry.core.manifest import INDEXES, MANIFESTS, Descriptor, Manifest, ManifestError

AT_ONCE = 4
"""Blobs; each holds two connections and a few pieces of 64 KiB."""


class ImageCopy:
    """One copy between two places. `told` hears of bytes done and bytes in all; `check` is called all the time, from
    several threads, and raises to stop it.
    """

    def __init__(
        self,
        source: Place,
        target: Place,
        *,
        told: Callable[[int, int], None] = lambda _done, _total: None,
        check: Callable[[], None] = lambda: None,
        at_once: int = AT_ONCE,
    ) -> None:
        self.source = source
        self.target = target
        self.meter = Meter(told)
        self._check = check
        self._at_once = at_once

    def read(self, digest: str) -> tuple[Manifest, CopyPlan]:
        """What belongs to an image of the source, without copying it. Raises `RegistryError`."""
        plan = CopyPlan()
        return self._read(plan, digest, 0), plan

    def parts(self, manifest: Manifest) -> Parts:
        """What a manifest of the source points to. Raises `RegistryError`."""
        try:
            return parts_of(manifest)
        except ManifestError as error:
            raise self._wrong(manifest.digest, str(error)) from error

    def carry_out(self, plan: CopyPlan) -> BlobCopy:
        """Copy what was planned: every blob, then every manifest under its digest. Raises `RegistryError`."""
        self.meter.expect(plan.size_bytes)
        blobs = BlobCopy(self.source, self.target, self.meter, self._check)
        self._side_by_side(blobs, list(plan.blobs.values()))
        for manifest in plan.manifests.values():
            self._check()
            self._put(manifest)
        return blobs

    def _read(self, plan: CopyPlan, digest: str, depth: int) -> Manifest:
        """Read a manifest, and before it whatever it points to."""
        if digest in plan.manifests:
            return plan.manifests[digest]
        self._check()
        manifest = self._manifest(digest, depth)
        try:
            parts = parts_of(manifest)
            plan.check(coming=len(parts.manifests), depth=depth)
            plan.add(manifest, parts, self._children(plan, parts, depth))
        except ManifestError as error:
            raise self._wrong(digest, str(error)) from error
        return manifest

    def _children(self, plan: CopyPlan, parts: Parts, depth: int) -> list[Blob]:
        """Read the manifests that an index holds; gives those entries that are blobs."""
        blobs = []
        for child in parts.manifests:
            try:
                self._read(plan, child.digest, depth + 1)
            except _NoManifest:
                if child.media_type in INDEXES | MANIFESTS:
                    raise self._lost(child) from None
                blobs.append(blob_of(child))
        return blobs

    def _manifest(self, digest: str, depth: int) -> Manifest:
        try:
            return self.source.client.manifest(self.source.repository, digest, of_any_kind=True)
        except RegistryError as error:
            if error.kind is RegistryErrorKind.NOT_FOUND and depth:
                raise _NoManifest from error
            raise

    def _put(self, manifest: Manifest) -> None:
        try:
            self.target.client.put_manifest(self.target.repository, manifest.digest, manifest)
        except RegistryError as error:
            if error.kind is not RegistryErrorKind.INCOMPLETE:
                raise
            # Every part was there a moment ago: somebody deletes or collects at the same time.
            sentence = (
                f"{self.target.client.host} has lost a part of {self.target.repository} that was just copied there. "
                "It is copied again."
            )
            raise RegistryError(sentence, kind=error.kind, status=error.status, retryable=True) from error

    def _side_by_side(self, blobs: BlobCopy, wanted: Sequence[Blob]) -> None:
        """Copy several at once; the first that fails stops the others."""
        with ThreadPoolExecutor(self._at_once, thread_name_prefix="copy") as pool:
            running = [pool.submit(blobs.copy, blob) for blob in wanted]
            try:
                done, _ = wait(running, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
            except BaseException:
                blobs.halt.set()
                for future in running:
                    future.cancel()
                raise

    def _lost(self, child: Descriptor) -> RegistryError:
        platform = f" for {child.platform}" if child.platform else ""
        what = "attestation" if child.is_attestation else f"image{platform}"
        sentence = (
            f"{self.source.client.host} no longer has a part of {self.source.repository}: the {what} "
            f"`{short_digest(child.digest)}`. It was probably deleted there. Build or push that image again, and then "
            "promote it."
        )
        return RegistryError(sentence, kind=RegistryErrorKind.INCOMPLETE)

    def _wrong(self, digest: str, clause: str) -> RegistryError:
        name = f"{self.source.repository}@{digest}"
        sentence = f"The copy of {name} from {self.source.client.host} did not work: {clause}."
        return RegistryError(sentence, kind=RegistryErrorKind.INVALID)


class _NoManifest(Exception):  # noqa: N818 — the caller knows what it means
    """The source has no manifest of that digest."""
