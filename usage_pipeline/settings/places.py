"""Finds what the program brings along and where an installation lives by default, in a checkout or from a wheel."""

import os
import stat
import sys
from pathlib import Path

import platformdirs

CONFIGURATION = "usage_pipeline.yaml"
# The demo leaves its own configuration there: in such a home the sample may be used.
DEMO_CONFIGURATION = "demo.yaml"
_PACKAGE = Path(__file__).resolve().parent.parent
_ABOVE = _PACKAGE.parent
_FOLDER = ".usage_pipeline"
_SAMPLE = Path("config") / CONFIGURATION


def in_checkout() -> bool:
    """Whether the program runs from a checkout of the project."""
    return (_ABOVE / "pyproject.toml").is_file() and (_ABOVE / "sql").is_dir()


def shipped(name: str | Path) -> Path:
    """Returns the path of a file that comes with the program, by its path in the project (``dagster.yaml``)."""
    return (_ABOVE if in_checkout() else _PACKAGE / "_shipped") / name


def sample_configuration() -> Path:
    """Returns the path of the sample, on which the demo runs."""
    return shipped(_SAMPLE)


def default_home() -> Path:
    """Returns .usage_pipeline of a checkout, else a folder in the user's data, which no new environment deletes."""
    if in_checkout():
        return _ABOVE / _FOLDER
    return platformdirs.user_data_path("usage-pipeline", appauthor=False)


def default_configuration(home: Path) -> Path:
    """Returns the first that is there: usage_pipeline.yaml of the folder one is in, of the home, the checkout's sample.

    The sample of a wheel is for the demo's home alone. Where there is none, returns where `init` would write it. A file
    of the folder that somebody else has put there is passed over: it could send our secrets to an address of theirs.
    """
    here = Path.cwd() / CONFIGURATION
    if here.is_file() and is_ours(here):
        return here
    if (home / CONFIGURATION).is_file():
        return home / CONFIGURATION
    if in_checkout() or (home / DEMO_CONFIGURATION).is_file():
        return sample_configuration()
    return home / CONFIGURATION if here.exists() else here


def is_ours(path: Path) -> bool:
    """Whether a file belongs to this account or to root, and nobody else may write it."""
    found = path.stat()
    return found.st_uid in (0, os.geteuid()) and not found.st_mode & stat.S_IWOTH


def home_in_environment(home: Path) -> bool:
    """Whether a home lies in a virtual environment or among installed packages, which people delete and make anew."""
    place = home.resolve()
    environments = [Path(sys.prefix).resolve()] if sys.prefix != sys.base_prefix else []
    return any(folder in place.parents for folder in environments) or "site-packages" in place.parts


def forgotten_home(home: Path) -> Path | None:
    """Returns the folder among installed packages where a wheel once kept its data, while that is still there and
    ``home`` is empty."""
    old = _ABOVE / _FOLDER
    if in_checkout() or old == home or not (old / "postgres").is_dir() or (home / "postgres").is_dir():
        return None
    return old
