"""Every recorded failure and the sentence it becomes, and the failures that were not recorded."""

# ruff: noqa: E501 -- a table of whole sentences

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builds.core.failure import explain_failure
from builds.core.progress import BuildWarning, StepAnnounced, StepBook, StepFinished, StepLog, StepStarted
from tests.builds.core.rawjson import RAWJSON, SAMPLES, read

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

# recording, kind, whether the build is tried again by itself, Dockerfile line, sentence
FAILURES = [
    (
        "arg-before-from-unset",
        "user",
        False,
        2,
        "Dockerfile line 2: the base image `${BASE}` is empty. Give the build argument a value in the rule or a default in the Dockerfile.",
    ),
    (
        "bad-tag-plus",
        "user",
        False,
        None,
        "`127.0.0.1:5998/team/app:1.0.0+build.5` is not a valid image name: invalid reference format. Change the tag in the rule or the name of the repository.",
    ),
    (
        "bad-tag-slash",
        "user",
        False,
        None,
        "`127.0.0.1:5998/team/app:feature/x` is not a valid image name: invalid reference format. Change the tag in the rule or the name of the repository.",
    ),
    (
        "bad-tag-upper-repo",
        "user",
        False,
        None,
        "`127.0.0.1:5998/Team/App:1` is not a valid image name: repository name must be lowercase. Change the tag in the rule or the name of the repository.",
    ),
    (
        "base-invalid-ref",
        "user",
        False,
        1,
        "Dockerfile line 1: `Busy_Box:Local` is not a valid image name: repository name (library/Busy_Box) must be lowercase.",
    ),
    (
        "base-missing",
        "user",
        False,
        1,
        "The base image `127.0.0.1:5998/no/such:image` does not exist (Dockerfile line 1). Check its name and tag.",
    ),
    (
        "base-registry-down",
        "registry",
        True,
        1,
        "127.0.0.1:1 could not be reached for the base image `127.0.0.1:1/x/y:1` (Dockerfile line 1): the connection was refused. Trying again can help.",
    ),
    (
        "base-unauthorized",
        "user",
        False,
        1,
        "127.0.0.1:5999 did not authorise reading the base image `127.0.0.1:5999/private/base:1` (Dockerfile line 1): 401 Unauthorized. The image is private or does not exist; check its name, or give the build an account that may read it.",
    ),
    (
        "cancel-sigint",
        "platform",
        True,
        None,
        "The build was interrupted from outside during step 2 of 2 (`RUN echo start; sleep 60; echo never`). Nothing in the repository caused this; it can be built again.",
    ),
    (
        "cancel-sigkill",
        "platform",
        True,
        None,
        "The build was interrupted from outside during step 2 of 2 (`RUN echo start; sleep 62; echo never`). Nothing in the repository caused this; it can be built again.",
    ),
    (
        "cancel-sigterm",
        "platform",
        True,
        None,
        "The build was interrupted from outside during step 2 of 2 (`RUN echo start; sleep 61; echo never`). Nothing in the repository caused this; it can be built again.",
    ),
    (
        "cmd-not-found-127",
        "user",
        False,
        2,
        "Step 2 of 2 (`RUN nosuchtool --version`, Dockerfile line 2) ended with exit code 127: the command `nosuchtool` was not found in the image.",
    ),
    (
        "copy-ignored",
        "user",
        False,
        2,
        "Step 2 of 2 (`COPY secret.txt /`, Dockerfile line 2): `secret.txt` is not in the build context. Check the path, and that `.dockerignore` does not exclude it.",
    ),
    (
        "copy-missing",
        "user",
        False,
        2,
        "Step 2 of 2 (`COPY missing.txt /`, Dockerfile line 2): `missing.txt` is not in the build context. Check the path, and that `.dockerignore` does not exclude it.",
    ),
    ("empty-dockerfile", "user", False, None, "The Dockerfile is empty."),
    (
        "fail-exit-42",
        "user",
        False,
        2,
        "Step 2 of 3 (`RUN echo before; echo why it failed >&2; exit 42`, Dockerfile line 2) ended with exit code 42.",
    ),
    (
        "fail-segv-139",
        "user",
        False,
        2,
        "Step 2 of 2 (`RUN sh -c 'kill -11 $$'; exit $?`, Dockerfile line 2) ended with exit code 139: a program in it crashed (segmentation fault).",
    ),
    (
        "fail-sigkill-137",
        "user",
        False,
        2,
        "Step 2 of 2 (`RUN echo eating memory; sh -c 'kill -9 $$'; exit $?`, Dockerfile line 2) was killed (exit code 137), most likely because the builder ran out of memory. Give the builder more memory, or let the step use less.",
    ),
    (
        "no-dockerfile",
        "user",
        False,
        None,
        "The commit has no Dockerfile at `Dockerfile`. Check the Dockerfile path and the context of the rule.",
    ),
    (
        "push-denied",
        "registry",
        False,
        None,
        "127.0.0.1:5997 refused the push of denied/x: requested access to the resource is denied. The account `bot` may not write there. Nothing was tagged.",
    ),
    (
        "push-manifest500",
        "registry",
        True,
        None,
        "127.0.0.1:5997 answered 500 Internal Server Error to the push of manifest500/x. That is a fault of the registry, not of your build; trying again can help. Nothing was tagged.",
    ),
    (
        "push-quota",
        "registry",
        False,
        None,
        "127.0.0.1:5997 refused the push of quota/x: adding 1.2 GiB of storage resource, which when updated to current usage of 9.9 GiB will exceed the configured upper limit of 10.0 GiB. Free space or raise the limit there. Nothing was tagged.",
    ),
    (
        "push-unauthorized",
        "registry",
        False,
        None,
        "127.0.0.1:5999 refused the push of team/app: no basic auth credentials. No account is set for this registry. Nothing was tagged.",
    ),
    (
        "push-upload413",
        "registry",
        False,
        None,
        "127.0.0.1:5997 refused the push of upload413/x: a layer is larger than the registry, or a proxy in front of it, accepts (413). Raise the limit there or make the layer smaller. Nothing was tagged.",
    ),
    (
        "push-upload429",
        "registry",
        True,
        None,
        "127.0.0.1:5997 was asked too often during the push of upload429/x (You have reached your pull rate limit). Trying again later can help. Nothing was tagged.",
    ),
    (
        "push-upload502",
        "registry",
        True,
        None,
        "127.0.0.1:5997 answered 502 Bad Gateway to the push of upload502/x. That is a fault of the registry, not of your build; trying again can help. Nothing was tagged.",
    ),
    ("syntax-error", "user", False, 2, "Dockerfile line 2: unknown instruction: RUNN (did you mean RUN?)."),
    ("target-missing", "user", False, None, "The Dockerfile has no stage `nope`. The rule names it as its target."),
    (
        "containerd-store/add-url",
        "user",
        False,
        None,
        "Step 2 of 2 (`ADD http://127.0.0.1:47114/v2/404/manifests/x /x`): the address answered with status 404.",
    ),
    ("containerd-store/badflag", "user", False, 2, "`df.badflag` line 2: unknown flag: --nope."),
    (
        "containerd-store/base-401",
        "user",
        False,
        1,
        "127.0.0.1:47114 did not authorise reading the base image `127.0.0.1:47114/base401/x:1` (`df.base-401` line 1): 401 Unauthorized. The image is private or does not exist; check its name, or give the build an account that may read it.",
    ),
    (
        "containerd-store/base-403",
        "user",
        False,
        1,
        "127.0.0.1:47114 did not authorise reading the base image `127.0.0.1:47114/base403/x:1` (`df.base-403` line 1): 403 Forbidden. The image is private or does not exist; check its name, or give the build an account that may read it.",
    ),
    (
        "containerd-store/base-500",
        "registry",
        True,
        1,
        "127.0.0.1:47114 answered 500 Internal Server Error for the base image `127.0.0.1:47114/base500/x:1` (`df.base-500` line 1). That is the registry's fault; trying again can help.",
    ),
    (
        "containerd-store/base-gone",
        "user",
        False,
        1,
        "The base image `127.0.0.1:47113/no/such:1` does not exist (`df.base-gone` line 1). Check its name and tag.",
    ),
    (
        "containerd-store/base-hub",
        "registry",
        True,
        1,
        "docker.io could not be reached for the base image `debian:12` (`df.base-hub` line 1): its name cannot be resolved. Trying again can help.",
    ),
    (
        "containerd-store/base-rate",
        "registry",
        True,
        1,
        "127.0.0.1:47114 was asked too often for the base image `127.0.0.1:47114/rate/x:1` (`df.base-rate` line 1): 429 Too Many Requests. Trying again later can help.",
    ),
    (
        "containerd-store/checkerr",
        "user",
        False,
        None,
        "The Dockerfile asks to fail on findings of its checks (`check=error=true`), and there are: StageNameCasing, FromAsCasing. The warnings of this build name the lines.",
    ),
    (
        "containerd-store/copy-dir",
        "user",
        False,
        2,
        "Step 2 of 2 (`COPY app/ lib/ /x`, `df.copy-dir` line 2): `app` is not in the build context. Check the path, and that `.dockerignore` does not exclude it.",
    ),
    (
        "containerd-store/copy-from",
        "user",
        False,
        3,
        "Step 2 of 2 (`COPY --from=b /nope /x`, `df.copy-from` line 3): `/nope` does not exist in `b`.",
    ),
    (
        "containerd-store/copy-nostage",
        "user",
        False,
        2,
        "`df.copy-nostage` line 2: the Dockerfile has no stage `builder`, and an image of that name could not be read from docker.io either: its name cannot be resolved.",
    ),
    (
        "containerd-store/ctx-missing",
        "user",
        False,
        None,
        "The commit has no folder `nodir` to build from. Check the context of the rule.",
    ),
    (
        "containerd-store/daemon-killed",
        "builder",
        True,
        None,
        "The builder went away during step 2 of 2 (`RUN echo start; sleep 100`). This is not the fault of the commit; it can be built again once the builder answers.",
    ),
    (
        "containerd-store/disk-context",
        "builder",
        True,
        None,
        "The builder's disk is full. It filled during the step `load build context`. This is not the fault of the commit: an administrator must free space on the builder.",
    ),
    (
        "containerd-store/disk-run",
        "builder",
        True,
        2,
        "The builder's disk is full. It filled during step 2 of 2 (`RUN dd if=/dev/zero of=/big bs=1M count=60`, `df.big` line 2). This is not the fault of the commit: an administrator must free space on the builder.",
    ),
    (
        "containerd-store/exec126",
        "user",
        False,
        2,
        "Step 2 of 2 (`RUN /hello.txt; echo a > /n; /n`, `df.exec126` line 2) ended with exit code 126: a command was found, but it may not be executed.",
    ),
    (
        "containerd-store/execform",
        "user",
        False,
        2,
        'Step 2 of 2 (`RUN ["nosuch","x"]`, `df.execform` line 2) ended with exit code 1: the command `nosuch` was not found in the image.',
    ),
    (
        "containerd-store/heredoc",
        "user",
        False,
        2,
        "Step 2 of 2 (`RUN <<EOF (echo ERROR: fake...)`, `df.heredoc` line 2) ended with exit code 3.",
    ),
    ("containerd-store/nofrom", "user", False, 1, "`df.nofrom` line 1: an instruction stands before the first `FROM`."),
    (
        "containerd-store/noshell",
        "user",
        False,
        2,
        "Step 1 of 1 (`RUN echo x`, `df.noshell` line 2) ended with exit code 1: the command `/bin/sh` was not found in the image.",
    ),
    ("containerd-store/onlyarg", "user", False, None, "The Dockerfile has no `FROM`, so there is nothing to build."),
    (
        "containerd-store/push-bearer",
        "registry",
        False,
        None,
        "127.0.0.1:47114 refused the push of bearer/x: 404 Not Found (its token server). The account `bot` was not accepted. Nothing was tagged.",
    ),
    (
        "containerd-store/push-denied",
        "registry",
        False,
        None,
        "127.0.0.1:47114 refused the push of denied/x: access is denied. The account `bot` may not write there. Nothing was tagged.",
    ),
    (
        "containerd-store/push-down",
        "registry",
        True,
        None,
        "127.0.0.1:1 could not be reached for the push of a/x: the connection was refused. Trying again can help. Nothing was tagged.",
    ),
    (
        "containerd-store/push-manifest500",
        "registry",
        True,
        None,
        "127.0.0.1:47114 answered 500 Internal Server Error to the push of manifest500/x. That is a fault of the registry, not of your build; trying again can help. Nothing was tagged.",
    ),
    (
        "containerd-store/push-quota",
        "registry",
        False,
        None,
        "127.0.0.1:47114 refused the push of quota/x: adding 1.2 GiB of storage resource, which when updated to current usage of 9.9 GiB will exceed the configured upper limit of 10.0 GiB. Free space or raise the limit there. Nothing was tagged.",
    ),
    (
        "containerd-store/push-unauth",
        "registry",
        False,
        None,
        "127.0.0.1:47114 refused the push of unauth/x: authentication required. The account `bot` was not accepted. Nothing was tagged.",
    ),
    (
        "containerd-store/push-upload413",
        "registry",
        False,
        None,
        "127.0.0.1:47114 refused the push of upload413/x: a layer is larger than the registry, or a proxy in front of it, accepts (413). Raise the limit there or make the layer smaller. Nothing was tagged.",
    ),
    (
        "containerd-store/push-upload429",
        "registry",
        True,
        None,
        "127.0.0.1:47114 was asked too often during the push of upload429/x (slow down). Trying again later can help. Nothing was tagged.",
    ),
    (
        "containerd-store/push-upload502",
        "registry",
        True,
        None,
        "127.0.0.1:47114 answered 502 Bad Gateway to the push of upload502/x. That is a fault of the registry, not of your build; trying again can help. Nothing was tagged.",
    ),
    (
        "containerd-store/secret-ok",
        "user",
        False,
        2,
        "Step 2 of 2 (`RUN --mount=type=secret,id=tok cat /run/secrets/tok`, `df.secret-ok` line 2) ended with exit code 1.",
    ),
    (
        "containerd-store/secret",
        "user",
        False,
        2,
        "Step 2 of 2 (`RUN --mount=type=secret,id=tok,required=true cat /run/secrets/tok`, `df.secret` line 2): the build secret `tok` is required, but the repository has none of that name.",
    ),
    (
        "containerd-store/syntax-404",
        "user",
        False,
        1,
        "The `# syntax=` line of the Dockerfile (line 1) asks for the image `127.0.0.1:47114/no/frontend:1`, which could not be fetched from 127.0.0.1:47114: not found. Remove the line, or name a copy of it that the builder reaches.",
    ),
    (
        "containerd-store/syntax-line",
        "registry",
        True,
        1,
        "The `# syntax=` line of the Dockerfile (line 1) asks for the image `docker/dockerfile:1`, which could not be fetched from docker.io: its name cannot be resolved. Remove the line, or name a copy of it that the builder reaches.",
    ),
    (
        "containerd-store/target-near",
        "user",
        False,
        None,
        "The Dockerfile has no stage `devv`. Did you mean `dev`? The rule names it as its target.",
    ),
]


