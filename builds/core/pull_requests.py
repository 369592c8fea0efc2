"""A pull request as a value: whose it is, whether a repository builds it, which rules test it. Asks nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from builds.core.plan import Verdict, evaluate
from builds.core.refnames import Ref, name_problem, quoted
from builds.core.rules import RuleSpec

Policy = Literal["off", "same", "forks"]

OFF = "off"
SAME = "same"
_MAX_TITLE = 300
_MAX_NAME = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """What a build keeps of its pull request. `fork` is true also where nothing proves whose branch it is (W15)."""

    number: int
    fork: bool
    base_ref: str
    head_ref: str = ""
    head_repository: str = ""
    title: str = ""
    url: str = ""
    author: str = ""

    @property
    def ref(self) -> Ref:
        """What rules are held against: the branch that it goes into."""
        return Ref("pull_request", self.base_ref)

    @property
    def name(self) -> str:
        """How sentences call it."""
        return f"pull request #{self.number}"

    def as_json(self) -> dict[str, Any]:
        """As `Build.pull_request` has it; every text is bounded, since a stranger wrote it."""
        own = replace(
            self,
            title=self.title[:_MAX_TITLE],
            url=self.url[:1000] if self.url.startswith(("https://", "http://")) else "",
            author=self.author[:_MAX_NAME],
            head_ref=self.head_ref[:_MAX_NAME],
            head_repository=self.head_repository[:_MAX_NAME],
        )
        return asdict(own)


def read_pull_request(document: dict[str, Any]) -> PullRequest | None:
    """The pull request of a build's row; None for a build of none."""
    if not isinstance(document.get("number"), int):
        return None
    known = {name: document[name] for name in PullRequest.__dataclass_fields__ if name in document}
    return PullRequest(**{"fork": True, "base_ref": "", **known})


def policy_problem(policy: str, pull_request: PullRequest) -> str | None:
    """Why a repository does not build this pull request, as a sentence; None where it does."""
    if policy == OFF:
        return (
            f"{pull_request.name.capitalize()} is not built: pull requests are switched off for this repository. "
            "The settings switch them on."
        )
    if policy == SAME and pull_request.fork:
        whose = quoted(pull_request.head_repository) if pull_request.head_repository else "a repository that is gone"
        return (
            f"{pull_request.name.capitalize()} is not built: it comes from {whose}, and this repository builds pull "
            "requests of its own branches only."
        )
    return None


def judge(
    pull_request: PullRequest, rules: Sequence[RuleSpec], *, commit: str, manual: bool = False
) -> tuple[Verdict, ...]:
    """One verdict for each rule, in their order: rules for pull requests whose pattern fits the base branch.

    Where a repository has no such rule, its rules for branches stand in, as Docker Hub's autotest had it: what a merge
    would build is built. No tag is ever made of a pull request. `manual` leaves the autobuild switch aside.
    """
    stands_in = not any(rule.ref_type == "pull_request" for rule in rules)
    asked = [_for_pull_requests(rule) if stands_in else rule for rule in rules]
    return evaluate(pull_request.ref, asked, commit=commit, manual=manual)


def _for_pull_requests(rule: RuleSpec) -> RuleSpec:
    return replace(rule, ref_type="pull_request") if rule.ref_type == "branch" else rule


def git_ref(forge: str, clone_url: str, pull_request: PullRequest) -> str:
    """The ref of the base repository that holds the head's commits; "" where the forge keeps none there.

    GitHub "Checking out pull requests locally", GitLab "Merge requests: refs", Gitea the same as GitHub, Bitbucket
    Data Center "refs/pull-requests"; Bitbucket Cloud keeps none, and so only its own branches can be built.
    """
    number = pull_request.number
    if forge == "gitlab":
        return f"refs/merge-requests/{number}/head"
    if forge in ("github", "gitea"):
        return f"refs/pull/{number}/head"
    if forge == "bitbucket" and "bitbucket.org" not in clone_url:
        return f"refs/pull-requests/{number}/from"
    if pull_request.fork or name_problem(pull_request.head_ref):
        return ""
    return f"refs/heads/{pull_request.head_ref}"
