"""Has the UI load the code location anew when what it was loaded by changed: configuration, or first usage date."""

import json
import threading
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from usage_pipeline.ui.processes import LOCATION

_MUTATION = f'mutation {{reloadRepositoryLocation(repositoryLocationName: "{LOCATION}") {{__typename}}}}'
_ANSWERS_WITHIN_S = 120


@dataclass
class Reloading:
    """Watches files that passes write; ``look`` is cheap and never waits. A UI that is read only stays as it was."""

    url: str
    files: tuple[Path, ...]
    _seen: list[tuple[int, int] | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        """What is there now is what the location was loaded by."""
        self._seen = self._now()

    def look(self) -> bool:
        """Asks for a reload when a file has changed since the last look; returns whether it did."""
        now = self._now()
        if now == self._seen:
            return False
        self._seen = now
        threading.Thread(target=self._reload, daemon=True).start()
        return True

    def _now(self) -> list[tuple[int, int] | None]:
        return [_state(file) for file in self.files]

    def _reload(self) -> None:
        body = json.dumps({"query": _MUTATION}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/graphql", body, headers)  # noqa: S310  (our own address)
        with suppress(OSError):
            urllib.request.urlopen(request, timeout=_ANSWERS_WITHIN_S).close()  # noqa: S310


def _state(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
