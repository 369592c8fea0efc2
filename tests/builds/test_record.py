"""What is kept of a build beyond its row: by whom, of which attempt, and that it never harms the build."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from builds.actions.records import begin_record, save_record
from builds.actions.runs import Run
from builds.core.errors import BuildError, ErrorKind, Stopped
from builds.core.layers import platform_record
from builds.core.metadata import read_metadata
from builds.engine.inputs import find_dockerfile, read_start
from builds.models import BuildRecord
from builds.pipeline import record as recording
from lib.redact import Redactor
from tests.builds.core.rawjson import RAWJSON, book_of
from tests.factories import make_build


@pytest.fixture
def run(db) -> Run:
    return Run(make_build(state="building", attempt=2).pk, 2)


def job_of(run: Run, **fields) -> SimpleNamespace:
    findings = SimpleNamespace(dockerfile=None, steps=None, facts=None)
    logbook = SimpleNamespace(redactor=Redactor(["hunter2"]))
    return SimpleNamespace(
        run=run, build=SimpleNamespace(pk=run.build_id), logbook=logbook, findings=findings, **fields
    )


def test_what_is_saved_later_adds_to_what_is_there(run: Run):
    assert begin_record(run, dockerfile="FROM scratch", builder="host · default")
    assert save_record(run, platforms=[{"platform": "linux/amd64"}])
    kept = BuildRecord.objects.get()
    assert (kept.attempt, kept.dockerfile, kept.platforms) == (2, "FROM scratch", [{"platform": "linux/amd64"}])


def test_an_attempt_that_begins_clears_what_an_earlier_one_left(run: Run):
    save_record(Run(run.build_id, 1), dockerfile="FROM old", failure={"kind": "registry"})
    begin_record(run, dockerfile="FROM new")
    kept = BuildRecord.objects.get()
    assert (kept.attempt, kept.dockerfile, kept.failure) == (2, "FROM new", {})


def test_an_older_attempt_never_writes_over_a_newer_one(run: Run):
    begin_record(run, dockerfile="FROM new")
    assert not save_record(Run(run.build_id, 1), failure={"kind": "platform"})
    assert not begin_record(Run(run.build_id, 1), dockerfile="FROM old")
    assert BuildRecord.objects.get().dockerfile == "FROM new"


@pytest.mark.django_db(transaction=True)
def test_the_record_of_a_build_that_is_gone_is_nobodys():
    assert not save_record(Run(10**6, 1), dockerfile="FROM scratch")
    assert not BuildRecord.objects.exists()


def test_the_dockerfile_is_masked_and_storable(run: Run, tmp_path):
    (tmp_path / "Dockerfile").write_bytes(b"\xef\xbb\xbfFROM scratch\nENV A=hunter2\nLABEL b=\x00\xff\n")
    request = SimpleNamespace(tree=tmp_path, dockerfile="Dockerfile", builder="")
    recording.open_record(job_of(run), request)
    kept = BuildRecord.objects.get()
    assert kept.dockerfile == "FROM scratch\nENV A=***\nLABEL b=��\n"
    assert kept.dockerfile_path == "Dockerfile"
    assert kept.builder.endswith(" · default")


def test_a_huge_dockerfile_ends_with_a_whole_line(run: Run, tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM scratch\n" + "# 0123456789\n" * 40_000)
    recording.open_record(job_of(run), SimpleNamespace(tree=tmp_path, dockerfile="Dockerfile", builder=""))
    kept = BuildRecord.objects.get().dockerfile
    assert recording.MOST_DOCKERFILE_BYTES - 20 < len(kept) <= recording.MOST_DOCKERFILE_BYTES
    assert kept.endswith("0123456789\n")


def test_a_dockerfile_that_leads_out_of_the_tree_is_not_read(run: Run, tmp_path):
    (tmp_path / "secret").write_text("ours")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "Dockerfile").symlink_to("../secret")
    recording.open_record(job_of(run), SimpleNamespace(tree=tree, dockerfile="Dockerfile", builder=""))
    assert not BuildRecord.objects.exists()


def test_a_pipe_in_place_of_a_dockerfile_holds_nobody_up(tmp_path):
    import os

    os.mkfifo(tmp_path / "Dockerfile")
    with pytest.raises(OSError, match="not a file"):
        read_start(find_dockerfile(tmp_path, "Dockerfile"), 100)


def test_a_fault_of_one_recorder_keeps_the_others_and_the_build(run: Run, monkeypatch):
    def broken(_job, _ended):
        raise RuntimeError("boom")

    monkeypatch.setattr(recording, "RECORDERS", (broken, lambda _job, _ended: {"builder": "host"}))
    recording.record(job_of(run), None)
    assert BuildRecord.objects.get().builder == "host"


@pytest.mark.parametrize(
    ("ended", "is_kept"),
    [
        (None, True),
        (BuildError(ErrorKind.USER, "No."), True),
        (Stopped("cancelled"), False),
        (Stopped("lost"), False),
        (Stopped("drain"), False),
    ],
)
def test_it_records_successes_and_failures_alone(run: Run, monkeypatch, ended, is_kept: bool):
    monkeypatch.setattr(recording, "RECORDERS", (lambda _job, _ended: {"builder": "host"},))
    recording.record(job_of(run), ended)
    assert BuildRecord.objects.exists() is is_kept


@pytest.mark.parametrize(
    ("name", "base", "made_by"),
    [
        ("push", 1, ["FROM", "RUN", "COPY", "RUN", "COPY", "RUN"]),
        ("two-bases", 1, ["FROM", "WORKDIR", "COPY", "COPY", "RUN"]),
    ],
)
def test_each_layer_of_a_recorded_build_has_the_step_that_made_it(name: str, base: int, made_by: list[str]):
    (facts,) = read_metadata(json.loads((RAWJSON / "metadata" / f"{name}.json").read_text())).platforms
    book = book_of(f"metadata/{name}")
    kept = platform_record(facts, {step.vertex: step.index + 1 for step in book.steps})
    makers = [book.steps[layer["step"] - 1].label.instruction.split()[0] for layer in kept["layers"]]
    assert makers == made_by
    assert kept["base_layers"] == base
    assert sum(layer["size_bytes"] for layer in kept["layers"]) == facts.size_bytes
