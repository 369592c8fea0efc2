"""The first stage: exactly the commit that the build is of, from the source's mirror on this worker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from builds.core.errors import BuildError, ErrorKind
from builds.core.moves import Relation
from builds.core.pull_requests import git_ref, read_pull_request
from builds.engine import git
from builds.engine.git import Checkout, Remote
from builds.engine.stopflag import StopFlag
from builds.models import Build, Source
from builds.pipeline.job import Job

CHECKOUT_TIMEOUT_S = 900.0


def remote_of(source: Source) -> Remote:
    """How Git reaches a source, with its credentials in clear: keep it in memory only."""
    return Remote(
        url=source.clone_url,
        username=source.username,
        token=source.token,
        ssh_private_key=source.deploy_key,
        ssh_known_hosts=source.ssh_known_hosts,
        trusted_hosts=settings.TRUSTED_HOSTS,
        local_root=settings.LOCAL_GIT_ROOT,
    )


def mirror_of(source: Source) -> Path:
    """Where this worker keeps the mirror of a source."""
    return Path(settings.MIRRORS_DIR) / f"{source.pk}.git"


def ref_of_pull_request(build: Build) -> str:
    """Under which ref the source's server keeps the head of the build's pull request; "" for any other build."""
    pull_request = read_pull_request(build.pull_request)
    if pull_request is None or build.source is None:
        return ""
    return git_ref(build.source.forge, build.source.clone_url, pull_request)


def mirror_for(build: Build) -> Path:
    """The mirror that a build reads: what strangers propose has one of its own.

    Beside the source's objects theirs could stand for a commit that is asked for by its first digits.
    """
    assert build.source is not None
    own = mirror_of(build.source)
    return own.with_name(f"{own.name}.pulls") if build.untrusted else own


def check_out(job: Job) -> Checkout:
    """The work tree of the build's commit below the job's folder. Raises BuildError with Git's reason in words."""
    build = job.build
    source = build.source
    if source is None:
        message = "The source of this build was removed. Link the repository again and build anew."
        raise BuildError(ErrorKind.SOURCE, message)
    what = f"{build.ref_type.replace('_', ' ')} {build.ref}"
    if number := build.pull_request.get("number"):
        what = f"pull request #{number} into {build.ref}"
    with job.logbook.own_step(f"Check out {what}") as say:
        checkout = fetch_tree(build, source, job.work_dir / "tree", log=say, stop=job.stop)
        for warning in checkout.warnings:
            say(f"{warning}\n".encode())
    _write_down(job, checkout)
    return checkout


def fetch_tree(build: Build, source: Source, tree: Path, *, log: Callable[[bytes], None], stop: StopFlag) -> Checkout:
    """The work tree of the build's commit in `tree`. Raises BuildError with Git's reason in words, and Stopped."""
    return git.checkout(
        remote_of(source),
        ref_type=build.ref_type,  # type: ignore[arg-type]  # choices are exactly RefType
        ref=build.ref,
        commit=build.commit or None,
        mirror=mirror_for(build),
        tree=tree,
        submodules=source.submodules,
        keep_git_dir=source.keeps_git_dir,
        # Pointers and addresses are what a stranger wrote; the credential could fetch another repository's content.
        lfs=source.lfs and not build.untrusted,
        git_ref=ref_of_pull_request(build),
        trusted=not build.untrusted,
        keep_free_bytes=settings.MIN_FREE_BYTES,
        log=log,
        stop=stop,
        timeout_s=CHECKOUT_TIMEOUT_S,  # the build's own time is the watcher's business
    )


def _write_down(job: Job, checkout: Checkout) -> None:
    build = job.build
    job.note(
        commit=checkout.commit,
        commit_message=checkout.message[:10_000] or build.commit_message,
        commit_author=checkout.author[:255] or build.commit_author,
        warnings=[{"kind": "source", "message": warning} for warning in checkout.warnings],
    )


def commit_relation(job: Job, candidate: str, holder: str) -> Relation:
    """How the commit of this build stands to another one, as the mirror knows them."""
    if job.build.source is None or not candidate or not holder:
        return "unknown"
    return git.relation(mirror_of(job.build.source), candidate, holder)
