"""Docker Hub's build rules, pasted as its page shows them or as the JSON of its API, as rules of Imageyard.

What the fields meant there: https://docs.docker.com/docker-hub/builds/ (Dockerfile location relative to the build
context, blank context: the Dockerfile's folder). The JSON is that of the two APIs that its clients use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from builds.core.importers.docker_hub_read import Row, read_rows
from builds.core.importers.report import Imported, Level, ReportLine, too_long
from builds.core.patterns import read_pattern
from builds.core.refnames import RefType, name_problem, quoted
from builds.core.rules import RuleSpec, check_rule
from builds.core.templates import split_templates

_TYPES: Mapping[str, RefType] = {"branch": "branch", "tag": "tag"}
_OFF = frozenset({"off", "false", "no", "disabled", "0", "✗", "✕"})
# What the classic page showed for a tag that was not given.
_SAME_AS = ("", "same as branch", "same as tag", "same as branch name", "same as tag name")
_REGEX_CHARS = frozenset("^$*+?()[]{}|\\")


def import_docker_hub(text: str) -> Imported:
    """Rules from the page's table (tabs or runs of spaces between columns) or from the API's JSON. Never raises."""
    if answer := too_long(text):
        return answer
    rows, report = read_rows(text)
    rules: list[RuleSpec] = []
    for row in rows:
        spec, line = _carry_over(row, rules)
        report.append(line)
        rules += [spec] if spec is not None else []
    if not rows and not report:
        sentence = "Nothing here reads like a build rule. Paste the table of the Builds page, or the API's JSON."
        report.append(ReportLine("lost", text.strip()[:60], sentence))
    return Imported(tuple(rules), tuple(report))


@dataclass
class _Told:
    """What was changed on the way, sentence by sentence."""

    sentences: list[str] = field(default_factory=list)

    def say(self, sentence: str) -> None:
        self.sentences.append(sentence)


def _carry_over(row: Row, before: Sequence[RuleSpec]) -> tuple[RuleSpec | None, ReportLine]:
    told = _Told()
    kind = _TYPES.get(row.source_type.strip().lower())
    if kind is None:
        sentence = f"{quoted(row.source_type)} is neither `Branch` nor `Tag`."
        return None, ReportLine("lost", row.given, sentence)
    context, dockerfile = _paths(row, told)
    spec = RuleSpec(
        id=None,
        ref_type=kind,
        pattern=_pattern(row.source, told),
        tags=_tags(row.tag, told),
        dockerfile=dockerfile,
        context=context,
        autobuild=_switch(row.autobuild),
        cache=_switch(row.cache),
    )
    if problems := check_rule(spec):
        return None, ReportLine("lost", row.given, " ".join(problem.message for problem in problems))
    if not spec.autobuild:
        told.say("Autobuild is off: here only somebody starts it; Docker Hub still built it to test it.")
    level: Level = "changed" if told.sentences else "same"
    twin = _twin(spec, before)
    if twin is not None:
        told.say(f"It builds the same as rule {twin + 1}: one rule with both tags would build once.")
    return spec, ReportLine(level, row.given, " ".join(told.sentences) or "Carried over as it was.")


def _pattern(source: str, told: _Told) -> str:
    """The source as it was: a search there, a search here. Only slashes are added to a regex without them."""
    source = source.strip()
    if source.startswith("/") and source.endswith("/") and len(source) > 1:
        return source
    if name_problem(source) is None or not _REGEX_CHARS & set(source):
        return source
    wrapped = f"/{source}/"
    if read_pattern(wrapped).problem:
        return source
    told.say(f"{quoted(source)} is a regular expression, which stands between slashes here.")
    return wrapped


def _tags(tag: str, told: _Told) -> tuple[str, ...]:
    if tag.strip().lower() in _SAME_AS:
        told.say("No tag was given, which meant the name of the branch or tag: `{sourceref}`.")
        return ("{sourceref}",)
    return split_templates([tag])


def _switch(value: str) -> bool:
    return value.strip().lower() not in _OFF


def _twin(spec: RuleSpec, before: Sequence[RuleSpec]) -> int | None:
    def what(rule: RuleSpec) -> tuple[str, ...]:
        return rule.ref_type, rule.pattern, rule.dockerfile, rule.context

    return next((place for place, rule in enumerate(before) if what(rule) == what(spec)), None)


def _paths(row: Row, told: _Told) -> tuple[str, str]:
    """Context and Dockerfile, both from the root of the repository."""
    location = row.dockerfile.strip()
    if row.context is None:
        return _classic(location, told)
    context = row.context.strip().strip("/")
    inside = location.strip("/") or "Dockerfile"
    inside = f"{inside}/Dockerfile" if location.endswith("/") and location.strip("/") else inside
    if not row.context.strip():
        folder = inside.rpartition("/")[0]
        if folder:
            told.say(f"The blank build context meant the Dockerfile's folder: `{folder}`.")
        return folder or ".", inside
    if context in ("", "."):
        return ".", inside
    if inside.startswith(f"{context}/"):
        told.say(f"The Dockerfile `{inside}` is taken as from the root, since it begins with the build context.")
        return context, inside
    told.say(f"The Dockerfile is named from the root of the repository here: `{context}/{inside}`.")
    return context, f"{context}/{inside}"


def _classic(location: str, told: _Told) -> tuple[str, str]:
    """Classic rules have one location: the folder of the Dockerfile, which is the context too."""
    path = location.strip("/")
    is_file = "dockerfile" in path.rpartition("/")[2].lower() and not location.endswith("/")
    folder = path.rpartition("/")[0] if is_file else path
    if folder:
        told.say(f"The Dockerfile's folder `{folder}` was the build context too.")
    name = path if is_file else f"{folder}/Dockerfile".lstrip("/")
    return folder or ".", name
