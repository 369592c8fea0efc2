"""What tests of one build run on: the engine, the image just built in it, the variables, and the steps of one file.

Everything that is made here carries the labels of the run, so that what a killed worker leaves is found and removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from django.conf import settings

from builds.core import testresults as words
from builds.core.composebuild import ServiceBuild
from builds.core.composefile import ComposeRefused
from builds.core.composevet import Around, Limits, Vetted, vet
from builds.core.errors import BuildError, ErrorKind, Stopped
from builds.core.failure import explain_failure
from builds.core.hooks import Facts, variables
from builds.engine import buildx
from builds.engine.buildx import BuildRequest
from builds.engine.compose import ComposeProject, CopyFailed, SutEnd
from builds.engine.composeconfig import spell_out
from builds.engine.dockerclient import Docker, compose_argv, docker_client
from builds.engine.git import Checkout
from builds.engine.inputs import find_dockerfile
from builds.engine.testfiles import look_at
from builds.pipeline import sandbox
from builds.pipeline.isolation import check_frontend, place_of
from builds.pipeline.job import Job
from builds.pipeline.listen import BuildkitSteps
from builds.pipeline.logins import base_hosts, logins_of
from builds.pipeline.request import request_of
from builds.pipeline.testimages import pull_image, pull_own, pull_this
from registry.core.reference import BadReferenceError, parse_image_name

TEST_CPUS = 2


@contextmanager
def test_bench(job: Job, checkout: Checkout) -> Iterator[Bench]:
    """The engine with the image in it; what the tests made is gone at the end. Raises BuildError where none can run."""
    build = job.build
    place = place_of(build)
    if not compose_argv():
        raise BuildError(ErrorKind.PLATFORM, words.NO_COMPOSE)
    if build.untrusted and settings.UNTRUSTED_BUILDER and "://" not in settings.UNTRUSTED_BUILDER:
        raise BuildError(ErrorKind.PLATFORM, words.NO_ENGINE_FOR_STRANGERS)
    auths = logins_of(build, job.timeout_s, pushes=False)
    with docker_client(place.docker_host, job.stop, auths) as docker:
        if not docker.answers():
            if place.builder:
                raise BuildError(ErrorKind.PLATFORM, words.NO_ENGINE)
            raise BuildError(ErrorKind.BUILDER, words.ENGINE_AWAY, retryable=True)
        bench = Bench(job, docker, request_of(job, checkout), sandbox.images_of(job.run))
        try:
            bench.provide_image()
            yield bench
        finally:
            sandbox.remove_images(docker, bench.images)


@dataclass
class Bench:
    """`request` is how the image was built; `images` the name below which the engine keeps those of this run."""

    job: Job
    docker: Docker
    request: BuildRequest
    images: str

    @property
    def tree(self) -> Path:
        return self.request.tree.resolve()

    def provide_image(self) -> None:
        """Have the image just built in the engine, under `<images>:this`."""
        this = f"{self.images}:this"
        if self.job.build.is_pushed:
            with self.job.logbook.own_step("Fetch the image for its tests") as say:
                pull_this(self.docker, f"{self.job.build.repository.image}@{self.job.build.digest}", this, say)
            return
        # Nobody else may have it, so that it is in no registry: its steps are in the builder's cache.
        platforms = self.request.platforms if len(self.request.platforms) == 1 else ()
        self._load(replace(self.request, image=this, platforms=platforms))

    def vet(self, path: Path, place: int) -> Vetted:
        """What the file asks for, if it may be had. Raises BuildError with all that may not."""
        file = path.name
        run = self.job.run
        project = f"iytest-{sandbox.owner()}-{run.build_id}-{run.attempt}-{place}"
        with self.job.logbook.own_step(f"Test {file}: read it") as say:
            try:
                document = spell_out(self.docker, self.tree, path, project=project, variables=self._variables())
                vetted = vet(document, self._around(project))
            except ComposeRefused as refused:
                problems = [self.job.logbook.redactor.text(one) for one in refused.problems]
                raise BuildError(ErrorKind.USER, words.refused_sentence(file, problems)) from refused
            services = ", ".join(vetted.document["services"])
            for note in vetted.notes:
                say(f"{note}\n")
            say(f"Services: {services}\n")
        return vetted

    def _around(self, project: str) -> Around:
        return Around(
            project=project,
            tree=str(self.tree),
            images=self.images,
            own_build=self._own_build(),
            limits=Limits(settings.TEST_MEMORY_BYTES, settings.TEST_PIDS, TEST_CPUS),
            look=partial(look_at, self.tree),
            labels=sandbox.labels_of(self.job.run),
            untrusted=self.job.build.untrusted,
        )

    def _own_build(self) -> ServiceBuild:
        plan = self.job.build.plan
        context, dockerfile = (str(PurePosixPath(plan[key].lstrip("/") or ".")) for key in ("context", "dockerfile"))
        return ServiceBuild(context, dockerfile, plan["target"])

    def _variables(self) -> dict[str, str]:
        return variables_of_tests(self.job, self.request)

    def build_services(self, file: str, vetted: Vetted) -> None:
        """Build the images of services that are not the image just built. Raises BuildError."""
        for service, wanted in vetted.builds.items():
            image = vetted.document["services"][service]["image"]
            request = replace(
                self.request,
                image=image,
                context=wanted.context,
                dockerfile=wanted.dockerfile,
                target=wanted.target,
                build_args=dict(wanted.args),
                platforms=(),
            )
            try:
                check_frontend(self.job.build, find_dockerfile(request.tree, request.dockerfile))
                self._load(request)
            except BuildError as error:
                sentence = words.build_sentence(file, service, error.message)
                raise BuildError(error.kind, sentence, retryable=error.retryable, step=error.step) from error

    def _load(self, request: BuildRequest) -> None:
        request = replace(request, push=False, load=True, cache=True, labels={}, docker_host=self.docker.host)
        steps = BuildkitSteps(self.job.logbook)
        try:
            result = buildx.build(request, on_stderr=steps.feed, stop=self.job.stop, timeout_s=self.job.timeout_s)
        finally:
            steps.close()
        if result.returncode != 0:
            error = explain_failure(steps.book, steps.tail, result.returncode, image=request.image)
            message = self.job.logbook.redactor.text(error.message)
            raise BuildError(error.kind, message, retryable=error.retryable, step=error.step)

    def pull(self, file: str, vetted: Vetted) -> None:
        """Have the images that the file names in the engine. Raises BuildError.

        Each is asked for anew: what the engine has already may be of people who did not let this repository in.
        """
        wanted = [image for image in vetted.images if not image.startswith(f"{self.images}:")]
        if not wanted:
            return
        repository = self.job.build.repository
        own = f"{repository.registry.host}/{repository.namespace.name}/"
        private = base_hosts(self.job.build)
        with self.job.logbook.own_step(f"Test {file}: fetch images") as say:
            for place, image in enumerate(wanted):
                if image.startswith(own) or _host_of(image) in private:
                    name = f"{self.images}:fetched-{place}"
                    pull_own(self.docker, image, name, say, file=file)
                    for service in vetted.document["services"].values():
                        service["image"] = name if service["image"] == image else service["image"]
                else:
                    pull_image(self.docker, image, say, file=file)

    def run(self, file: str, vetted: Vetted, say: Callable[[bytes], None]) -> SutEnd:
        """Run the project to the end of `sut`; nothing of it is left. Raises BuildError and Stopped."""
        project = ComposeProject(self.docker, self.docker.config, vetted.document)
        try:
            project.copy_in(self.tree, vetted.copies)
            return project.run(say, timeout_s=settings.TEST_TIMEOUT_S)
        except CopyFailed as failed:
            check_engine(file, str(failed))
            raise BuildError(ErrorKind.USER, words.copy_sentence(file, str(failed))) from failed
        except Stopped:
            self.job.stop.check()
            raise BuildError(ErrorKind.TIMEOUT, words.timeout_sentence(file, settings.TEST_TIMEOUT_S)) from None
        finally:
            project.remove()


def _host_of(image: str) -> str:
    try:
        return parse_image_name(image).domain
    except BadReferenceError:
        return ""  # the engine says what is wrong with it


def check_engine(file: str, said: str) -> None:
    """Raises BuildError (kind builder) where what was said is the engine's matter."""
    if words.is_of_the_engine(said):
        raise BuildError(ErrorKind.BUILDER, words.engine_sentence(file, said), retryable=True)


def variables_of_tests(job: Job, request: BuildRequest) -> dict[str, Any]:
    """All that `$NAME` in a test's file can become: the repository's variables, and those of Docker Hub over them."""
    build = job.build
    assert build.source is not None
    facts = Facts(
        image=build.repository.image,
        build_tag=build.build_tag,
        tags=[tag["name"] for tag in build.plan.get("tags", []) if tag.get("name")],
        ref=build.ref,
        commit=build.commit,
        message=build.commit_message,
        clone_url=build.source.clone_url,
        dockerfile=request.dockerfile,
        context=request.context,
        pushes=build.is_pushed,
        given={**request.build_args, **request.secrets},
    )
    return {name: value for name, value in variables(facts).items() if "\0" not in value}
