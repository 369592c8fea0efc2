"""Addresses of receivers as people type them: which are taken, and what of each may be shown. Opens no connection."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import parse_qsl, urlsplit

from lib.addresses import AddressRefused, resolve

SERVICES: dict[str, str] = {
    "discord": "Discord", "gchat": "Google Chat", "gotify": "Gotify", "gotifys": "Gotify", "json": "JSON",
    "jsons": "JSON", "mailto": "Mail", "mailtos": "Mail", "matrix": "Matrix", "matrixs": "Matrix",
    "mmost": "Mattermost", "mmosts": "Mattermost", "ntfy": "ntfy", "ntfys": "ntfy", "opsgenie": "Opsgenie",
    "pagerduty": "PagerDuty", "pbul": "Pushbullet", "pover": "Pushover", "rocket": "Rocket.Chat",
    "rockets": "Rocket.Chat", "slack": "Slack", "tgram": "Telegram", "twist": "Twist", "webex": "Webex",
    "workflow": "Microsoft Teams", "workflows": "Microsoft Teams", "wxteams": "Webex", "xml": "XML", "xmls": "XML",
    "zulip": "Zulip",
}  # fmt: skip
"""Scheme of apprise → the service. All of them speak HTTP or SMTP; what runs commands or reads this machine is not
among them, nor what needs a library that opens connections past the guard."""

_OURS = {"msteams": "workflows", "googlechat": "gchat", "teams": "workflows", "telegram": "tgram", "pushover": "pover"}
"""What people call it → the scheme to take instead."""
# Their host is a server and no token.
_HOST_IS_SHOWN = {"gotify", "gotifys", "json", "jsons", "mailto", "mailtos", "mmost", "mmosts", "rocket", "rockets",
                  "xml", "xmls"}  # fmt: skip
# Parameters by which apprise reads files of the machine it runs on, or loads more of itself.
_READS_FILES = {
    "template", "tmpl", "pgp", "pgpkey", "pgppub", "pgpprv", "key", "keyfile", "cert", "attach", "attachment", "config",
    "include",
}  # fmt: skip
_MOST = 2_000


def apprise_problem(url: str) -> str:
    """Why this address of apprise is not taken, as a sentence; "" where it is."""
    scheme, mark, rest = url.partition("://")
    scheme = scheme.lower()
    if scheme in ("http", "https"):
        return "An address of the web is a webhook: choose that kind, or write the service's own address (`slack://…`)."
    if not mark or not rest.strip("/ ") or len(url) > _MOST or not url.isprintable():
        return "That is no address of apprise: it looks like `slack://…` or `mailto://…`."
    if scheme in _OURS:
        return f"Write `{_OURS[scheme]}://…` for that service."
    if scheme not in SERVICES:
        return (
            f"`{scheme[:40]}` is not among the services that may be told. Taken are: {', '.join(sorted(SERVICES))}. "
            "What runs on this machine, or would run something on it, is not."
        )
    named = {name.strip().lower() for name, _ in parse_qsl(rest.partition("?")[2], keep_blank_values=True)}
    unwanted = sorted(_READS_FILES & named)
    return f"The parameter `{unwanted[0]}` would read a file of this machine, and is not taken." if unwanted else ""


def webhook_problem(url: str, trusted_hosts: Collection[str]) -> str:
    """Why this address of a webhook is not taken, as a sentence; "" where it is. Looks no name up."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return "That is no address: its host or port cannot be read."
    if parts.scheme not in ("http", "https") or not host or len(url) > _MOST or not url.isprintable() or " " in url:
        return "The address of a webhook begins with `https://` or `http://` and names a host."
    if _is_literal(host):
        try:
            resolve(host, port, trusted_hosts)
        except AddressRefused as refused:
            return refused.message
    return ""


def _is_literal(host: str) -> bool:
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def shown(url: str, *, is_webhook: bool) -> str:
    """What of an address may be shown: scheme and host, and the scheme alone where the host would be a token."""
    scheme = url.partition("://")[0].lower()
    if not is_webhook and scheme not in _HOST_IS_SHOWN:
        return f"{scheme}://…"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return f"{scheme}://…"
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}{f':{port}' if port else ''}"[:250]


def service_of(shown_target: str) -> str:
    """The service's name for people: `Slack`; "" where the scheme is none of apprise's."""
    return SERVICES.get(shown_target.partition("://")[0], "")
