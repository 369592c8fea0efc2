"""A real build's log is searched as it is shown, says when its lines were printed, and gives no secret away."""

from __future__ import annotations

import uuid

from tests.yard import Yard, fresh

TOKEN = f"s3cret-{uuid.uuid4().hex}"
COMMANDS = [
    'printf "first \\033[31mer\\033[1mror\\033[0m line\\n"',
    "sleep 1",
    'echo "token $(cat /run/secrets/TOKEN) used"',
    'printf " 10%%\\r100%% done\\n"',
    "false",
]


def test_4_a_log_is_searched_timed_and_masked(yard: Yard, base_image: str):
    """4. Search on the server, jump to the first error, timestamps; secrets stay masked."""
    linked = yard.link("logs/searched")
    yard.send("PUT", "/repositories/logs/searched/variables", [{"kind": "secret", "name": "TOKEN", "value": TOKEN}])
    script = "\n".join(["set -e", *COMMANDS, ""])
    dockerfile = fresh(base_image, "COPY s /s", "RUN --mount=type=secret,id=TOKEN sh /s")
    build = linked.build({"Dockerfile": dockerfile, "s": script})
    assert build["state"] == "failed", build["sentence"]
    log = f"/builds/{build['id']}/log"
    step = next(step for step in build["steps"] if "sh /s" in step["name"])["index"]

    def places(text: str, **options: str) -> list[tuple[int, int]]:
        asked = yard.client.get(f"{log}/search", params={"q": text, "step": step, **options}).json()
        assert asked["next"] is None
        return [(match["step"], match["line"]) for match in asked["matches"]]

    assert places("error line") == [(step, 0)]
    assert places("^100% done$", regex="true") == [(step, 2)]
    assert places("token *** used") == [(step, 1)]
    for hidden in (TOKEN, TOKEN[:10], TOKEN[-10:]):
        assert places(hidden) == []
    times = yard.get(f"{log}?step={step}&from=0&lines=9&times=true")["times"]
    began = dict(times)
    assert began[1] - began[0] > 900, "a second went by between the first line and the second"
    assert yard.get(f"{log}/error") | {"sentence": ""} == {"step": step, "line": 0, "sentence": ""}
