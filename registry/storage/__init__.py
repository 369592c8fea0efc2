"""The folder in which Distribution keeps images: looking into it, and cleaning it up. Plain functions; no Django."""

from __future__ import annotations
