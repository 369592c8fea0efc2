"""What to try, by the sentence that says what happened: one row for each cause that a person can do something about.

The sentences are our own (`failure*`, `gitfailure`, the pipeline), so that a row names a part of one that stays.
"""

from __future__ import annotations

from builds.core.advice_clue import LIMIT, REGISTRY, USER, Clue, clue
from builds.core.advice_servers import SERVER_CLUES

_COMMANDS: tuple[Clue, ...] = (
    clue(
        (USER,),
        r"the command `/bin/sh` was not found",
        "The base image has no shell, as small ones and `scratch` have none: write the step without one "
        '(`RUN ["program", "argument"]`), or do it in another stage and copy what it makes.',
    ),
    clue(
        (USER,),
        r"exit code (?!127)\d+: the command (?P<name>`[^`]*`) was not found",
        "There is no such command in the image: install it in an earlier step of the same stage, or mind its spelling. "
        "A `RUN` in brackets looks for a program of that name, and knows nothing of a shell.",
    ),
    clue(
        (USER,),
        r"the command `bash` was not found",
        "Exit code 127 means that a command was not found in the image: those of Alpine and busybox have no `bash`. "
        "Write the step for `sh`, or install `bash` in an earlier step.",
    ),
    clue(
        (USER,),
        r"the command `sudo` was not found",
        "Exit code 127 means that a command was not found in the image. Steps run as root unless a `USER` line says "
        "otherwise: leave `sudo` away.",
    ),
    clue(
        (USER,),
        r"the command `[^`]*/(?P<script>[^`/]+)` was not found",
        "Exit code 127 means that a command was not found in the image: check that an earlier `COPY` brings {script}, "
        "and "
        "that the program in its first line (`#!`) is installed. Line ends of Windows make that name wrong, too.",
    ),
    clue(
        (USER,),
        r"exit code:? 127\b|not found in PATH",
        "Exit code 127 means that a command was not found in the image: install it in an earlier step of the same "
        "stage, "
        "or mind its spelling and PATH.",
    ),
    clue(
        (USER,),
        r"exit code:? 126\b",
        "Make the file executable in Git (`git update-index --chmod=+x <file>`), or call it through its interpreter: "
        "`RUN sh ./script.sh`.",
    ),
    clue(
        (USER,),
        r"not for want of memory",
        "Look for a `kill`, a `timeout` or a watchdog in what the step runs; the log tells what ran last.",
    ),
    clue(
        (LIMIT,),
        r"\bwas killed\b",
        "Build with fewer jobs (`make -j2`, `NODE_OPTIONS=--max-old-space-size=…`, `GOMAXPROCS`, `CARGO_BUILD_JOBS`), "
        "split "
        "the step in two, or ask the administrator for a builder with more memory or fewer slots.",
    ),
    clue(
        (USER,),
        r"exit code:? 137\b|was killed",
        "Exit code 137 means that the step was killed, most often for using too much memory: build with fewer jobs, or "
        "give the builder more memory.",
    ),
    clue(
        (USER,),
        r"exit code:? 139\b|segmentation fault",
        "A crash like this is often a program that was built for another libc (Alpine has musl, Debian glibc) or "
        "another "
        "CPU, or one that emulation does not bear. Try another base image or a newer version of the program.",
    ),
    clue(
        (USER,),
        r"cannot run programs of that platform|exec format error",
        "Name a platform that the builder has, or ask the administrator to install emulation on it (QEMU's binfmt "
        "handlers). With `FROM --platform=$BUILDPLATFORM` a stage runs on the builder's own.",
    ),
    clue(
        (USER,),
        r"exit code:? 143\b|exit code:? 130\b",
        "The command was told to stop from within the step (signal TERM or INT): look for a `timeout` or a watchdog in "
        "it.",
    ),
)

_DOCKERFILE: tuple[Clue, ...] = (
    clue(
        (USER,),
        r"`\.dockerignore` excludes",
        "Take the pattern out of `.dockerignore`, or add a line that begins with `!` and names the file.",
    ),
    clue(
        (USER,),
        r"is not in the build context|no such file or directory|failed to compute cache key",
        "Paths of `COPY` count from the rule's build context, not from the Dockerfile, and `.dockerignore` takes files "
        "away from it. Check the spelling with its capitals, and that the file is committed.",
    ),
    clue(
        (USER,),
        r"does not exist in `[^`]*`\.",
        "Look at what the stage that is copied from really makes, and where: a build tool may write to another folder.",
    ),
    clue(
        (USER,),
        r"has no stage",
        "Mind the spelling of the stage behind `AS`; the rule's target and every `--from=` must name one of them.",
    ),
    clue(
        (USER,),
        r"no (?:Dockerfile at|`[^`]*` in the repository)|is a folder, not a Dockerfile",
        "Correct the path of the Dockerfile in the rule: it counts from the root of the repository.",
    ),
    clue((USER,), r"The commit has no folder|Its folders are", "Correct the build context in the rule."),
    clue(
        (USER,),
        r"build argument a value",
        "Give the argument a value in the rule or among the repository's variables, or a default: `ARG "
        "BASE=debian:12`. "
        "It must stand before the first `FROM`.",
    ),
    clue(
        (USER,),
        r"build secret .* is required",
        "Add a variable of that name and of the kind secret in the repository's settings, or mount it with "
        "`required=false`.",
    ),
    clue((USER,), r"the Dockerfile is empty|has no `FROM`", "Commit a Dockerfile whose first instruction is a `FROM`."),
    clue(
        (USER,),
        r"unknown instruction",
        "Check the spelling; a long command needs a `\\` at the end of each line but the last.",
    ),
    clue((USER,), r"check=error=true", "Mend what the warnings name, or take the `# check=error=true` line away."),
    clue(
        (USER, REGISTRY),
        r"`# syntax=` line",
        "Remove the line if the Dockerfile uses nothing newer than the builder knows; else name a copy of that image "
        "in "
        "your own registry.",
    ),
    clue(
        (USER,),
        r"base image .* does not exist for the platform",
        "Build for the platforms that the base image has, or choose another base.",
    ),
    clue(
        (USER,),
        r"did not authorise reading|base image .* private",
        "Check the name; for a private image the registry's account in Imageyard must be allowed to read it.",
    ),
    clue(
        (USER,),
        r"base image .* does not exist",
        "Check the name and the tag in the `FROM` line: tags get deleted, too.",
    ),
    clue(
        (USER,),
        r"is not a valid image name",
        "Image names are lower case; a tag holds letters, digits, `_`, `.` and `-`, and at most 128 of them.",
    ),
    clue((USER,), r"`\.dockerignore` file cannot be read", "Correct the pattern that the sentence names and push."),
    clue((USER,), r"parse error|requires (?:at least|exactly)", "Mend that line of the Dockerfile and push."),
    clue(
        (USER,),
        r"the address answered with status",
        "The file that `ADD` fetches is not there (any more), or not for everybody: check the address.",
    ),
    clue(
        (USER,),
        r"\btest `[^`]*` failed|tests? failed",
        "The log of the test's step says which check failed. Run it at home with `docker compose -f <file> up sut`.",
    ),
    clue((USER,), r"^(?:Dockerfile|`[^`]*`) line \d+: ", "Mend that line and push: the tab Dockerfile shows it."),
    clue(
        (USER,),
        r"no space left on device",
        "The disk of the builder is full: ask the administrator to free some, then retry.",
    ),
)

MESSAGE_CLUES: tuple[Clue, ...] = (*_COMMANDS, *_DOCKERFILE, *SERVER_CLUES)
"""The first that fits counts."""
