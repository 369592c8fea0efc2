"""Processes are run for real here: every test starts commands and looks at what is left of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from builds.core.errors import BuildError, Stopped
from builds.engine.process import INPUT_BYTES, Finished, Silent, StopFlag, run, started
from tests.processes import alive, wait_until

ENV = {"PATH": os.environ["PATH"]}


def sh(script: str, *args: str, **options) -> Finished:
    options = {"env": ENV, "timeout_s": 20, "stop": StopFlag()} | options
    return run(["sh", "-c", script, "sh", *args], **options)


def zombies() -> list[str]:
    """Ended children of this process that nobody has waited for."""
    stats = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            stats.append(path.read_text(errors="replace"))
    mine = ["Z", str(os.getpid())]
    return [stat for stat in stats if "(sleep)" in stat and stat.rpartition(")")[2].split()[:2] == mine]


def test_it_hands_over_both_streams_and_the_exit_code():
    out, err = bytearray(), bytearray()
    done = sh("printf out; printf err >&2; exit 3", on_stdout=out.extend, on_stderr=err.extend)
    assert (bytes(out), bytes(err), done) == (b"out", b"err", Finished(3, b"err"))


@pytest.mark.slow
def test_it_hands_over_large_output_whole_and_in_chunks_of_at_most_1_mib():
    sizes: list[int] = []
    sh("head -c 20000000 /dev/zero", on_stdout=lambda chunk: sizes.append(len(chunk)))
    assert sum(sizes) == 20_000_000
    assert max(sizes) <= 1024 * 1024


def test_it_keeps_the_last_64_kib_of_stderr():
    done = sh("head -c 100000 /dev/zero | tr '\\0' x >&2; printf END >&2")
    assert len(done.stderr_tail) == 65536
    assert done.stderr_tail.endswith(b"xEND")


def test_it_gives_the_command_an_empty_input():
    assert sh("cat; echo done", timeout_s=5).returncode == 0


def test_it_passes_arguments_untouched(tmp_path):
    odd = ["--help", "$(id)", "a b", "'", '"', "*", "", "-x"]
    seen = bytearray()
    run(["printf", "%s\\n", *odd], env=ENV, timeout_s=5, stop=StopFlag(), on_stdout=seen.extend, cwd=tmp_path)
    assert seen.decode().split("\n")[:-1] == odd


def test_it_says_so_when_the_program_does_not_exist():
    with pytest.raises(BuildError, match="`no-such-program` is not installed on this worker"):
        run(["no-such-program"], env=ENV, timeout_s=5, stop=StopFlag())


def test_it_gives_files_the_same_modes_whoever_started_the_worker(tmp_path):
    before = os.umask(0o077)
    try:
        sh('touch "$1"', str(tmp_path / "file"))
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


def test_b06_it_sends_sigint_first_and_lets_the_command_tidy_up():
    stop, said = StopFlag(), bytearray()
    threading.Timer(0.3, stop.set, ["cancelled"]).start()
    with pytest.raises(Stopped) as stopped:
        sh("trap 'echo tidy; exit 130' INT; while :; do sleep 0.05; done", stop=stop, on_stdout=said.extend)
    assert stopped.value.reason == "cancelled"
    assert said == b"tidy\n"


def test_b06_it_stops_at_once_and_not_at_the_next_output():
    stop = StopFlag()
    threading.Timer(0.2, stop.set, ["cancelled"]).start()
    with pytest.raises(Stopped) as stopped:
        sh("exec sleep 60", stop=stop)
    assert stopped.value.reason == "cancelled"  # and not the time limit of 20 s


@pytest.mark.slow
def test_b06_it_kills_what_does_not_listen_with_all_its_children():
    stop = StopFlag()
    threading.Timer(0.2, stop.set, ["cancelled"]).start()
    with pytest.raises(Stopped):
        sh("trap '' INT; sleep 61.25 & sleep 61.25 & wait; wait", stop=stop, grace_s=0.3)
    assert alive("sleep 61.25") == []


def test_b05_it_ends_a_command_at_its_deadline():
    with pytest.raises(Stopped) as stopped:
        sh("exec sleep 60", timeout_s=0.2)
    assert stopped.value.reason == "timeout"


def test_it_ends_a_command_that_shows_no_sign_of_life():
    with pytest.raises(Silent):
        sh("exec sleep 60", first_output_s=0.2)


@pytest.mark.slow
def test_b05_it_lets_a_command_be_silent_after_its_first_word():
    assert sh("echo; sleep 0.5", first_output_s=0.2, on_stdout=lambda _: None).returncode == 0


def test_it_starts_nothing_when_the_flag_is_raised_already(tmp_path):
    stop = StopFlag()
    stop.set("drain")
    with pytest.raises(Stopped):
        sh('touch "$1"', str(tmp_path / "started"), stop=stop)
    assert not (tmp_path / "started").exists()


def test_the_first_reason_to_stop_wins_and_repeating_is_harmless():
    stop = StopFlag()
    for reason in ("cancelled", "timeout", "cancelled"):
        stop.set(reason)
    assert stop.reason == "cancelled"


def test_it_ends_the_command_when_a_callback_raises():
    def broken(_chunk: bytes) -> None:
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        sh("echo; exec sleep 62.25", on_stdout=broken)
    assert alive("sleep 62.25") == []


def test_it_leaves_no_child_and_no_zombie_behind():
    before = zombies()
    sh("sleep 63.25 & sleep 63.25 >/dev/null 2>&1 &")
    assert alive("sleep 63.25") == []
    assert zombies() == before


def test_it_does_not_wait_for_whoever_holds_the_output_open(tmp_path):
    holder = tmp_path / "holder"
    script = """setsid sh -c 'echo $$ >"$1"; exec sleep 64.25' - "$1" & until [ -s "$1" ]; do sleep 0.01; done"""
    sh(script, str(holder), on_stdout=lambda _: None)
    assert alive("sleep 64.25")
    os.kill(int(holder.read_text()), signal.SIGKILL)


def test_it_reaches_a_command_started_where_sigint_is_ignored():
    before, said = signal.signal(signal.SIGINT, signal.SIG_IGN), bytearray()
    try:
        with pytest.raises(Stopped):
            # A shell that was started with the signal ignored could not trap it.
            sh("trap 'echo heard; exit 130' INT; while :; do sleep 0.05; done", timeout_s=0.2, on_stdout=said.extend)
    finally:
        signal.signal(signal.SIGINT, before)
    assert said == b"heard\n"


def test_a_command_may_be_given_its_input_later():
    said = bytearray()
    with started(["sleep", "67.5"], env=ENV, takes_input=True) as command:
        command.give(b"x" * INPUT_BYTES)  # nobody reads it, and nobody waits
    with started(["sh", "-c", "cat >&2"], env=ENV, takes_input=True) as command:
        command.give(b"hello\n")
        done = command.follow(None, said.extend, StopFlag(), timeout_s=20)
    assert (done.returncode, said) == (0, b"hello\n")


def test_input_for_a_command_that_has_ended_is_no_fault():
    with started(["sh", "-c", "exit 3"], env=ENV, takes_input=True) as command:
        wait_until(lambda: (Path("/proc") / str(command._child.pid) / "stat").read_text().split()[2] == "Z")
        command.give(b"hello\n")
        assert command.follow(None, None, StopFlag(), timeout_s=20).returncode == 3


def test_a_command_that_nobody_follows_is_gone_with_its_block():
    with started(["sh", "-c", "cat >/dev/null; sleep 65.5"], env=ENV, takes_input=True):
        pass
    assert alive("sleep 65.5") == []


def test_q02_a_command_that_waits_for_its_input_dies_with_a_worker_that_is_killed():
    root = str(Path(__file__).parents[3])
    source = textwrap.dedent(WAITING_PARENT.format(root=root))
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline() == b"up\n"
        assert wait_until(lambda: alive("sleep 66.25"))
        parent.kill()
    assert wait_until(lambda: not alive("sleep 66.25")), alive("sleep 66.25")


WAITING_PARENT = """
    import os, sys, time
    sys.path.insert(0, {root!r})
    from builds.engine.process import started
    with started(["sh", "-c", "sleep 66.25; cat"], env=dict(os.environ), takes_input=True):
        print("up", flush=True)
        time.sleep(60)
"""


PARENT = """
    import os, sys
    sys.path.insert(0, {root!r})
    from builds.engine.process import StopFlag, run
    run(["sh", "-c", {script!r}], env=dict(os.environ), timeout_s=60, stop=StopFlag(),
        on_stdout=lambda chunk: print("up", flush=True))
"""


@pytest.mark.parametrize(
    "script",
    [
        "echo; exec sleep 64.25",
        "echo; sleep 64.25 & sleep 64.25 & wait",
        "echo; trap '' INT TERM HUP; (trap '' INT TERM HUP; (sleep 64.25; :); :); :",
    ],
)
def test_q02_everything_dies_with_a_worker_that_is_killed(script):
    """No orphan: when a worker dies in any way its processes die with it."""
    root = str(Path(__file__).parents[3])
    source = textwrap.dedent(PARENT.format(root=root, script=script))
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline() == b"up\n"
        assert alive("sleep 64.25")
        parent.kill()
    assert wait_until(lambda: not alive("sleep 64.25")), alive("sleep 64.25")
