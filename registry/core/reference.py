"""Names of images: one parser for `host/path:tag@digest` and the checks of what people type. Talks to no registry."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

MAX_PATH = 255
MAX_TAG = 128
_MAX_TEXT = 1024  # longer than any legal reference; bounds what the expressions look at

ReferenceCode = Literal["empty", "format", "uppercase", "too_long", "digest_length", "digest_unsupported", "identifier"]

# The grammar of github.com/distribution/reference, regexp.go (v0.6), under its own names.
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*"
_PATH = rf"{_COMPONENT}(?:/{_COMPONENT})*"
_DOMAIN_COMPONENT = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = rf"(?:{_DOMAIN_COMPONENT}(?:\.{_DOMAIN_COMPONENT})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_NAME = rf"(?:(?P<domain>{_DOMAIN})/)?(?P<path>{_PATH})"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"

_REFERENCE = re.compile(rf"{_NAME}(?::(?P<tag>{_TAG}))?(?:@(?P<digest>{_DIGEST}))?")
_FULL_PATH = re.compile(_PATH)
_FULL_DOMAIN = re.compile(_DOMAIN)
_FULL_TAG = re.compile(_TAG)
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
_IDENTIFIER = re.compile(r"[a-f0-9]{64}")


class BadReferenceError(ValueError):
    """Not an image reference; the message is a sentence, `code` tells programs which kind."""

    def __init__(self, code: ReferenceCode, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Reference:
    """An image reference in its parts; what was not written is empty."""

    domain: str
    path: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """Host and path, as they stand before `:tag`."""
        return f"{self.domain}/{self.path}" if self.domain else self.path

    @property
    def familiar_name(self) -> str:
        """The name as people write it: `docker.io/library/debian` is `debian`."""
        if self.domain != "docker.io":
            return self.name
        bare = self.path.removeprefix("library/")
        return self.path if "/" in bare else bare

    def __str__(self) -> str:
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def parse_reference(text: str) -> Reference:
    """Split a reference exactly as written: no default host, no default tag. Raises BadReferenceError.

    Same verdicts as `reference.Parse` of github.com/distribution/reference, so `docker buildx` takes what this takes.
    """
    if not text:
        raise BadReferenceError("empty", "The image name is empty.")
    if len(text) > _MAX_TEXT:
        raise BadReferenceError("too_long", f"The image name has {len(text)} characters; {MAX_PATH} is the most.")
    found = _REFERENCE.fullmatch(text)
    if found is None:
        if _REFERENCE.fullmatch(text.lower()):
            raise BadReferenceError("uppercase", f"`{text}` has upper-case letters: write `{text.lower()}`.")
        raise BadReferenceError(
            "format", f"`{text[:300]}` is not an image name such as `registry.example.com/acme/web`."
        )
    reference = Reference(*(found[part] or "" for part in ("domain", "path", "tag", "digest")))
    if len(reference.path) > MAX_PATH:
        raise BadReferenceError(
            "too_long", f"The image name has {len(reference.path)} characters; {MAX_PATH} is the most."
        )
    if reference.digest:
        _check_digest(reference.digest)
    return reference


def parse_image_name(text: str) -> Reference:
    """Read a name as `docker pull` does: `debian` is `docker.io/library/debian`. Raises BadReferenceError.

    Same verdicts as `reference.ParseNormalizedNamed`; no tag is added.
    """
    if _IDENTIFIER.fullmatch(text):
        raise BadReferenceError("identifier", f"`{text}` is an image's id: 64 hexadecimal digits cannot be a name.")
    domain, remainder = _split_domain(text)
    path = remainder.split(":", 1)[0].split("@", 1)[0]
    if path != path.lower():
        raise BadReferenceError("uppercase", f"`{path}` has upper-case letters: write `{path.lower()}`.")
    return parse_reference(f"{domain}/{remainder}") if text else parse_reference(text)


def _split_domain(text: str) -> tuple[str, str]:
    """Host and rest by Docker's rule: what has a dot, a colon or an upper-case letter, or is `localhost`, is a host."""
    first, slash, rest = text.partition("/")
    if slash and (first == "localhost" or set(first) & set(".:") or first != first.lower()):
        domain, remainder = ("docker.io" if first == "index.docker.io" else first), rest
    else:
        domain, remainder = "docker.io", text
    if domain == "docker.io" and "/" not in remainder:
        remainder = f"library/{remainder}"
    return domain, remainder


def _check_digest(digest: str) -> None:
    algorithm = digest.partition(":")[0]
    if algorithm != "sha256":
        raise BadReferenceError(
            "digest_unsupported", f"The digest `{algorithm}` is not supported: registries use `sha256`."
        )
    if not _SHA256.fullmatch(digest):
        raise BadReferenceError("digest_length", "The digest is not `sha256:` and 64 lower-case hexadecimal digits.")


def is_valid_tag(tag: str) -> bool:
    """Whether registries take `tag`: 1 to 128 of `A-Z a-z 0-9 _ . -`, the first neither `.` nor `-`."""
    return _FULL_TAG.fullmatch(tag) is not None


def is_valid_host(host: str) -> bool:
    """Whether `host[:port]` can stand before the first slash of an image name; IPv6 addresses stand in brackets."""
    return _FULL_DOMAIN.fullmatch(host) is not None


def check_repository_path(name: str) -> str | None:
    """What is wrong with `acme/web` as the path of a repository within its registry, as a sentence; None if nothing."""
    if not name:
        return "The repository needs a name, such as `acme/web`."
    scheme, separator, rest = name.partition("://")
    if separator:
        return f"A repository's name has no `{scheme[:20]}://`: write `{rest[:200]}`, without the scheme."
    if len(name) > MAX_PATH:
        return f"The name has {len(name)} characters; {MAX_PATH} is the most."
    if "@" in name:
        return f"`{name}` holds a digest: write `{name.partition('@')[0]}`. The repository has all of its images."
    return _check_host_or_tag(name) or _check_path(name)


def _check_host_or_tag(name: str) -> str | None:
    head, _, last = name.rpartition("/")
    if ":" in head or name.startswith("["):
        path = name.partition("/")[2]
        return f"`{name}` names a registry: write only the path, `{path}`, and choose the registry beside it."
    bare, separator, tag = last.partition(":")
    if separator and tag.isdecimal() and not head:
        return f"`{name}` names a registry and no repository, or holds a tag: write a path such as `acme/web`."
    if separator:
        path = f"{head}/{bare}" if head else bare
        return f"`{name}` holds the tag `{tag}`: write `{path}`. Tags come from the build rules."
    return None


def _check_path(name: str) -> str | None:
    if _FULL_PATH.fullmatch(name):
        if _IDENTIFIER.fullmatch(name):
            return "64 hexadecimal digits are an image's id and cannot be a name."
        return None
    if name.isascii() and _FULL_PATH.fullmatch(name.lower()):
        return f"`{name}` has upper-case letters, which registries refuse: write `{name.lower()}`."
    return (
        f"`{name}` is not a repository name: each part between slashes is lower-case letters and digits, "
        "joined by one `.`, one or two `_`, or any number of `-`."
    )