def explain_recording(name: str, returncode: int, **names: str):
    events, parser = read((RAWJSON / f"{name}.jsonl").read_bytes())
    book = StepBook()
    for event in events:
        book.apply(event)
    book.close()
    return explain_failure(book, parser.tail, returncode, **names)


def explain(*tail: str, returncode: int = 1, step: str = "", error: str = "", log: bytes = b"", **names: str):
    """A build whose stderr ended with these lines, perhaps with one failing step."""
    book = StepBook()
    if step:
        book.apply(StepAnnounced("v", step))
        book.apply(StepStarted("v", step, NOON))
        book.apply(StepLog("v", 2, log))
        book.apply(StepFinished("v", NOON, NOON, cached=False, error=error or tail[-1]))
    return explain_failure(book, tail, returncode, **names)


def excerpt(source: str, file: str = "Dockerfile", line: int = 3) -> list[str]:
    return [f"{file}:{line}", "-" * 20, f"   {line} | >>> {source}", "-" * 20]


@pytest.mark.parametrize(("name", "kind", "retryable", "line", "sentence"), FAILURES, ids=[row[0] for row in FAILURES])
def test_b07_b09_x04_it_says_in_a_sentence_why_a_recorded_build_failed(name, kind, retryable, line, sentence):
    returncode = SAMPLES[name]["rc"] if name in SAMPLES else 1
    error = explain_recording(name, returncode, registry_user="" if name == "push-unauthorized" else "bot")
    assert (error.kind, error.retryable, error.dockerfile_line) == (kind, retryable, line)
    assert error.message == sentence


