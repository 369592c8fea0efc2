"""The feeds of this process, one for each build that somebody watches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from weakref import WeakKeyDictionary

from builds.live.feed import Feed

_feeds: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[int, Feed]] = WeakKeyDictionary()


def feed_of(build_id: int, make: Callable[[], Feed]) -> Feed:
    """The feed of a build in the running event loop, made when there is none or it has ended."""
    feeds = _feeds.setdefault(asyncio.get_running_loop(), {})
    for ended in [key for key, feed in feeds.items() if feed.is_over]:
        del feeds[ended]
    if build_id not in feeds:
        feeds[build_id] = make()
    return feeds[build_id]
