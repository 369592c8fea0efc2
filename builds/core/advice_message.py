"""What to try, by the sentence that says what happened: one row for each cause that a person can do something about.

The sentences are our own (`failure*`, `gitfailure`, the pipeline), so that a row names a part of one that stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from builds.core.errors import ErrorKind

U, S, R, B, T, L, P = (
    ErrorKind.USER,
    ErrorKind.SOURCE,
    ErrorKind.REGISTRY,
    ErrorKind.BUILDER,
    ErrorKind.TIMEOUT,
    ErrorKind.LIMIT,
    ErrorKind.PLATFORM,
)
ADMIN = "The administrator's move"
NOBODY = "Nobody's move"


@dataclass(frozen=True, slots=True)
class Clue:
    """`what` may use the groups of the pattern as `{name}`; they are set as code. `whose` "" is the kind's own."""

    kinds: tuple[ErrorKind, ...]
    pattern: re.Pattern[str]
    what: str
    whose: str = ""


def _clue(kinds: tuple[ErrorKind, ...], pattern: str, what: str, whose: str = "") -> Clue:
    return Clue(kinds, re.compile(pattern, re.IGNORECASE | re.DOTALL), what, whose)


_COMMANDS: tuple[Clue, ...] = (
    _clue(
        (U,),
        r"the command `/bin/sh` was not found",
        "The base image has no shell, as small ones and `scratch` have none: write the step without one "
        '(`RUN ["program", "argument"]`), or do it in another stage and copy what it makes.',
    ),
    _clue(
        (U,),
        r"exit code (?!127)\d+: the command (?P<name>`[^`]*`) was not found",
        "There is no such command in the image: install it in an earlier step of the same stage, or mind its spelling. "
        "A `RUN` in brackets looks for a program of that name, and knows nothing of a shell.",
    ),
    _clue(
        (U,),
        r"the command `bash` was not found",
        "Exit code 127 means that a command was not found in the image: those of Alpine and busybox have no `bash`. "
        "Write the step for `sh`, or install `bash` in an earlier step.",
    ),
    _clue(
        (U,),
        r"the command `sudo` was not found",
        "Exit code 127 means that a command was not found in the image. Steps run as root unless a `USER` line says "
        "otherwise: leave `sudo` away.",
    ),
    _clue(
        (U,),
        r"the command `[^`]*/(?P<script>[^`/]+)` was not found",
        "Exit code 127 means that a command was not found in the image: check that an earlier `COPY` brings {script}, "
        "and "
        "that the program in its first line (`#!`) is installed. Line ends of Windows make that name wrong, too.",
    ),
    _clue(
        (U,),
        r"exit code:? 127\b|not found in PATH",
        "Exit code 127 means that a command was not found in the image: install it in an earlier step of the same "
        "stage, "
        "or mind its spelling and PATH.",
    ),
    _clue(
        (U,),
        r"exit code:? 126\b",
        "Make the file executable in Git (`git update-index --chmod=+x <file>`), or call it through its interpreter: "
        "`RUN sh ./script.sh`.",
    ),
    _clue(
        (U,),
        r"not for want of memory",
        "Look for a `kill`, a `timeout` or a watchdog in what the step runs; the log tells what ran last.",
    ),
    _clue(
        (L,),
        r"\bwas killed\b",
        "Build with fewer jobs (`make -j2`, `NODE_OPTIONS=--max-old-space-size=…`, `GOMAXPROCS`, `CARGO_BUILD_JOBS`), "
        "split "
        "the step in two, or ask the administrator for a builder with more memory or fewer slots.",
    ),
    _clue(
        (U,),
        r"exit code:? 137\b|was killed",
        "Exit code 137 means that the step was killed, most often for using too much memory: build with fewer jobs, or "
        "give the builder more memory.",
    ),
    _clue(
        (U,),
        r"exit code:? 139\b|segmentation fault",
        "A crash like this is often a program that was built for another libc (Alpine has musl, Debian glibc) or "
        "another "
        "CPU, or one that emulation does not bear. Try another base image or a newer version of the program.",
    ),
    _clue(
        (U,),
        r"cannot run programs of that platform|exec format error",
        "Name a platform that the builder has, or ask the administrator to install emulation on it (QEMU's binfmt "
        "handlers). With `FROM --platform=$BUILDPLATFORM` a stage runs on the builder's own.",
    ),
    _clue(
        (U,),
        r"exit code:? 143\b|exit code:? 130\b",
        "The command was told to stop from within the step (signal TERM or INT): look for a `timeout` or a watchdog in "
        "it.",
    ),
)

