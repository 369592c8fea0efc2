"""Whose move it is after a failure."""

# ruff: noqa: E501 -- a table of whole sentences

from __future__ import annotations

import pytest

from builds.core.advice import advice_for, advise, hints_in
from builds.core.advice_message import MESSAGE_CLUES
from builds.core.advice_output import OUTPUT_CLUES
from builds.core.errors import ErrorKind
from builds.core.failure_digest import FailureDigest, last_lines

STEP = "Step 2 of 3 (`RUN x`, Dockerfile line 4) ended with exit code 1."


@pytest.mark.parametrize("kind", list(ErrorKind))
def test_it_has_advice_for_every_kind_of_fault(kind):
    advice = advice_for(kind.value, "Something ended.")
    assert advice is not None
    assert advice.whose.endswith(" move")
    assert advice.what.endswith(".")
    assert "!" not in advice.what


@pytest.mark.parametrize("kind", ["", "of another version"])
def test_it_has_none_where_there_is_no_fault(kind):
    assert advice_for(kind, "") is None


@pytest.mark.parametrize(
    ("message", "what"),
    [
        ("Step 2 (`RUN nosuchtool`) ended with exit code 127.", "a command was not found in the image"),
        ("Step 2 (`RUN make`) ended with exit code 137.", "too much memory"),
        ("Step 2 (`COPY a b`): `a` was not found: no such file or directory.", "the rule's build context"),
        ("Step 2 ended: write /var/lib/x: no space left on device.", "The disk of the builder is full"),
        ("Step 2 (`RUN false`) ended with exit code 1.", "The last lines of the step"),
    ],
)
def test_b07_it_takes_the_hint_of_an_exit_code(message, what):
    advice = advice_for("user", message)
    assert advice is not None
    assert what in advice.what


def test_b07_it_blames_no_commit_for_a_broken_builder():
    advice = advice_for("builder", "The builder went away.")
    assert advice is not None
    assert advice.whose == "The administrator's move"
    assert "the commit is not to blame" in advice.what


