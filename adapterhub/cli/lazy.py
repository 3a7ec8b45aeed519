"""A group of commands that imports a command's module when that command is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """Its commands by name, each with the module of ``adapterhub.cli`` that defines ``<name>_command``."""

    def __init__(self, *arguments: Any, modules: Mapping[str, str], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, without importing anything."""
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None where there is none of that name."""
        if cmd_name not in self._modules:
            return None
        command = getattr(import_module(f"adapterhub.cli.{self._modules[cmd_name]}"), f"{cmd_name}_command")
        return command if isinstance(command, click.Command) else None
