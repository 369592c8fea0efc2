"""What a failed build left behind, cleaned and in one place. Whose fault it is and the sentence are `failure`'s."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from builds.core.errors import BuildError, ErrorKind
from builds.core.progress_steps import Step, StepBook, StepState

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|.)", re.DOTALL)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Both start at the literal "://": a long word without one costs nothing.
_URL_SECRETS = re.compile(r"://[^\s/\"']*@")
_URL_QUERY = re.compile(r"(?P<url>://[^\s?\"'<>]{0,1000})\?[^\s\"'<>]*[^\s\"'<>:,.]")
_AUTH_HEADER = re.compile(r"\b(?P<scheme>bearer|basic)\s+[A-Za-z0-9+/._~=-]{12,}", re.IGNORECASE)
_HTML = re.compile(r"<(?:!doctype|html|head|body|title|h1|center|p|pre|script|style)\b", re.IGNORECASE)
_HTML_UNSEEN = re.compile(
    r"<(?P<tag>script|style|head)\b.*?(?:</(?P=tag)\s*>|$)|<!--.*?(?:-->|$)", re.IGNORECASE | re.DOTALL
)
_HTML_TAG = re.compile(r"<[^<>]*>")
_STACK = re.compile(r"goroutine \d|panic:|\d+ +v?\d+\.\d+\S* |\t|[\w.-]+(?:/[\w.@-]+)+\.[\w.()*]+|main\.|runtime\.")
# The command of a process error is the user's text: it must not be searched for words about daemons and disks.
_COMMAND = re.compile(r'process ".*" did not complete', re.DOTALL)
_LEAD = re.compile(
    r"(?:(?:ERROR|error|failed to build|failed to solve(?: with frontend \S+)?|failed to create LLB definition"
    r"|failed to receive status|rpc error|Unknown|Internal|ResourceExhausted): "
    r"|code = (?!Unavailable)\w+ desc = )"
)
_HEADER = re.compile(r"(?P<file>.+):(?P<line>\d{1,9})")
_EXCERPT_LINE = re.compile(r"\s*(?P<line>\d{1,9}) \| (?P<mark>>>>|   ) (?P<text>.*)", re.DOTALL)

MAX_MESSAGE = 400
_MAX_COMMAND = 80
_MAX_FOLLOWING = 40
# Long enough for every error; short enough that no expression above takes noticeable time on a hostile one.
_MAX_TEXT = 16_000


@dataclass(frozen=True, slots=True)
class Evidence:
    """`text` is BuildKit's last error, without the user's command in it; `step` is the one that failed.

    `file`, `line` and `source` are the first marked line of the Dockerfile excerpt: "", None and "" without one.
    """

    text: str
    step: Step | None
    file: str
    line: int | None
    source: str
    book: StepBook
    returncode: int
    image: str
    registry: str
    registry_user: str

    @property
    def place(self) -> str:
        """Where in the Dockerfile: "Dockerfile line 9", or "" where BuildKit did not say."""
        if not self.line:
            return ""
        return f"{'Dockerfile' if self.file in ('', 'Dockerfile') else code(self.file)} line {self.line}"

    @property
    def at_place(self) -> str:
        """The place in brackets, with a space before it; "" without one."""
        return f" ({self.place})" if self.line else ""

    @property
    def where(self) -> str:
        """The failing step as a person would say it: "Step 4 of 7 (`RUN npm ci`, Dockerfile line 9)"."""
        if self.step is None:
            return f"The build{self.at_place}"
        label = self.step.label
        if not label.number:
            return f"The step {code(label.instruction.removeprefix('[internal] '))}"
        # A stage without a name of its own is called `stage-2` by BuildKit: the person never wrote that.
        named = label.stage and not re.fullmatch(r"stage-\d+", label.stage)
        stage = f" of stage {code(label.stage)}" if named else ""
        number = f"Step {label.number} of {label.total}{stage}"
        about = [code(label.instruction), self.place, label.platform]
        return f"{number} ({', '.join(part for part in about if part)})"

    def error(self, kind: ErrorKind, message: str, *, retryable: bool = False, needs_space: bool = False) -> BuildError:
        """The error with the failing step and line filled in; names out of the build bring no escape codes along."""
        step = self.step.name if self.step else None
        message = " ".join(_CONTROLS.sub("", _ESCAPES.sub("", message)).split())
        return BuildError(
            kind, message, retryable=retryable, needs_space=needs_space, step=step, dockerfile_line=self.line
        )


def gather(
    book: StepBook, tail: Sequence[str], returncode: int, *, image: str, registry: str, registry_user: str
) -> Evidence:
    """Look for the failing step, the last error and the Dockerfile excerpt."""
    text = last_error(tail)
    step = _failed_step(book, text)
    if not text and step is not None:
        text = tidy(step.error)
    file, line, source = _excerpt(tail)
    parse_error = re.search(r"parse error on line (\d{1,9})", text)
    if line is None and parse_error:
        line = int(parse_error[1])
    return Evidence(
        text=_COMMAND.sub("process did not complete", text),
        step=step,
        file=file,
        line=line,
        source=source,
        book=book,
        returncode=returncode,
        image=image,
        registry=registry,
        registry_user=registry_user,
    )


def last_error(tail: Sequence[str]) -> str:
    """The last `ERROR:` line with what follows it, without a Go stack; without such a line the last lines there are."""
    lines = [_ESCAPES.sub("", line) for line in tail]
    start = next((at for at in range(len(lines) - 1, -1, -1) if lines[at][:6].upper() == "ERROR:"), None)
    if start is None:
        return unwrapped(tidy(" ".join(line for line in lines[-5:] if line and not _STACK.match(line))))
    kept = [lines[start]]
    for line in lines[start + 1 : start + 1 + _MAX_FOLLOWING]:
        if _STACK.match(line):
            break
        kept.append(line)
    return unwrapped(tidy(" ".join(kept)))


def unwrapped(text: str) -> str:
    """Without the layers that every error wears: `ERROR: failed to build: failed to solve: rpc error: code = …`."""
    while match := _LEAD.match(text):
        text = text[match.end() :].lstrip()
    return text.strip()


def tidy(text: str) -> str:
    """One line without escape codes, control characters, credentials and the queries of URLs, which may be signed.

    The middle of a very long text is left out: its beginning says what was done and its end what happened.
    """
    if len(text) > _MAX_TEXT:
        text = f"{text[: _MAX_TEXT // 2]} … {text[-_MAX_TEXT // 2 :]}"
    text = _CONTROLS.sub("", _ESCAPES.sub("", text).replace("\n", " ").replace("\t", " "))
    text = _AUTH_HEADER.sub(r"\g<scheme> ***", text)
    return _URL_QUERY.sub(r"\g<url>", _URL_SECRETS.sub("://", text)).strip()


def without_html(text: str) -> str:
    """What a reader of the page would see; text that is no HTML stays as it is."""
    if not _HTML.search(text):
        return text
    return " ".join(_HTML_TAG.sub(" ", _HTML_UNSEEN.sub(" ", text)).split())


def shown(text: str, limit: int = MAX_MESSAGE) -> str:
    """Somebody else's words inside a sentence of ours: short, no HTML, no full stop at the end."""
    text = " ".join(without_html(text).split()).strip(".,:; ")
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def code(text: str) -> str:
    """A command or a name in backquotes, on one line and short."""
    text = " ".join(tidy(text).replace("`", "'").split())
    return f"`{text if len(text) <= _MAX_COMMAND else text[: _MAX_COMMAND - 1] + '…'}`"


