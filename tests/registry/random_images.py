"""A client that pushes as Docker does, and a model of what a registry must still have, for tests at random."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from registry.client import RegistryClient
from registry.core.manifest import ACCEPT, OCI_INDEX, OCI_MANIFEST, Manifest
from registry.storage.layout import read_bounded
from tests.images import OCI_CONFIG, OCI_LAYER, as_manifest, descriptor, sha256

PATIENT = 40


class PushRefusedError(Exception):
    """The registry said that a part of the image is unknown: what a push meets whose layer was cleaned up meanwhile."""


@dataclass(frozen=True)
class Thing:
    """A manifest with the blobs and the manifests that it needs, and what it is about."""

    manifest: Manifest
    blobs: tuple[bytes, ...] = ()
    children: tuple[Thing, ...] = ()
    subject: str = ""

    @property
    def digest(self) -> str:
        return self.manifest.digest

    def all(self) -> Iterator[Thing]:
        yield self
        for child in self.children:
            yield from child.all()


def make_thing(layers: Iterable[int], *, subject: Thing | None = None, architecture: str = "amd64") -> Thing:
    """An image of numbered layers, which other images may share; with `subject`, something about that image."""
    bodies = [b"layer %d " % number * 50 for number in layers]
    config = json.dumps({"architecture": architecture, "os": "linux", "layers": [sha256(each) for each in bodies]})
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(config.encode(), OCI_CONFIG),
        "layers": [descriptor(body, OCI_LAYER) for body in bodies],
    }
    if subject is not None:
        document["subject"] = descriptor(subject.manifest.body, subject.manifest.media_type)
    blobs = (config.encode(), *bodies)
    return Thing(as_manifest(document), blobs, subject=subject.digest if subject else "")


def make_list(*images: Thing) -> Thing:
    """An index of platforms, the last of which stands for an attestation."""
    entries = [descriptor(image.manifest.body, OCI_MANIFEST) for image in images]
    for entry in entries:
        entry["platform"] = {"os": "linux", "architecture": "amd64"}
    entries[-1]["platform"] = {"os": "unknown", "architecture": "unknown"}
    entries[-1]["annotations"] = {
        "vnd.docker.reference.digest": images[0].digest,
        "vnd.docker.reference.type": "attestation-manifest",
    }
    return Thing(as_manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}), children=images)


class Gate:
    """Knows which requests are under way, so that a grace can be as long as the slowest of them and no longer."""

    def __init__(self) -> None:
        self._under_way: dict[int, int] = {}
        self._number = 0
        self._changed = threading.Condition()

    @contextmanager
    def request(self) -> Iterator[None]:
        with self._changed:
            self._number += 1
            mine = self._number
            self._under_way[mine] = mine
        try:
            yield
        finally:
            with self._changed:
                del self._under_way[mine]
                self._changed.notify_all()

    def wait(self, _seconds: float = 0.0) -> None:
        """Until every request that is under way now has ended."""
        time.sleep(0.005)
        with self._changed:
            before = self._number
            assert self._changed.wait_for(lambda: all(each > before for each in self._under_way), timeout=60)


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: http.client.HTTPMessage

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


class Pushing:
    """Docker's way to push: ask for each part, send what is missing, then the manifests from the inside out."""

    def __init__(self, host: str) -> None:
        self.gate = Gate()
        self._host = host
        self._http = http.client.HTTPConnection(host, timeout=60)

    def close(self) -> None:
        self._http.close()

    def ask(self, method: str, url: str, body: bytes = b"", **headers: str) -> Reply:
        with self.gate.request():
            self._http.request(method, url, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = self._http.getresponse()
            return Reply(answer.status, answer.read(), answer.headers)

    def push(self, repository: str, thing: Thing, tag: str, *, mount_from: str = "") -> None:
        """Push and push again, as builds do, where a part of it was cleaned up in the meantime."""
        for _ in range(PATIENT):
            try:
                self._push(repository, thing, tag, mount_from)
            except PushRefusedError:
                continue
            return
        raise AssertionError(f"{repository}:{tag} could not be pushed")

    def _push(self, repository: str, thing: Thing, tag: str, mount_from: str) -> None:
        for part in thing.all():
            for body in part.blobs:
                self._blob(repository, body, mount_from)
        for child in thing.children:
            self.put(repository, child.manifest, child.digest)
        self.put(repository, thing.manifest, tag or thing.digest)

    def put(self, repository: str, manifest: Manifest, reference: str) -> None:
        url = f"/v2/{repository}/manifests/{reference}"
        answer = self.ask("PUT", url, manifest.body, content_type=manifest.media_type)
        # 5xx: the folder that a link was to be written to was swept at that very moment.
        if answer.status >= 500 or (answer.status in (400, 404) and "BLOB_UNKNOWN" in answer.text):
            raise PushRefusedError(answer.text)
        assert answer.status == 201, answer.text

    def _blob(self, repository: str, body: bytes, mount_from: str) -> None:
        digest = sha256(body)
        if self.ask("HEAD", f"/v2/{repository}/blobs/{digest}").status == 200:
            return
        more = f"?mount={digest}&from={mount_from}" if mount_from else ""
        begun = self.ask("POST", f"/v2/{repository}/blobs/uploads/{more}")
        if begun.status == 201:
            return
        assert begun.status == 202, begun.text
        sent = self.ask("PUT", f"{begun.headers['location']}&digest={digest}", body)
        if sent.status >= 500:  # the folder it was to be moved to was swept at that very moment
            raise PushRefusedError(sent.text)
        assert sent.status == 201, sent.text

    def find(self, repository: str, digest: str) -> Manifest | None:
        """What somebody gets who rolls back to an image that may be gone."""
        answer = self.ask("GET", f"/v2/{repository}/manifests/{digest}", accept=ACCEPT)
        if answer.status == 404:
            return None
        assert answer.status == 200, answer.text
        return Manifest(digest, answer.headers["content-type"], answer.body)

    def untag(self, repository: str, tag: str) -> None:
        """As Imageyard takes one tag away from Distribution 2.8."""
        with RegistryClient(self._host, "http") as client, self.gate.request():
            client.replace_and_delete_tag(repository, tag)

    def manifest(self, repository: str, reference: str) -> bytes:
        answer = self.ask("GET", f"/v2/{repository}/manifests/{reference}", accept=ACCEPT)
        assert answer.status == 200, f"{repository}:{reference} is lost: {answer.text}"
        return answer.body

    def blob(self, repository: str, digest: str) -> bytes:
        answer = self.ask("GET", f"/v2/{repository}/blobs/{digest}")
        assert answer.status == 200, f"{digest} of {repository} is lost: {answer.text}"
        return answer.body


@dataclass(frozen=True)
class Shelf:
    """The registry's folder, read as the registry reads it for who asks: it remembers nothing, and so gives just that.

    A request for each part of each image after each step took two thirds of the time.
    """

    v2: str

    def manifest(self, repository: str, reference: str) -> bytes:
        manifests = f"{repository}/_manifests"
        digest = reference if ":" in reference else self._link(f"{manifests}/tags/{reference}/current")
        return self._data(self._link(f"{manifests}/revisions/{digest.replace(':', '/')}"))

    def blob(self, repository: str, digest: str) -> bytes:
        return self._data(self._link(f"{repository}/_layers/{digest.replace(':', '/')}"))

    def _link(self, below: str) -> str:
        return self._read(f"{self.v2}/repositories/{below}/link").decode()

    def _data(self, digest: str) -> bytes:
        algorithm, _, digits = digest.partition(":")
        return self._read(f"{self.v2}/blobs/{algorithm}/{digits[:2]}/{digits}/data")

    @staticmethod
    def _read(path: str) -> bytes:
        try:
            return read_bounded(path, 1 << 20)
        except FileNotFoundError:
            raise AssertionError(f"{path} is lost") from None


def pull(place: Pushing | Shelf, repository: str, reference: str, thing: Thing, seen: set[tuple[str, str]]) -> None:
    """Read an image with everything in it, and hold each byte against its digest. What was `seen` is left out."""
    if (repository, reference) in seen:
        return
    seen.add((repository, reference))
    assert place.manifest(repository, reference) == thing.manifest.body, f"{repository}:{reference} is another image"
    for body in thing.blobs:
        digest = sha256(body)
        if (repository, digest) not in seen:
            seen.add((repository, digest))
            assert place.blob(repository, digest) == body, f"{digest} of {repository} is something else"
    for child in thing.children:
        pull(place, repository, child.digest, child, seen)


@dataclass
class Model:
    """What must be there: by repository the tags, and the images that nothing may have taken away yet."""

    keeps_all: frozenset[str] = frozenset()
    tags: dict[str, dict[str, Thing]] = field(default_factory=dict)
    there: dict[str, dict[str, Thing]] = field(default_factory=dict)
    ever: dict[str, dict[str, Thing]] = field(default_factory=dict)

    def note(self, repository: str, thing: Thing, tag: str) -> None:
        for part in thing.all():
            self.there.setdefault(repository, {})[part.digest] = part
            self.ever.setdefault(repository, {})[part.digest] = part
        if tag:
            self.tags.setdefault(repository, {})[tag] = thing

    def forget(self, repository: str, tag: str) -> None:
        del self.tags[repository][tag]

    def living(self, repository: str) -> dict[str, Thing]:
        """Every image that must stay: with a tag, in an index that must, about one that must, or of one that keeps."""
        there = self.there.get(repository, {})
        rest = list(there.values()) if repository in self.keeps_all else []
        rest += self.tags.get(repository, {}).values()
        living: dict[str, Thing] = {}
        while rest:
            thing = rest.pop()
            if thing.digest not in living:
                living[thing.digest] = thing
                rest += thing.children
                rest += [each for each in there.values() if each.subject == thing.digest]
        return living

    def settle(self) -> None:
        """A collector runs: whatever need not stay at this moment may go, and need not come back."""
        self.there = {repository: self.living(repository) for repository in self.there}

    def check(self, place: Pushing | Shelf) -> None:
        """Pull everything that must be there, by tag and by digest."""
        seen: set[tuple[str, str]] = set()
        for repository in list(self.there):
            tagged = self.tags.get(repository, {})
            for tag, thing in tagged.items():
                pull(place, repository, tag, thing, seen)
            for digest, thing in self.living(repository).items():
                pull(place, repository, digest, thing, seen)


@dataclass(frozen=True)
class Deed:
    """Something that a person, a build or a policy does at the registry; which of its numbers count is up to `kind`."""

    kind: str
    repository: str
    source: str
    tag: str
    layers: tuple[int, ...]
    more: tuple[int, ...]
    pick: int

    def do(self, pushing: Pushing, model: Model) -> None:
        getattr(self, f"_{self.kind}")(pushing, model)

    def _image(self, pushing: Pushing, model: Model) -> None:
        self._push(pushing, model, make_thing(self.layers))

    def _index(self, pushing: Pushing, model: Model) -> None:
        amd, arm = make_thing(self.layers), make_thing(self.more, architecture="arm64")
        self._push(pushing, model, make_list(amd, arm, make_thing(self.layers[:1], architecture="unknown")))

    def _signature(self, pushing: Pushing, model: Model) -> None:
        subject = self._one_of(list(model.living(self.repository).values()))
        if subject is not None:
            thing = make_thing(self.layers, subject=subject, architecture="unknown")
            pushing.push(self.repository, thing, "")
            model.note(self.repository, thing, "")

    def _retag(self, pushing: Pushing, model: Model) -> None:
        thing = self._one_of(list(model.living(self.repository).values()))
        if thing is None:
            return
        try:
            pushing.put(self.repository, thing.manifest, self.tag)
        except PushRefusedError:
            # Somebody went back to it while it was taken apart: it is whole again at the next look, or when pushed.
            pushing.push(self.repository, thing, self.tag)
        model.note(self.repository, thing, self.tag)

    def _back(self, pushing: Pushing, model: Model) -> None:
        """Roll back to any image that was ever there. One that is gone, or goes at this moment, is pushed anew."""
        thing = self._one_of(list(model.ever.get(self.repository, {}).values()))
        if thing is None:
            return
        is_there = pushing.find(self.repository, thing.digest) is not None
        try:
            if is_there:
                pushing.put(self.repository, thing.manifest, self.tag)
        except PushRefusedError:
            is_there = False
        if not is_there:
            pushing.push(self.repository, thing, self.tag)
        model.note(self.repository, thing, self.tag)

    def _mount(self, pushing: Pushing, model: Model) -> None:
        thing = self._one_of(list(model.living(self.source).values()))
        if thing is not None:
            pushing.push(self.repository, thing, self.tag, mount_from=self.source)
            model.note(self.repository, thing, self.tag)

    def _untag(self, pushing: Pushing, model: Model) -> None:
        tag = self._one_of(sorted(model.tags.get(self.repository, {})))
        if tag is not None:
            model.forget(self.repository, tag)
            pushing.untag(self.repository, tag)

    def _push(self, pushing: Pushing, model: Model, thing: Thing) -> None:
        pushing.push(self.repository, thing, self.tag)
        model.note(self.repository, thing, self.tag)

    def _one_of(self, among: list) -> object:
        return among[self.pick % len(among)] if among else None


KINDS = ("image", "index", "signature", "retag", "back", "mount", "untag")
