"""One line of docker/metadata-action's `tags:`, read into wishes: which template is wanted of which pushes."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from builds.core.importers.metadata_text import Untranslatable, translated
from builds.core.refnames import quoted

SEMVER = "/^v?[0-9]+\\.[0-9]+\\.[0-9]+/"
"""Tags that are versions in full, as `type=semver` takes them."""
PEP440 = "/^v?[0-9]+(?:\\.[0-9]+)*/"
"""Tags that begin like versions, which `type=pep440` takes apart by rules of its own."""

# Where a template is wanted; a bucket becomes a rule.
ALL_BRANCHES = ("branch", "*")
ALL_TAGS = ("tag", "/.*/")
SCHEDULE = ("schedule", "")
PULL_REQUESTS = ("pull_request", "/.*/")
EVERYWHERE = ("any", "")
DEFAULT_BRANCH = ("default", "")
OTHER_BRANCHES = ("others", "")

Bucket = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Wish:
    """A template for the pushes of one bucket; `latest` is the template of what the action gives beside it, if any."""

    bucket: Bucket
    template: str
    latest: str = ""


@dataclass
class Line:
    """A line on its way: its fields, what it wishes, and the sentences of what became different."""

    given: str
    kind: str
    fields: Mapping[str, str]
    said: list[str] = field(default_factory=list)

    def get(self, name: str, default: str = "") -> str:
        return self.fields.get(name, default)

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


@dataclass(frozen=True, slots=True)
class Flavor:
    """`flavor:` of the action: what every tag gets, and when there is `latest`."""

    latest: str = "auto"
    prefix: str = ""
    suffix: str = ""
    prefix_on_latest: bool = False
    suffix_on_latest: bool = False


def read_flavor(text: str) -> tuple[Flavor, list[str]]:
    """The flavor, and sentences on what of it is not known."""
    latest, values, on_latest, unknown = "auto", {"prefix": "", "suffix": ""}, {"prefix": False, "suffix": False}, []
    for given in _lines(text):
        parts = _csv(given)
        name, _, value = parts[0].partition("=")
        if name == "latest" and value in ("auto", "true", "false"):
            latest = value
        elif name in values:
            values[name] = value
            on_latest[name] = "onlatest=true" in parts[1:]
        else:
            unknown.append(given)
    flavor = Flavor(latest, values["prefix"], values["suffix"], on_latest["prefix"], on_latest["suffix"])
    return flavor, unknown


def read_lines(text: str) -> list[Line]:
    """The lines of `tags:`; comments and blank lines are none."""
    lines = []
    for given in _lines(text):
        parts = _csv(given)
        fields = {name.strip().lower(): value.strip() for name, eq, value in (p.partition("=") for p in parts) if eq}
        kind = fields.get("type", "raw").lower()
        bare = [part.strip() for part in parts if "=" not in part]
        if bare and kind == "raw":
            fields.setdefault("value", bare[0])
        lines.append(Line(given, kind, fields))
    return lines


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


_EXPRESSION = re.compile(r"\$?\{\{.*?\}\}")
_HELD = re.compile("\x00([0-9]+)\x00")


def _csv(line: str) -> list[str]:
    """The fields of a line. Commas and quotes within `${{ … }}` part none: the workflow has filled it in by then."""
    held: list[str] = []

    def hold(found: re.Match[str]) -> str:
        held.append(found[0])
        return f"\x00{len(held) - 1}\x00"

    bare = _EXPRESSION.sub(hold, line.replace("\x00", ""))
    try:
        fields = next(csv.reader([bare], skipinitialspace=True), [bare])
    except csv.Error:
        fields = bare.split(",")
    return [_HELD.sub(lambda found: held[int(found[1])], each) for each in fields]


def wishes_of(line: Line, flavor: Flavor) -> list[Wish]:
    """What the line asks for. Raises Untranslatable with a sentence."""
    read = _READ.get(line.kind)
    if read is None:
        raise Untranslatable(f"There is no type {quoted(line.kind)} in the action that was known here.")
    limit = _limit(line)
    if limit is None:
        line.say("It is switched off there, so nothing is made of it.")
        return []
    if line.get("priority"):
        line.say("Tags have no priority here: all of them are put.")
    return [wish for made in read(line, flavor) if (wish := _limited(made, limit)) is not None]


_IS_REF = re.compile(r"\$\{\{\s*github\.ref\s*==\s*'refs/(heads|tags)/([^'{}]+)'\s*\}\}")
_IS_FORMATTED = re.compile(r"\$\{\{\s*github\.ref\s*==\s*format\('refs/heads/\{0\}',\s*(?:'([^']+)'|([\w.]+))\)\s*\}\}")
_IS_NAME = re.compile(
    r"\$\{\{\s*github\.ref_name\s*==\s*(?:'([^']+)'|github\.event\.repository\.default_branch)\s*\}\}"
)
# Of the action's own README, so that there is no tag `0`.
_NOT_ZERO = re.compile(r"\$\{\{\s*!\s*startsWith\(github\.ref,\s*'refs/tags/v0\.'\)\s*\}\}")
_IS_KIND = re.compile(r"\$\{\{\s*startsWith\(github\.ref,\s*'refs/(heads|tags)/'\)\s*\}\}")


def _limit(line: Line) -> Bucket | None:
    """Where `enable` lets the line work; None where nowhere. Raises Untranslatable."""
    enable = line.get("enable", "true").strip()
    bare = re.sub(r"\s", "", enable)
    plain = {"true": EVERYWHERE, "": EVERYWHERE, "{{is_default_branch}}": DEFAULT_BRANCH}
    plain |= {"{{is_not_default_branch}}": OTHER_BRANCHES, "{{!is_default_branch}}": OTHER_BRANCHES}
    if bare.lower() in plain:
        return plain[bare.lower()]
    if bare.lower() == "false":
        return None
    if found := _IS_REF.fullmatch(enable):
        return ("branch" if found[1] == "heads" else "tag", found[2])
    if found := _IS_FORMATTED.fullmatch(enable) or _IS_NAME.fullmatch(enable):
        return ("branch", found[1]) if found[1] else DEFAULT_BRANCH
    if found := _IS_KIND.fullmatch(enable):
        return ALL_BRANCHES if found[1] == "heads" else ALL_TAGS
    if _NOT_ZERO.fullmatch(enable):
        line.say("It is made of versions 0.x too: that condition has no like here.")
        return EVERYWHERE
    raise Untranslatable(
        f"Its condition {quoted(enable)} is known only to the workflow, and a tag that is made too often is worse "
        "than none."
    )


def _limited(wish: Wish, limit: Bucket) -> Wish | None:
    """The wish where both it and the condition apply; None where that is nowhere."""
    if limit in (EVERYWHERE, wish.bucket):
        return wish
    if wish.bucket == EVERYWHERE:
        return Wish(limit, wish.template, wish.latest)
    of_branches = wish.bucket in (ALL_BRANCHES, DEFAULT_BRANCH)
    if limit == ALL_BRANCHES:
        return wish if of_branches or wish.bucket[0] == "branch" else None
    if limit == ALL_TAGS:
        return wish if wish.bucket[0] == "tag" else None
    if wish.bucket == ALL_BRANCHES and limit[0] in ("branch", "default", "others"):
        return Wish(limit, wish.template, wish.latest)
    return Wish(limit, wish.template, wish.latest) if wish.bucket == ALL_TAGS and limit[0] == "tag" else None


def _dressed(line: Line, flavor: Flavor, text: str, *, prefix: str | None = None) -> str:
    """The template with its prefix and suffix: the line's own, its type's, or the flavor's."""
    before = line.fields.get("prefix", flavor.prefix if prefix is None else prefix)
    return translated(f"{before}{text}{line.fields.get('suffix', flavor.suffix)}", line.say)


