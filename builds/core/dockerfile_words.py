"""Which lines of a text a step stands on, where BuildKit did not say: by the step's own words. Knows no Dockerfile.

BuildKit names a step by the words of its instruction on one line, with build arguments filled in. Where the same words
stand in the text once, from the beginning of a line to the end of one, there is no doubt; anything else is left open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

Words = tuple[str, ...]
Lines = tuple[int, ...]


def find_lines(text: str, instructions: Iterable[str]) -> dict[str, Lines]:
    """By instruction (`RUN npm ci`): its lines from 1, for those whose words stand in `text` once."""
    places: dict[Words, list[Lines]] = {}
    for words, lines in _joined(text):
        places.setdefault(_key(words), []).append(lines)
    wanted = {instruction: places.get(_key(tuple(instruction.split())), []) for instruction in instructions}
    return {instruction: found[0] for instruction, found in wanted.items() if len(found) == 1}


def _key(words: Words) -> Words:
    """BuildKit writes the first word in capitals, people write it as they like."""
    return (words[0].upper(), *words[1:]) if words else ()


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