# kind, the sentence that says what happened, whose move it is, a part of what to try
CASES = [
    ("user", "ended with exit code 127: the command `bash` was not found in the image.", "Your", "Alpine"),
    ("user", "ended with exit code 127: the command `sudo` was not found in the image.", "Your", "leave `sudo` away"),
    ("user", "ended with exit code 127: the command `./go.sh` was not found in the image.", "Your", "brings `go.sh`"),
    ("user", "ended with exit code 1: the command `/bin/sh` was not found in the image.", "Your", "has no shell"),
    ("user", "ended with exit code 1: the command `x` was not found in the image.", "Your", "knows nothing of a shell"),
    ("user", "ended with exit code 126: a command was found, but it may not be executed.", "Your", "--chmod=+x"),
    ("user", "was killed (exit code 137), but not for want of memory: the kernel", "Your", "a watchdog"),
    ("limit", "Step 4 was killed for using 7.9 GB of 8.0 GB (process `cc1plus`).", "Your", "fewer jobs"),
    ("user", "ended with exit code 139: a program in it crashed (segmentation fault).", "Your", "musl"),
    ("user", "ended with exit code 1: the builder cannot run programs of that platform", "Your", "binfmt"),
    ("user", "ended with exit code 143.", "Your", "told to stop from within"),
    ("user", "Step 2: `.dockerignore` excludes `a` from the build context.", "Your", "begins with `!`"),
    ("user", "Step 2: `a.txt` is not in the build context.", "Your", "the file is committed"),
    ("user", "Step 2: `/nope` does not exist in `b`.", "Your", "the stage that is copied from"),
    ("user", "The Dockerfile has no stage `x`.", "Your", "behind `AS`"),
    ("user", "The commit has no Dockerfile at `x`.", "Your", "from the root of the repository"),
    ("user", "Dockerfile line 2: the base image `${B}` is empty. Give the build argument a value in", "Your", "ARG BASE"),
    ("user", "the build secret `npm` is required, but the repository has none of that name.", "Your", "of the kind secret"),
    ("user", "The Dockerfile is empty.", "Your", "first instruction is a `FROM`"),
    ("user", "Dockerfile line 2: unknown instruction: RUNN.", "Your", "Check the spelling"),
    ("user", "Dockerfile line 2: COPY requires at least two arguments.", "Your", "Mend that line"),
    ("user", "The `# syntax=` line of the Dockerfile asks for the image `x`", "Your", "Remove the line"),
    ("user", "The base image `x` does not exist for the platform that the rule asks for.", "Your", "choose another base"),
    ("user", "hub.example did not authorise reading the base image `x`: 401.", "Your", "must be allowed to read it"),
    ("user", "The base image `x` does not exist (Dockerfile line 1).", "Your", "tags get deleted"),
    ("user", "The test `smoke.test.yml` failed: service `sut` ended with exit code 3.", "Your", "docker compose -f"),
    ("registry", "refused the push of a/b: a layer is larger than the registry accepts (413).", "Your", "client_max_body_size"),
    ("registry", "hub.example was asked too often for the base image `x`.", "Nobody's", "(429)"),
    ("registry", "refused the push of a/b: denied. No account is set for this registry.", "The administrator's", "Enter an account"),
    ("registry", "refused the push: denied. The account `bot` may not write there.", "The administrator's", "right to push"),
    ("registry", "refused the push: quota. Free space or raise the limit there.", "Your", "raise the quota"),
    ("registry", "The clocks of the builder and of hub.example differ.", "The administrator's", "time server"),
    ("registry", "The builder does not trust the certificate of hub.example.", "The administrator's", "authority"),
    ("registry", "hub.example speaks plain HTTP. Add it to the builder's insecure registries.", "The administrator's", "TLS"),
    ("registry", "hub.example could not be reached for the push of a/b.", "Nobody's", "only the rest is done"),
    ("registry", "answered 502 to the push. That is a fault of the registry, not of your build", "Nobody's", "answers again"),
    ("source", "Commit a1b2c3d is no longer in the repository.", "Your", "newest commit"),
    ("source", "The repository is private, and the deploy key has no access.", "Your", "deploy keys"),
    ("source", "did not accept the source's access token", "Your", "Put a token"),
    ("source", "The host key of git.example has changed", "Your", "fingerprint"),
    ("source", "git.example answers no more requests for now (rate limit).", "Nobody's", "higher limit"),
    ("source", "Branch `x` does not exist in the repository.", "Your", "Correct the ref"),
    ("source", "git.example took the connection but did not answer within 60 s.", "Nobody's", "answers again"),
    ("builder", "The builder's disk is full.", "The administrator's", "docker builder prune"),
    ("platform", "The worker's disk is full: 2 MB are free.", "The administrator's", "Make room"),
    ("platform", "The worker that ran this build disappeared at 12:04 (UTC).", "The administrator's", "a restart"),
    ("platform", "The builder cannot build for several platforms at once.", "The administrator's", "docker-container"),
    ("platform", "The build was interrupted from outside.", "Imageyard's", "Retry"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "message", "whose", "what"), CASES)
def test_05_it_says_whose_move_it_is_and_what_to_try(kind, message, whose, what):
    """Point 5: what to try, for many concrete cases."""
    advice = advice_for(kind, message)
    assert advice is not None
    assert advice.whose == f"{whose} move"
    assert what in advice.what


def test_every_clue_by_a_sentence_has_a_case():
    """A clue that no case meets may be behind another one that always comes first."""
    met = set()
    for kind, message, *_ in CASES:
        met |= {next(c for c in MESSAGE_CLUES if kind in c.kinds and c.pattern.search(message))}
    for message in [
        "ended with exit code 127: a command was not found.",
        "was killed (exit code 137), most likely",
        "`X` is not a valid image name: it must be lowercase.",
        "The commit has no folder `web` to build from.",
        "The Dockerfile asks to fail on findings of its checks (`check=error=true`)",
        "The `.dockerignore` file cannot be read: x.",
        "`df.web` line 2: unknown flag: --nope.",
        "the address answered with status 404.",
        "write x: no space left on device",
    ]:
        met |= {next(c for c in MESSAGE_CLUES if "user" in c.kinds and c.pattern.search(message))}
    for kind, message in [
        ("source", "git.example redirects acme/web to another address."),
        ("source", "The certificate of git.example is not trusted here."),
        ("source", "The LFS object is gone."),
        ("builder", "The builder went away."),
        ("platform", "The worker has no `docker buildx`."),
    ]:
        met |= {next(c for c in MESSAGE_CLUES if kind in c.kinds and c.pattern.search(message))}
    assert [c.pattern.pattern for c in MESSAGE_CLUES if c not in met] == []