def _ref(line: Line, flavor: Flavor) -> list[Wish]:
    event = line.get("event").lower()
    if event == "branch":
        return [Wish(ALL_BRANCHES, _dressed(line, flavor, "{{branch}}"))]
    if event == "tag":
        return [Wish(ALL_TAGS, _dressed(line, flavor, "{{tag}}"), latest="latest")]
    if event == "pr":
        line.say("Pull requests are built and tested here, and get no tag: nothing is pushed before it is merged.")
        return [Wish(PULL_REQUESTS, "pr-{sha7}")]
    raise Untranslatable(f"There is no event {quoted(event)}: `branch`, `tag` and `pr` are known.")


def _semver(line: Line, flavor: Flavor) -> list[Wish]:
    if "value" in line.fields:
        raise Untranslatable("A version that the workflow gives (`value=`) is not known here: only tags of Git are.")
    if line.kind == "pep440":
        line.say("Versions are read as semver here: `1.2.3rc1`, without a hyphen, is none.")
    pattern = line.get("pattern")
    versions = SEMVER if line.kind == "semver" else PEP440
    bucket: Bucket = ("tag", _regex(line.get("match")) if line.get("match") else versions)
    template = _dressed(line, flavor, pattern)
    if "major" in pattern or "minor" in pattern or "patch" in pattern:
        line.say("Of a pre-release it is not made; the action makes the whole version of it.")
    return [Wish(bucket, template, latest="{latest}")]


