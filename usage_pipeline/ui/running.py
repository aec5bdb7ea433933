"""Finds out whether `up` runs in an installation, without touching anything of it."""

import fcntl
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

_ANSWERS_WITHIN_S = 5


@dataclass(frozen=True)
class RunningUp:
    """An `up` that runs: its process, where its UI is, since when (ISO 8601, UTC), and whether the UI answers."""

    pid: int | None
    url: str
    started_at: str
    answers: bool


def running_up(lock: Path) -> RunningUp | None:
    """Returns the `up` that holds an installation's lock; None when nobody does."""
    try:
        with lock.open(encoding="utf-8") as file:
            if not _is_held(file.fileno()):
                return None
            holder = json.loads(file.read() or "{}")
    except (OSError, ValueError):
        return None
    url = str(holder.get("url", ""))
    return RunningUp(holder.get("pid"), url, str(holder.get("started_at", "")), answers(f"{url}/server_info"))


def answers(url: str) -> bool:
    """Whether something answers at an address of our own."""
    try:
        with urllib.request.urlopen(url, timeout=_ANSWERS_WITHIN_S) as answer:  # noqa: S310  (our own address)
            return bool(answer.status == 200)
    except (OSError, ValueError, urllib.error.URLError):
        return False


def _is_held(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False