def test_it_has_a_sentence_for_every_recorded_failure():
    recorded = {name for name, facts in SAMPLES.items() if facts["rc"]}
    recorded |= {f"containerd-store/{path.stem}" for path in Path(RAWJSON / "containerd-store").glob("*.jsonl")}
    assert recorded == {row[0] for row in FAILURES}


def test_b07_it_names_the_failing_step_as_buildkit_does():
    assert explain_recording("fail-exit-42", 1).step == "[2/3] RUN echo before; echo why it failed >&2; exit 42"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("docker: unknown command: docker buildx", "The worker has no `docker buildx`."),
        ("docker: 'buildx' is not a docker command.", "The worker has no `docker buildx`."),
        ('ERROR: no builder "big" found', "There is no builder `big`."),
        (
            "ERROR: permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
            "The worker may not use its Docker daemon.",
        ),
        ("ERROR: Multi-platform build is not supported for the docker driver.", "The builder cannot build for several"),
    ],
)
def test_b07_it_blames_the_installation_for_what_an_administrator_must_mend(text, sentence):
    error = explain(text, "", "Run 'docker --help' for more information") if text[:6] == "docker" else explain(text)
    assert error.message.startswith(sentence)
    assert (error.kind, error.retryable) == ("platform", False)


@pytest.mark.parametrize(
    "text",
    [
        "Cannot connect to the Docker daemon at unix:///nope.sock. Is the docker daemon running?",
        "error during connect: this error may indicate that the docker daemon is not running",
        "failed to receive status: rpc error: code = Unavailable desc = error reading from server: EOF",
        "failed to build: failed to solve: Unavailable: error reading from server: EOF",
        (
            "failed to receive status: rpc error: code = Unavailable desc = closing transport due to: connection error: desc = "
            '"error reading from server: EOF", received prior goaway: code: NO_ERROR, debug data: "graceful_stop"'
        ),
        "failed to solve: Canceled: grpc: the client connection is closing",
        "failed to solve: failed to list workers: Unavailable: connection error",
    ],
)
def test_b07_it_blames_the_builder_that_went_away_and_not_the_commit(text):
    error = explain(f"ERROR: {text}")
    assert (error.kind, error.retryable) == ("builder", True)
    assert error.message == (
        "The builder cannot be reached. This is not the fault of the commit; it can be built again once the builder answers."
    )


