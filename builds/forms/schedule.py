"""The schedule of a rule as two fields of its row, with the next runs while it is typed. Judging is the core's."""

from __future__ import annotations

from datetime import datetime

from django import forms
from django.utils import timezone

from builds.core.rules import RuleSpec
from builds.core.schedule import also_scheduled, next_runs, schedule_problems
from builds.forms import widgets

RUNS_SHOWN = 3


class ScheduleFields(forms.Form):
    """Part of `RuleForm`."""

    schedule = forms.CharField(
        max_length=100,
        required=False,
        widget=widgets.mono(placeholder="0 3 * * *"),
        help_text="Five cron fields: minute, hour, day of the month, month, day of the week. `0 3 * * *` is every day "
        "at 03:00. Empty: only pushes build.",
    )
    schedule_zone = forms.CharField(
        label="Time zone", max_length=64, required=False, widget=widgets.mono(placeholder="UTC", list="time-zones")
    )

    def typed_schedule(self) -> tuple[str, str]:
        """What stands in the two fields, also where one of them is not good yet."""
        self.is_valid()
        text = str(self.cleaned_data.get("schedule") or self.data.get(self.add_prefix("schedule"), ""))
        zone = str(self.cleaned_data.get("schedule_zone") or self.data.get(self.add_prefix("schedule_zone"), ""))
        return " ".join(text.split())[:100], zone.strip()[:64] or "UTC"

    def schedule_sentence(self, spec: RuleSpec) -> str:
        """What follows the rule's own sentence: ", also every day at 03:00 Europe/Vienna"; "" without a good one."""
        text, zone = self.typed_schedule()
        if not text or schedule_problems(spec, text, zone):
            return ""
        return also_scheduled(text, zone)

    def runs(self, spec: RuleSpec) -> tuple[datetime, ...]:
        """The next runs in the schedule's own zone; none where there is something to mend."""
        text, zone = self.typed_schedule()
        if not text or schedule_problems(spec, text, zone):
            return ()
        return next_runs(text, zone, timezone.now(), RUNS_SHOWN)
