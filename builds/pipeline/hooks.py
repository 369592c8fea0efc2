"""When the hooks of a repository run, and what a step becomes that one of them replaces.

Hooks are scripts of the repository that run beside the build, so they run only where an administrator trusts it, and
never for a pull request. A build without hooks pays one look at a folder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from builds.core import hooks as words
from builds.core.errors import BuildError, ErrorKind, Stopped
from builds.engine.buildxsecrets import RegistryAuth, private_files
from builds.engine.dockerclient import Docker, docker_client, last_words
from builds.engine.git import Checkout
from builds.engine.hookbox import BoxSettings, HookBox
from builds.engine.hookfiles import FoundHooks, find_hooks
from builds.engine.hookimage import hooks_image
from builds.pipeline import sandbox
from builds.pipeline.job import Job
from builds.pipeline.logins import logins_of
from builds.pipeline.request import request_of
from builds.pipeline.testbench import variables_of_tests
from builds.pipeline.testimages import pull_this
from builds.pipeline.testing import Results, enter_testing, with_tags
from lib.humanize import format_duration

PUSH_S = 3600.0
_DIGEST = re.compile(rb"digest: (sha256:[0-9a-f]{64})")
_CONFIG = "docker/config.json"


@contextmanager
def hooks_of(job: Job, checkout: Checkout) -> Iterator[Hooks]:
    """The hooks beside the Dockerfile as far as they run; their container is gone at the end.

    Raises BuildError where an administrator trusts them and they cannot run here.
    """
    found = find_hooks(job.work_dir / "tree", job.build.plan["dockerfile"])
    names = found.names
    if names and not _are_trusted(job):
        _tell_not_run(job, found)
        names = ()
    if not names:
        yield Hooks(job, FoundHooks(found.folder, ()))
        return
    _check_possible(names)
    build = job.build
    auths = logins_of(build, job.timeout_s, reads_bases=False) if settings.HOOKS_DOCKER_HOST else ()
    environment = variables_of_tests(job, request_of(job, checkout))
    with (
        docker_client(settings.DOCKER_HOST, job.stop) as docker,
        docker_client(settings.HOOKS_DOCKER_HOST, job.stop, auths) as engine,
    ):
        if not docker.answers():
            raise BuildError(ErrorKind.PLATFORM, words.NO_ENGINE)
        image = settings.HOOKS_IMAGE or hooks_image(docker, job.work_dir)
        box = HookBox(docker, _box(job, environment, auths, image))
        hooks = Hooks(job, found, box, engine, image=environment["IMAGE_NAME"])
        try:
            yield hooks
        finally:
            hooks.close()


def _are_trusted(job: Job) -> bool:
    source = job.build.source
    return source is not None and source.hooks_trusted and not job.build.untrusted


def _tell_not_run(job: Job, found: FoundHooks) -> None:
    """Nobody should have to find out from what is missing in the image."""
    sentence = words.not_run_sentence(found.names, untrusted=job.build.untrusted)
    with job.logbook.own_step("Hooks") as say:
        say(f"{sentence}\n")
    _warn(job, sentence)


def _warn(job: Job, sentence: str) -> None:
    row = {"kind": "build", "message": sentence, "url": "", "line": None, "file": ""}
    job.note(warnings=[*job.build.warnings, row])


def _check_possible(names: tuple[str, ...]) -> None:
    """Before anything is built, whether all of them can run."""
    replacing = [name for name in names if name in words.REPLACING]
    if replacing and not settings.HOOKS_DOCKER_HOST:
        raise BuildError(ErrorKind.PLATFORM, words.needs_engine_sentence(replacing[0]))


def _box(job: Job, environment: dict[str, str], auths: tuple[RegistryAuth, ...], image: str) -> BoxSettings:
    files = {}
    if settings.HOOKS_DOCKER_HOST:
        environment |= {"DOCKER_HOST": settings.HOOKS_DOCKER_HOST, "DOCKER_CONFIG": "/imageyard/docker"}
        with private_files(auths, {}, {}) as private:
            files[_CONFIG] = (private.docker_config / "config.json").read_text(encoding="utf-8")
    files["variables"] = words.exports(environment)
    return BoxSettings(
        image=image,
        name=f"iyhooks-{sandbox.owner()}-{job.run.build_id}-{job.run.attempt}",
        memory_bytes=settings.TEST_MEMORY_BYTES,
        processes=settings.TEST_PIDS,
        labels=sandbox.labels_of(job.run),
        files=files,
    )


class Hooks:
    """Those that run. `engine` is the throw-away one that hooks use, `image` the name under which they build there."""

    def __init__(
        self,
        job: Job,
        found: FoundHooks,
        box: HookBox | None = None,
        engine: Docker | None = None,
        *,
        image: str = "",
    ) -> None:
        self._job = job
        self._found = found
        self._box = box
        self._engine = engine
        self._image = image
        self._started = self._changed = self._is_in_engine = False

    @property
    def _tree(self) -> Path:
        return self._job.work_dir / "tree"

    @property
    def names(self) -> tuple[str, ...]:
        """Those that run."""
        return tuple(self._found.names)

    def has(self, name: str) -> bool:
        """Whether this hook runs."""
        return name in self._found.names

    def run(self, name: str) -> None:
        """Run a hook as a step; nothing where there is none. Raises BuildError where it does not end well."""
        if self._box is None or not self.has(name):
            return
        step = f"{words.FOLDER}/{name}"
        limit_s = self._job.timeout_s if name == "build" else settings.TEST_TIMEOUT_S
        with self._job.logbook.own_step(step) as say:
            if not self._started:
                self._started = True
                self._box.start(self._tree)
            self._changed = True
            try:
                code = self._box.run(name, self._found.folder, say, timeout_s=limit_s)
            except Stopped:
                self._job.stop.check()
                sentence = words.timeout_sentence(name, format_duration(limit_s))
                raise BuildError(ErrorKind.TIMEOUT, sentence, step=step) from None
            if code != 0:
                raise BuildError(ErrorKind.USER, words.failed_sentence(name, code), step=step)

    def build(self, step: Callable[[], object]) -> None:
        """`step` with the hooks before and after it, or the hook that replaces it."""
        self.run("pre_build")
        if self.has("build"):
            self.run("build")
            self._push_built()
        else:
            self._bring_back()
            step()
        self.run("post_build")

    def test(self, step: Callable[[], object]) -> None:
        """The same for the tests."""
        if any(self.has(name) for name in ("pre_test", "test", "post_test")):
            enter_testing(self._job)
        self._run_on_image("pre_test")
        if self.has("test"):
            row = f"{words.FOLDER}/test"
            with Results(self._job, [row]).of(row):
                self._bring_to_engine()
                self._run_on_image("test")
        else:
            self._bring_back()
            step()
        self._run_on_image("post_test")

    def before_push(self) -> None:
        """What comes before the tags are put; with `hooks/push` it has put them itself."""
        self._run_on_image("pre_push")
        if self.has("push"):
            self._bring_to_engine()
            self._run_on_image("push")

    def _run_on_image(self, name: str) -> None:
        """As `run`; where it fails, it is said what that means for the image, which is in the registry by now."""
        try:
            self.run(name)
        except BuildError as error:
            raise with_tags(self._job, error) from error

    def after_push(self) -> None:
        """What comes after. The tags are out by then, so that a failure is a warning and no longer an end."""
        try:
            self.run("post_push")
        except BuildError as error:
            _warn(self._job, words.after_push_sentence(error.message))
        except Stopped as stopped:
            if stopped.reason != "timeout":
                raise
            _warn(self._job, words.after_push_sentence("`hooks/post_push` was stopped: the build's time was over."))

    def close(self) -> None:
        """Remove the container, and from the engine the names of this build's image. Never raises."""
        if self._started and self._box is not None:
            self._box.remove()
        if self._is_in_engine and self._engine is not None:
            self._engine.clean("image", "rm", "--force", self._image, self._build_image)

    @property
    def _build_image(self) -> str:
        return f"{self._job.build.repository.image}:{self._job.build.build_tag}"

    def _bring_back(self) -> None:
        """What the next step reads is what the hooks made of the tree."""
        if self._changed and self._box is not None:
            self._box.bring_back(self._tree, self._job.work_dir, keep_free_bytes=settings.MIN_FREE_BYTES)
            self._changed = False

    def _push_built(self) -> None:
        """Push what `hooks/build` built under the build's own tag; from there on it is as any other image."""
        assert self._engine is not None
        self._is_in_engine = True
        with self._job.logbook.own_step(f"Push {self._job.build.build_tag}") as say:
            if self._engine("image", "tag", self._image, self._build_image).returncode != 0:
                raise BuildError(ErrorKind.USER, words.no_image_sentence(self._image))
            out = bytearray()
            done = self._engine("push", self._build_image, timeout_s=PUSH_S, on_stdout=out.extend, on_stderr=say)
            say(bytes(out))
            digest = _DIGEST.search(out)
            if done.returncode != 0 or digest is None:
                why = last_words(done.stderr_tail)
                raise BuildError(ErrorKind.REGISTRY, f"The image that `hooks/build` built could not be pushed: {why}.")
        self._job.note(digest=digest.group(1).decode())

    def _bring_to_engine(self) -> None:
        """Have the image in the hooks' engine, under the name that they know."""
        if self._is_in_engine:
            return
        assert self._engine is not None
        self._is_in_engine = True
        build = self._job.build
        with self._job.logbook.own_step("Fetch the image for its hooks") as say:
            pull_this(self._engine, f"{build.repository.image}@{build.digest}", self._image, say)
