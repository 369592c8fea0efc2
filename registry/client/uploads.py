"""Putting blobs into a repository: asking whether one is there, mounting it from another repository, sending it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import urlencode

from registry.client.transport import Call, Transport
from registry.core.errors import RegistryError, RegistryErrorKind
from registry.core.paging import WrongLink
from registry.core.patience import Patience
from registry.core.upload import upload_path, with_digest

_ONE_TRY = Patience(attempts=1)
# A registry that does not mount says so in many ways, and takes the blob all the same.
_NO_MOUNT = {
    RegistryErrorKind.DENIED,
    RegistryErrorKind.UNAUTHORIZED,
    RegistryErrorKind.NOT_FOUND,
    RegistryErrorKind.INCOMPLETE,
    RegistryErrorKind.INVALID,
    RegistryErrorKind.UNSUPPORTED,
}


class Uploads:
    """Uploads to one repository of one registry. Every method raises `RegistryError`; threads may share it."""

    def __init__(self, transport: Transport, call: Call) -> None:
        self._transport = transport
        self._call = call

    def has(self, digest: str) -> bool:
        """Whether the blob is there. Where the registry does not tell, it counts as not there."""
        path = f"/v2/{self._call.repository}/blobs/{digest}"
        there, absent = HTTPStatus.OK.value, HTTPStatus.NOT_FOUND.value
        call = replace(self._call, method="HEAD", path=path, accepted=frozenset({there, absent}))
        try:
            return self._transport.send(call).status == there
        except RegistryError as error:
            if error.retryable or error.kind is RegistryErrorKind.CLOCK:
                raise
            return False  # the upload itself tells what is wrong

    def mount(self, digest: str, repository: str) -> str | None:
        """Have a blob of `repository` of the same registry here too. None: it is; else the path to send it to."""
        query = urlencode({"mount": digest, "from": repository})
        call = replace(self._call, path=f"{self._call.path}?{query}", also_pull=repository)
        try:
            return self._begun(call)
        except RegistryError as error:
            if error.kind not in _NO_MOUNT:
                raise
        return self.begin()

    def begin(self) -> str | None:
        """Begin an upload and give the path to send it to."""
        return self._begun(self._call)

    def send(
        self, path: str, digest: str, size_bytes: int, content: Callable[[], Iterable[bytes]], total_s: float
    ) -> None:
        """Send a blob in one request, to a path that is good for once. What `content` raises goes through.

        Tried once, and once more with a fresh log-in where the registry wants one.
        """
        call = replace(
            self._call,
            method="PUT",
            path=with_digest(path, digest),
            headers={"Content-Type": "application/octet-stream", "Content-Length": str(size_bytes)},
            content=content,
            accepted=frozenset({HTTPStatus.CREATED.value, HTTPStatus.NO_CONTENT.value}),
            patience=_ONE_TRY,
            total_s=total_s,
        )
        self._transport.send(call)

    def _begun(self, call: Call) -> str | None:
        done = {HTTPStatus.CREATED.value, HTTPStatus.ACCEPTED.value}
        answer = self._transport.send(replace(call, accepted=frozenset(done)))
        if answer.status == HTTPStatus.CREATED:
            return None
        try:
            return upload_path(answer.headers.get("location", ""), self._transport.address, call.path)
        except WrongLink as error:
            where = answer.headers.get("location", "")[:100]
            clause = (
                f"it wants the upload sent elsewhere, to {where!r}" if where else "it does not say where to send it"
            )
            sentence = f"{self._transport.host} did not take the {self._transport.asked(call).what}: {clause}."
            raise RegistryError(sentence, kind=RegistryErrorKind.INVALID) from error
