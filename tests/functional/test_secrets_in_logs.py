"""Variables through a whole Imageyard: what a build gets of them, and that its log and its image give none away."""

from __future__ import annotations

import base64
import json
import uuid

from tests.yard import Yard, fresh

TOKEN = f"s3cret/{uuid.uuid4().hex}+x"
KEY = "-----BEGIN TEST KEY-----\n" + "\n".join(uuid.uuid4().hex * 2 for _ in range(6)) + "\n-----END TEST KEY-----\n"


def test_10_a_secret_is_hidden_in_the_log_in_every_form_and_is_in_no_image(yard: Yard, base_image: str):
    """10. A secret is never in a log, a page, an API answer, a process list, a layer or the database in clear."""
    linked = yard.link("vars/masked")
    rows = [
        {"kind": "secret", "name": "TOKEN", "value": TOKEN},
        {"kind": "secret", "name": "KEY", "value": KEY},
        {"kind": "arg", "name": "VERSION", "value": "{sourceref}-{sha7}-{build}"},
        {"kind": "ssh", "name": "default"},
    ]
    answer = yard.send("PUT", "/repositories/vars/masked/variables", rows)
    assert TOKEN not in json.dumps(answer)
    mounts = "--mount=type=secret,id=TOKEN --mount=type=secret,id=KEY --mount=type=ssh"
    commands = [
        "t=$(cat /run/secrets/TOKEN)",
        "test -S $SSH_AUTH_SOCK",
        'echo "plain $t end"',
        'printf %s "$t" | cut -c1-9 | tr -d "\\n"; sleep 1; printf %s "$t" | cut -c10-; echo " split"',
        'printf "u:%s" "$t" | base64 -w 0; echo " encoded"',
        "cat /run/secrets/KEY",
        "base64 /run/secrets/KEY",
        'echo "$t" | sed "s#/#%2F#g;s#+#%2B#g"',
        "wc -c < /run/secrets/KEY",
    ]
    say = " && ".join(commands)
    build = linked.build({"Dockerfile": fresh(base_image, "ARG VERSION", "ENV V=$VERSION", f"RUN {mounts} {say}")})
    assert build["state"] == "succeeded", build["sentence"]
    log = yard.log(build["id"]).decode()
    assert "plain *** end" in log and f"{len(KEY.encode())}\n" in log and " split" in log and " encoded" in log
    core = base64.b64encode(TOKEN.encode()).decode()
    for hidden in (TOKEN, TOKEN[9:], core[4:20], base64.b64encode(KEY.encode()).decode()[:60], *KEY.split("\n")[:-1]):
        assert hidden not in log
    everything = b"".join(content for _, content in yard.image_files("vars/masked", "latest").values())
    assert TOKEN.encode() not in everything
    config = str(yard.get(f"/builds/{build['id']}"))
    assert TOKEN not in config
    page = json.loads(yard.sql("SELECT plan FROM builds_build WHERE id = ?", build["id"])[0][0])["passed"]
    assert page == {
        "args": {"VERSION": f"main-{build['commit'][:7]}-{build['number']}"}, "secrets": ["KEY", "TOKEN"],
        "ssh": ["default"],
    }  # fmt: skip


def test_a_secret_that_the_dockerfile_wants_and_nobody_set_is_named(yard: Yard, base_image: str):
    linked = yard.link("vars/missing")
    optional = linked.build({"Dockerfile": fresh(base_image, "RUN --mount=type=secret,id=npmrc true")})
    assert optional["state"] == "succeeded"
    warnings = json.loads(yard.sql("SELECT warnings FROM builds_build WHERE id = ?", optional["id"])[0][0])
    assert any("mounts the secret `npmrc`" in warning["message"] for warning in warnings)
    required = linked.build({"Dockerfile": fresh(base_image, "RUN --mount=type=secret,id=npmrc,required true")})
    assert required["error"]["kind"] == "user"
    assert "the build secret `npmrc` is required, but the repository has none of that name" in required["sentence"]


def test_a_failure_that_quotes_a_secret_is_masked_too(yard: Yard, base_image: str):
    linked = yard.link("vars/quoted")
    yard.send("POST", "/repositories/vars/quoted/variables", {"kind": "secret", "name": "TOKEN", "value": TOKEN})
    run = 'RUN --mount=type=secret,id=TOKEN t=$(cat /run/secrets/TOKEN); "$t"'
    build = linked.build({"Dockerfile": fresh(base_image, run)})
    assert build["state"] == "failed"
    assert TOKEN not in json.dumps(yard.get(f"/builds/{build['id']}"))
    assert TOKEN.encode() not in yard.log(build["id"])
