"""How the demo ends when something is not as it should be; nothing else is here."""

from __future__ import annotations


class DemoError(Exception):
    """A sentence for the terminal: which step did not work, and what was said about it."""