def _match(line: Line, flavor: Flavor) -> list[Wish]:
    if "value" in line.fields:
        raise Untranslatable("A text that the workflow gives (`value=`) is not known here: only tags of Git are.")
    group = line.get("group", "0")
    if not group.isdigit() or int(group) > 9:  # noqa: PLR2004 — as many groups as templates have
        raise Untranslatable(f"Group {quoted(group)}: groups go from 0 to 9.")
    pattern = _regex(line.get("pattern"), whole=group == "0")
    if group == "0":
        line.say("The whole match has no placeholder here, so a group was put around it.")
    return [Wish(("tag", pattern), _dressed(line, flavor, f"{{\\{max(int(group), 1)}}}"), latest="latest")]


def _regex(pattern: str, *, whole: bool = False) -> str:
    """A pattern of JavaScript, with or without slashes, as one of ours; `whole` puts a group around it."""
    found = re.fullmatch(r"/(.+)/([a-z]*)", pattern)
    body, flags = (found[1], found[2]) if found else (pattern, "")
    if not body:
        raise Untranslatable("It has no pattern.")
    if set(flags) - set("igu"):
        raise Untranslatable(f"The flags {quoted(flags)} of its pattern have no like here.")
    body = f"({body})" if whole else body
    return f"/{'(?i)' if 'i' in flags else ''}{body}/"


def _edge(line: Line, flavor: Flavor) -> list[Wish]:
    branch = line.get("branch")
    template = _dressed(line, flavor, line.get("value", "edge") or "edge")
    if "{{" in branch:
        raise Untranslatable(f"The branch {quoted(branch)} is known only to the workflow.")
    return [Wish(("branch", branch) if branch else DEFAULT_BRANCH, template)]


def _raw(line: Line, flavor: Flavor) -> list[Wish]:
    if not line.get("value"):
        raise Untranslatable("It has no value.")
    value = line.get("value")
    # On a push of the other kind the action leaves a hole in the tag.
    bucket = ALL_TAGS if "{{tag}}" in value else ALL_BRANCHES if "{{branch}}" in value else EVERYWHERE
    return [Wish(bucket, _dressed(line, flavor, value))]


def _sha(line: Line, flavor: Flavor) -> list[Wish]:
    text = "{sha}" if line.get("format") == "long" else "{sha7}"
    return [Wish(EVERYWHERE, _dressed(line, flavor, text, prefix="sha-"))]


def _schedule(line: Line, flavor: Flavor) -> list[Wish]:
    line.say("When it runs stands in the workflow (`on: schedule`): write those times into this rule.")
    pattern = line.get("pattern", "nightly") or "nightly"
    return [Wish(SCHEDULE, _dressed(line, flavor, pattern))]


_READ = {
    "ref": _ref, "semver": _semver, "pep440": _semver, "match": _match, "edge": _edge, "raw": _raw, "sha": _sha,
    "schedule": _schedule,
}  # fmt: skip
