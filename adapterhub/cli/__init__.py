"""The command ``adapterhub``: one file a command, none of which imports torch before it runs."""

from __future__ import annotations

from adapterhub.cli.app import main

__all__ = ["main"]
