"""Trying an account at its registry: connection, clock, log-in, pull, push, pulls left. Changes nothing there."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from lib.crypto import UndecryptableError
from lib.humanize import format_duration
from registry.actions.accounts_there import write_check
from registry.client import RegistryClient, RegistryError
from registry.core.check import Line, clock_line, failed_line
from registry.core.kinds import KINDS, RATE_PREVIEW, kind_of_host
from registry.core.patience import Patience
from registry.core.rate import Rate
from registry.core.reference import BadReferenceError, parse_image_name
from registry.models import Checked, PullCredential, Registry
from registry.opening import open_as, open_client

log = structlog.get_logger(__name__)
PATIENCE = Patience(attempts=2, total_s=15.0)
_AT_ONCE_S = 0.05
Tried = tuple[list[Line], Rate | None]


def check_registry(registry_id: int) -> None:
    """Try a registry's account and write the lines into its row; a second ring finds that nobody waits."""
    row = Registry.objects.filter(pk=registry_id, check_state=Checked.ASKED).defer("password").first()
    if row is not None:
        write_check(row, *_guarded(lambda: try_registry(row)))


def check_credential(credential_id: int) -> None:
    """The same for an account that reads base images."""
    row = PullCredential.objects.filter(pk=credential_id, check_state=Checked.ASKED).defer("password").first()
    if row is not None:
        lines, _ = _guarded(lambda: try_credential(row))
        write_check(row, lines)


def _guarded(attempt: Callable[[], Tried]) -> Tried:
    """Whatever happens, the row gets its answer."""
    try:
        return attempt()
    except UndecryptableError:
        sentence = "The stored password cannot be read: it was encrypted with a key that is gone."
        return [Line("log-in", ok=False, sentence=sentence, remedy="Give the password again.")], None
    except RegistryError as error:
        return [failed_line("log-in", error)], None
    except Exception as error:  # the errand's edge: a bug of ours must not leave the page waiting
        log.exception("a registry could not be checked")
        sentence = f"Imageyard itself met a fault ({type(error).__name__}) that its log tells more of."
        return [Line("reach", ok=False, sentence=sentence, remedy="Check again; tell whoever runs Imageyard.")], None


def try_registry(registry: Registry) -> Tried:
    """The lines of a registry's check, and the pulls that are left where it counts them."""
    with open_client(registry, patience=PATIENCE, wait=time.sleep) as client:
        lines = _reach(client, registry.scheme)
        if registry.is_own or not _all_well(lines):
            return lines, None
        lines.append(_log_in(client, registry.username))
        if lines[-1].ok is not False:
            lines += _scopes(client, registry)
        return _with_rate(client, lines, counts=registry.facts.counts_pulls)


def try_credential(credential: PullCredential) -> Tried:
    """The lines of a credential's check: it has to log in, and to read the image that it is for."""
    with open_as(credential, patience=PATIENCE) as client:
        lines = _reach(client, credential.scheme)
        if not _all_well(lines):
            return lines, None
        lines.append(_log_in(client, credential.username))
        if lines[-1].ok is not False:
            lines.append(_read(client, credential))
        return _with_rate(client, lines, counts=KINDS[kind_of_host(credential.host)].counts_pulls)


def _all_well(lines: list[Line]) -> bool:
    return lines[0].ok is True


def _reach(client: RegistryClient, scheme: str) -> list[Line]:
    try:
        ping = client.ping()
    except RegistryError as error:
        return [failed_line("reach", error)]
    over = "over TLS" if scheme == "https" else "over plain HTTP"
    took = "at once" if ping.seconds < _AT_ONCE_S else f"in {format_duration(ping.seconds)}"
    return [Line("reach", ok=True, sentence=f"It answers {over} {took}."), clock_line(ping.skew_s)]


def _log_in(client: RegistryClient, username: str) -> Line:
    try:
        found = client.log_in()
    except RegistryError as error:
        return failed_line("log-in", error)
    if found.how == "none":
        untried = f", so that the account `{username}` was not tried" if username else ""
        return Line("log-in", ok=None, sentence=f"It asks nobody to log in{untried}.")
    if not username:
        return Line("log-in", ok=None, sentence="No account is set; what is public can be read.")
    kind = "with a token of its token server" if found.how == "token" else "with the password at every request"
    return Line("log-in", ok=True, sentence=f"It takes the account `{username}`, {kind}.")


def _scopes(client: RegistryClient, registry: Registry) -> list[Line]:
    path = registry.test_path
    if not path:
        how = "Name a repository there in the form, and check again."
        return [Line("push", ok=None, sentence="Not tried: no repository is named to try it on.", remedy=how)]
    lines = []
    try:
        there = client.check_pull(path)
        lines.append(Line("pull", ok=True, sentence=f"It may read {path}{'' if there else ', where nothing is yet'}."))
    except RegistryError as error:
        lines.append(failed_line("pull", error))
    try:
        client.check_push(path)
        lines.append(Line("push", ok=True, sentence=f"It may write {path}."))
    except RegistryError as error:
        lines.append(failed_line("push", error))
    return lines


def _read(client: RegistryClient, credential: PullCredential) -> Line:
    if not credential.test_image:
        how = "Name a private image in the form, and check again."
        return Line("pull", ok=None, sentence="Not tried: no image is named to try it on.", remedy=how)
    try:
        image = parse_image_name(f"{credential.host}/{credential.test_image}")
        found = client.head(image.path, image.digest or image.tag or "latest")
    except BadReferenceError as error:
        return Line("pull", ok=False, sentence=str(error), remedy="Correct the name of the image.")
    except RegistryError as error:
        return failed_line("pull", error)
    if found is None:
        sentence = f"{credential.host} has no {credential.test_image} for the account `{credential.username}`."
        return Line("pull", ok=False, sentence=sentence, remedy="Correct the name, or let the account read it.")
    return Line("pull", ok=True, sentence=f"It may read {credential.test_image}.")


def _with_rate(client: RegistryClient, lines: list[Line], *, counts: bool) -> Tried:
    """Docker Hub tells by a HEAD on an image of its own how many pulls are left; a failure of that harms nothing."""
    rate = None
    if counts and all(line.ok is not False for line in lines):
        with suppress(RegistryError):
            rate = client.ask_rate(*RATE_PREVIEW)
        if rate is not None and rate.limit == 0:
            rate, sentence = None, "All pulls of the last hours are used up (429)."
            lines.append(Line("rate", ok=None, sentence=sentence, remedy="Wait, or use an account with more."))
        elif rate is not None:
            # Few pulls keep nobody from pushing.
            lines.append(Line("rate", ok=None if rate.is_low else True, sentence=rate.sentence, remedy=_remedy(rate)))
        else:
            lines.append(Line("rate", ok=None, sentence="It does not tell how many pulls are left: no limit is set."))
    return lines, rate


def _remedy(rate: Rate) -> str:
    return "Wait, use an account with more, or switch the cache for Docker Hub on." if rate.is_low else ""
