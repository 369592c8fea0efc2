"""Examples that stay with a rule as its tests: how they are written, read, and held against the rule. Saves nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from builds.core.facts import Known
from builds.core.plan import Verdict, evaluate
from builds.core.refnames import ONE, Ref, RefType, name_problem, quoted
from builds.core.rules import RuleSpec

MAX_EXAMPLES = 50
MAX_TAGS = 40
MAX_TAG = 255
_ARROW = re.compile(r"\s*(?:→|->|=>)\s*")
# An example says what its rule does, whatever else the repository has: it is judged as if it were the only tag.
_ALONE = Known(tags=())


@dataclass(frozen=True, slots=True)
class Example:
    """A test that stays with its rule: this ref makes these tags; `()` says that the rule does not match it."""

    ref: Ref
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """One example held against its rule. `sentence` says the difference, "" where there is none.

    `missing` are tags that the example wants and the rule does not make; `extra` the other way round.
    """

    example: Example
    sentence: str = ""
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        return not self.sentence


def read_examples(text: str, ref_type: RefType) -> tuple[tuple[Example, ...], tuple[str, ...]]:
    """`v1.2.3 → 1.2.3, 1.2, latest`, one a line, also with `->`; a ref without tags must not match.

    Gives the examples and a sentence for each line that is none. `branch x` or `tag x` in front names another kind of
    ref than the rule's.
    """
    examples: list[Example] = []
    problems: list[str] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        name, *rest = _ARROW.split(line, maxsplit=1)
        kind, name = _kind(name.strip(), ref_type)
        tags = tuple(dict.fromkeys(tag for part in rest for tag in re.split(r"[,\s]+", part) if tag))
        example = Example(Ref(kind, name), tags)
        if wrong := _problem(example):
            problems.append(wrong)
        else:
            examples.append(example)
    if len(examples) > MAX_EXAMPLES:
        problems.append(f"These are {len(examples)} examples; {MAX_EXAMPLES} is the most.")
    return tuple(examples[:MAX_EXAMPLES]), tuple(problems)


def _kind(name: str, ref_type: RefType) -> tuple[RefType, str]:
    first, space, rest = name.partition(" ")
    for kind in ONE:
        if space and first == kind:
            return kind, rest.strip()
    return ref_type, name


def _problem(example: Example) -> str:
    if wrong := name_problem(example.ref.name):
        return f"{quoted(example.ref.name)} is the name of no ref: {wrong}. Write `v1.2.3 → 1.2.3, latest`."
    if len(example.tags) > MAX_TAGS or any(len(tag) > MAX_TAG for tag in example.tags):
        return (
            f"The example {quoted(example.ref.name)} has more than {MAX_TAGS} tags, or one of over {MAX_TAG} letters."
        )
    return ""


def write_examples(examples: Iterable[Example], ref_type: RefType) -> str:
    """The lines that `read_examples` reads back."""
    return "\n".join(_line(example, ref_type) for example in examples)


def _line(example: Example, ref_type: RefType) -> str:
    name = example.ref.name if example.ref.type == ref_type else f"{example.ref.type} {example.ref.name}"
    return f"{name} → {', '.join(example.tags)}" if example.tags else f"{name} →"


def example_problems(examples: Sequence[Example]) -> tuple[str, ...]:
    """What can be wrong with examples that came as data, whatever the rule says: sentences."""
    sentences = [wrong for example in examples if (wrong := _problem(example))]
    if len(examples) > MAX_EXAMPLES:
        sentences.append(f"These are {len(examples)} examples; {MAX_EXAMPLES} is the most.")
    return tuple(sentences)


def check_examples(rule: RuleSpec, examples: Iterable[Example]) -> tuple[Checked, ...]:
    """Each example, judged by the one evaluator as if somebody asked for the build by hand.

    What is not known before a build (`{sha7}`, `{date}`) an example names by its template.
    """
    return tuple(_check(rule, example) for example in examples)


def _check(rule: RuleSpec, example: Example) -> Checked:
    (verdict,) = evaluate(example.ref, [rule], manual=True, known=_ALONE)
    if not example.tags:
        if not verdict.matched:
            return Checked(example)
        made = _listed(_made(verdict)) or "no tag"
        return Checked(example, f"{quoted(example.ref.name)} must not match, and makes {made}.", extra=_made(verdict))
    if not verdict.matched:
        why = verdict.reason.removeprefix("did not match: ").rstrip(".")
        return Checked(example, f"{quoted(example.ref.name)} does not match: {why}.", missing=example.tags)
    made_tags = _made(verdict)
    missing = tuple(tag for tag in example.tags if tag not in made_tags)
    extra = tuple(tag for tag in made_tags if tag not in example.tags)
    if not missing and not extra:
        return Checked(example)
    return Checked(example, _difference(example, missing, extra), missing, extra)


def _difference(example: Example, missing: Sequence[str], extra: Sequence[str]) -> str:
    told = [f"does not make {_listed(missing)}"] if missing else []
    told += [f"{'makes' if missing else 'also makes'} {_listed(extra)}"] if extra else []
    return f"{quoted(example.ref.name)} {' but '.join(told)}."


def _made(verdict: Verdict) -> tuple[str, ...]:
    return tuple(tag.name for tag in verdict.tags) + verdict.pending


def _listed(tags: Sequence[str]) -> str:
    return ", ".join(map(quoted, tags))


def example_of(ref: Ref, rule: RuleSpec) -> Example:
    """What the rule makes of a ref now, as an example; of one that it does not match, that it must not."""
    (verdict,) = evaluate(ref, [rule], manual=True, known=_ALONE)
    return Example(ref, _made(verdict) if verdict.matched else ())


def example_rows(examples: Iterable[Example]) -> list[dict[str, Any]]:
    """As they are stored: [{ref_type, ref, tags}]."""
    return [{"ref_type": each.ref.type, "ref": each.ref.name, "tags": list(each.tags)} for each in examples]


def examples_of(rows: Iterable[dict[str, Any]]) -> tuple[Example, ...]:
    """What `example_rows` gave."""
    return tuple(Example(Ref(row["ref_type"], row["ref"]), tuple(row["tags"])) for row in rows)