@pytest.mark.parametrize(
    "text",
    [
        "ResourceExhausted: failed to read dockerfile: failed to create temp dir: mkdir /x: no space left on device",
        'failed to prepare extraction snapshot "extract-1 sha256:2": write /x: no space left on device',
        "rpc error: code = Unknown desc = failed to copy files: copy file range failed: no space left on device",
    ],
)
def test_b07_it_blames_the_builder_whose_disk_is_full(text):
    error = explain(f"ERROR: failed to build: failed to solve: {text}")
    assert (error.kind, error.retryable) == ("builder", True)
    assert error.message.startswith("The builder's disk is full.")


def test_b07_it_does_not_take_a_word_in_the_command_for_the_cause():
    command = "echo Cannot connect to the Docker daemon: no space left on device; exit 1"
    error = explain(
        f'ERROR: process "/bin/sh -c {command}" did not complete successfully: exit code: 1', step="[1/1] RUN x"
    )
    assert (error.kind, error.message) == ("user", "Step 1 of 1 (`RUN x`) ended with exit code 1.")


def test_b07_it_does_not_call_a_killed_step_out_of_memory_when_the_build_was_stopped():
    text = 'process "/bin/sh -c x" did not complete successfully: exit code: 137: context canceled: context canceled'
    error = explain(
        "ERROR: failed to solve: Canceled: context canceled", returncode=130, step="[1/1] RUN x", error=text
    )
    assert "memory" not in error.message


