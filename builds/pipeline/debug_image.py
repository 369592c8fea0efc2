"""Making `debug-<build>`: same commit, arguments and cache as the build, its Dockerfile cut before the failing step.

BuildKit has all of it in its cache, so this takes seconds. Earlier steps get the build's secrets as they did then, for
where the cache has lost one of them; the image and whoever looks at it get none.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import structlog
from django.conf import settings
from django.core.files.storage import storages

from builds.actions import debug_images
from builds.core.debug_step import NothingBefore, StepFacts, last_line_of, platform_of, read_instruction, text_before
from builds.core.errors import BuildError, ErrorKind, Stopped
from builds.core.failure import explain_failure
from builds.core.metadata import read_metadata
from builds.core.progress import ProgressParser, StepBook, StepStarted, parse_step_name
from builds.engine import buildx
from builds.engine.buildx import BuildRequest
from builds.engine.inputs import find_dockerfile, read_start
from builds.engine.outline import args_in_force
from builds.engine.stopflag import StopFlag
from builds.logs.reader import LogReader
from builds.models import DebugImage, Step
from builds.models.log import DatabaseFrames
from builds.pipeline.checkout import fetch_tree
from builds.pipeline.debug_registry import image_config, open_registry
from builds.pipeline.failures import LAST_WORDS
from builds.pipeline.holding import held
from builds.pipeline.logins import user_of
from builds.pipeline.probe import one_at_a_time
from builds.pipeline.request import request_for
from builds.pipeline.variables import secrets_of, variables_of
from lib.redact import Redactor
from registry.client import RegistryError

log = structlog.get_logger(__name__)
MAKE_TIMEOUT_S = 600.0
_MOST_DOCKERFILE = 4 * 1024 * 1024
_MOST_WORDS = 200
LABEL = "com.imageyard.debug-image"


def make_debug_image(pk: int, worker: str, host: str, passed_on: int = 0) -> None:
    """Carry out one order, where this worker may: one at a time on a worker, whatever its slots are doing."""
    with one_at_a_time("debug-image.lock") as mine:
        image = debug_images.take_debug_image(pk, worker, host) if mine else None
        if image is not None:
            _make(image, worker)
    if image is None:
        debug_images.pass_on(pk, passed_on)


def _make(image: DebugImage, worker: str) -> None:
    stop = StopFlag()
    work_dir = Path(settings.WORK_DIR) / "debug-image"
    maker = _Maker(image, work_dir, stop)
    with held(partial(debug_images.hold, image), worker, stop):
        try:
            maker.make()
        except (BuildError, NothingBefore, RegistryError) as error:
            said = error.sentence if isinstance(error, NothingBefore) else str(error)
            debug_images.record_failed(image, maker.redactor.text(said), may_be_pushed=maker.has_pushed)
        except Stopped as stopped:
            _stopped(image, stopped, maker)
        except Exception as error:  # the edge of a task: a bug of ours must not leave the order without an end
            log.exception("a debug image could not be made", build=image.build_id)
            fault = f"Imageyard itself met a fault ({type(error).__name__}) that its log tells more of."
            debug_images.record_failed(image, fault, may_be_pushed=maker.has_pushed)
        finally:
            shutil.rmtree(work_dir, ignore_errors=True)


def _stopped(image: DebugImage, stopped: Stopped, maker: _Maker) -> None:
    if stopped.reason == "drain":
        debug_images.hand_back(image)
    elif stopped.reason == "timeout":
        late = (
            f"It was not done within {MAKE_TIMEOUT_S / 60:.0f} minutes: what came before the step is no longer in the "
            "cache. Retry the build, and ask again right after it."
        )
        debug_images.record_failed(image, late, may_be_pushed=maker.has_pushed)


class _Maker:
    def __init__(self, image: DebugImage, work_dir: Path, stop: StopFlag) -> None:
        self._image, self._build, self._stop, self._work_dir = image, image.build, stop, work_dir
        self.redactor = Redactor(secrets_of(image.build))
        self.has_pushed = False

    def make(self) -> None:
        build = self._build
        reason = debug_images.why_no_debug_image(build)  # it may have been retried since
        if reason or build.source is None or not build.error_line:
            raise NothingBefore(reason)
        shutil.rmtree(self._work_dir, ignore_errors=True)  # of a maker that died
        self._work_dir.mkdir(parents=True, mode=0o700)
        self._check_tag()
        checkout = fetch_tree(build, build.source, self._work_dir / "tree", log=_ignore, stop=self._stop)
        request = self._request(checkout.commit)
        dockerfile = find_dockerfile(request.tree, request.dockerfile)
        try:
            content = read_start(dockerfile, _MOST_DOCKERFILE)
        except OSError as error:
            raise NothingBefore("The Dockerfile of this commit cannot be read.") from error
        request = replace(request, own_dockerfile=self._cut(dockerfile, content, build.error_line))
        self._tell("Putting together what came before the step, from the cache.")
        digest = self._push(request)
        self._tell("Looking at the image.")
        facts = self._facts(request, content, build.error_line)
        debug_images.record_ready(self._image, digest=digest, facts=facts.as_json())

    def _request(self, commit: str) -> BuildRequest:
        """As the build's own, but from the cache, for one platform, and never with the digest of a real image."""
        build = self._build
        given = variables_of(build)
        request = request_for(build, given, self._work_dir, commit, cache=True, for_s=MAKE_TIMEOUT_S)
        platform = platform_of(build.error_step) if request.platforms else ""
        name = f"{build.repository.image}:{self._image.tag}"
        # Its own label is in its configuration: whatever takes its digest away takes no other image along.
        labels = {**request.labels, LABEL: f"{self._image.pk}"}
        platforms = (platform,) if platform else request.platforms[:1]
        return replace(request, target="", image=name, labels=labels, platforms=platforms, attested=False)

    def _check_tag(self) -> None:
        """A tag of that name which somebody pushed is not ours to move."""
        repository = self._build.repository
        with open_registry(repository.registry, self._stop) as registry:
            there = registry.head(repository.registry_path, self._image.tag)
        before = DebugImage.objects.filter(build=self._build).exclude(pk=self._image.pk)
        ours = there is None or before.exists() or bool(self._image.image)
        if not ours:
            raise NothingBefore(
                f"The registry has a tag `{self._image.tag}` that Imageyard did not put. Remove or rename it first."
            )

    def _cut(self, dockerfile: Path, content: bytes, line: int) -> Path:
        """The shorter Dockerfile, outside the context, where no COPY meets it; what is ignored stays so."""
        folder = self._work_dir / "before"
        folder.mkdir()
        cut = folder / dockerfile.name
        cut.write_bytes(text_before(content, line))
        ignore = dockerfile.with_name(f"{dockerfile.name}.dockerignore")
        if ignore.is_file() and ignore.resolve().is_relative_to((self._work_dir / "tree").resolve()):
            shutil.copyfile(ignore, folder / ignore.name)
        return cut

    def _push(self, request: BuildRequest) -> str:
        parser, book = ProgressParser(), StepBook()

        def hear(chunk: bytes) -> None:
            for event in parser.feed(chunk):
                book.apply(event)
                if isinstance(event, StepStarted):
                    self._say_step(event.name)

        # From here on the tag may be in the registry, whatever happens to us.
        self.has_pushed = True
        debug_images.tell(self._image, self._image.sentence, name=request.image)
        done = buildx.build(request, on_stderr=hear, stop=self._stop, timeout_s=MAKE_TIMEOUT_S)
        for event in parser.close():
            book.apply(event)
        if done.returncode != 0 or done.metadata is None:
            registry = self._build.repository.registry
            raise explain_failure(
                book,
                parser.tail,
                done.returncode,
                image=request.image,
                registry=registry.host,
                registry_user=user_of(self._build),
            )
        digest = read_metadata(done.metadata).digest
        if not digest:
            raise BuildError(ErrorKind.BUILDER, "The builder did not say which image it made. Ask for it again.")
        return digest

    def _say_step(self, name: str) -> None:
        label = parse_step_name(name)
        if label.role == "step" and label.number:
            self._tell(f"Step {label.number} of {label.total} before it, from the cache where it still is.")
        elif label.role == "export":
            self._tell("Pushing the image to the registry.")

    def _tell(self, sentence: str) -> None:
        if sentence != self._image.sentence:
            self._image.sentence = sentence
            debug_images.tell(self._image, sentence)

    def _facts(self, request: BuildRequest, content: bytes, line: int) -> StepFacts:
        assert request.own_dockerfile is not None
        instruction = read_instruction(content, line, last_line_of(self._last_words(), line))
        args = args_in_force(request, request.own_dockerfile, stop=self._stop)
        repository = self._build.repository
        with open_registry(repository.registry, self._stop) as registry:
            config = image_config(registry, repository.registry_path, self._image.tag)
        mask = self.redactor.text
        return StepFacts(
            instruction=mask(instruction.text),
            command=mask(instruction.command),
            mounts=tuple(map(mask, instruction.mounts)),
            args={name: mask(value) for name, value in (request.build_args if args is None else args).items()},
            shell=config.shell,
            workdir=config.workdir,
            user=config.user,
            platform=request.platforms[0] if request.platforms else "",
        )

    def _last_words(self) -> list[str]:
        """What BuildKit printed last, with the lines of the Dockerfile that it marked."""
        build, attempt = self._build, self._image.attempt
        step = Step.objects.filter(build=build, attempt=attempt, name=LAST_WORDS).first()
        if step is None:
            return []
        reader = LogReader(build.pk, attempt, store=DatabaseFrames(), storage=storages["logs"])
        return reader.tail(step.index, _MOST_WORDS).lines


def _ignore(_chunk: bytes) -> None:
    """What Git says on the way: an error of it is told by itself."""
