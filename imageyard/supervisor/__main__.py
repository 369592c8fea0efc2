"""`make up`: everything in the foreground until Ctrl-C."""

from __future__ import annotations

import sys

from imageyard.env import env_or_exit
from imageyard.supervisor.run import run

if __name__ == "__main__":
    sys.exit(run(env_or_exit()))
