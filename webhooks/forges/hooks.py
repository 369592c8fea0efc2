"""Which webhooks at a forge are ours, and what is wrong with them: doubles, leftovers, and ones that are not right."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Literal
from urllib.parse import urlsplit

from webhooks.forges.base import Hook, HookWish

Remedy = Literal["", "mend", "remove"]
Problem = Literal["", "off", "form", "events", "refused", "double", "gone", "old_address", "neighbour"]
_OURS = re.compile(r"/webhooks/[a-z]+/(?P<id>[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})/?")
_UNAUTHORIZED = (401, 403)
MOST_TEXT = 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """A webhook at the forge that calls us. `problem` and `remedy` are empty for the one that is as it should be."""

    hook_id: str
    url: str
    problem: Problem
    sentence: str
    remedy: Remedy

    def as_json(self) -> dict[str, str]:
        """As `SourceLink.findings` keeps it; what a forge says may be of any length."""
        return {name: str(value)[:MOST_TEXT] for name, value in asdict(self).items()}


def judge_hooks(hooks: Sequence[Hook], wish: HookWish, living: Collection[str], *, is_fresh: bool) -> list[Finding]:
    """What there is of ours among the webhooks of a repository; the one to keep first, where there is one.

    `living` are the ids of all sources of this Imageyard: a webhook of a neighbour who builds from the same repository
    is none of ours to touch. `is_fresh`: its secret was written just now, and what was refused before is past.
    """
    ours, others = [], []
    own_id, home = _source_id(wish.url), _home(wish.url)
    for hook in hooks:
        found = _source_id(hook.url)
        if hook.url.rstrip("/") == wish.url.rstrip("/"):
            ours.append(_judge_own(hook, wish, is_fresh=is_fresh))
        elif found and found == own_id:
            others.append(_old_address(hook))
        elif found and _home(hook.url) == home:
            others.append(_neighbour(hook) if found in living else _gone(hook))
    ours.sort(key=lambda finding: bool(finding.problem))
    doubles = [_double(finding) for finding in ours[1:]]
    return [*ours[:1], *doubles, *others]


def _judge_own(hook: Hook, wish: HookWish, *, is_fresh: bool) -> Finding:
    missing = wish.events - hook.events
    if not hook.is_active:
        problem, sentence = "off", "The webhook is switched off at the forge, so pushes are not told."
    elif not hook.is_json:
        problem, sentence = "form", "The webhook sends forms; Imageyard reads `application/json`."
    elif missing:
        names = {"push": "pushes of branches and tags", "pull_request": "pull requests"}
        problem, sentence = "events", f"The webhook leaves out {' and '.join(names[one] for one in sorted(missing))}."
    elif hook.last_status in _UNAUTHORIZED and not is_fresh:
        problem, sentence = "refused", "Its last delivery was refused here: it signs with another secret."
    else:
        return Finding(hook.id, hook.url, "", "The webhook is installed and right.", "")
    return Finding(hook.id, hook.url, problem, sentence, "mend")  # type: ignore[arg-type]  # the literals above


def _double(finding: Finding) -> Finding:
    sentence = "A second webhook with the same address: every push is delivered twice."
    return Finding(finding.hook_id, finding.url, "double", sentence, "remove")


def _old_address(hook: Hook) -> Finding:
    sentence = f"It calls this source at an address that is not this Imageyard's any more ({_host(hook.url)})."
    return Finding(hook.id, hook.url, "old_address", sentence, "remove")


def _gone(hook: Hook) -> Finding:
    sentence = "It belongs to a source that is not there any more: its deliveries are answered with 404."
    return Finding(hook.id, hook.url, "gone", sentence, "remove")


def _neighbour(hook: Hook) -> Finding:
    sentence = "It belongs to another repository of this Imageyard that builds from the same Git repository. Leave it."
    return Finding(hook.id, hook.url, "neighbour", sentence, "")


def _source_id(url: str) -> str:
    found = _OURS.fullmatch(_path_end(url))
    return found["id"] if found else ""


def _path_end(url: str) -> str:
    """The path from `/webhooks/` on: Imageyard may live below a path of its own."""
    path = urlsplit(url).path
    place = path.rfind("/webhooks/")
    return path[place:] if place >= 0 else ""


def _home(url: str) -> str:
    return url[: url.rfind("/webhooks/")].lower()


def _host(url: str) -> str:
    return urlsplit(url).netloc[:100]
