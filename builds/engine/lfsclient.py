"""A client of the LFS Batch API with basic downloads: from where, with which credential. Keeps no object itself.

Not Git LFS's own program, because nothing can make that one pass our guard: it connects to whatever address a server
answers with, and to loopback addresses past any proxy. The protocol is one request and then plain downloads.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Iterable
from urllib.parse import urljoin

from builds.core.gitfailure import too_slow
from builds.core.lfs import (
    MEDIA_TYPE,
    BadAnswer,
    Download,
    Endpoint,
    Pointer,
    Refusal,
    batch_request,
    place_of_url,
    read_batch,
    server_message,
)
from builds.core.lfsfailure import address_refused, bad_answer, object_refused, refused, unreachable
from builds.engine.gitcommand import GuardedGit
from builds.engine.guardedhttp import GuardedHTTP, Headers, OutOfTime, Reply, Unreachable
from lib.addresses import AddressRefused

_OK = 200
_UNAUTHORIZED = 401
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 4
_ANSWER_BYTES = 4 * 1024 * 1024
_ERROR_BYTES = 16 * 1024
_TRIES = 3
_PAUSE_S = 1.0


class LFSClient:
    """One LFS server for one run. `download` may be called from several threads."""

    def __init__(self, git: GuardedGit, http: GuardedHTTP, endpoint: Endpoint) -> None:
        self.environment = git.environment_of_git
        self.asked = git.environment_of_git.asked
        self._git = git
        self._http = http
        self._endpoint = endpoint
        try:
            self._place = place_of_url(endpoint.url)
        except BadAnswer as error:
            raise bad_answer(self.asked, str(error)) from error

    @property
    def host(self) -> str:
        return self._place[1]

    def locate(self, pointers: Collection[Pointer]) -> dict[Pointer, Download | Refusal]:
        """Ask where the objects are. Raises `BuildError` where the server answers with an error as a whole."""
        wanted = (("Accept", MEDIA_TYPE), ("Content-Type", MEDIA_TYPE), *self._endpoint.headers)
        headers = wanted if _names_authorization(wanted) else (*wanted, *self._credential(self._endpoint.url))

        def ask() -> bytes:
            url = f"{self._endpoint.url}/objects/batch"
            with self._http.ask("POST", url, headers, batch_request(pointers)) as reply:
                if reply.status != _OK:
                    raise refused(reply.status, self._said(reply), self.asked)
                return reply.body(_ANSWER_BYTES)

        body = self._patiently(ask, self._endpoint.url, "")
        try:
            return read_batch(body, pointers)
        except BadAnswer as error:
            raise bad_answer(self.asked, str(error)) from error

    def download(self, found: Download | Refusal, path: str, keep: Callable[[Iterable[bytes]], None]) -> None:
        """Hand the bytes of one object to `keep`, from the start again where a connection broke.

        `path` is the file that is named where it fails. Raises `BuildError`, `Stopped`, and what `keep` raises.
        """
        if isinstance(found, Refusal):
            raise object_refused(path, found.status, self.environment.redactor.text(found.message), self.asked)
        self._patiently(lambda: self._get(found, path, keep), found.href, path)

    def _get(self, found: Download, path: str, keep: Callable[[Iterable[bytes]], None]) -> None:
        url, headers = found.href, found.headers
        credential: Headers = ()
        for _ in range(_MAX_REDIRECTS + 2):
            self._check(url)
            with self._http.ask("GET", url, (*headers, *credential)) as reply:
                if reply.status == _OK:
                    keep(reply.chunks)
                    return
                ours = () if found.authenticated or _names_authorization(headers) else self._credential(url)
                if reply.status == _UNAUTHORIZED and ours and not credential:
                    credential = ours
                    continue
                location = reply.headers.get("location", "")
                if reply.status not in _REDIRECTS or not location:
                    raise object_refused(path, reply.status, self._said(reply), self.asked)
            target = urljoin(url, location)
            if self._check(target) != self._check(url):
                # What the server meant for one address is for that one.
                headers, credential = (), ()
            url = target
        raise bad_answer(self.asked, "it redirects in circles")

    def _check(self, url: str) -> tuple[str, str, int]:
        """Scheme, host and port of an address that the server gave; never from https to http."""
        try:
            place = place_of_url(url)
        except BadAnswer as error:
            raise bad_answer(self.asked, str(error)) from error
        if self._place[0] == "https" and place[0] != "https":
            raise bad_answer(self.asked, "it leads from https:// to http://, where others could read along")
        return place

    def _credential(self, url: str) -> Headers:
        """The source's own credential, for the server of its clone URL and for no other."""
        token = self.environment.env.get("IMAGEYARD_GIT_TOKEN", "")
        own = self.environment.url
        if not token or self._check(url) != (own.scheme, own.host.strip("[]"), own.port):
            return ()
        pair = f"{self.environment.env['IMAGEYARD_GIT_USERNAME']}:{token}"
        return (("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"),)

    def _patiently(self, ask: Callable[[], bytes | None], url: str, path: str) -> bytes:
        """Ask again where a connection broke; every other way to fail becomes its sentence."""
        for left in reversed(range(_TRIES)):
            try:
                return ask() or b""
            except Unreachable as error:
                if error.retryable and left:
                    self._git.stop.wait(_PAUSE_S)
                    self._git.stop.check()
                    continue
                raise unreachable(place_of_url(url)[1], error.clause, retryable=error.retryable) from error
            except AddressRefused as error:
                raise address_refused(path, error.message, retryable=error.retryable) from error
            except OutOfTime as error:
                raise too_slow(self.asked, self._git.timeout_s) from error
        raise AssertionError  # the last round returns or raises

    def _said(self, reply: Reply) -> str:
        return self.environment.redactor.text(server_message(reply.body(_ERROR_BYTES)))


def _names_authorization(headers: Headers) -> bool:
    return any(name.lower() == "authorization" for name, _ in headers)
