"""Messages by apprise: which addresses are taken, and the process that sends them and goes nowhere else."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading

import pytest
from django.utils import timezone

from webhooks.errands.notifications import send_notification
from webhooks.models import Notification
from webhooks.senders.apprise_sender import send_message
from webhooks.senders.targets import SERVICES, apprise_problem, shown, webhook_problem

from .test_events import ends


def send(url: str, *trusted: str):
    return send_message(
        url, "acme/web #7 failed", "@everyone: no", tone="bad", app_url="https://yard.example.com",
        now=timezone.now(), trusted_hosts=trusted,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("syslog://", "no address of apprise"),
        ("syslog://localhost", "not among the services"),
        ("dbus://x", "not among the services"),
        ("windows://x", "not among the services"),
        ("macosx://x", "not among the services"),
        ("file:///etc/passwd", "not among the services"),
        ("config://x", "not among the services"),
        ("rsyslog://10.0.0.1", "not among the services"),
        ("smpp://u:p@host/1/2", "not among the services"),
        ("https://hooks.slack.com/services/T/B/C", "is a webhook"),
        ("msteams://x/y/z", "Write `workflows://"),
        ("slack", "no address of apprise"),
        ("slack://a\nb", "no address of apprise"),
        ("discord://a/b?template=/etc/passwd", "would read a file"),
        ("discord://a/b?TEMPLATE=/etc/passwd", "would read a file"),
        ("mailto://u:p@example.com?pgpprv=/home/x/key", "would read a file"),
    ],
)
def test_what_is_local_runs_something_or_reads_files_it_refuses(url, why):
    assert why in apprise_problem(url)


@pytest.mark.parametrize(
    "url", ["slack://T/B/C", "mailto://u:p@example.com?to=a@example.com", "ntfy://topic", "tgram://1:a/2", "json://h/x"]
)
def test_services_of_the_list_it_takes(url):
    assert apprise_problem(url) == ""


@pytest.mark.slow
def test_every_service_of_the_list_apprise_knows():
    code = "from apprise.plugins import N_MGR; print(*N_MGR.schemas())"
    known = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert set(SERVICES) <= set(known)


@pytest.mark.parametrize(
    ("url", "is_webhook", "expected"),
    [
        ("https://u:p@hooks.example.com:8443/secret?token=x", True, "https://hooks.example.com:8443"),
        ("http://[::1]:80/x", True, "http://[::1]:80"),
        ("slack://tokenA/tokenB/tokenC", False, "slack://…"),
        ("ntfy://secret-topic", False, "ntfy://…"),
        ("mailto://u:p@example.com?to=a@example.com", False, "mailto://example.com"),
    ],
)
def test_of_an_address_it_shows_nothing_secret(url, is_webhook, expected):
    assert shown(url, is_webhook=is_webhook) == expected


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://hooks.example.com/x", ""),
        ("ftp://example.com", "begins with"),
        ("https://", "begins with"),
        ("https://exa mple.com", "begins with"),
        ("https://example.com:99999/", "cannot be read"),
        ("http://127.0.0.1/", "this machine itself"),
        ("http://169.254.169.254/latest", "link-local"),
        ("http://localhost:8000/", "this machine itself"),
    ],
)
def test_the_address_of_a_webhook_it_checks_before_it_is_kept(url, problem):
    found = webhook_problem(url, ())
    assert problem in found if problem else not found


@pytest.mark.slow
def test_it_sends_by_a_process_of_its_own_and_calls_nobody(receiver):
    outcome = send(f"json://127.0.0.1:{receiver.port}/x", "127.0.0.1")
    assert (outcome.ok, outcome.sentence) == (True, "Delivered: JSON took it.")
    body = json.loads(receiver.got[0][2])
    assert (body["title"], body["type"]) == ("acme/web #7 failed", "failure")
    assert "@everyone" not in body["message"]


@pytest.mark.slow
def test_a_private_address_it_refuses_unless_trusted(receiver):
    outcome = send(f"json://127.0.0.1:{receiver.port}/x")
    assert (outcome.ok, outcome.may_pass, receiver.got) == (False, False, [])
    assert "IMAGEYARD_TRUSTED_HOSTS" in outcome.sentence


@pytest.mark.slow
def test_a_redirect_to_a_private_address_it_does_not_follow(receiver):
    receiver.answers = [(302, {"Location": f"http://localhost:{receiver.port}/inside"}, b"")]
    outcome = send(f"json://127.0.0.1:{receiver.port}/x", "127.0.0.1")
    assert not outcome.ok
    assert [path for path, _, _ in receiver.got] == ["/x"]
    assert "localhost has the address" in outcome.sentence


@pytest.mark.slow
def test_an_answer_that_repeats_the_token_it_masks(receiver):
    receiver.answers = [(429, {"Retry-After": "77"}, b"no channel for sometoken1")]
    outcome = send(f"json://127.0.0.1:{receiver.port}/sometoken1", "127.0.0.1")
    assert (outcome.status, outcome.wait_s, outcome.response) == (429, 77.0, "no channel for ***")
    assert "sometoken1" not in outcome.sentence


@pytest.mark.slow
@pytest.mark.parametrize("trusted", [(), ("127.0.0.1",)])
def test_mail_it_guards_alike(trusted):
    """A mail server that hangs up at once: the connection is made where the host is trusted, and not otherwise."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        came: list[bool] = []

        def answer() -> None:
            connection, _ = server.accept()
            came.append(True)
            connection.close()

        threading.Thread(target=answer, daemon=True).start()
        port = server.getsockname()[1]
        outcome = send(f"mailto://u:p@example.com:{port}?smtp=127.0.0.1&to=a@example.com&mode=insecure", *trusted)
    assert not outcome.ok
    assert came == [True] * len(trusted)
    assert ("IMAGEYARD_TRUSTED_HOSTS" in outcome.sentence) is not bool(trusted)


@pytest.mark.parametrize(
    "code",
    [
        "open('/etc/passwd')",
        "open('/proc/self/environ')",
        "open('/tmp/new-file', 'w')",
        "__import__('subprocess').run(['true'])",
        "__import__('os').system('true')",
        "__import__('os').fork()",
        "__import__('socket').create_connection(('127.0.0.1', {port}), 2)",
        "__import__('socket').socket().connect(('127.0.0.1', {port}))",
        "__import__('socket').socket(1).connect('/var/run/docker.sock')",
    ],
)
def test_files_commands_and_unchecked_addresses_the_process_refuses(code, receiver):
    """The second line of defence, for an address that means something that the list does not know of."""
    guards = (
        "import socket, subprocess; from webhooks.senders import apprise_process as it; "
        "it._guard_system(it._guard_names([]))"
    )
    script = f"{guards}\ntry:\n    {code.format(port=receiver.port)}\nexcept OSError as e: print(type(e).__name__)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in {"PermissionError", "gaierror"}


def test_from_the_end_of_a_build_to_the_message(follow, receiver):
    follow(f"json://127.0.0.1:{receiver.port}/x", "failed", kind="apprise")
    ends("failed")
    row = Notification.objects.get()
    assert send_notification(str(row.pk), timezone.now())
    body = json.loads(receiver.got[0][2])
    assert body["title"] == "acme/web #1 failed"
    assert "/r/acme/web/builds/1" in body["message"]
