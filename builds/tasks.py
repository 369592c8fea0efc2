"""Celery's doorbell: each task loads by id, calls one function, and may be lost or doubled without harm."""

from __future__ import annotations

from celery import shared_task

from builds.worker import worker_name
from lib.clock import database_now

# The engine is needed by workers alone: web and beat know these names without loading it.


@shared_task(name="builds.run_next")
def run_next(passed_on: int = 0) -> None:
    """Take builds one after the other until nothing may start on this slot; a paused worker lets another one hear."""
    from builds.actions.workers import pass_the_bell_on
    from builds.pipeline import run_until_idle

    run_until_idle(worker_name())
    pass_the_bell_on(worker_name(), passed_on)


@shared_task(name="builds.tick")
def tick() -> None:
    """Every 10 s from beat: take builds of dead workers away from them, and ring for whatever may start."""
    from builds.actions.catchup import ring_for_looks
    from builds.actions.debug_images import sweep_debug_images
    from builds.actions.debug_shells import sweep_shells
    from builds.actions.destination_pushes import ring_for_pushes
    from builds.actions.retention_runs import fire_retention, ring_for_runs
    from builds.actions.rules_file import ring_for_readings
    from builds.actions.schedules import fire_due
    from builds.actions.tag_deleting import ring_for_deletions
    from builds.actions.tag_news import ring_for_news
    from builds.actions.tag_turns import ring_for_orders
    from builds.actions.upkeep import ring_for_due, sweep_all

    now = database_now()
    sweep_all(now)
    fire_due(now)
    ring_for_readings(now)
    ring_for_looks(now)
    ring_for_orders(now)
    ring_for_pushes(now)
    ring_for_news()
    ring_for_deletions(now)
    fire_retention(now)
    ring_for_runs(now)
    sweep_debug_images(now)
    sweep_shells(now)
    ring_for_due(now)


@shared_task(name="builds.push_to_destinations")
def push_to_destinations() -> None:
    """Copy images of builds to the further registries of their repositories."""
    from builds.pipeline import destination_pushes

    destination_pushes.push_to_destinations(worker_name())


@shared_task(name="builds.mend_schedules")
def mend_schedules() -> None:
    """Every now and then from beat: undo what a clock that was wrong did to the next runs of schedules."""
    from builds.actions import schedules
    from builds.actions.retention_runs import forget_runs, mend_retention

    now = database_now()
    schedules.mend_schedules(now)
    mend_retention(now)
    forget_runs(now)


@shared_task(name="builds.check_bases")
def check_bases() -> None:
    """Ask registries where the base images point whose turn it is."""
    from builds.pipeline.bases import check_due

    check_due(database_now())


@shared_task(name="builds.move_bases")
def move_bases() -> None:
    """Ask for the builds that wait because a base image moved."""
    from builds.actions import bases

    bases.move_bases()


@shared_task(name="builds.archive_log")
def archive_log(build_id: int, attempt: int) -> None:
    """Turn the frames of an ended attempt into one object."""
    from builds.pipeline.logbook import archive_attempt

    archive_attempt(build_id, attempt)


@shared_task(name="builds.forget_logs")
def forget_logs(*build_ids: int) -> None:
    """Remove the stored logs of builds that were deleted."""
    from builds.pipeline.logbook import forget_deleted

    forget_deleted(build_ids)


@shared_task(name="builds.review_build")
def review_build(build_id: int) -> None:
    """Show what a pull request from a fork changes, for the member who is asked to approve it."""
    from builds.pipeline.review import review

    review(build_id)


@shared_task(name="builds.compare_commits")
def compare_commits(build_id: int, base: str) -> None:
    """Find out which files differ between an older commit and that of a build."""
    from builds.pipeline import changes

    changes.compare_commits(build_id, base)


@shared_task(name="builds.look_for_missed")
def look_for_missed(source_id: str) -> None:
    """Compare what the Git server of a source has with what was built."""
    from builds.pipeline import catchup

    catchup.look_for_missed(source_id)


@shared_task(name="builds.probe_source")
def probe_source(source_id: str) -> None:
    """Ask the Git server of a source for its branches and tags."""
    from builds.pipeline.probe import probe

    probe(source_id)


@shared_task(name="builds.read_rules_file")
def read_rules_file(source_id: str) -> None:
    """Read the rules of a source from the file on its default branch."""
    from builds.pipeline.rules_file import read_rules

    read_rules(source_id)


@shared_task(name="builds.make_debug_image")
def make_debug_image(image_id: int, passed_on: int = 0) -> None:
    """Make an image of everything before the failing step of a build."""
    import socket

    from builds.pipeline import debug_image

    debug_image.make_debug_image(image_id, worker_name(), socket.gethostname(), passed_on)


@shared_task(name="builds.remove_debug_image")
def remove_debug_image(image_id: int) -> None:
    """Take a debug image out of its registry."""
    from builds.pipeline import debug_registry

    debug_registry.remove_debug_image(image_id)


@shared_task(name="builds.remove_debug_tags")
def remove_debug_tags(registry_id: int, path: str, *tags: str) -> None:
    """Take the debug images of a repository that was deleted out of its registry."""
    from builds.pipeline import debug_registry

    debug_registry.remove_tags(registry_id, path, tags)


@shared_task(name="builds.look_at_images")
def look_at_images(speed: str) -> None:
    """Read from registries what people want to see of images."""
    from builds.pipeline import image_looks

    image_looks.look_at_images("slow" if speed == "slow" else "quick")


@shared_task(name="builds.read_tag_news")
def read_tag_news() -> None:
    """Read which tags somebody moved past any build."""
    from builds.actions import tag_news

    tag_news.read_tag_news()


@shared_task(name="builds.move_tags")
def move_tags() -> None:
    """Put the tags that people want on another image."""
    from builds.pipeline import tag_orders

    tag_orders.move_tags()


@shared_task(name="builds.copy_images")
def copy_images() -> None:
    """Copy the images that people promote from one repository to another."""
    from builds.pipeline import promotions

    promotions.copy_images(worker_name())


@shared_task(name="builds.delete_tags")
def delete_tags() -> None:
    """Delete the tags that people want gone."""
    from builds.pipeline import tag_deletions

    tag_deletions.delete_tags()


@shared_task(name="builds.clean_up")
def clean_up() -> None:
    """Delete the tags that the clean-up of a repository lets go."""
    from builds.pipeline import retention

    retention.clean_up()
