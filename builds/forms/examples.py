"""The examples of a rule as lines of its row, held against the rule while both are typed. Judging is the core's."""

from __future__ import annotations

from functools import cached_property

from django import forms

from builds.core.examples import Checked, Example, check_examples, example_of, read_examples, write_examples
from builds.core.rules import Problem, Ref, RuleSpec
from builds.forms import widgets


class ExampleFields(forms.Form):
    """Part of `RuleForm`."""

    examples = forms.CharField(
        max_length=20_000,
        required=False,
        widget=widgets.lines(3, placeholder="v1.2.3 → 1.2.3, 1.2, latest"),
        help_text="One a line: a ref, `→` or `->`, and its tags. Without tags it must not match. What a build fills in "
        "stands as its template: `{sha7}`.",
    )

    def typed_examples(self, spec: RuleSpec) -> tuple[Example, ...] | None:
        """The lines that can be read; None where the page that sent the form knew of no examples."""
        if self.add_prefix("examples") not in self.data:
            return None
        return self._read(spec)[0]

    def example_problems(self, spec: RuleSpec) -> tuple[Problem, ...]:
        """Lines that cannot be read."""
        return tuple(Problem("examples", sentence) for sentence in self._read(spec)[1])

    def held(self, spec: RuleSpec) -> tuple[Checked, ...]:
        """Each example with what the rule makes of it now."""
        return check_examples(spec, self._read(spec)[0])

    def with_example(self, spec: RuleSpec, ref: Ref) -> str:
        """The lines, and one more that keeps what the rule makes of `ref` now; instead of an older one for that ref."""
        lines = [example for example in self._read(spec)[0] if example.ref != ref]
        return write_examples([*lines, example_of(ref, spec)], spec.ref_type)

    def _read(self, spec: RuleSpec) -> tuple[tuple[Example, ...], tuple[str, ...]]:
        return read_examples(self._lines, spec.ref_type)

    @cached_property
    def _lines(self) -> str:
        """Read once: Django takes a value away when a problem is put at its field."""
        self.is_valid()
        return str(self.cleaned_data.get("examples") or "")