@pytest.mark.parametrize(
    ("log", "name"),
    [
        (b"/bin/sh: 1: npm: not found\n", "`npm`"),
        (b"bash: line 1: npm: command not found\n", "`npm`"),
        (b"/bin/sh: npm: not found\n", "`npm`"),
        ("env: ‘node’: No such file or directory\n".encode(), "`node`"),
        (b'exec: "npm": executable file not found in $PATH\n', "`npm`"),
    ],
)
def test_b07_it_names_the_command_that_was_not_found(log, name):
    text = 'process "/bin/sh -c npm ci" did not complete successfully: exit code: 127'
    assert f"the command {name} was not found" in explain(f"ERROR: {text}", step="[1/1] RUN npm ci", log=log).message


def test_b07_it_says_that_a_program_of_another_platform_cannot_run():
    text = 'process "/bin/sh -c x" did not complete successfully: exit code: 255'
    error = explain(f"ERROR: {text}", step="[linux/arm64 2/2] RUN x", log=b"exec /bin/sh: exec format error\n")
    assert error.message.startswith(
        "Step 2 of 2 (`RUN x`, linux/arm64) ended with exit code 255: the builder cannot run"
    )


@pytest.mark.parametrize("returncode", [-9, 137, -15, 143, 130])
def test_it_says_that_the_build_was_interrupted_when_buildx_was_killed_without_a_word(returncode):
    error = explain(returncode=returncode)
    assert (error.kind, error.retryable) == ("platform", True)
    assert error.message.startswith("The build was interrupted from outside.")