# what a step printed, a part of what to try
PRINTED = [
    ("FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", "--max-old-space-size"),
    ("java.lang.OutOfMemoryError: Java heap space", "-Xmx"),
    ("g++: fatal error: Killed signal terminated program cc1plus", "fewer jobs"),
    ("virtual memory exhausted: Cannot allocate memory", "more memory"),
    ("/bin/sh: ./run.sh: /bin/bash^M: bad interpreter: No such file or directory", "line ends of Windows"),
    ("/bin/sh: 1: set: Illegal option -o pipefail", "SHELL"),
    ("./app: /lib/libc.so.6: version `GLIBC_2.34' not found (required by ./app)", "same base"),
    ("./app: error while loading shared libraries: libpq.so.5: cannot open shared object", "lacks the library `libpq.so.5`"),
    ("the input device is not a TTY", "answers questions"),
    ("touch: /x: Read-only file system", "`rw`"),
    ("npm error network request to https://r.example/x failed, reason: getaddrinfo ENOTFOUND r.example", "npm could not reach"),
    ("npm ERR! The `npm ci` command can only install with an existing package-lock.json", "package-lock.json"),
    ("npm error code ERESOLVE", "do not go together"),
    ('npm error Missing script: "buidl"', "no script `buidl`"),
    ("npm error code E401", "build secret"),
    ("npm error code E404", "does not exist"),
    ("ERR_PNPM_OUTDATED_LOCKFILE  Cannot install with frozen-lockfile", "lock file does not fit"),
    ("WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError'", "pip could not reach"),
    ("error: externally-managed-environment", "virtual environment"),
    ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "pin it anew"),
    ("ERROR: No matching distribution found for djanog==5.2", "no version of `djanog==5.2`"),
    ("ERROR: ResolutionImpossible: for help visit", "loosen the pins"),
    ("error: command 'gcc' failed: No such file or directory", "no working `gcc`"),
    ("x.c:1:10: fatal error: Python.h: No such file or directory", "header `Python.h` is missing"),
    ("E: Unable to locate package curll", "apt knows no `curll`"),
    ("E: Package 'python2' has no installation candidate", "gone from this release"),
    ("E: Failed to fetch http://m.example/x.deb  404  Not Found [IP: 192.0.2.1 80]", "into one `RUN`"),
    ("W: Failed to fetch http://m.example/InRelease  Temporary failure resolving 'm.example'", "mirror could not be reached"),
    ("E: Failed to fetch x  Hash Sum mismatch", "being updated"),
    ("E: Release file for http://m.example/InRelease is not valid yet (invalid for another 3h)", "clock is behind"),
    ("W: GPG error: http://m.example stable InRelease: NO_PUBKEY 0123", "signing key"),
    ("Do you want to continue? [Y/n] Abort.", "apt-get install -y"),
    ("Geographic area: ", "DEBIAN_FRONTEND"),
    ("E: Could not get lock /var/lib/dpkg/lock-frontend", "sharing=locked"),
    ("ERROR: unable to select packages:", "apk knows no such"),
    ("Error: Unable to find a match: curll", "no package of that name"),
    ("missing go.sum entry for module providing package", "go mod tidy"),
    ("go: go.mod requires go >= 1.24 (running go 1.22)", "needs Go `1.24`"),
    ("dial tcp: lookup m.example: no such host", "module proxy"),
    ("warning: spurious network error (3 tries remaining)", "Cargo could not reach"),
    ("[ERROR] Could not resolve dependencies for project", "Maven or Gradle"),
    ("Unsupported class file major version 65", "Java version"),
    ("src/a.ts(3,5): error TS2322: Type 'x' is not assignable", "TypeScript"),
    ("error[E0425]: cannot find value `x` in this scope", "Rust compiler"),
    ("main.o: undefined reference to `pow'", "linker"),
    ("ModuleNotFoundError: No module named 'requests'", "Python has no `requests`"),
    ("Error: Cannot find module 'express'", "Node has no `express`"),
    ("curl: (60) SSL certificate problem: unable to get local issuer certificate", "ca-certificates"),
    ("API rate limit exceeded for 192.0.2.1", "limits how often"),
    ("curl: (6) Could not resolve host: x.example", "could not be reached from the step"),
    ("curl: (22) The requested URL returned error: 404", "does not exist (any more)"),
    ("fatal: not a git repository (or any of the parent directories): .git", "let the source keep it"),
    ("git@git.example: Permission denied (publickey).", "--mount=type=ssh"),
    ("fatal: could not read Username for 'https://git.example': No such device", "build secret"),
    ("  ✗ login refuses a wrong password", "A test in this step failed"),
    ("--- FAIL: TestLogin (0.00s)", "A test in this step failed"),
    ("npm error Test failed.  See above for more details.", "A test in this step failed"),
    ("make: *** No rule to make target 'all.c', needed by 'all'.  Stop.", "`all.c` is not there"),
    ("mkdir: can't create directory '/x': Permission denied", "COPY --chown"),
    ("cat: can't open '/x': No such file or directory", "WORKDIR"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "what"), PRINTED)
