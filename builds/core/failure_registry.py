"""Why a registry did not take or give an image: pushes, base images, `# syntax=` frontends. Asks no registry."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from builds.core.errors import BuildError, ErrorKind
from builds.core.failure_evidence import Evidence, code, shown
from builds.core.progress_steps import StepState

CauseKind = Literal[
    "clock",
    "certificate",
    "plain http",
    "too large",
    "rate",
    "quota",
    "server",
    "network",
    "denied",
    "stranger",
    "missing",
    "other",
]

# The first that matches counts, in a text without URLs and image names: a repository may be called `quota/denied`.
_CAUSES: dict[CauseKind, str] = {
    "clock": r"current time \S+ is before|not valid yet|used before issued|issued in the future|\bnbf\b",
    "certificate": r"x509:|tls: failed to verify|certificate signed by",
    "plain http": r"first record does not look like a TLS|server gave HTTP response to HTTPS client",
    "too large": r"(?<![.:\d])413(?![.\d])|request entity too large|payload too large|SIZE_INVALID",
    "rate": r"(?<![.:\d])429(?![.\d])|too ?many ?requests|rate limit",
    "quota": r"quota|upper limit|storage limit|insufficient storage|no space left on device",
    "server": r"(?<![.:\d])5\d\d [A-Z]",
    "network": r"dial tcp|connection (?:refused|reset)|i/o timeout|no such host|\bEOF\b|TLS handshake timeout"
    r"|broken pipe|deadline exceeded|network is unreachable|no route to host|failed to do request",
    "denied": r"denied|forbidden|(?<![.:\d])403(?![.\d])|insufficient_scope",
    "stranger": r"unauthorized|basic auth credentials|(?<![.:\d])401(?![.\d])|failed to authorize"
    r"|failed to fetch \w+ token|authentication required|token.{0,20}expired",
    "missing": r"not found|name ?unknown|manifest ?unknown|does not exist",
}
_CAUSE_PATTERNS = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in _CAUSES.items()}
_NETWORK_WORDS = (
    ("no such host", "its name cannot be resolved"),
    ("connection refused", "the connection was refused"),
    ("timeout", "no answer in time"),
    ("deadline exceeded", "no answer in time"),
    ("unreachable", "there is no route to it"),
    ("no route to host", "there is no route to it"),
    ("", "the connection broke"),
)
_PUSHED = re.compile(r"failed to push (?P<image>\S+): ")
_PUSH_STEP = re.compile(r"pushing (?:(?:layers|manifest) for )?(?P<image>\S+)(?: with docker)?")
_STATUS = re.compile(
    r"(?:received )?unexpected (?:HTTP )?status(?: code)?(?: from \w+ request to \S+)?: ", re.IGNORECASE
)
_BODY_MESSAGE = re.compile(r'"message"\s*:\s*"((?:[^"\\]|\\.)*)"')
_CODE_WORD = re.compile(
    r"(?:unknown|denied|unauthorized|toomanyrequests|errors?|server message): (?=\S)", re.IGNORECASE
)
_BASE = re.compile(r"failed to resolve source metadata for (?P<image>\S+): (?P<why>.*)", re.DOTALL)
_WRITTEN = re.compile(r"(?P<image>\S+): failed to resolve source metadata")
_STAGE = re.compile(r"--from=(?P<name>[a-z][\w.-]*)(?=\s|$)", re.IGNORECASE)
_SYNTAX = re.compile(r"#\s*syntax\s*=\s*(?P<image>\S+)", re.IGNORECASE)
_URL = re.compile(r"\"?\b[a-z]{2,10}://[^\s\"]{0,1000}\"?")
_BARE = {"denied": "access is denied", "unauthorized": "authentication required"}


@dataclass(frozen=True, slots=True)
class Cause:
    """`message` is the registry's own, or ours for a network that does not work."""

    kind: CauseKind
    message: str

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed later without anybody doing anything."""
        return self.kind in ("rate", "server", "network")


def explain_push(evidence: Evidence) -> BuildError | None:
    """The registry did not take the image; None if the build failed before or beside the push."""
    named = _PUSHED.search(evidence.text) or (_PUSHED.search(evidence.step.error) if evidence.step else None)
    step = evidence.step
    if named is None and not (step and step.label.role == "push"):
        return None
    pushed = named or (_PUSH_STEP.match(step.name) if step else None)
    host, repository = split_image(evidence.image or (pushed["image"] if pushed else ""))
    host = evidence.registry or host
    cause = cause_of(_PUSHED.sub("", evidence.text))
    tags = any(row.label.role == "push" and row.state is StepState.SUCCEEDED for row in evidence.book.steps)
    outcome = "Tags that were pushed before it stay." if tags else "Nothing was tagged."
    kind = ErrorKind.REGISTRY
    message = f"{_push_sentence(cause, host or 'The registry', repository, evidence.registry_user)} {outcome}"
    return evidence.error(kind, message, retryable=cause.passing)


def _push_sentence(cause: Cause, host: str, repository: str, user: str) -> str:
    push = f"the push of {repository}" if repository else "the push"
    refused = f"{host} refused {push}: {cause.message}."
    nobody = "No account is set for this registry."
    sentences: dict[CauseKind, str] = {
        "denied": f"{refused} {f'The account {code(user)} may not write there.' if user else nobody}",
        "stranger": f"{refused} {f'The account {code(user)} was not accepted.' if user else nobody}",
        "quota": f"{refused} Free space or raise the limit there.",
        "too large": f"{host} refused {push}: a layer is larger than the registry, or a proxy in front of it, accepts "
        f"(413). Raise the limit there or make the layer smaller.",
        "rate": f"{host} was asked too often during {push} ({cause.message}). Trying again later can help.",
        "server": f"{host} answered {cause.message} to {push}. That is a fault of the registry, not of your build; "
        f"trying again can help.",
        "network": f"{host} could not be reached for {push}: {cause.message}. Trying again can help.",
    }
    return sentences.get(cause.kind) or _trust_sentence(cause, host) or refused


def _trust_sentence(cause: Cause, host: str) -> str:
    """The builder and the registry do not agree how to talk: an administrator's move, for pushes and pulls alike."""
    if cause.kind == "clock":
        return f"The clocks of the builder and of {host} differ ({cause.message}). Set both by a time server."
    if cause.kind == "certificate":
        return f"The builder does not trust the certificate of {host}: {cause.message}. Its authority is unknown there."
    if cause.kind == "plain http":
        return (
            f"{host} speaks plain HTTP, but the builder insists on HTTPS. Add it to the builder's insecure registries."
        )
    return ""