_DOCKERFILE: tuple[Clue, ...] = (
    _clue(
        (U,),
        r"`\.dockerignore` excludes",
        "Take the pattern out of `.dockerignore`, or add a line that begins with `!` and names the file.",
    ),
    _clue(
        (U,),
        r"is not in the build context|no such file or directory|failed to compute cache key",
        "Paths of `COPY` count from the rule's build context, not from the Dockerfile, and `.dockerignore` takes files "
        "away from it. Check the spelling with its capitals, and that the file is committed.",
    ),
    _clue(
        (U,),
        r"does not exist in `[^`]*`\.",
        "Look at what the stage that is copied from really makes, and where: a build tool may write to another folder.",
    ),
    _clue(
        (U,),
        r"has no stage",
        "Mind the spelling of the stage behind `AS`; the rule's target and every `--from=` must name one of them.",
    ),
    _clue(
        (U,),
        r"no (?:Dockerfile at|`[^`]*` in the repository)|is a folder, not a Dockerfile",
        "Correct the path of the Dockerfile in the rule: it counts from the root of the repository.",
    ),
    _clue((U,), r"The commit has no folder|Its folders are", "Correct the build context in the rule."),
    _clue(
        (U,),
        r"build argument a value",
        "Give the argument a value in the rule or among the repository's variables, or a default: `ARG "
        "BASE=debian:12`. "
        "It must stand before the first `FROM`.",
    ),
    _clue(
        (U,),
        r"build secret .* is required",
        "Add a variable of that name and of the kind secret in the repository's settings, or mount it with "
        "`required=false`.",
    ),
    _clue((U,), r"the Dockerfile is empty|has no `FROM`", "Commit a Dockerfile whose first instruction is a `FROM`."),
    _clue(
        (U,),
        r"unknown instruction",
        "Check the spelling; a long command needs a `\\` at the end of each line but the last.",
    ),
    _clue((U,), r"check=error=true", "Mend what the warnings name, or take the `# check=error=true` line away."),
    _clue(
        (U, R),
        r"`# syntax=` line",
        "Remove the line if the Dockerfile uses nothing newer than the builder knows; else name a copy of that image "
        "in "
        "your own registry.",
    ),
    _clue(
        (U,),
        r"base image .* does not exist for the platform",
        "Build for the platforms that the base image has, or choose another base.",
    ),
    _clue(
        (U,),
        r"did not authorise reading|base image .* private",
        "Check the name; for a private image the registry's account in Imageyard must be allowed to read it.",
    ),
    _clue(
        (U,), r"base image .* does not exist", "Check the name and the tag in the `FROM` line: tags get deleted, too."
    ),
    _clue(
        (U,),
        r"is not a valid image name",
        "Image names are lower case; a tag holds letters, digits, `_`, `.` and `-`, and at most 128 of them.",
    ),
    _clue((U,), r"`\.dockerignore` file cannot be read", "Correct the pattern that the sentence names and push."),
    _clue((U,), r"parse error|requires (?:at least|exactly)", "Mend that line of the Dockerfile and push."),
    _clue(
        (U,),
        r"the address answered with status",
        "The file that `ADD` fetches is not there (any more), or not for everybody: check the address.",
    ),
    _clue(
        (U,),
        r"\btest `[^`]*` failed|tests? failed",
        "The log of the test's step says which check failed. Run it at home with `docker compose -f <file> up sut`.",
    ),
    _clue((U,), r"^(?:Dockerfile|`[^`]*`) line \d+: ", "Mend that line and push: the tab Dockerfile shows it."),
    _clue(
        (U,),
        r"no space left on device",
        "The disk of the builder is full: ask the administrator to free some, then retry.",
    ),
)

