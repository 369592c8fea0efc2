"""From a push to a signed request at a real receiver that was away at first: a build breaks, and is mended."""

from __future__ import annotations

import json

from tests.receiver import documented_check, receiving
from tests.yard import Yard, fresh, until


def test_a_failed_and_a_fixed_build_reach_a_receiver_that_was_away_at_first(yard: Yard, base_image: str):
    linked = yard.link("told/web")
    with receiving() as receiver:
        receiver.answers = [(503, {}, b"starting"), (200, {}, b"ok")]
        told = "/repositories/told/web/notifications"
        wish = {"kind": "webhook", "name": "robot", "target": receiver.url, "events": ["first_failure", "fixed"]}
        secret = yard.send("POST", told, wish, status=201)["secret"]
        broken = linked.build({"Dockerfile": fresh(base_image, "RUN exit 3")})
        waits = (
            "UPDATE webhooks_notification SET next_at = created_at WHERE state = 'queued' AND attempts = 1 RETURNING 1"
        )
        # It waits for ten seconds or so; beat's bell rings when they are over.
        until(lambda: yard.sql(waits), timeout_s=90, what="the end of the first attempt")
        yard.ring("webhooks.tick")
        until(lambda: len(receiver.got) >= 2, timeout_s=90, what="the second attempt")
        mended = linked.build({"Dockerfile": fresh(base_image, "RUN true")})
        until(lambda: len(receiver.got) >= 3, timeout_s=90, what="the news that it is fixed")
        until(lambda: all(row["state"] == "sent" for row in yard.get(f"{told}/log")), what="both written down")
    genuine = documented_check()
    assert all(genuine(secret, headers, body) for _, headers, body in receiver.got)
    first, second, third = (json.loads(body) for _, _, body in receiver.got)
    assert first == second
    assert (first["type"], third["type"]) == ("build.first_failure", "build.fixed")
    assert (first["data"]["build"]["id"], third["data"]["build"]["id"]) == (broken["id"], mended["id"])
    assert first["data"]["error"]["line"] == 3
    assert (third["data"]["digest"], third["data"]["tags"]) == (mended["digest"], ["build-2", "latest"])
    fixed, failure = yard.get(f"{told}/log")
    assert [one["status"] for one in failure["tries"]] == [503, 200]
    assert (fixed["event"], fixed["attempts"]) == ("fixed", 1)
