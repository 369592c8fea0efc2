#!/usr/bin/env python
"""Django's command line for Imageyard; a wrong environment variable ends it with one line."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command that the arguments name."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imageyard.settings")
    from imageyard.env import env_or_exit  # after the virtual environment was found to be there

    env_or_exit()
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