def test_it_says_so_when_there_is_nothing_to_go_by():
    error = explain(returncode=3)
    assert (error.kind, error.message) == (
        "platform",
        "The build ended with code 3 and without a word why. It can be built again.",
    )


@pytest.mark.parametrize(
    ("text", "retryable", "sentence"),
    [
        (
            "denied: requested access to the resource is denied",
            False,
            (
                "hub.example refused the push of acme/web: requested access to the resource is denied. The account `bot` may not "
                "write there. Nothing was tagged."
            ),
        ),
        (
            "server message: insufficient_scope: authorization failed",
            False,
            (
                "hub.example refused the push of acme/web: insufficient_scope: authorization failed. The account `bot` may not "
                "write there. Nothing was tagged."
            ),
        ),
        (
            "unexpected status from POST request to https://r.example/v2/acme/web/blobs/uploads/?a=b: 403 Forbidden",
            False,
            "hub.example refused the push of acme/web: 403 Forbidden. The account `bot` may not write there. Nothing was tagged.",
        ),
        (
            'failed to do request: Head "https://r.example/v2/denied/quota/blobs/sha256:1": dial tcp 192.0.2.1:443: i/o timeout',
            True,
            (
                "hub.example could not be reached for the push of acme/web: no answer in time. Trying again can help. "
                "Nothing was tagged."
            ),
        ),
        (
            'failed to do request: Put "https://r.example/v2/x": EOF',
            True,
            (
                "hub.example could not be reached for the push of acme/web: the connection broke. Trying again can help. "
                "Nothing was tagged."
            ),
        ),
        (
            (
                "failed to authorize: failed to fetch oauth token: unexpected status from POST request to "
                "https://auth.example/token: 503 Service Unavailable"
            ),
            True,
            "hub.example answered 503 Service Unavailable (its token server) to the push",
        ),
        (
            (
                'failed to do request: Head "https://r.example/v2/": tls: failed to verify certificate: x509: certificate signed '
                "by unknown authority"
            ),
            False,
            "The builder does not trust the certificate of hub.example: ",
        ),
        (
            (
                'failed to do request: Head "https://r.example/v2/": tls: failed to verify certificate: x509: certificate has '
                "expired or is not yet valid: current time 2020-01-01T00:00:00Z is before 2026-01-01T00:00:00Z"
            ),
            False,
            "The clocks of the builder and of hub.example differ",
        ),
        (
            "failed to authorize: token not valid yet (nbf)",
            False,
            "The clocks of the builder and of hub.example differ",
        ),
        (
            'failed to do request: Head "https://r.example/v2/": http: server gave HTTP response to HTTPS client',
            False,
            "hub.example speaks plain HTTP, but the builder insists on HTTPS.",
        ),
        (
            "unknown: unknown error: filesystem: write /var/lib/registry/x: no space left on device",
            False,
            "hub.example refused the push of acme/web: ",
        ),
        ("tag is immutable", False, "hub.example refused the push of acme/web: tag is immutable. Nothing was tagged."),
    ],
)
def test_x04_it_tells_why_the_registry_did_not_take_the_image(text, retryable, sentence):
    error = explain(
        f"ERROR: failed to build: failed to solve: failed to push r.example/acme/web:build-1: {text}",
        step="exporting to image",
        image="r.example/acme/web:build-1",
        registry="hub.example",
        registry_user="bot",
    )
    assert (error.kind, error.retryable) == ("registry", retryable)
    assert error.message.startswith(sentence)


