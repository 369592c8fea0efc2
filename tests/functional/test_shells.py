"""Shells on debug images, end to end: browser's socket, web, Redis, worker, container; and that none is left behind."""

from __future__ import annotations

import subprocess

import pytest

from tests.functional.shells import Person
from tests.functional.test_debug_images import debugged, failed
from tests.yard import Yard, fresh, until


@pytest.fixture(scope="module")
def step(yard: Yard, base_image: str) -> tuple[str, int]:
    """A failed build with its debug image: the repository's path and the build's number."""
    dockerfile = fresh(base_image, "ARG WORD=green", "WORKDIR /app", "RUN echo made > before", "RUN false")
    linked, build = failed(yard, dockerfile)
    debugged(yard, build)
    return linked.path, build["number"]


@pytest.fixture(scope="module")
def person(yard: Yard) -> Person:
    return Person(yard)


@pytest.fixture(autouse=True)
def closed(request, step: tuple[str, int]):
    """Nobody has a shell open when the next test begins."""
    yield
    person = request.node.funcargs.get("person")
    if person is not None:
        person.post(f"/r/{step[0]}/builds/{step[1]}/shell/close")


def containers(yard: Yard, session: int) -> list[str]:
    """What is left in the engine of a session; the engine may be other yards' too."""
    ((name,),) = yard.sql("SELECT container FROM builds_debugsession WHERE id = ?", session)
    listing = ["docker", "ps", "--all", "--quiet", f"--filter=name={name}"]
    environ = {"PATH": "/usr/local/bin:/usr/bin:/bin", "DOCKER_HOST": yard.environ["DOCKER_HOST"]}
    return subprocess.run(listing, env=environ, capture_output=True, text=True, check=True).stdout.split()


def test_a_person_types_and_sees_what_it_says(person: Person, step: tuple[str, int]):
    session = person.open_shell(*step)
    with person.at(session) as screen:
        screen.until_open()
        screen.type('cat before; echo "$WORD:$(pwd):$(id -u)"\r')
        assert "made" in screen.until("green:/app:0")
        screen.type("exit\r")
        assert screen.until_end() == "The shell ended."
    until(lambda: containers(person.yard, session) == [], what="the end of the container")


def test_the_window_has_the_size_of_the_page(person: Person, step: tuple[str, int]):
    session = person.open_shell(*step)
    with person.at(session) as screen:
        screen.until_open()
        screen.send(type="resize", columns=101, rows=31)
        screen.type("until stty size | grep '31 101'; do sleep 0.2; done; echo fits\r")
        screen.until("31 101\r\nfits")
        screen.type("exit\r")
        screen.until_end()


def test_a_page_that_was_away_misses_nothing(person: Person, step: tuple[str, int]):
    session = person.open_shell(*step)
    with person.at(session) as screen:
        screen.until_open()
        screen.type("echo one$((1+1))\r")
        screen.until("one2")
        screen.type("sleep 2; echo three$((3+1))\r")
        screen.until("sleep 2")
        while screen.hear(0.5):
            pass
    with person.at(session, cursor=screen.cursor) as again:
        assert "one2" not in again.until("three4")
    with person.at(session) as anew:
        anew.until("three4")
        assert "one2" in anew.text
        anew.type("exit\r")
        anew.until_end()


def test_a_flood_waits_for_the_eyes_and_loses_nothing(person: Person, step: tuple[str, int]):
    session = person.open_shell(*step)
    with person.at(session) as screen:
        screen.until_open()
        screen.acks = False
        screen.type("seq 120000; echo do''ne\r")
        while screen.hear(2):
            pass
        assert len(screen.text) < 500_000  # the window, and not the 0.7 MB
        screen.acks = True
        screen.send(type="ack", cursor=screen.cursor)
        screen.until("done")
        assert "\r\n".join(map(str, range(1, 120_001))) in screen.text
        screen.type("exit\r")
        screen.until_end()


def test_it_is_closed_when_its_time_is_over(yard: Yard, person: Person, step: tuple[str, int]):
    session = person.open_shell(*step)
    with person.at(session) as screen:
        screen.until_open()
        yard.sql("UPDATE builds_debugsession SET until = '2020-01-01' WHERE id = ?", session)
        assert screen.until_end() == "Its time was over."
    until(lambda: containers(person.yard, session) == [], what="the end of the container")


def test_whoever_logs_out_has_no_shell_any_more(yard: Yard, step: tuple[str, int]):
    person = Person(yard)
    session = person.open_shell(*step)
    with person.at(session) as screen:
        screen.until_open()
        person.post("/accounts/logout/")
        until(lambda: not screen.hear(1) and screen.code is not None, what="the end of the line")
    until(lambda: containers(person.yard, session) == [], what="the end of the container")


def test_every_step_of_it_is_in_the_audit_and_what_was_shown_is_kept(yard: Yard, person: Person, step: tuple[str, int]):
    session = person.open_shell(*step)
    with person.at(session) as screen:
        screen.until_open()
        screen.type("echo re''mark\rexit\r")
        screen.until_end()
    rows = yard.sql("SELECT action, detail FROM accounts_auditentry ORDER BY id DESC LIMIT 3")
    assert [row[0] for row in rows] == ["debug_shell.close", "debug_shell.open", "debug_shell.ask"]
    assert rows[0][1].endswith("The shell ended.")
    path = f"/r/{step[0]}/builds/{step[1]}/shells/{session}"
    until(lambda: "remark" in person.web.get(path).text, what="the transcript")


def test_an_image_without_a_shell_gets_one_that_is_at_hand(yard: Yard, person: Person):
    linked, build = failed(yard, "FROM scratch\nCOPY a.txt /\nCOPY nothing /\n", {"a.txt": "here\n"})
    debugged(yard, build)
    session = person.open_shell(linked.path, build["number"])
    with person.at(session) as screen:
        screen.until_open()
        screen.type("cat a.txt; ls /; exit\r")
        screen.until_end()
        assert "here" in screen.text
    until(lambda: containers(person.yard, session) == [], what="the end of the container")


def test_it_is_bounded_and_has_nothing_of_the_host(person: Person, step: tuple[str, int]):
    session = person.open_shell(*step)
    with person.at(session) as screen:
        screen.until_open()
        (container,) = containers(person.yard, session)
        asked = "{{json .HostConfig}} {{json .Mounts}}"
        environ = {"PATH": "/usr/local/bin:/usr/bin:/bin", "DOCKER_HOST": person.yard.environ["DOCKER_HOST"]}
        said = subprocess.run(
            ["docker", "inspect", f"--format={asked}", container],
            env=environ,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        screen.type("exit\r")
        screen.until_end()
    for word in ('"Memory":2147483648', '"PidsLimit":512', '"CapDrop":["ALL"]', "no-new-privileges", '"Binds":null'):
        assert word in said
    assert said.strip().endswith("[]") and '"Privileged":false' in said
