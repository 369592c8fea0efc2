"""The failing step of a build, to be tried by hand: what stood before it, what it says, and how to get there.

BuildKit names the lines of the failing instruction, and a stage may refer to stages before it alone (BuildKit refuses
`COPY --from` and `--mount=from` of a later one). So the text before that line is a Dockerfile whose last stage ends
right before the failing step, and no parser of ours is needed to find it. What is read of the instruction itself is
only for a person to paste.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from builds.core.failure_evidence import code
from builds.core.frontends import foreign_frontend
from builds.core.progress_events import parse_step_name
from builds.core.states import State

_WORD = re.compile(r"\s*(?P<word>[A-Za-z]+)(?:\s|$)")
# Directives are the comments at the very top, one in a line (BuildKit, Dockerfile reference, "Parser directives").
_DIRECTIVE = re.compile(r"#\s*(?P<name>[A-Za-z]+)\s*=\s*(?P<value>\S.*?)\s*$")
_HEREDOC = re.compile(r"<<(?P<tab>-?)(?P<quote>[\"']?)(?P<word>[A-Za-z_][\w.-]*)(?P=quote)\s*$")
_FLAG = re.compile(r"--(?P<name>[a-z]+)(?:=(?P<value>\S*))?\s+")
_HEADER = re.compile(r".+:\d{1,9}")
_EXCERPT = re.compile(r"\s*(?P<line>\d{1,9}) \| (?P<mark>>>>|   )(?: .*)?", re.DOTALL)
_MOST_SHOWN = 64 * 1024


class NothingBefore(Exception):  # noqa: N818 — a fact about the Dockerfile, with its sentence
    """There is no image of what stood before the failing step; `sentence` says why and what to do instead."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Instruction:
    """The failing instruction: its lines as they stand, and for a RUN what its shell was given ("" where unclear)."""

    text: str
    word: str
    command: str = ""
    mounts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepFacts:
    """What a person needs to try the step: `args` are the ARGs in force, which an image does not keep."""

    instruction: str = ""
    command: str = ""
    mounts: tuple[str, ...] = ()
    args: Mapping[str, str] = field(default_factory=dict)
    shell: tuple[str, ...] = ()
    workdir: str = ""
    user: str = ""
    platform: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> StepFacts:
        """Reading what `as_json` wrote; what another version wrote beside it is left."""
        known = {name: document[name] for name in cls.__dataclass_fields__ if name in document}
        return cls(**{**known, "mounts": tuple(known.get("mounts", ())), "shell": tuple(known.get("shell", ()))})

    @property
    def program(self) -> str:
        """What the shell of the step is started with."""
        return self.shell[0] if self.shell else "sh"


def why_not(*, state: str, untrusted: bool, is_pushed: bool, has_source: bool, line: int | None, step: str) -> str:
    """Why a build's failing step cannot be looked at in an image of its own; "" where it can."""
    if state != State.FAILED:
        return "Only a build that failed has a step to debug."
    if untrusted or not is_pushed:
        return (
            "This build is of a stranger's pull request: its code runs in the builder alone, so it gets no image and "
            "no shell. Check the commit out and build it on a machine of your own."
        )
    if not has_source:
        return "The source of this build was removed, so its commit cannot be fetched again."
    return _why_not_here(line, step)


def _why_not_here(line: int | None, step: str) -> str:
    label = parse_step_name(step)
    if not line or label.role != "step":
        return "No step of the Dockerfile failed, or BuildKit did not say in which line."
    if label.instruction.startswith("FROM "):
        return "It failed at FROM: nothing stood before it."
    if label.instruction.startswith("ONBUILD "):
        return (
            "The failing step is an `ONBUILD` instruction of the base image, and nothing of your Dockerfile ran before "
            "it. Run the base image itself: `docker run --rm -it --entrypoint sh` and the image that FROM names."
        )
    return ""


def text_before(dockerfile: bytes, line: int) -> bytes:
    """The Dockerfile up to the instruction that begins in `line` (from 1). Raises NothingBefore.

    Its last stage is the one that failed. Directives, global arguments and the stages before it are all there, and
    lines keep their numbers.
    """
    foreign = foreign_frontend(dockerfile)
    if foreign is not None:
        raise NothingBefore(
            f"The Dockerfile is written for the frontend {code(foreign)}, and where its steps begin is not known here."
        )
    lines = dockerfile.split(b"\n")
    if not 1 <= line <= len(lines):
        raise NothingBefore("The failing line is not in the Dockerfile of this commit. Build the commit again first.")
    if _word(lines[line - 1].decode("utf-8", "replace")) == "FROM":
        raise NothingBefore("It failed at FROM: nothing stood before it.")
    before = lines[: line - 1]
    if not any(_word(row.decode("utf-8", "replace")) == "FROM" for row in before):
        raise NothingBefore("No FROM stands before the failing line, so there is no image of what was before it.")
    return b"\n".join([*before, b""])