def explain_frontend(evidence: Evidence) -> BuildError | None:
    """The image that a `# syntax=` line asks for cannot be had: what a host without Docker Hub meets first."""
    found = _BASE.search(evidence.text)
    syntax = _SYNTAX.match(evidence.source)
    resolving = evidence.step is not None and evidence.step.name.startswith("resolve image config for docker-image://")
    if found is None or not (syntax or resolving):
        return None
    cause = cause_of(found["why"], found["image"])
    image = syntax["image"] if syntax else _familiar(found["image"])
    host, _ = split_image(found["image"])
    line = f" (line {evidence.line})" if evidence.line else ""
    message = (
        f"The `# syntax=` line of the Dockerfile{line} asks for the image {code(image)}, which could not be fetched "
        f"from {host}: {cause.message}. Remove the line, or name a copy of it that the builder reaches."
    )
    return evidence.error(ErrorKind.REGISTRY if cause.passing else ErrorKind.USER, message, retryable=cause.passing)


def explain_base(evidence: Evidence) -> BuildError | None:
    """An image that the Dockerfile names cannot be had."""
    found = _BASE.search(evidence.text)
    step = evidence.step
    if found is None and not (step and step.label.instruction.startswith("FROM ")):
        return None
    written = _WRITTEN.search(evidence.text)
    full = found["image"] if found else (step.label.instruction.split()[-1] if step else "")
    image, (host, _) = code(written["image"] if written else _familiar(full)), split_image(full)
    cause = cause_of(found["why"] if found else evidence.text, full)
    stage = _STAGE.search(evidence.source)
    if stage and written and stage["name"].lower() == written["image"].lower():
        message = (
            f"{evidence.place}: the Dockerfile has no stage {image}, and an image of that name could not be read from "
            f"{host} either: {cause.message}."
        )
        return evidence.error(ErrorKind.USER, message)
    kind = ErrorKind.REGISTRY if cause.passing or _trust_sentence(cause, host) else ErrorKind.USER
    return evidence.error(kind, _base_sentence(cause, host, image, evidence), retryable=cause.passing)


