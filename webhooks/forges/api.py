"""One forge's API over HTTP: requests with a token, pages, and every refusal as a sentence. Knows no forge's shapes."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from lib.addresses import AddressRefused
from lib.guarded import make_guarded_client
from lib.http import Answer, ExchangeError, Limits, exchange
from lib.storable import storable
from webhooks.forges.base import ForgeError
from webhooks.forges.refusal import refusal

LIMITS = Limits(total_s=15.0)
MOST_PAGES = 100
_NEXT = re.compile(r'<([^>]+)>\s*;[^,]*\brel="?next"?')

Params = Mapping[str, str | int]


class ForgeAPI:
    """A context manager. `headers` carry the token; `wants` says in words what it must be allowed to."""

    def __init__(
        self, name: str, base_url: str, headers: Mapping[str, str], *, trusted_hosts: Collection[str], wants: str
    ) -> None:
        self.name = name
        self._base = base_url.rstrip("/")
        self._headers = {"Accept": "application/json", **headers}
        self._wants = wants
        self._client = make_guarded_client(trusted_hosts)

    def close(self) -> None:
        self._client.close()

    def get(self, path: str, **params: str | int) -> Any:
        return self.read(self.ask("GET", path, params=params))

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self.read(self.ask("POST", path, body))

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        return self.read(self.ask("PUT", path, body))

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        return self.read(self.ask("PATCH", path, body))

    def delete(self, path: str) -> None:
        """What is not there any more is deleted."""
        try:
            self.ask("DELETE", path)
        except ForgeError as error:
            if error.kind != "missing":
                raise

    def pages(self, path: str, **params: str | int) -> Iterator[Any]:
        """The documents of all pages, following `Link: rel="next"` (RFC 8288), or `next` in the body (Bitbucket)."""
        answer = self.ask("GET", path, params=params)
        for _ in range(MOST_PAGES):
            document = self.read(answer)
            yield document
            found = _NEXT.search(answer.headers.get("link", ""))
            following = found[1] if found else document.get("next") if isinstance(document, dict) else None
            if not following:
                return
            answer = self.ask("GET", self._within(str(following)))

    def _within(self, url: str) -> str:
        """A path below our base; the token goes to no other server, whatever a page names as the next one."""
        if not url.startswith(f"{self._base}/"):
            # Behind a proxy a forge may name itself otherwise: the path and the query are what counts.
            there, ours = urlsplit(url), urlsplit(self._base)
            if not there.path.startswith(ours.path):
                raise ForgeError("odd", f"{self.name} named an address elsewhere as the next page of a list.")
            return there.path[len(ours.path) :] + (f"?{there.query}" if there.query else "")
        return url[len(self._base) :]

    def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, params: Params | None = None
    ) -> Answer:
        """One request. Raises ForgeError for every answer that is not a 2xx."""
        url = self._base + path + (f"?{urlencode(params)}" if params else "")
        content = None if body is None else json.dumps(body).encode()
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        try:
            answer = exchange(self._client, method, url, headers=headers, content=content, limits=LIMITS)
        except ExchangeError as error:
            raise ForgeError("unreachable", self._unreachable(error.reason)) from error
        except AddressRefused as error:
            raise ForgeError("unreachable" if error.retryable else "address", error.message) from error
        if 200 <= answer.status < 300:  # noqa: PLR2004 — HTTP's successes
            return answer
        what = f"{method} {path.partition('?')[0]}"
        secrets = [value.rpartition(" ")[2] for value in self._headers.values()]
        raise refusal(self.name, self._wants, what, answer, secrets)

    def _unreachable(self, reason: str) -> str:
        return f"{self.name} could not be asked at {urlsplit(self._base).netloc}: {reason}."

    def read(self, answer: Answer) -> Any:
        """The document of an answer; `{}` of an empty one. Raises ForgeError where it is not JSON."""
        if not answer.body.strip():
            return {}
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            sentence = (
                f"What answers at {urlsplit(self._base).netloc} is not the API of {self.name}: its answer is not "
                "JSON. Check the address of the connection."
            )
            raise ForgeError("odd", sentence, status=answer.status) from error


def in_path(full_name: str) -> str:
    """`acme/web` as a part of a path: each name quoted. Raises ForgeError for what is no name."""
    parts = full_name.strip("/").split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise ForgeError("refused", f"`{full_name[:100]}` is not the name of a repository at a forge.")
    return "/".join(quote(part, safe="") for part in parts)


def text_of(document: Any, *path: str) -> str:
    """A text or number below `path` as text; "" where there is none."""
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return storable(str(document)) if isinstance(document, str | int) and not isinstance(document, bool) else ""


def rows_of(document: Any, name: str = "") -> list[dict[str, Any]]:
    """The objects of a list, which stands in the document itself or below `name`."""
    rows = document.get(name) if name and isinstance(document, dict) else document
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
