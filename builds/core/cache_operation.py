"""What differs in the operation of a step: its words, the build arguments, what it runs in. No files, no cache."""

from __future__ import annotations

from builds.core.cache_base import base_reason
from builds.core.cache_reasons import Compared, Reason
from builds.core.cache_sides import Ran
from builds.core.cache_words import explained_by, mentioned, quote, setting_change, word_change
from lib.humanize import plural

_KEPT = 500


def operation_reason(both: Compared, step: Ran, was: Ran) -> Reason | None:
    """None where the operation is the same. A `COPY --from` of a renamed stage is the same one under another name."""
    is_told = bool(step.fingerprint and was.fingerprint)
    if is_told and step.fingerprint == was.fingerprint:
        return None
    if step.words != was.words:
        return _words(both, step, was)
    return _surroundings(both, step, is_told=is_told)


def new_reason(both: Compared, step: Ran) -> Reason:
    """Of a step that the earlier build had not."""
    if both.this.target != both.before.target:
        now, old = (quote(side.target) if side.target else "the last stage" for side in (both.this, both.before))
        return Reason("target", f"The target is {now} and was {old}: {both.that} had no need of this step.")
    platform = step.label.platform
    if platform and all(other.label.platform != platform for other in both.before.steps if other.label.number):
        return Reason("new", f"{both.that.capitalize()} was not for {quote(platform)}.")
    return Reason("new", f"The step is new: {both.that} had none like it.")


def _words(both: Compared, step: Ran, was: Ran) -> Reason:
    for arg in both.args:
        if explained_by(arg, was.words, step.words):
            return _argument(arg.sentence, [arg.name])
    # BuildKit fills ARG and ENV into the name of a step: what somebody wrote may be the same.
    text = both.this.text_of(step)
    if text and text == both.before.text_of(was) and (reason := _argument_or_setting(both, step)):
        return reason
    what = "command" if step.keyword == "RUN" else "instruction"
    evidence = {"before": was.words[:_KEPT], "after": step.words[:_KEPT]}
    return Reason("words", f"Its {what} changed: {word_change(was.words, step.words)}.", evidence=evidence)


def _argument(said: str, names: list[str]) -> Reason:
    return Reason("argument", f"{said[0].upper()}{said[1:]}.", evidence={"arguments": names})


def _surroundings(both: Compared, step: Ran, *, is_told: bool) -> Reason | None:
    """The words are the same. What a RUN gets besides them is every ARG and ENV above it, and the base image's ENV."""
    if step.keyword != "RUN" and not is_told:
        return None
    if reason := base_reason(both, step) or _argument_or_setting(both, step):
        return reason
    if not is_told:
        return None
    sentence = "Its words are the same, but not what it runs in: environment, user, folder or mounts."
    return Reason("operation", sentence)


def _argument_or_setting(both: Compared, step: Ran) -> Reason | None:
    line = step.lines[0] if step.lines else None
    if args := mentioned(both.this.dockerfile, both.args, line):
        more = f", and {plural(len(args) - 1, 'other')} with it" if len(args) > 1 else ""
        return _argument(f"{args[0].sentence}{more}", [arg.name for arg in args])
    if both.this.dockerfile and both.before.dockerfile:
        clause = setting_change(both.before.dockerfile, both.this.dockerfile, line)
        if clause:
            return Reason("setting", f"What it runs in changed: {clause}.", evidence={"line": clause})
    return None
