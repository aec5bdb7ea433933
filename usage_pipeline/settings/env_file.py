"""Reads the file .env beside the configuration into the environment, where what is set already wins."""

import os
import stat
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from usage_pipeline.settings.environment import MissingSecretError

NAME = ".env"


def env_file(configuration: Path) -> Path | None:
    """Returns the .env beside a configuration; None when there is none."""
    path = configuration.with_name(NAME)
    return path if path.is_file() else None


def use_env_file(configuration: Path) -> None:
    """Sets the variables that the .env beside a configuration names and the environment does not.

    Raises MissingSecretError, without any value, when the file cannot be read or somebody else may write it.
    """
    path = env_file(configuration)
    if path is None:
        return
    for name, value in _variables(path).items():
        # NAME_FILE in the environment is an answer for NAME, too.
        pair = name.removesuffix("_FILE") if name.endswith("_FILE") else f"{name}_FILE"
        if value and not os.environ.get(pair):
            os.environ.setdefault(name, value)


def open_to_others(path: Path) -> bool:
    """Whether other accounts of the machine may read a file."""
    return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))


def _variables(path: Path) -> dict[str, str]:
    try:
        found = path.stat()
        if found.st_mode & stat.S_IWOTH or found.st_uid not in (0, os.geteuid()):
            raise MissingSecretError(
                f"{path} belongs to, or may be written by, another account; make it yours: "
                f"chown {os.geteuid()} {path} && chmod 600 {path}"
            )
        with path.open(encoding="utf-8-sig") as file:
            return dict(_entry(path, binding) for binding in parse_stream(file) if binding.key or binding.error)
    except UnicodeDecodeError:
        raise MissingSecretError(f"{path} is no text in UTF-8; save it as that") from None
    except OSError as error:
        raise MissingSecretError(f"{path} cannot be read ({error.strerror}); check its rights") from None


def _entry(path: Path, binding: Binding) -> tuple[str, str]:
    if binding.error or binding.key is None or binding.value is None:
        raise MissingSecretError(
            f"{path}:{binding.original.line}: is not NAME=value; mend the line, or put # before it"
        )
    return binding.key, binding.value
