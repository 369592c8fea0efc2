"""The calls of a registry's API that builds and pages need (OCI distribution-spec 1.1), each verified and bounded.

Blobs are uploaded by `registry.client.uploads`, whole images copied by `registry.client.copy`. Publishing several tags
together is in `registry.client.publish`.
"""

from __future__ import annotations

import copy
import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus
from types import TracebackType
from typing import Self

from registry.client.access import LoggedIn, ask_rate, check_pull, check_push, log_in
from registry.client.auth import Signer
from registry.client.facts import read_facts
from registry.client.transport import Call, Transport
from registry.client.uploads import Uploads
from registry.core.clock import clock_skew
from registry.core.copy_plan import parts_of
from registry.core.errors import Action, RegistryError, RegistryErrorKind
from registry.core.image import ImageFacts
from registry.core.manifest import (
    ACCEPT,
    OCI_INDEX,
    Descriptor,
    Manifest,
    ManifestError,
    digest_of,
    is_digest,
    read_manifest,
    stand_in,
)
from registry.core.paging import WrongLink, is_tag, next_page, parse_tags
from registry.core.patience import ONCE, Patience
from registry.core.rate import Rate

CONFIG_BYTES = 4 * 1024 * 1024
_TAG_PAGE_BYTES = 32 * 1024 * 1024
_PAGE = 1000
_MAX_PAGES = 10_000
_PATIENCE = Patience()
# OCI distribution-spec, "Pulling manifests". A name that does not match is never put into a URL.
_NAME = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*\Z")
_MAX_NAME = 255
_NO_SUCH_CALL = {RegistryErrorKind.NOT_FOUND, RegistryErrorKind.UNSUPPORTED, RegistryErrorKind.INVALID}


class Deletion(StrEnum):
    """How a deletion ended. `UNSUPPORTED`: this registry cannot, and nothing was changed."""

    DELETED = "deleted"
    ABSENT = "absent"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True)
class Ping:
    """A registry that answers: after how many seconds, and its clock minus ours (None: it does not say)."""

    seconds: float
    skew_s: float | None


