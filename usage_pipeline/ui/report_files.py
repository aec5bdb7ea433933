"""Serves the files of reports beside Dagster's UI, so that a day's metadata can link to its page."""

import asyncio
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from usage_pipeline.report_store import bring
from usage_pipeline.ui.guard import Application, Receive, Scope, Send

PREFIX = "/usage-reports/"
# A report is a page of its own: whatever stands in it can neither ask Dagster for anything nor be framed elsewhere.
_POLICY = b"sandbox allow-scripts allow-downloads; frame-ancestors 'self'"
_SHOWN = {".html": "text/html; charset=utf-8", ".csv": "text/csv; charset=utf-8"}


def report_address(file: Path, folder: Path) -> str:
    """Returns where the UI has a file of the folder of reports: a path, whatever name the UI is asked under."""
    return PREFIX + quote(file.relative_to(folder).as_posix())


@dataclass(frozen=True)
class WithReports:
    """An ASGI application with the files of a folder beside it. Only reads, and nothing outside the folder."""

    application: Application
    folder: Path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers what lies under PREFIX and passes on everything else."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self.application(scope, receive, send)
            return
        # It may come from an object store: others are answered meanwhile.
        file = await asyncio.to_thread(_found, self.folder, scope["path"].removeprefix(PREFIX))
        if file is None or scope["method"] not in ("GET", "HEAD"):
            await _answer(send, 404, "text/plain; charset=utf-8", b"there is no such report\n")
            return
        kind = _SHOWN.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        await _answer(send, 200, kind, b"" if scope["method"] == "HEAD" else file.read_bytes())


def _found(folder: Path, name: str) -> Path | None:
    bring(name)
    try:
        file = (folder / name).resolve(strict=True)
    except (OSError, ValueError):
        return None
    return file if file.is_file() and file.is_relative_to(folder.resolve()) else None


async def _answer(send: Send, status: int, kind: str, body: bytes) -> None:
    headers = [
        (b"content-type", kind.encode()),
        (b"content-security-policy", _POLICY),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