_REGISTRY: tuple[Clue, ...] = (
    _clue(
        (R,),
        r"\(413\)|larger than the registry",
        "Make the layer smaller (files that a later step deletes still count: delete them in the same `RUN`), or ask "
        "the "
        "administrator to raise the limit of the registry's proxy, such as nginx's `client_max_body_size`.",
    ),
    _clue(
        (R, U),
        r"was asked too often|toomanyrequests",
        "The registry limits how often it may be asked (429). Wait and retry; an account, or a mirror of the base "
        "images "
        "in your own registry, has a higher limit.",
        NOBODY,
    ),
    _clue((R,), r"No account is set", "Enter an account for this registry in Imageyard's settings.", ADMIN),
    _clue(
        (R,),
        r"may not write there|was not accepted",
        "Give the account that the sentence names the right to push there, or correct its password, then retry: only "
        "the "
        "push is done again.",
        ADMIN,
    ),
    _clue((R,), r"Free space or raise the limit", "Delete tags that nobody needs, or raise the quota, then retry."),
    _clue((R,), r"clocks of the builder", "Set the clock of the builder by a time server (NTP), then retry.", ADMIN),
    _clue(
        (R,), r"does not trust the certificate", "Install the registry's certificate authority on the builder.", ADMIN
    ),
    _clue(
        (R,), r"insecure registries", "Give the registry TLS, or name it in the builder's insecure registries.", ADMIN
    ),
    _clue(
        (R,),
        r"could not be reached|fault of the registry|registry's fault",
        "Wait until the registry answers again, then retry: what was built is in the cache, so that only the rest is "
        "done.",
        NOBODY,
    ),
)

_SOURCE: tuple[Clue, ...] = (
    _clue(
        (S,), r"no longer in the repository", "Build the branch's newest commit: Build now on the repository's page."
    ),
    _clue((S,), r"deploy key", "Copy the key from the source's settings to the repository's deploy keys, then retry."),
    _clue((S,), r"access token", "Put a token that may read the repository into the source's settings, then retry."),
    _clue((S,), r"host key", "Compare the fingerprint with the server's own, then trust it in the source's settings."),
    _clue((S,), r"rate limit", "Wait; a token in the source's settings has a higher limit.", NOBODY),
    _clue(
        (S,), r"does not exist in the repository", "Correct the ref: it was deleted or renamed since it was asked for."
    ),
    _clue((S,), r"redirects", "Put the new address into the source's settings."),
    _clue((S,), r"certificate", "Correct the address, or ask the administrator to trust the server's authority."),
    _clue((S,), r"LFS", "Check that the server still has the file's content, and that the credential may read it."),
    _clue(
        (S,),
        r"did not answer|takes no connections|could not be looked up|connection .* broke|error of its own|No network",
        "Wait until the Git server answers again, then retry.",
        NOBODY,
    ),
)

_OURS: tuple[Clue, ...] = (
    _clue((B,), r"disk is full", "Free space on the builder (`docker builder prune`, old images), then retry."),
    _clue(
        (B,),
        r"went away|cannot be reached",
        "Look whether the Docker Engine runs and why it ended, then retry; the commit is not to blame.",
    ),
    _clue((P,), r"worker's disk is full|disk of the worker", "Make room on the worker's disk, then retry.", ADMIN),
    _clue(
        (P,),
        r"no `docker buildx`|may not use its Docker|no builder|BUILDX_BUILDER",
        "Mend the worker, then retry.",
        ADMIN,
    ),
    _clue(
        (P,),
        r"several platforms at once",
        "Give the worker a builder with the containerd image store or of the driver `docker-container`, or name one "
        "platform "
        "in the rule.",
        ADMIN,
    ),
    _clue(
        (P,),
        r"disappeared at",
        "Look at the worker's host for that time: a restart, a kill for want of memory, or a network that was away.",
        ADMIN,
    ),
    _clue((P,), r"interrupted from outside", "Retry: nothing in the repository caused this."),
)

MESSAGE_CLUES: tuple[Clue, ...] = (*_COMMANDS, *_DOCKERFILE, *_REGISTRY, *_SOURCE, *_OURS)
"""The first that fits counts."""