def last_line_of(tail: Sequence[str], first: int) -> int:
    """The last line of the instruction that begins in `first`, as BuildKit marked it; `first` where it did not.

    The excerpt is a header `Dockerfile:7`, a ruler, and numbered lines of which `>>>` marks the guilty.
    """
    for at, header in enumerate(tail[:-1]):
        if not (_HEADER.fullmatch(header.strip()) and tail[at + 1].startswith("--------")):
            continue
        marked = []
        for row in tail[at + 2 :]:
            match = _EXCERPT.fullmatch(row.rstrip("\n"))
            if match is None:
                break
            if match["mark"] == ">>>":
                marked.append(int(match["line"]))
        if marked and marked[0] == first:
            return marked[-1]
    return first


def read_instruction(dockerfile: bytes, first: int, last: int) -> Instruction:
    """The instruction in these lines (from 1), for a person to read and to paste."""
    lines = [line.removesuffix("\r") for line in dockerfile.decode("utf-8", "replace").split("\n")]
    chosen = lines[first - 1 : max(last, first)]
    text = "\n".join(chosen)[:_MOST_SHOWN].rstrip()
    word = _word(chosen[0]) if chosen else ""
    if word != "RUN":
        return Instruction(text, word)
    head, used = _joined(chosen, _escape(lines))
    rest, mounts = _without_flags(head)
    return Instruction(text, word, _command(rest, chosen[used:])[:_MOST_SHOWN], mounts)


def run_line(image: str, facts: StepFacts) -> str:
    """The `docker run` that gives a shell where the failing step would have run."""
    words = ["docker", "run", "--rm", "-it"]
    if facts.platform:
        words.append(f"--platform={facts.platform}")
    for name, value in facts.args.items():
        words += ["-e", f"{name}={value}"]
    return shlex.join([*words, "--entrypoint", facts.program, image])


def platform_of(step: str) -> str:
    """For which platform a step was carried out, as `docker` takes it; "" where its name does not say.

    `linux/amd64->arm64` stands for a step that runs on the first to build for the second.
    """
    platform = parse_step_name(step).platform
    here, arrow, target = platform.partition("->")
    return f"{here.partition('/')[0]}/{target}" if arrow else platform


def _word(line: str) -> str:
    match = _WORD.match(line)
    return match["word"].upper() if match else ""


def _escape(lines: Sequence[str]) -> str:
    """What continues a line: a backslash, unless the directive `escape` at the top says otherwise."""
    for line in lines:
        match = _DIRECTIVE.match(line)
        if match is None:
            break
        if match["name"].lower() == "escape":
            return match["value"]
    return "\\"


def _joined(lines: Sequence[str], escape: str) -> tuple[str, int]:
    """The first logical line, as BuildKit puts it together, and how many lines that took."""
    whole = ""
    for used, line in enumerate(lines, 1):
        if used > 1 and (not line.strip() or line.lstrip().startswith("#")):
            continue
        stripped = line.rstrip()
        if not stripped.endswith(escape):
            return whole + line, used
        whole += stripped.removesuffix(escape)
    return whole, len(lines)


def _without_flags(head: str) -> tuple[str, tuple[str, ...]]:
    """What follows `RUN --mount=… --network=…`, and the mounts."""
    rest = head.strip()[len("RUN") :].lstrip()
    mounts = []
    while match := _FLAG.match(rest):
        if match["name"] == "mount" and match["value"]:
            mounts.append(match["value"])
        rest = rest[match.end() :]
    return rest, tuple(mounts)


def _command(rest: str, body: Sequence[str]) -> str:
    if rest.startswith("["):
        try:
            words = json.loads(rest)
        except ValueError:
            return rest
        return shlex.join(words) if all(isinstance(word, str) for word in words) else rest
    heredoc = _HEREDOC.match(rest)
    if heredoc is None:
        # A here-document within a command is the shell's own: its lines are pasted with it.
        return "\n".join([rest, *body]).rstrip()
    text = [line.lstrip("\t") if heredoc["tab"] else line for line in body]
    if heredoc["word"] in text:
        text = text[: text.index(heredoc["word"])]
    # A script for another interpreter is not for this shell.
    return "" if text and text[0].startswith("#!") else "\n".join(text)
