"""Commands that are known by name and help, and whose module is imported when they are called."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


@dataclass(frozen=True)
class Command:
    """Where a command lives: a function, or a Typer of its own, in a module of this package; its help in a line."""

    module: str
    attribute: str
    help: str

    def load(self) -> typer.Typer:
        """Imports the module; returns the command as it is run and as its own --help shows it."""
        found = getattr(import_module(f"usage_pipeline.commands.{self.module}"), self.attribute)
        if isinstance(found, typer.Typer):
            return found
        alone = typer.Typer(add_completion=False)
        alone.command()(found)
        return alone


@dataclass(frozen=True)
class Group:
    """Commands behind one name."""

    help: str
    commands: Mapping[str, Command]


class _LazyCommand(TyperCommand):
    """Stands for a command in the lists of names; whoever calls it gets the real one."""

    def __init__(self, name: str, command: Command) -> None:
        super().__init__(name, help=command.help)
        self._command = command

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Returns the context of the real command, so that all that follows is done by it."""
        return get_command(self._command.load()).make_context(info_name, args, parent, **extra)


def lazy_group(tree: Mapping[str, Command | Group], base: type[TyperGroup] = TyperGroup) -> type[TyperGroup]:
    """Returns the class of a Typer, a kind of ``base``, whose commands are those of ``tree``."""

    class LazyGroup(base):  # type: ignore[misc,valid-type]
        def __init__(self, **arguments: Any) -> None:
            super().__init__(**arguments)
            for name, entry in tree.items():
                self.add_command(_LazyCommand(name, entry) if isinstance(entry, Command) else _group(name, entry))

    return LazyGroup


def _group(name: str, group: Group) -> TyperGroup:
    return lazy_group(group.commands)(name=name, help=group.help, no_args_is_help=True)
