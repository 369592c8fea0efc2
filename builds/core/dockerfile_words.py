"""Which lines of a text a step stands on, where BuildKit did not say: by the step's own words. Knows no Dockerfile.

BuildKit names a step by the words of its instruction on one line, with build arguments filled in. Where the same words
stand in the text once, from the beginning of a line to the end of one, there is no doubt; anything else is left open.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_SHORT = re.compile(r"^(?:docker\.io/)?(?:library/)?")
Words = tuple[str, ...]
Lines = tuple[int, ...]


def find_lines(text: str, instructions: Iterable[str]) -> dict[str, Lines]:
    """By instruction (`RUN npm ci`): its lines from 1, for those whose words stand in `text` once.

    Of `FROM docker.io/library/node:20@sha256:…` it is enough that one line begins with `FROM node:20`.
    """
    places: dict[Words, list[Lines]] = {}
    for words, lines in _joined(text):
        places.setdefault(_key(words), []).append(lines)
    wanted = {instruction: places.get(_key(tuple(instruction.split())), []) for instruction in instructions}
    return {instruction: found[0] for instruction, found in wanted.items() if len(found) == 1}


def _key(words: Words) -> Words:
    """What two spellings of an instruction have in common.

    BuildKit writes the first word in capitals, people write it as they like. It names a base image in full, with its
    digest, where people leave out what Docker Hub is meant by; and it leaves out the name of the stage.
    """
    first, rest = words[:1], words[1:]
    if first and first[0].upper() == "FROM":
        named = [word for word in rest if not word.startswith("--")][:1]
        rest = tuple(_SHORT.sub("", word.partition("@")[0] or word) for word in named)
    return (*(word.upper() for word in first), *rest)


def _joined(text: str) -> Iterator[tuple[Words, Lines]]:
    """The words of each line; a backslash at the end of one joins it with the next."""
    words: list[str] = []
    first = 0
    for number, line in enumerate(text.splitlines(), 1):
        first = first or number
        whole = line.rstrip()
        words += whole.removesuffix("\\").split()
        if not whole.endswith("\\"):
            if words:
                yield tuple(words), tuple(range(first, number + 1))
            words, first = [], 0
