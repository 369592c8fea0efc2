"""The rows of signing keys: made by whoever is first, renewed before they end, used only once a registry takes them.

Whoever loses a race finds the row of the winner, so any number of processes may do any of this at the same time.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import audit
from accounts.models import User
from registry.models import SigningKey
from registry.tokens.certificates import LEAF_LIFE, Pair, der_of, load_key, make_leaf, make_root

RENEW_BEFORE = LEAF_LIFE / 3
# A process looks at the rows this often: a new root, or a leaf that another process made, is in use by then.
LOOK_S = 10.0


@dataclass(frozen=True)
class Leaf:
    """What signs a token. `certificate` is DER."""

    number: int
    certificate: bytes
    private_key: ec.EllipticCurvePrivateKey = field(repr=False)
    not_after: datetime


def ensure_root() -> SigningKey:
    """The newest root that may sign; the first one is made here, and needs nobody's acceptance."""
    found = SigningKey.objects.filter(kind=SigningKey.Kind.ROOT, accepted_at__isnull=False).first()
    return found or _add_root(1, is_accepted=True) or ensure_root()


def begin_root(actor: User | None = None) -> SigningKey:
    """A new root behind those that are there; the one that waits already where there is one.

    It stands in the bundle at once, and signs as soon as `mark_accepted` was told that a registry believes it.
    """
    newest = ensure_root()
    waiting = waiting_root()
    if waiting is not None:
        return waiting
    made = _add_root(newest.number + 1, is_accepted=False)
    if made is not None:
        audit.record(actor, "signing-key.begin", made)
    return made or begin_root(actor)


def waiting_root() -> SigningKey | None:
    """The newest root, where no registry was seen to believe it yet."""
    newest = SigningKey.objects.filter(kind=SigningKey.Kind.ROOT).first()
    return newest if newest is not None and newest.accepted_at is None else None


def mark_accepted(root: SigningKey) -> None:
    """A registry was seen to take a token of this root: from now on it signs. Again is harmless."""
    with transaction.atomic():
        waiting = SigningKey.objects.filter(pk=root.pk, accepted_at=None)
        if waiting.update(accepted_at=timezone.now()):
            audit.record(None, "signing-key.accept", root)
    forget()


def signing_leaf(root: SigningKey | None = None) -> Leaf:
    """The leaf that signs now; made where there is none, renewed ten days before its end.

    With a `root` it is that root's, which nobody uses yet: to find out whether a registry believes it.
    """
    if root is not None:
        return _read(_leaf_of(root))
    with _lock:
        if _Kept.leaf is None or time.monotonic() >= _Kept.look_at or _Kept.leaf.not_after <= timezone.now():
            row = _leaf_of(ensure_root())
            if _Kept.leaf is None or _Kept.leaf.certificate != der_of(row.certificate):
                _Kept.leaf = _read(row)
            _Kept.look_at = time.monotonic() + LOOK_S
        return _Kept.leaf


def forget() -> None:
    """Look at the rows anew at the next signature of this process."""
    with _lock:
        _Kept.leaf = None


class _Kept:
    leaf: Leaf | None = None
    look_at = 0.0


_lock = threading.Lock()


def _leaf_of(root: SigningKey) -> SigningKey:
    now = timezone.now()
    while True:
        newest = SigningKey.objects.filter(kind=SigningKey.Kind.LEAF).first()
        mine = SigningKey.objects.filter(kind=SigningKey.Kind.LEAF, root=root).first()
        # Close to the end of its root a leaf cannot be longer than what is left.
        renew_at = min(now + RENEW_BEFORE, root.not_after - timedelta(seconds=1))
        if mine is not None and mine.not_after > renew_at:
            return mine
        number = newest.number + 1 if newest is not None else 1
        pair = make_leaf(f"Imageyard token key {number}", Pair(root.certificate, root.private_key, root.not_after), now)
        made = _add(SigningKey.Kind.LEAF, number, pair, root=root)
        if made is not None:
            SigningKey.objects.filter(kind=SigningKey.Kind.LEAF, not_after__lt=now).delete()
            return made


def _add_root(number: int, *, is_accepted: bool) -> SigningKey | None:
    now = timezone.now()
    pair = make_root(f"Imageyard token root {number}", now)
    return _add(SigningKey.Kind.ROOT, number, pair, accepted_at=now if is_accepted else None)


def _add(
    kind: str, number: int, pair: Pair, *, root: SigningKey | None = None, accepted_at: datetime | None = None
) -> SigningKey | None:
    """The new row; None where another process has just made one of that number."""
    try:
        with transaction.atomic():
            return SigningKey.objects.create(
                kind=kind,
                number=number,
                root=root,
                certificate=pair.certificate,
                private_key=pair.private_key,
                not_after=pair.not_after,
                accepted_at=accepted_at,
            )
    except IntegrityError:
        return None


def _read(row: SigningKey) -> Leaf:
    return Leaf(row.number, der_of(row.certificate), load_key(row.private_key), row.not_after)