def _failed_step(book: StepBook, text: str) -> Step | None:
    """The step that the last error speaks of, else the first that failed, else the one that was cut off."""
    steps = book.steps
    failed = [step for step in steps if step.state is StepState.FAILED]
    for step in failed:
        if tidy(step.error) in text:
            return step
    stopped = [step for step in steps if step.state in (StepState.CANCELLED, StepState.RUNNING) and not step.internal]
    return next(iter([*failed, *stopped]), None)


def _excerpt(tail: Sequence[str]) -> tuple[str, int | None, str]:
    """`Dockerfile:2`, a ruler, then numbered lines of which `>>>` marks the guilty (BuildKit errdefs/source.go)."""
    for at in range(len(tail) - 2, -1, -1):
        header = _HEADER.fullmatch(tail[at])
        if header is None or _EXCERPT_LINE.fullmatch(tail[at]) or not tail[at + 1].startswith("--------"):
            continue  # `3 | >>> FROM debian:12` before the closing ruler looks much like a header
        for line in tail[at + 2 :]:
            match = _EXCERPT_LINE.fullmatch(line)
            if match is None:
                break
            if match["mark"] == ">>>":
                return tidy(header["file"]), int(match["line"]), tidy(match["text"])
        return tidy(header["file"]), int(header["line"]), ""
    return "", None, ""