class RegistryClient:
    """One registry as one account; empty `username`: nobody. Threads may share it; close it, or use it in `with`.

    `host` is `host[:port]`, `scheme` `https` or `http`. `wait` sleeps between retries and may raise to stop them.
    `allow` is called with every URL before it is asked (token servers and redirects too); it raises `AddressRefused`
    to forbid it. `address` is where the API is, if not at `host`. `sign` makes the registry's tokens, where it is ours.
    Every method raises `RegistryError` and nothing else.
    """

    def __init__(
        self,
        host: str,
        scheme: str,
        username: str = "",
        password: str = "",
        *,
        patience: Patience = _PATIENCE,
        wait: Callable[[float], None] = time.sleep,
        allow: Callable[[str], None] | None = None,
        address: str = "",
        sign: Signer | None = None,
    ) -> None:
        self.host = host
        self.wait = wait
        self._transport = Transport(
            host, scheme, username, password, patience=patience, wait=wait, allow=allow, address=address, sign=sign
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._transport.close()

    def within(self, total_s: float, *, wait: Callable[[float], None] | None = None) -> Self:
        """Give the same client for a few calls that must all be over in `total_s`, retries included.

        Once the time is up each further call still gets one second and one try. `wait` takes the place of the
        client's own. Only the client itself is closed.
        """
        bounded = copy.copy(self)
        bounded._transport = self._transport.within(total_s, wait)  # noqa: SLF001 — a copy of our own
        return bounded

    def ping(self) -> Ping:
        """Ask once, for at most 3 s, whether a registry answers. One that wants a log-in does."""
        started = time.monotonic()
        # Where the tokens are our own, one that is not believed is a fault.
        accepted = frozenset({HTTPStatus.OK.value} | (set() if self._transport.signs else {HTTPStatus.UNAUTHORIZED}))
        answer = self._transport.send(Call("GET", "/v2/", "health check", accepted=accepted, patience=ONCE))
        return Ping(time.monotonic() - started, clock_skew(answer.headers, time.time()))

    def manifest(self, repository: str, reference: str, *, of_any_kind: bool = False) -> Manifest:
        """Read what a tag or digest names, byte for byte and verified. `NOT_FOUND` where there is no such thing.

        `of_any_kind` takes what is no image too, for whoever hands it on as it is.
        """
        call = self._manifest_call("GET", repository, reference, "pull")
        if of_any_kind:
            call = replace(call, headers={"Accept": f"{ACCEPT}, */*;q=0.1"})
        answer = self._transport.send(call)
        try:
            return read_manifest(
                answer.body,
                answer.headers.get("content-type", ""),
                answer.headers.get("docker-content-digest", ""),
                reference,
                of_any_kind=of_any_kind,
            )
        except ManifestError as error:
            raise self._wrong(call, str(error)) from error

    def find(self, repository: str, reference: str, *, of_any_kind: bool = False) -> Manifest | None:
        """Read like `manifest`; None where there is no such thing."""
        try:
            return self.manifest(repository, reference, of_any_kind=of_any_kind)
        except RegistryError as error:
            if error.kind is RegistryErrorKind.NOT_FOUND:
                return None
            raise

    def head(self, repository: str, reference: str, *, known: str = "") -> str | None:
        """Give the digest that a tag has now without reading the manifest; None where there is no such tag.

        `known` is the digest it had: a registry whose entity tags are digests, as they all are, need not look further.
        """
        call = self._manifest_call("HEAD", repository, reference, "pull")
        call = replace(call, accepted=call.accepted | {HTTPStatus.NOT_FOUND, HTTPStatus.NOT_MODIFIED})
        if known:
            call = replace(call, headers={**call.headers, "If-None-Match": f'"{known}"'})
        answer = self._transport.send(call)
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        if answer.status == HTTPStatus.NOT_MODIFIED:
            return known
        digest = str(answer.headers.get("docker-content-digest", ""))
        if is_digest(digest):
            return digest
        # Some registries name the digest only with the body.
        found = self.find(repository, reference)
        return found.digest if found else None

    def put_manifest(self, repository: str, reference: str, manifest: Manifest) -> str:
        """Put a manifest under a tag (or under its own digest) and give its digest, which is verified."""
        call = replace(
            self._manifest_call("PUT", repository, reference, "push"),
            headers={"Content-Type": manifest.media_type},
            content=manifest.body,
            accepted=frozenset({HTTPStatus.CREATED.value, HTTPStatus.OK.value}),
        )
        stored = self._transport.send(call).headers.get("docker-content-digest", "") or manifest.digest
        if stored != digest_of(manifest.body, stored):
            raise self._wrong(call, f"it says that it stored {stored[:100]}, which is not what was sent")
        return stored

    def tags(self, repository: str) -> Iterator[str]:
        """Give the repository's tags page by page, in the registry's order; none where nothing was pushed yet.

        `Link` is followed as it is given, on this host only; how many a page has is up to the registry.
        """
        call = self._call("GET", f"/v2/{repository}/tags/list?n={_PAGE}", repository, "tag list", not_found=True)
        call = replace(call, max_bytes=_TAG_PAGE_BYTES, headers={"Accept": "application/json"})
        seen: set[str] = set()
        while call.path not in seen and len(seen) < _MAX_PAGES:
            seen.add(call.path)
            answer = self._transport.send(call)
            if answer.status == HTTPStatus.NOT_FOUND:
                return
            try:
                tags, path = parse_tags(answer.body), next_page(answer.headers.get("link", ""), self._transport.address)
            except WrongLink as error:
                raise self._wrong(call, "it names another host for the next page of tags") from error
            except ValueError as error:
                raise self._wrong(call, "its answer is not a list of tags") from error
            yield from tags
            if path is None:
                return
            call = replace(call, path=path)

    def delete_tag(self, repository: str, tag: str) -> Deletion:
        """Take away one tag and nothing else. Distribution 2.8 deletes by digest only, which would take every tag of
        the image: there it is `UNSUPPORTED`.
        """
        call = self._manifest_call("DELETE", repository, tag, "deletion")
        return self._delete(call) if is_tag(tag) else Deletion.UNSUPPORTED

    def replace_and_delete_tag(self, repository: str, tag: str) -> Deletion:
        """Take away one tag where tags cannot be deleted: point it at a manifest of its own, and delete that.

        The stand-in is the tag's own manifest with one more annotation, so everything it needs is there; deleting
        it by digest takes the one tag that has it. Nothing is changed where the registry deletes no manifests.
        """
        found = self.find(repository, tag)
        if found is None:
            return Deletion.ABSENT
        if self.delete_manifest(repository, digest_of(uuid.uuid4().bytes)) is Deletion.UNSUPPORTED:
            return Deletion.UNSUPPORTED
        return self.delete_manifest(repository, self.put_manifest(repository, tag, stand_in(found, uuid.uuid4().hex)))

    def delete_manifest(self, repository: str, digest: str) -> Deletion:
        """Take away a manifest, and with it every tag that has it; indexes that name it are then broken."""
        call = self._manifest_call("DELETE", repository, digest, "deletion")
        return self._delete(call) if is_digest(digest) else Deletion.UNSUPPORTED

    def blob(self, repository: str, digest: str, *, max_bytes: int = CONFIG_BYTES) -> bytes:
        """Read one small blob (an image configuration, a provenance document), verified against its digest."""
        call = self._call("GET", f"/v2/{repository}/blobs/{digest}", repository, "pull", reference=digest)
        if not is_digest(digest):
            raise self._wrong(call, "that is not a digest")
        body = self._transport.send(replace(call, max_bytes=max_bytes)).body
        if digest_of(body, digest) != digest:
            raise self._wrong(call, "its content does not have the digest that it is stored under")
        return body

    @contextmanager
    def open_blob(self, repository: str, digest: str, *, total_s: float) -> Iterator[Iterator[bytes]]:
        """Give a blob of any size piece by piece, for at most `total_s`; whoever reads it all verifies its digest."""
        call = self._call("GET", f"/v2/{repository}/blobs/{digest}", repository, "pull", reference=digest)
        if not is_digest(digest):
            raise self._wrong(call, "that is not a digest")
        with self._transport.stream(call, total_s) as chunks:
            yield chunks

    def uploads(self, repository: str) -> Uploads:
        """The way to put blobs into a repository."""
        return Uploads(self._transport, self._call("POST", f"/v2/{repository}/blobs/uploads/", repository, "push"))

    def referrers(self, repository: str, digest: str) -> list[Descriptor] | None:
        """What names the image as its subject: signatures, SBOMs. None where the registry does not tell.

        OCI distribution-spec 1.1, "Listing Referrers". Where it is None, the tag `sha256-<hex>` may.
        """
        call = self._call("GET", f"/v2/{repository}/referrers/{digest}", repository, "pull", reference=digest)
        try:
            answer = self._transport.send(replace(call, headers={"Accept": OCI_INDEX}))
            found = parts_of(read_manifest(answer.body, answer.headers.get("content-type", ""))).manifests
        except RegistryError as error:
            if error.kind in _NO_SUCH_CALL:
                return None
            raise
        except ManifestError:
            return None  # a web page, or whatever answers there
        return list(found)

    def image_facts(self, repository: str, reference: str) -> ImageFacts:
        """Read what a page says of an image: a request for the manifest, one for each platform, one for the config."""
        call = self._manifest_call("GET", repository, reference, "pull")
        try:
            return read_facts(self, repository, self.manifest(repository, reference))
        except ManifestError as error:
            raise self._wrong(call, str(error)) from error

    def log_in(self) -> LoggedIn:
        """Log in, for nothing in particular."""
        return log_in(self._transport)

    def check_pull(self, repository: str) -> bool:
        """Whether the account may read there; False where nothing was pushed yet."""
        self._call("GET", "", repository, "pull")
        return check_pull(self._transport, repository)

    def check_push(self, repository: str) -> None:
        """Whether the account may push there. Changes nothing."""
        self._call("POST", "", repository, "push")
        check_push(self._transport, repository)

    def ask_rate(self, repository: str, tag: str) -> Rate | None:
        """How many pulls are left; None where the registry does not tell. Counts as no pull."""
        return ask_rate(self._transport, repository, tag)

    def _delete(self, call: Call) -> Deletion:
        done = {HTTPStatus.ACCEPTED.value, HTTPStatus.OK.value, HTTPStatus.NO_CONTENT.value}
        missing, cannot = HTTPStatus.NOT_FOUND.value, HTTPStatus.NOT_IMPLEMENTED.value
        try:
            answer = self._transport.send(replace(call, accepted=frozenset({*done, missing, cannot})))
        except RegistryError as error:
            # Distribution 2.8 answers DIGEST_INVALID to a tag, and UNSUPPORTED where deletion is switched off.
            if error.kind is RegistryErrorKind.UNSUPPORTED or error.code == "DIGEST_INVALID":
                return Deletion.UNSUPPORTED
            raise
        if answer.status == cannot:
            return Deletion.UNSUPPORTED
        return Deletion.DELETED if answer.status in done else Deletion.ABSENT

    def _manifest_call(self, method: str, repository: str, reference: str, action: Action) -> Call:
        call = self._call(method, f"/v2/{repository}/manifests/{reference}", repository, action, reference=reference)
        if not is_tag(reference) and not is_digest(reference):
            raise self._wrong(call, "that is neither a tag nor a digest")
        return replace(call, headers={"Accept": ACCEPT})

    def _call(
        self, method: str, path: str, repository: str, action: Action, *, reference: str = "", not_found: bool = False
    ) -> Call:
        call = Call(method, path, action, repository, reference)
        if len(repository) > _MAX_NAME or not _NAME.match(repository):
            raise self._wrong(call, "that is not the name of a repository")
        return replace(call, accepted=call.accepted | {HTTPStatus.NOT_FOUND.value}) if not_found else call

    def _wrong(self, call: Call, clause: str) -> RegistryError:
        asked = self._transport.asked(call)
        sentence = f"The {asked.what} at {self.host} did not work: {clause}."
        return RegistryError(sentence, kind=RegistryErrorKind.INVALID)