def test_05_it_says_what_to_try_by_a_line_of_the_step_and_shows_that_line(line, what):
    """Point 5: each advice only with evidence in the record."""
    digest = FailureDigest(
        "user", STEP, "RUN x", 2, 4, log_index=2, lines=last_lines(["begun", f"\x1b[31m{line}\x1b[0m", "over"], 40)
    )
    advice = advise(digest)
    assert advice is not None
    assert what in advice.what
    assert (advice.hints[0].line.number, advice.hints[0].line.plain) == (42, line)


def test_every_clue_of_the_output_has_a_case_that_it_is_the_first_for():
    met = {next(what for pattern, what in OUTPUT_CLUES if pattern.search(line)) for line, _ in PRINTED}
    assert [what for _, what in OUTPUT_CLUES if what not in met] == []


def test_it_goes_by_no_line_of_buildx_for_a_step_that_ran_nothing():
    lines = last_lines(["ERROR: failed to solve: dial tcp: lookup x.example: no such host"], 0)
    digest = FailureDigest("user", "The base image `x` does not exist.", "FROM x", 2, 1, log_index=9, lines=lines)
    advice = advise(digest)
    assert advice is not None
    assert advice.hints == ()


def test_it_gives_each_thing_once_and_not_more_than_two():
    lines = [
        "npm error code E404",
        "Permission denied",
        "curl: (6) x",
        "No such file or directory",
        "npm error code E404",
    ]
    hints = hints_in(last_lines(lines, 0))
    assert [hint.line.number for hint in hints] == [5, 3]


@pytest.mark.parametrize(
    ("silent_s", "step_s", "what"),
    [
        (720.0, 3500.0, "printed nothing for its last 12 m 00 s"),
        (9.0, 10.0, "printed nothing for its last 9.0 s"),
        (720.0, None, "printed nothing for its last 12 m 00 s"),
        (60.0, 3500.0, "still at work: it printed something 1 m 00 s before"),
        (0.4, 10.0, "still at work"),
        (60.0, None, "still at work"),
    ],
)
def test_05_a_step_that_timed_out_waited_or_was_slow(silent_s, step_s, what):
    """Point 5: a timeout of a silent step is told apart from that of a busy one."""
    digest = FailureDigest("timeout", "It timed out after 60 m 00 s in step 2.", silent_s=silent_s, step_s=step_s)
    advice = advise(digest)
    assert advice is not None
    assert what in advice.what
