"""What to try, by what a step printed last: package managers, compilers and shells, in their own words.

A row speaks only where its line was printed, and the line is shown with it. The first rows are the most certain ones.
"""

from __future__ import annotations

import re

_TESTS = "A test in this step failed: the lines around this one say which, and what it expected."
# Every pattern is tried on one line at a time, the last line first.
_ROWS: tuple[tuple[str, str], ...] = (
    # --- memory -------------------------------------------------------------------------------------------------------
    (
        r"JavaScript heap out of memory",
        (
            "Node's own memory limit was reached, not the builder's: set `NODE_OPTIONS=--max-old-space-size=4096` in "
            "the step."
        ),
    ),
    (
        r"java\.lang\.OutOfMemoryError|Java heap space",
        "The Java VM's own memory limit was reached: give it more with `-Xmx` (`MAVEN_OPTS`, `org.gradle.jvmargs`).",
    ),
    (
        r"[Kk]illed signal terminated program|signal: killed|signal 9, SIGKILL",
        "A process of the step was killed, which compilers meet when memory runs out: build with fewer jobs.",
    ),
    (
        r"std::bad_alloc|^MemoryError|[Cc]annot allocate memory|virtual memory exhausted",
        "The program got no more memory: build with fewer jobs, or give the builder more memory.",
    ),
    # --- shells -------------------------------------------------------------------------------------------------------
    (
        r"\\r: (?:command )?not found|bad interpreter|\^M|env: .*\\r|: not found\r",
        "The script has line ends of Windows: commit it with LF (`*.sh text eol=lf` in `.gitattributes`).",
    ),
    (
        r"[Ii]llegal option -o pipefail|Syntax error: .\(. unexpected|(?:\[\[|source): not found|Bad substitution",
        'The step is written for bash, but `RUN` uses `sh`: put `SHELL ["/bin/bash", "-c"]` before it.',
    ),
    (
        r"GLIBC_(?P<version>[\d.]+)'? not found",
        "The program was built on a newer system than the image's: build it in a stage with the same base.",
    ),
    (
        r"error while loading shared libraries: (?P<library>[^\s:]+)",
        (
            "The image lacks the library {library}: install the package that brings it, in the stage that runs the "
            "program."
        ),
    ),
    (
        r"the input device is not a TTY|EOF when reading a line",
        "No one answers questions in a build: tell the command by options.",
    ),
    (
        r"[Rr]ead-only file system",
        "The step writes where it may not: a mount (`--mount`) is read-only unless it says `rw`.",
    ),
    # --- npm, yarn, pnpm ----------------------------------------------------------------------------------------------
    (
        r"npm (?:error|ERR!).*(?:ENOTFOUND|ECONNRESET|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|ERR_SOCKET_TIMEOUT|network)",
        "npm could not reach its registry: retry. If it lasts, check the builder's network and proxy.",
    ),
    (
        r"npm (?:error|ERR!).*(?:can only install (?:packages )?(?:with an existing|when your package)|in sync)",
        "`npm ci` needs a `package-lock.json` that fits `package.json`: run `npm install` at home and commit both.",
    ),
    (
        r"npm (?:error|ERR!).*ERESOLVE",
        "Packages ask for versions that do not go together: mend them in `package.json`.",
    ),
    (r"npm (?:error|ERR!) Missing script: \"?(?P<script>[\w:.-]+)", "`package.json` has no script {script}."),
    (
        r"npm (?:error|ERR!).*\b(?:E401|E403)\b",
        "npm's registry refused: mount a token as a build secret (`--mount=type=secret`).",
    ),
    (r"npm (?:error|ERR!).*\bE404\b", "A package or version of that name does not exist: check `package.json`."),
    (
        r"ERR_PNPM_OUTDATED_LOCKFILE|lockfile needs to be updated",
        "The lock file does not fit `package.json`: install at home and commit it.",
    ),
    # --- pip, poetry, uv ----------------------------------------------------------------------------------------------
    (
        r"NewConnectionError|ReadTimeoutError|ConnectTimeoutError|NameResolutionError|Retrying \(Retry\(",
        "pip could not reach its index: retry. If it lasts, check the builder's network and proxy.",
    ),
    (
        r"externally-managed-environment",
        "Install into a virtual environment: `RUN python -m venv /venv && /venv/bin/pip install …`.",
    ),
    (
        r"DO NOT MATCH THE HASHES",
        "A package is not what the requirements file pins: check where it comes from, then pin it anew.",
    ),
    (
        r"No matching distribution found for (?P<package>\S+)|satisfies the requirement (?P<wanted>\S+)",
        (
            "There is no version of {package}{wanted} for this Python and platform: check the name, the version, and "
            "`python:` "
            "in the `FROM` line."
        ),
    ),
    (
        r"ResolutionImpossible|conflicting dependencies",
        "Packages ask for versions that do not go together: loosen the pins.",
    ),
    (
        r"(?:unable to execute|command) '?(?P<tool>[\w+-]*(?:gcc|g\+\+|cc|clang))'?.*(?:No such file|failed)",
        (
            "A package is compiled, and the image has no working {tool}: install the compiler and the headers it asks "
            "for (`build-essential`, `python3-dev`)."
        ),
    ),
    (
        r"fatal error: (?P<header>[\w./+-]+\.h): No such file",
        "The header {header} is missing: install the `-dev` package that has it.",
    ),
    # --- apt, apk, dnf ------------------------------------------------------------------------------------------------
    (
        r"Unable to locate package (?P<package>\S+)",
        "apt knows no {package}: run `apt-get update` in the same `RUN`, and check the name.",
    ),
    (
        r"has no installation candidate",
        "That package is gone from this release: check its name for the base image's version.",
    ),
    (
        r"404 +Not Found|Failed to fetch .*404",
        "A cached package list names files that are gone: put `apt-get update` and `apt-get install` into one `RUN`.",
    ),
    (
        r"Temporary failure resolving|Could not resolve '|temporary error \(try|Could not connect to .* timed out",
        "The package mirror could not be reached: retry. If it lasts, check the builder's network and DNS.",
    ),
    (
        r"Hash Sum mismatch|File has unexpected size",
        "The mirror was being updated, or a proxy changed the file: retry in a while.",
    ),
    (r"is not valid yet|certificate is not yet valid", "The builder's clock is behind: have it set by a time server."),
    (r"NO_PUBKEY|is not signed", "Add the signing key of that package source before `apt-get update`."),
    (r"Do you want to continue\? \[Y/n\].*(?:Abort|$)", "apt asks and nobody answers: use `apt-get install -y`."),
    (
        r"Geographic area:|debconf: .*(?:falling back|unable to initialize)",
        "A package asks a question: set `DEBIAN_FRONTEND=noninteractive`.",
    ),
    (
        r"Could not get lock|dpkg was interrupted",
        "Another apt ran in the same step or cache mount: add `sharing=locked` to the mount.",
    ),
    (
        r"unable to select packages|unsatisfiable constraints",
        "apk knows no such package or version: run `apk update`, and check the name.",
    ),
    (
        r"No match for argument|Unable to find a match",
        "The package manager knows no package of that name in this release.",
    ),
    # --- languages ----------------------------------------------------------------------------------------------------
    (r"missing go\.sum entry", "Run `go mod tidy` at home and commit `go.sum`."),
    (r"requires go >= (?P<version>[\d.]+)", "The module needs Go {version}: take a newer `golang` image."),
    (r"dial tcp: (?:lookup |.*i/o timeout)", "Go could not reach its module proxy: retry."),
    (
        r"spurious network error|failed to (?:download|fetch) from .*crates",
        "Cargo could not reach its registry: retry.",
    ),
    (
        r"Could not (?:resolve|transfer) (?:dependencies|artifact)",
        "Maven or Gradle could not get a package: retry, and check its repository.",
    ),
    (
        r"Unsupported class file major version|invalid (?:source|target) release",
        "The Java version of the image does not fit the project.",
    ),
    (r"error TS\d+:", "The TypeScript compiler found an error: the line names file and place."),
    (r"error\[E\d+\]", "The Rust compiler found an error: the lines above name file and place."),
    (
        r"undefined reference to|ld returned \d+ exit status",
        "The linker misses something: a library is not installed or not named.",
    ),
    (
        r"^(?:ModuleNotFoundError|ImportError): .*'(?P<module>[^']+)'",
        "Python has no {module} here: add it to the requirements.",
    ),
    (
        r"Cannot find module '(?P<module>[^']+)'",
        "Node has no {module} here: add it to `package.json`, or copy it before this step.",
    ),
    # --- network, certificates, Git -----------------------------------------------------------------------------------
    (
        r"certificate verify failed|get local issuer cert|x509: certificate signed by unknown|SSL certificate problem",
        "The image does not trust that server: install `ca-certificates`, or your own authority, in an earlier step.",
    ),
    (
        r"API rate limit exceeded|toomanyrequests|\b429\b.*Too Many Requests",
        "The server limits how often it may be asked: retry later, or log in there.",
    ),
    (
        r"curl: \((?:6|7|28|35|52|56)\)|[Uu]nable to resolve host|Could not resolve host|Temporary failure in name res",
        "A server could not be reached from the step: retry. If it lasts, check the address and the builder's network.",
    ),
    (
        r"curl: \(22\)|error: 404|ERROR 404",
        "The address that the step fetches does not exist (any more): check the version in it.",
    ),
    (
        r"fatal: not a git repository",
        "`.git` is not part of the build context: let the source keep it, in its settings.",
    ),
    (
        r"Permission denied \(publickey\)|Host key verification failed",
        "Give the step an SSH key: `RUN --mount=type=ssh`, and the key among the variables.",
    ),
    (r"could not read Username for", "The step fetches a private repository: mount a token as a build secret."),
    # --- tests and the rest -------------------------------------------------------------------------------------------
    (
        r"^\s*(?:✗|✘|✕|×|not ok \d|--- FAIL: |FAILED \S+::|●.*›)",
        _TESTS,
    ),
    (
        r"--- FAIL:|^FAILED |\bTests?:? .*\d+ failed|npm (?:error|ERR!) Test failed|AssertionError|^FAIL ",
        _TESTS,
    ),
    (
        r"No rule to make target '?(?P<target>[^',]+)",
        "The file {target} is not there: check that an earlier `COPY` brings it.",
    ),
    (
        r"[Pp]ermission denied",
        "The step may not touch that file: check its owner (`COPY --chown`) and the `USER` line.",
    ),
    (
        r"No such file or directory",
        "The step misses a file: check that an earlier `COPY` of this stage brings it, and the `WORKDIR`.",
    ),
)

OUTPUT_CLUES: tuple[tuple[re.Pattern[str], str], ...] = tuple((re.compile(pattern), what) for pattern, what in _ROWS)
