"""An image's configuration as a document that is kept and shown: how it runs, and how it came to be. Asks no registry.

Format: OCI image-spec 1.1 `config.md`, with what Docker adds to it (Healthcheck, OnBuild, Shell).
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from builds.core.image_compare import ComparedConfig, joined
from builds.core.json_values import dicts, number, table, text, texts
from lib.humanize import format_duration

MOST_ITEMS = 500
MOST_TEXT = 8_000
_MOST_HISTORY = 1_000
_NANOSECONDS = 10**9
# How a shell stands before its command: `/bin/sh -c`, `/bin/bash -o pipefail -exc`.
_SHELL = re.compile(r"(?:/\S*/)?(?:ba|da|a|z|k)?sh(?: -[a-zA-Z]+| pipefail| errexit| nounset)* -[a-zA-Z]*c ")
_NOP = re.compile(r"\A(?:/bin/sh -c|cmd /S /C|powershell -Command \S+) #\(nop\)\s*")
_ARGS = re.compile(r"\A\|\d+ ")
# Go's way to print the ports and folders of EXPOSE and VOLUME.
_MAP = re.compile(r"\Amap\[(?P<keys>[^\]]*)\]\Z")
_BUILDKIT = re.compile(r"\s*# buildkit\s*\Z")


def read_config(body: bytes) -> dict[str, Any]:
    """`{platform, created, config, history}`; what is missing or of a wrong type is empty. Raises ValueError.

    `config` has the fields of `ComparedConfig`, `env` and `labels` as pairs; `history` is oldest first:
    `{words, created, comment, empty}`.
    """
    document = orjson.loads(body)
    if not isinstance(document, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004 — the same kind of wrong as a syntax error
    run = table(document.get("config"))
    os, architecture = _text(document.get("os")), _text(document.get("architecture"))
    platform = "/".join(filter(None, (os, architecture, _text(document.get("variant")))))[:100]
    return {
        "platform": platform,
        "created": text(document.get("created"))[:40],
        "author": _text(document.get("author")),
        "config": {
            "platform": platform,
            "entrypoint": _texts(run.get("Entrypoint")),
            "cmd": _texts(run.get("Cmd")),
            "env": [list(item.partition("=")[::2]) for item in _texts(run.get("Env"))],
            "working_dir": _text(run.get("WorkingDir")),
            "user": _text(run.get("User")),
            "ports": _keys(run.get("ExposedPorts")),
            "volumes": _keys(run.get("Volumes")),
            "labels": _pairs(run.get("Labels")),
            "stop_signal": _text(run.get("StopSignal")),
            "healthcheck": _healthcheck(table(run.get("Healthcheck"))),
            "onbuild": _texts(run.get("OnBuild")),
            "shell": _texts(run.get("Shell")),
        },
        "history": [
            {
                "words": clean_words(text(item.get("created_by")))[:MOST_TEXT],
                "created": text(item.get("created"))[:40],
                "comment": _text(item.get("comment"))[:200],
                "empty": item.get("empty_layer") is True,
            }
            for item in dicts(document.get("history"))[:_MOST_HISTORY]
        ],
    }


def clean_words(created_by: str) -> str:
    """The instruction that a history entry stands for, as it stands in a Dockerfile.

    Docker's old builder writes `/bin/sh -c #(nop)  CMD ["sh"]` and `/bin/sh -c apt-get update`, with build arguments
    before it (`|1 VERSION=2 /bin/sh -c …`); BuildKit `RUN /bin/sh -c apt-get update # buildkit`.
    """
    words, is_setting = _NOP.subn("", " ".join(created_by.split()))
    words = _BUILDKIT.sub("", words)
    verb, _, values = words.partition(" ")
    if verb in ("EXPOSE", "VOLUME") and (printed := _MAP.match(values)):
        return f"{verb} {printed['keys'].replace(':{}', '')}"
    command = words.removeprefix("RUN ")
    shell = _SHELL.search(command) if _ARGS.match(command) else _SHELL.match(command)
    return f"RUN {command[shell.end() :]}" if shell and not is_setting else words


def compared(config: dict[str, Any]) -> ComparedConfig:
    """The `config` of a document as `compare_config` takes it."""
    fields: dict[str, Any] = {
        name: tuple(tuple(item) if isinstance(item, list) else item for item in value)
        if isinstance(value, list)
        else value
        for name, value in config.items()
    }
    return ComparedConfig(**fields)


def _text(value: Any) -> str:
    return text(value)[:MOST_TEXT]


def _texts(value: Any) -> list[str]:
    return [text(item)[:MOST_TEXT] for item in texts(value)[:MOST_ITEMS]]


def _keys(value: Any) -> list[str]:
    return [text(key)[:MOST_TEXT] for key in sorted(table(value))[:MOST_ITEMS]]


def _pairs(value: Any) -> list[list[str]]:
    return [[text(key)[:MOST_TEXT], _text(item)] for key, item in sorted(table(value).items())[:MOST_ITEMS]]


def _healthcheck(value: dict[str, Any]) -> str:
    """`CMD curl -f http://localhost/, every 30 s, at most 3 s, 3 times`; durations stand there in nanoseconds."""
    test = _texts(value.get("Test"))
    if not test:
        return ""
    if test == ["NONE"]:
        return "NONE"
    kind, command = (test[0], test[1:]) if test[0] in ("CMD", "CMD-SHELL") else ("CMD", test)
    parts = [f"{kind} {joined(command)}" if kind == "CMD" else f"CMD {' '.join(command)}"]
    for key, word in (("Interval", "every"), ("Timeout", "at most"), ("StartPeriod", "after")):
        if nanoseconds := number(value.get(key)):
            parts.append(f"{word} {format_duration(nanoseconds / _NANOSECONDS).replace('.0 s', ' s')}")
    if retries := number(value.get("Retries")):
        parts.append(f"{retries} times")
    return ", ".join(parts)
