"""Asks for what only some installations have: the extras of pyproject.toml, by name."""

from importlib import import_module
from types import ModuleType


class MissingExtraError(Exception):
    """A package of an extra is not installed; the text says what needs it and the command that installs it."""


def need(module: str, extra: str, purpose: str) -> ModuleType:
    """Returns the imported module. Raises MissingExtraError when the extra is not installed.

    ``purpose`` begins the sentence: "the format parquet", "the demo's mailbox".
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise MissingExtraError(
            f"{purpose} needs {package}, which is not installed: pip install 'usage-pipeline[{extra}]'"
        ) from None
