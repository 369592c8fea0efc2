"""A worker's name, and what a new one takes over from those of its host that are gone."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from django.utils import timezone

from builds.actions.claim import claim_next
from builds.actions.workers import recover_host
from builds.models import Build, Worker
from builds.worker import _process_lives, _started, worker_name
from tests.factories import make_build


def test_it_is_named_after_its_host_its_process_and_that_processs_start():
    assert re.fullmatch(rf".+-{os.getpid()}-[0-9a-f]+", worker_name())


def test_a_process_with_a_reused_number_is_another_one():
    started = _started(os.getpid())
    assert _process_lives(os.getpid(), started)
    assert not _process_lives(os.getpid(), f"{int(started, 16) - 1:x}")


def test_a_process_that_ended_does_not_live():
    child = subprocess.Popen([sys.executable, "-c", ""])
    started = _started(child.pid)
    child.wait()
    assert not _process_lives(child.pid, started)


@pytest.mark.django_db
def test_q02_it_frees_the_builds_of_a_worker_that_is_gone_and_leaves_those_of_a_living_one():
    for name in ("host-7-aa", "host-8-bb"):
        Worker.objects.create(name=name, host="host", slots=1)
    make_build()
    run = claim_next("host-7-aa")
    recover_host("host", "host-9-cc", alive=lambda pid, started: (pid, started) == (8, "bb"))
    assert Build.objects.get(pk=run.build_id).lease_until <= timezone.now()
    assert Worker.objects.get(name="host-7-aa").stopped_at is not None
    assert Worker.objects.get(name="host-8-bb").stopped_at is None