def _base_sentence(cause: Cause, host: str, image: str, evidence: Evidence) -> str:
    base = f"the base image {image}{evidence.at_place}"
    if "no match for platform" in evidence.text:
        return f"The base image {image}{evidence.at_place} does not exist for the platform that the rule asks for."
    refused = (
        f"{host} did not authorise reading {base}: {cause.message}. The image is private or does not exist; check its "
        f"name, or give the build an account that may read it."
    )
    sentences: dict[CauseKind, str] = {
        "denied": refused,
        "stranger": refused,
        "missing": f"The base image {image} does not exist{evidence.at_place}. Check its name and tag.",
        "rate": f"{host} was asked too often for {base}: {cause.message}. Trying again later can help.",
        "server": f"{host} answered {cause.message} for {base}. That is the registry's fault; trying again can help.",
        "network": f"{host} could not be reached for {base}: {cause.message}. Trying again can help.",
    }
    trust = _trust_sentence(cause, host)
    return sentences.get(cause.kind) or (
        f"{trust} It holds {base}." if trust else f"{host} did not give {base}: {cause.message}."
    )


def cause_of(text: str, image: str = "") -> Cause:
    """Sort an error that came from a registry or from the way to it; `image` is left out of the search."""
    if image:
        text = text.replace(image, "")
    searched = _URL.sub(" ", text)
    kind: CauseKind = next((kind for kind, known in _CAUSE_PATTERNS.items() if known.search(searched)), "other")
    if kind == "network":
        return Cause(kind, next(words for needle, words in _NETWORK_WORDS if needle in text))
    return Cause(kind, _own_message(text) or kind)


def _own_message(text: str) -> str:
    """What the registry itself said: `message` of its JSON, the text of its page, or the status."""
    body = _BODY_MESSAGE.search(text)
    if body:
        return shown(body[1].replace('\\"', '"'))
    status = _STATUS.search(text)
    if status:
        # "502 Bad Gateway: <html>…": the page says the same again.
        answer = shown(text[status.end() :].split(": <", 1)[0])
        return f"{answer} (its token server)" if " token" in text[: status.start()] else answer
    rest = text.split(": server message", 1)[0]
    while match := _CODE_WORD.match(rest):
        rest = rest[match.end() :]
    message = shown(rest)
    return _BARE.get(message.lower(), message)


def split_image(image: str) -> tuple[str, str]:
    """Host and repository of an image name as people write it: `debian:12` is docker.io's `library/debian`."""
    name = image.split("@", 1)[0]
    head, slash, rest = name.partition("/")
    if not slash or not (set(head) & {".", ":"} or head == "localhost"):
        host, path = "docker.io", name if slash else f"library/{name}"
    else:
        host, path = head, rest
    return (host, path.rsplit(":", 1)[0]) if image else ("", "")


def _familiar(image: str) -> str:
    """The short form that people write: without Docker Hub's host and its `library/`."""
    return image.removeprefix("docker.io/").removeprefix("library/")
