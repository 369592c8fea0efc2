"""Docker Hub's hooks: their names and order, the variables that they see, and what is said of them. Runs nothing.

Sources: docs.docker.com, "Advanced options for Autobuild and Autotest"; the last builder that was published as source,
tutumcloud/builder (`build.sh`).
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

ORDER = (
    "post_checkout",
    "pre_build",
    "build",
    "post_build",
    "pre_test",
    "test",
    "post_test",
    "pre_push",
    "push",
    "post_push",
)
"""Every hook, in the order in which they run."""

REPLACING = frozenset({"build", "test", "push"})
"""Instead of the step of that name. They need a Docker Engine of their own to do it with."""

FOLDER = "hooks"
WORKSPACE = "/workspace"
"""Where the work tree lies in a hook's container."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NOT_FOUND = 127
_NOT_RUN = 126
_KILLED = 137


@dataclass(frozen=True, slots=True)
class Facts:
    """What a build is, for its hooks. `tags` are the planned ones; `image` is the repository's name with its host."""

    image: str
    build_tag: str
    tags: Sequence[str]
    ref: str
    commit: str
    message: str
    clone_url: str
    dockerfile: str
    context: str
    pushes: bool = True
    given: Mapping[str, str] = field(default_factory=dict, repr=False)


def variables(facts: Facts) -> dict[str, str]:
    """What a hook finds in its environment: the repository's own variables, then Docker Hub's, which win.

    `DOCKER_TAG` is one tag, the first of the plan, as it is used in names of images; `DOCKER_TAGS` has all of them
    with commas between them. The working directory is the Dockerfile's folder, so `DOCKERFILE_PATH` is its name there.
    """
    tags = tuple(facts.tags) or (facts.build_tag,)
    own = {name: value for name, value in facts.given.items() if _NAME.fullmatch(name)}
    return own | {
        "SOURCE_BRANCH": facts.ref,
        "SOURCE_COMMIT": facts.commit,
        "COMMIT_MSG": facts.message,
        "DOCKER_REPO": facts.image,
        "DOCKERFILE_PATH": posixpath.basename(facts.dockerfile) or "Dockerfile",
        "DOCKER_TAG": tags[0],
        "DOCKER_TAGS": ",".join(tags),
        "CACHE_TAG": tags[0],
        "IMAGE_NAME": f"{facts.image}:{tags[0]}",
        "BUILD_PATH": posixpath.normpath(f"/{facts.context}"),
        "SOURCE_TYPE": "git",
        "SOURCE_REPOSITORY_URL": facts.clone_url,
        "GIT_SHA1": facts.commit,
        "GIT_MSG": facts.message,
        "PUSH": "true" if facts.pushes else "false",
    }


def exports(environment: Mapping[str, str]) -> str:
    """The same as lines for `sh`, whatever the values hold."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items() if "\0" not in value)


def named(names: Iterable[str]) -> str:
    """For a sentence: `hooks/pre_build` and `hooks/build`."""
    shown = [f"`{FOLDER}/{name}`" for name in names]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def not_run_sentence(names: Sequence[str], *, untrusted: bool) -> str:
    """The warning of a build whose hooks were found and left alone."""
    was = "was" if len(names) == 1 else "were"
    if untrusted:
        return f"{named(names)} {was} found and not run: pull requests run no hooks."
    return (
        f"{named(names)} {was} found and not run: hooks run only for repositories that an administrator of this "
        "Imageyard trusts. Ask an administrator (Settings → Tests and hooks)."
    )


def failed_sentence(name: str, code: int) -> str:
    """How a hook ended that did not end well."""
    sentence = f"`{FOLDER}/{name}` ended with exit code {code}."
    match code:
        case c if c in (_NOT_FOUND, _NOT_RUN):
            return f"{sentence} A program that it needs is not in the image in which hooks run, or cannot be run there."
        case c if c == _KILLED:
            return f"{sentence} It was killed, most likely because it needed more memory than hooks have."
    return sentence


def needs_engine_sentence(name: str) -> str:
    """For a hook that replaces a step, where it has no engine to do that with."""
    does = {"build": "builds", "test": "tests", "push": "pushes"}[name]
    return (
        f"`{FOLDER}/{name}` replaces the step that {does} the image, and needs a Docker Engine for that. Whoever runs "
        "Imageyard sets IMAGEYARD_HOOKS_DOCKER_HOST to one that is there for this alone, or the hook goes: the rule's "
        "own step does the same without it."
    )


NO_ENGINE = (
    "Hooks cannot run here: they need a Docker Engine for their container, and none answers on this worker. Whoever "
    "runs Imageyard gives it one (DOCKER_HOST), or an administrator takes the trust in this repository's hooks back."
)


def timeout_sentence(name: str, took: str) -> str:
    """It took longer than a hook may."""
    return (
        f"`{FOLDER}/{name}` did not end within {took} and was stopped. Make it faster, or ask whoever runs Imageyard "
        "for more time (IMAGEYARD_TEST_TIMEOUT_S)."
    )


def no_image_sentence(image: str) -> str:
    """A build hook ended well, and its image is not there."""
    return f"`{FOLDER}/build` ended well, but there is no image `{image}`: build it under the name in `$IMAGE_NAME`."


def after_push_sentence(why: str) -> str:
    """What comes after the tags cannot take them back."""
    return f"{why} The tags had been put by then."
