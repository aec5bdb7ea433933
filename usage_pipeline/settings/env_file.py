"""Reads the file .env beside the configuration into the environment, where what is set already wins."""

import io
import os
import stat
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from usage_pipeline.settings.environment import MissingSecretError
from usage_pipeline.settings.files import bounded_bytes
from usage_pipeline.settings.places import is_ours

NAME = ".env"
_LARGEST = 1_000_000


def env_file(configuration: Path) -> Path | None:
    """Returns the .env beside a configuration; None when there is none."""
    path = configuration.parent / NAME
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
        if not is_ours(path):
            raise MissingSecretError(
                f"{path} belongs to, or may be written by, another account; make it yours: "
                f"chown {os.geteuid()} {path} && chmod 600 {path}"
            )
        text = bounded_bytes(path, _LARGEST).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise MissingSecretError(f"{path} is no text in UTF-8; save it as that") from None
    except OSError as error:
        raise MissingSecretError(f"{path} cannot be read ({error.strerror}); check its rights") from None
    lines = parse_stream(io.StringIO(text))
    return dict(_entry(path, binding) for binding in lines if binding.key or binding.error)


def _entry(path: Path, binding: Binding) -> tuple[str, str]:
    if binding.error or binding.key is None or binding.value is None or "\0" in binding.key + binding.value:
        raise MissingSecretError(
            f"{path}:{binding.original.line}: is not NAME=value; mend the line, or put # before it"
        )
    return binding.key, binding.value
