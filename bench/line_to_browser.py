"""A line written in the container → the WebSocket message that carries it, in seconds. No yardstick but the clock.

The container prints its own clock, which is this machine's; ten lines a second, so that each is a viewer's next line.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from statistics import quantiles

import websockets

from bench.base import Figure, bench, say
from tests.yard import Yard

LINES = 300
NONCE = uuid.uuid4().hex  # a step that the builder has not cached
# busybox's date has no fractions of a second: /proc/uptime has hundredths, and adjtimex is not allowed. awk reads it.
PRINT = (
    f'i=0; while [ $i -lt {LINES} ]; do read up _ < /proc/uptime; echo "line $i $up"; i=$((i+1)); usleep 100000; done'
)
DOCKERFILE = f"ARG BASE\nFROM ${{BASE}}\nRUN : {NONCE}; {PRINT}\n"


def run() -> dict[str, Figure]:
    with bench() as here:
        rules = [{"ref_type": "branch", "pattern": "main", "tags": ["latest"], "build_args": {"BASE": here.base_image}}]
        linked = here.yard.link("acme/clock", rules=rules)
        commit = linked.git.commit({"Dockerfile": DOCKERFILE})
        assert linked.push(commit).status_code == 202
        build = linked.builds()[0]
        delays = asyncio.run(_watch(here.yard, build["id"]))
        assert len(delays) >= LINES * 0.9, f"only {len(delays)} lines were seen live"
    cuts = quantiles(delays, n=100)
    say(f"line-to-browser over {len(delays)} lines: p50 {cuts[49]:.3f} s, p99 {cuts[98]:.3f} s")
    return {"line-to-browser-p50": Figure(cuts[49]), "line-to-browser-p99": Figure(cuts[98])}


async def _watch(yard: Yard, build_id: int) -> list[float]:
    """The delay of every line that came as news (the snapshot's are old)."""
    address = f"{yard.url.replace('http', 'ws', 1)}/ws/builds/{build_id}/"
    headers = {"Authorization": f"Bearer {yard.token}"}
    delays = []
    async with websockets.connect(address, additional_headers=headers, max_size=None) as socket:
        async for text in socket:
            now = time.clock_gettime(time.CLOCK_BOOTTIME)
            message = json.loads(text)
            if message["type"] == "end":
                break
            for line in message.get("lines", []) if message["type"] == "log" else []:
                if line.startswith("line "):
                    # Hundredths, cut off: on average the line is 5 ms younger than it says.
                    delays.append(now - float(line.split()[2]) - 0.005)
    return delays
