"""Remembers the first day on which there was usage as a plain file, for loading the code location: it opens nothing."""

import os
from contextlib import suppress
from datetime import date
from pathlib import Path

from usage_pipeline.settings.environment import home_dir
from usage_pipeline.settings.model import Settings

# Dify is of 2023: where nothing was counted yet, any of its days may come.
_BEFORE_ALL_USAGE = date(2023, 1, 1)


def first_day_file() -> Path:
    """Where roll-ups keep it."""
    return home_dir() / "first_usage_date"


def keep_first_day(day: date) -> None:
    """Keeps the first usage date of the warehouse; an installation that has no folder to write in goes without."""
    file, text = first_day_file(), f"{day}\n"
    unfinished = file.with_name(f"{file.name}.{os.getpid()}")
    with suppress(OSError):
        if file.is_file() and file.read_text(encoding="utf-8") == text:
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(file)


def first_day(settings: Settings) -> date:
    """Returns the day from which on days are shown: ``usage_from``, else the first usage date that is known."""
    if settings.usage_from is not None:
        return settings.usage_from
    try:
        return date.fromisoformat(first_day_file().read_text(encoding="utf-8").strip())
    except (OSError, ValueError):
        return _BEFORE_ALL_USAGE