def test_x04_it_strips_a_page_of_html_to_what_a_reader_would_see():
    error = explain(
        "ERROR: failed to build: unknown: <!DOCTYPE html>",
        "<html><head><title>nginx</title><script>alert(1)</script></head>",
        "<body><h1>Blocked by policy</h1></body></html>",
        step="pushing r.example/acme/web:1 with docker",
    )
    assert error.message == "r.example refused the push of acme/web: Blocked by policy. Nothing was tagged."


def test_x04_it_says_that_earlier_tags_stay_when_only_a_later_push_failed():
    book = StepBook()
    for vertex, tag, text in (("a", "one", ""), ("b", "two", "denied")):
        book.apply(StepAnnounced(vertex, f"pushing r.example/acme/web:{tag} with docker"))
        book.apply(StepFinished(vertex, NOON, NOON, cached=False, error=text))
    assert explain_failure(book, ["ERROR: failed to build: denied"], 1).message.endswith(
        "No account is set for this registry. Tags that were pushed before it stay."
    )


@pytest.mark.parametrize(
    ("text", "kind", "sentence"),
    [
        (
            (
                "pull access denied, repository does not exist or may require authorization: server message: "
                "insufficient_scope: authorization failed"
            ),
            "user",
            (
                "docker.io did not authorise reading the base image `acme/base:1` (Dockerfile line 3): pull access denied, "
                "repository does not exist or may require authorization. The image is private or does not exist; check its "
                "name, or give the build an account that may read it."
            ),
        ),
        (
            "no match for platform in manifest: not found",
            "user",
            "The base image `acme/base:1` (Dockerfile line 3) does not exist for the platform that the rule asks for.",
        ),
        (
            "docker.io/acme/base:1: not found",
            "user",
            "The base image `acme/base:1` does not exist (Dockerfile line 3).",
        ),
        ("x509: certificate signed by unknown authority", "registry", "The builder does not trust the certificate of"),
    ],
)
def test_b09_it_tells_why_a_base_image_cannot_be_had(text, kind, sentence):
    why = f"acme/base:1: failed to resolve source metadata for docker.io/acme/base:1: {text}"
    error = explain(*excerpt("FROM acme/base:1"), f"ERROR: failed to build: failed to solve: {why}")
    assert error.kind == kind
    assert error.message.startswith(sentence)


def test_b09_it_takes_the_name_of_an_image_for_no_cause():
    why = "acme/denied: failed to resolve source metadata for docker.io/acme/denied:429: docker.io/acme/denied:429: not found"
    assert explain(f"ERROR: failed to solve: {why}").message.startswith("The base image `acme/denied` does not exist")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('illegal exclusion pattern: "!"', 'The `.dockerignore` file cannot be read: illegal exclusion pattern: "!".'),
        ("syntax error in pattern", "The `.dockerignore` file cannot be read: syntax error in pattern."),
        (
            "failed parsing .dockerignore: bufio.Scanner: token too long",
            "The `.dockerignore` file cannot be read: bufio.Scanner: token too long.",
        ),
        (
            "failed to read dockerfile: open docker/app.Dockerfile: no such file or directory",
            "The commit has no Dockerfile at `docker/app.Dockerfile`.",
        ),
        ("resolve : lstat /tmp/x/docker: no such file or directory", "The commit has no Dockerfile at `docker`."),
        (
            "failed to read dockerfile: read /var/lib/docker/tmp/m1/ctx: is a directory",
            "`ctx` is a folder, not a Dockerfile.",
        ),
        (
            'target stage "x" could not be found, available targets: dev, prod',
            "The Dockerfile has no stage `x`. Its stages: dev, prod. The rule names it as its target.",
        ),
    ],
)
def test_b09_it_tells_what_to_correct_in_the_repository_or_the_rule(text, sentence):
    error = explain(f"ERROR: failed to build: failed to solve: {text}")
    assert error.message.startswith(sentence)
    assert (error.kind, error.retryable) == ("user", False)


