"""`make demo`: everything of `make up`, and one push to follow; `--exit` stops after the image ran."""

from __future__ import annotations

import os
import sys

from imageyard.demo.flow import demo
from imageyard.env import EnvError, env_or_exit, read_env
from imageyard.supervisor.run import run


def main(arguments: list[str]) -> int:
    """The exit code: 0 when the image answered, or when it was stopped by a signal; 1 with a sentence otherwise."""
    if "IMAGEYARD_LOCAL_GIT_ROOT" not in os.environ:
        # The demo's Git repository is a folder of this machine; web and worker must be allowed to clone it.
        folder = env_or_exit().home / "demo"
        folder.mkdir(exist_ok=True)
        os.environ["IMAGEYARD_LOCAL_GIT_ROOT"] = str(folder)
    try:
        env = read_env(os.environ)
    except EnvError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return run(env, and_then=demo, stays="--exit" not in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
