"""The process that runs apprise: one message in on stdin, one outcome out on stdout, guards all around. Run with -m.

Apprise opens its own connections, and can read files and run commands where an address says so. Here, in a process
with nothing of ours in its environment, names resolve to addresses that the guard has passed and to no others, a socket
connects to such addresses alone, no file outside Python's own is opened and nothing is run.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import sys
import sysconfig
from collections.abc import Callable
from typing import Any

from lib.addresses import AddressRefused, resolve

ALARM_S = 25
MOST_RESPONSE = 2_000
_FORBIDDEN = frozenset(
    {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "ctypes.dlopen"}
)
_FORBIDDEN_FILES = frozenset(
    {"os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "shutil.rmtree"}
)


class _Seen:
    """What happened on the way, for the sentence: apprise itself says yes or no."""

    refusals: list[AddressRefused] = []  # one message in this process's life
    status: int | None = None
    retry_after = ""
    response = ""


def _guard_names(trusted_hosts: list[str]) -> set[str]:
    """Make `socket.getaddrinfo` give checked addresses only; gives the set of those, as it grows."""
    plain = socket.getaddrinfo
    passed: set[str] = set()

    def guarded(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host or "localhost")
        number = int(port) if str(port or 0).isdigit() else socket.getservbyname(str(port))
        socket.getaddrinfo = plain  # the guard itself looks the name up
        try:
            addresses = resolve(name, number, trusted_hosts)
        except AddressRefused as refused:
            _Seen.refusals.append(refused)
            raise socket.gaierror(socket.EAI_FAIL, refused.message) from refused
        finally:
            socket.getaddrinfo = guarded
        passed.update(addresses)
        return [entry for address in addresses for entry in plain(address, number, *args, **options)]

    socket.getaddrinfo = guarded
    return passed


def _guard_system(passed: set[str]) -> None:
    """Refuse what sending a message has no need of. Cannot be taken back: it holds until the process ends."""
    roots = {
        sys.prefix,
        sys.base_prefix,
        *sysconfig.get_paths().values(),
        "/etc/ssl",
        "/usr/lib/ssl",
        "/usr/share/zoneinfo",
    }
    roots |= {"/etc/pki", "/usr/share/ca-certificates", "/dev/urandom", os.environ.get("SSL_CERT_FILE") or "/etc/ssl"}
    readable = (*map(os.path.realpath, roots), "/etc/mime.types", "/etc/resolv.conf", "/etc/hosts")

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect":
            address = arguments[1]
            if not isinstance(address, tuple) or str(address[0]).partition("%")[0] not in passed:
                raise PermissionError("this address has not passed the guard")
        elif event == "open":
            path, _mode, flags = arguments
            _check_open(path, flags, readable)
        elif event in _FORBIDDEN or event in _FORBIDDEN_FILES:
            raise PermissionError(f"{event} is not for messages")

    sys.addaudithook(hook)


def _check_open(path: Any, flags: Any, readable: tuple[str, ...]) -> None:
    if isinstance(path, int) or path is None:
        return
    text = os.fsdecode(path)
    writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    real = os.path.realpath(text)
    if writes or not any(real == root or real.startswith(f"{root}/") for root in readable):
        raise PermissionError("this file is not for messages")


def _watch_answers() -> None:
    """Remember the last HTTP answer, and use no proxy: that would look names up somewhere else."""
    import requests

    plain: Callable[..., Any] = requests.adapters.HTTPAdapter.send

    def send(self: Any, request: Any, *args: Any, **options: Any) -> Any:
        options["proxies"] = {}
        answer = plain(self, request, *args, **options)
        _Seen.status = answer.status_code
        _Seen.retry_after = answer.headers.get("Retry-After", "")[:100]
        if not answer.ok or answer.is_redirect:
            raw = answer.raw.read(MOST_RESPONSE * 4, decode_content=True) if options.get("stream") else answer.content
            _Seen.response = raw[: MOST_RESPONSE * 4].decode(errors="replace")[:MOST_RESPONSE]
        return answer

    requests.adapters.HTTPAdapter.send = send  # type: ignore[method-assign]  # apprise takes no adapter


def _send(order: dict[str, Any]) -> dict[str, Any]:
    from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType, PersistentStoreMode

    asset = AppriseAsset(
        app_id="Imageyard", app_desc="Imageyard", app_url=order["app_url"], image_url_mask="", image_url_logo="",
        storage_mode=PersistentStoreMode.MEMORY, async_mode=False, plugin_paths=[],
    )  # fmt: skip
    _watch_answers()
    service = Apprise.instantiate(order["url"], asset=asset, suppress_exceptions=True)
    schemes: set[str] = set()
    for name in ("protocol", "secure_protocol"):
        given = getattr(service, name, None) or ()
        schemes |= {given} if isinstance(given, str) else set(given)
    if service is None or not schemes & set(order["schemes"]):
        return {"ok": False, "understood": False}
    _guard_system(_guard_names(order["trusted_hosts"]))
    told = Apprise(asset=asset)
    told.add(service)
    tone = {"good": NotifyType.SUCCESS, "bad": NotifyType.FAILURE}.get(order["tone"], NotifyType.INFO)
    ok = told.notify(body=order["body"], title=order["title"], notify_type=tone, body_format=NotifyFormat.TEXT)
    return {"ok": bool(ok), "understood": True}


def main() -> None:
    """Read the order, send, tell."""
    signal.alarm(ALARM_S)
    order = json.load(sys.stdin)
    out = os.dup(1)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    logging.disable(logging.CRITICAL)
    told = _send(order)
    told |= {"status": _Seen.status, "retry_after": _Seen.retry_after, "response": _Seen.response}
    if _Seen.refusals:
        told |= {"refused": _Seen.refusals[-1].message, "refusal_may_pass": _Seen.refusals[-1].retryable}
    os.write(out, json.dumps(told).encode())


if __name__ == "__main__":
    main()
