"""Limits on guessing at a door: failures are counted by name (an account, an address), and too many close it a while.

Counted in the cache, in windows of fixed length, so nothing has to be forgotten and nobody stays shut out.
"""

from __future__ import annotations

import hashlib
import ipaddress
import time
from dataclasses import dataclass

from django.core.cache import cache

# One customer's IPv6 addresses are a /64; whoever guesses has all of them.
_IPV6_PREFIX = 64


@dataclass(frozen=True)
class Limit:
    """At most `most` failures of one name in `seconds`; `door` tells the limits of two doors apart."""

    door: str
    most: int
    seconds: int

    def wait_s(self, name: str) -> int:
        """How long the door stays shut for `name`; 0 where it is open."""
        failures = cache.get(self._key(name), 0)
        return self.seconds - int(time.time()) % self.seconds if failures >= self.most else 0

    def note_failure(self, name: str) -> None:
        key = self._key(name)
        cache.add(key, 0, self.seconds)
        try:
            cache.incr(key)
        except ValueError:  # it ended between the two
            cache.set(key, 1, self.seconds)

    def _key(self, name: str) -> str:
        named = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return f"guesses:{self.door}:{int(time.time()) // self.seconds}:{named}"


def address_name(address: str) -> str:
    """By what an address is counted: itself, or the network of an IPv6 customer."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((found, _IPV6_PREFIX), strict=False))
    return address
