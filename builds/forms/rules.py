"""The rules of a source as one form: every row at once, rearranged without being saved. Judging is the core's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from django import forms

from builds.actions.rules import RuleDraft
from builds.core.examples import Checked
from builds.core.plan import evaluate
from builds.core.refnames import name_problem
from builds.core.rules import Problem, Ref, RuleSpec, check_rule, default_paths, describe_rule
from builds.core.schedule import schedule_problems
from builds.core.templates import split_templates
from builds.forms import widgets
from builds.forms.examples import ExampleFields
from builds.forms.rule_rows import NEW_RULE, as_typed, typed_row, unsaved
from builds.forms.schedule import ScheduleFields
from builds.models import BuildRule

MAX_RULES = 100
_MINUTE_S = 60


class RuleForm(ScheduleFields, ExampleFields):
    """One row. Nothing is required here: an empty pattern is the core's to complain of, in its own words."""

    id = forms.IntegerField(required=False, widget=forms.HiddenInput())
    ref_type = forms.ChoiceField(label="Kind of ref", choices=BuildRule.RefType.choices, widget=widgets.choice())
    pattern = forms.CharField(
        max_length=500,
        required=False,
        widget=widgets.mono(placeholder="main"),
        help_text="An exact name such as `main`, or `/regex/`: RE2, and it need not match the whole name unless you"
        " write `^` and `$`.",
    )
    tags = forms.CharField(
        label="Image tags",
        max_length=2000,
        required=False,
        widget=widgets.mono(placeholder="latest, {sourceref}"),
        help_text="With commas between them. `{sourceref}` is the ref's name, `{\\1}` what the first group of the regex"
        " caught, `{sha7}` the commit, `{date}` the day, `{version}` or `{major}.{minor}` what a version tag says."
        " `{latest}` is `latest` for the highest version alone.",
    )
    dockerfile = forms.CharField(max_length=500, required=False, widget=widgets.mono(placeholder="Dockerfile"))
    context = forms.CharField(
        label="Build context", max_length=500, required=False, widget=widgets.mono(placeholder=".")
    )
    target = forms.CharField(
        label="Target stage", max_length=128, required=False, widget=widgets.mono(placeholder="the last one")
    )
    platforms = forms.CharField(
        max_length=1000, required=False, widget=widgets.mono(placeholder="the builder's own, e.g. linux/amd64")
    )
    build_args = forms.CharField(
        label="Build arguments",
        max_length=100_000,
        required=False,
        widget=widgets.lines(2, placeholder="VERSION=1.2"),
        help_text="One `NAME=value` a line. They stand in the image and in the log: not for secrets.",
    )
    paths_include = forms.CharField(
        label="Only when these change",
        max_length=20_000,
        required=False,
        widget=widgets.lines(2, placeholder="web/**"),
        help_text="Empty: any file.",
    )
    paths_exclude = forms.CharField(
        label="These do not count",
        max_length=20_000,
        required=False,
        widget=widgets.lines(2, placeholder="*.md"),
    )
    timeout_min = forms.IntegerField(
        label="Time limit, minutes",
        min_value=1,
        max_value=7 * 24 * 60,
        required=False,
        widget=forms.NumberInput(attrs={"class": "form-control", "min": 1, "placeholder": "as the server says"}),
    )
    autobuild = forms.BooleanField(label="Build on push", required=False, widget=widgets.switch())
    cache = forms.BooleanField(label="Use the build cache", required=False, widget=widgets.switch())
    supersedes_running = forms.BooleanField(
        label="A newer push stops a running build", required=False, widget=widgets.switch()
    )

    def clean_build_args(self) -> dict[str, str]:
        pairs: dict[str, str] = {}
        for line in self.cleaned_data["build_args"].splitlines():
            name, equals, value = line.strip().partition("=")
            if not line.strip():
                continue
            if not equals:
                raise forms.ValidationError(f"`{name[:40]}` has no value: write `NAME=value`.")
            if name in pairs:
                raise forms.ValidationError(f"`{name[:40]}` is given twice.")
            pairs[name] = value
        return pairs

    @cached_property
    def spec(self) -> RuleSpec:
        """The row as the core reads it, also while it is being typed and some field is not good yet.

        Read once: Django takes a value away when a problem is put at its field.
        """
        self.is_valid()
        values = {**dict.fromkeys(self.fields, ""), **self.cleaned_data}
        return RuleSpec(
            id=values["id"] or None,
            ref_type=values["ref_type"] or "branch",
            pattern=values["pattern"],
            tags=tuple(split_templates([values["tags"]])),
            dockerfile=values["dockerfile"] or "Dockerfile",
            context=values["context"] or ".",
            target=values["target"],
            platforms=tuple(values["platforms"].replace(",", " ").split()),
            build_args=values["build_args"] or {},
            autobuild=bool(values["autobuild"]),
            cache=bool(values["cache"]),
            paths_include=_lines(values["paths_include"]),
            paths_exclude=_lines(values["paths_exclude"]),
        )

    @property
    def draft(self) -> RuleDraft:
        """What the action takes."""
        minutes = self.cleaned_data.get("timeout_min") if self.is_valid() else None
        return RuleDraft(
            self.spec,
            supersedes_running=bool(self.cleaned_data.get("supersedes_running")),
            timeout_s=minutes * _MINUTE_S if minutes else None,
            schedule=self.typed_schedule()[0],
            schedule_zone=self.typed_schedule()[1],
            examples=self.typed_examples(self.spec),
        )

    @property
    def own_paths(self) -> tuple[str, ...]:
        """What the button fills in: globs for the context and the Dockerfile, () where every file is context."""
        return default_paths(self.spec)

    @property
    def sentence(self) -> str:
        if not self.spec.pattern:
            return "A new rule: say which refs it is for."
        return describe_rule(self.spec) + self.schedule_sentence(self.spec)

    @cached_property
    def checked(self) -> tuple[Checked, ...]:
        """Its examples, each with what the rule makes of it now."""
        return self.held(self.spec)

    @property
    def broken(self) -> int:
        return sum(not one.is_good for one in self.checked)

    @property
    def next_runs(self) -> tuple[datetime, ...]:
        return self.runs(self.spec)

    def check(self) -> bool:
        """Ask the core, and put what it says at the fields. Whether the row is good."""
        if self.is_valid():
            problems = check_rule(self.spec) + schedule_problems(self.spec, *self.typed_schedule())
            self.show(problems + self.example_problems(self.spec))
        return not self.errors

    def show(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self.add_error(problem.field if problem.field in self.fields else None, problem.message)


class RulesForm:
    """All rows, as they are saved or as they were typed. `rows` are bound forms in the order of evaluation."""

    def __init__(self, raw: list[dict[str, str]]) -> None:
        self._raw = raw[:MAX_RULES]
        self.rows = [
            RuleForm({f"rule-{i}-{name}": value for name, value in row.items()}, prefix=f"rule-{i}")
            for i, row in enumerate(self._raw)
        ]

    @classmethod
    def of(cls, rules: Iterable[BuildRule]) -> RulesForm:
        """The saved rules."""
        return cls([as_typed(rule) for rule in rules])

    @classmethod
    def imported(cls, saved: Iterable[BuildRule], specs: Iterable[RuleSpec]) -> RulesForm:
        """The saved rules, and behind them rules from elsewhere that are not saved yet."""
        return cls([as_typed(rule) for rule in (*saved, *map(unsaved, specs))])

    @classmethod
    def typed(cls, post: Mapping[str, Any]) -> RulesForm:
        """The rows of a request; `rule-total` says how many there are."""
        total = str(post.get("rule-total", "0"))
        count = min(int(total), MAX_RULES) if total.isascii() and total.isdigit() else 0
        return cls([typed_row(post, f"rule-{i}-", RuleForm.base_fields) for i in range(count)])

    @property
    def specs(self) -> list[RuleSpec]:
        return [row.spec for row in self.rows]

    @property
    def drafts(self) -> list[RuleDraft]:
        return [row.draft for row in self.rows]

    def check(self) -> bool:
        """Every problem at its field. Whether all rows are good."""
        return all([row.check() for row in self.rows])  # noqa: C419 — every row is to be checked

    def rearranged(self, wish: str) -> RulesForm:
        """The rows after `add`, `remove-2`, `up-2`, `down-2`, `paths-2` or `example-tag v1`; else as they are."""
        raw = list(self._raw)
        what, _, place = wish.partition("-")
        index = int(place) if place.isascii() and place.isdigit() else -1
        if what == "example":
            self._keep(raw, place)
        elif what == "add":
            raw.append(NEW_RULE | ({"pattern": "", "tags": ""} if raw else {}))
        elif 0 <= index < len(raw):
            if what == "remove":
                del raw[index]
            elif what == "paths":
                raw[index] = {**raw[index], "paths_include": "\n".join(self.rows[index].own_paths)}
            elif what == "up" and index > 0:
                raw[index - 1 : index + 1] = raw[index], raw[index - 1]
            elif what == "down" and index < len(raw) - 1:
                raw[index : index + 2] = raw[index + 1], raw[index]
        return RulesForm(raw)

    def _keep(self, raw: list[dict[str, str]], text: str) -> None:
        """What the rules make of one ref now becomes an example of those that match, or else of all of its kind."""
        kind, _, name = text.partition(" ")
        ref = Ref(kind, name)  # type: ignore[arg-type]  # of another kind it matches no rule
        same = [i for i, row in enumerate(self.rows) if row.spec.ref_type == kind]
        verdicts = evaluate(ref, self.specs, manual=True)
        matching = [i for i in same if verdicts[i].matched]
        if name_problem(name) is None:
            for i in matching or same:
                raw[i] = {**raw[i], "examples": self.rows[i].with_example(self.rows[i].spec, ref)}


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())