def test_b09_it_says_for_certain_that_dockerignore_excludes_a_file_where_buildkit_warned():
    book = StepBook()
    book.apply(
        BuildWarning(
            "w", 1, 'CopyIgnoredFile: Attempting to Copy file "a.txt" that is excluded by .dockerignore (line 3)'
        )
    )
    text = 'failed to calculate checksum of ref a::b: "/a.txt": not found'
    book.apply(StepAnnounced("v", "[2/2] COPY a.txt /"))
    book.apply(StepFinished("v", NOON, NOON, cached=False, error=text))
    error = explain_failure(
        book, [*excerpt("COPY a.txt /"), f"ERROR: failed to solve: failed to compute cache key: {text}"], 1
    )
    assert error.message == (
        "Step 2 of 2 (`COPY a.txt /`, Dockerfile line 3): `.dockerignore` excludes `a.txt` from the build context. "
        "Change one of the two."
    )


def test_it_reads_the_line_of_a_parse_error_without_an_excerpt():
    error = explain("ERROR: failed to solve: dockerfile parse error on line 7: unknown instruction: FOO")
    assert (error.dockerfile_line, error.message) == (7, "Dockerfile line 7: unknown instruction: FOO.")


def test_it_names_a_dockerfile_that_is_called_otherwise():
    error = explain(*excerpt("RUNN x", "docker/app.Dockerfile", 12), "ERROR: failed to solve: something new")
    assert error.message == "`docker/app.Dockerfile` line 12: something new."


def test_it_takes_the_last_error_line_and_no_go_stack():
    error = explain(
        "ERROR: an older one",
        "ERROR: failed to build: failed to solve: something new",
        "12345 v0.29.1 /usr/libexec/docker/cli-plugins/docker-buildx buildx build .",
        "github.com/moby/buildkit/client.(*Client).solve.func2",
        "\t/src/client/solve.go:290",
        "goroutine 1 [running]:",
    )
    assert (error.kind, error.message) == ("builder", "The builder could not build this: something new.")


def test_it_passes_on_neither_escape_codes_nor_credentials_nor_signed_urls():
    error = explain(
        "\x1b[31mERROR:\x1b[0m failed to fetch https://bot:hunter2@git.example/a.git and "
        "https://s3.example/x?X-Amz-Signature=abc123: Authorization: Bearer abcdefghijklmnopqrstuvwxyz\x1b]0;title\x07"
    )
    assert error.message == (
        "The builder could not build this: failed to fetch https://git.example/a.git and https://s3.example/x: "
        "Authorization: Bearer ***."
    )


def test_it_keeps_a_long_command_and_a_long_error_short():
    error = explain("ERROR: failed to solve: " + "x" * 100_000, step="[1/1] RUN " + "y" * 100_000, error="z")
    assert len(error.message) < 600


def test_it_never_breaks_the_quotes_around_a_command():
    text = 'process "x" did not complete successfully: exit code: 1'
    message = explain(f"ERROR: {text}", step="[1/1] RUN echo `date`\n&& true").message
    assert message == "Step 1 of 1 (`RUN echo 'date' && true`) ended with exit code 1."


_WORDS = st.sampled_from(
    ["ERROR: ", "failed to push ", "r.io/a/b:1: ", "Dockerfile:2", "-" * 20, "   2 | >>> ", "FROM a", "<html>", "://a@b?c",
     'process "', '" did not complete successfully: exit code: ', "127", "failed to resolve source metadata for ", ": ",
     '"message": "', "--from=a", "\x1b[31m", "context canceled", "goroutine 1", "\0", " "]
)  # fmt: skip
_LINE = st.lists(_WORDS | st.text(max_size=8), max_size=8).map("".join)


@settings(deadline=None)
@given(st.lists(_LINE, max_size=8), st.integers(-64, 255), _LINE, _LINE)
def test_it_answers_one_plain_sentence_whatever_the_text(tail, returncode, step, error):
    message = explain(*tail, "", returncode=returncode, step=step, error=error, image=step).message
    assert message.endswith((".", "…"))
    assert message.isprintable() or not {"\n", "\x1b", "\0"} & set(message)
    assert len(message) < 1500
