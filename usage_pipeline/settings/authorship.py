"""Who changed the configuration file, as far as it can be told."""

import subprocess
from pathlib import Path

_PATIENCE_S = 5


def changed_by(path: Path) -> str | None:
    """The author of the newest commit when the file stands as committed, else the file's owner, else None."""
    return _committed_by(path) or _owner(path)


def _committed_by(path: Path) -> str | None:
    folder, name = str(path.resolve().parent), path.name
    try:
        if _git(folder, "diff", "--quiet", "HEAD", "--", name).returncode != 0:
            return None
        return _git(folder, "log", "-1", "--format=%an <%ae>", "--", name).stdout.strip() or None
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  (no shell; the words are ours, the file's name follows --)
        ["git", "-C", folder, *words],  # noqa: S607
        capture_output=True, text=True, check=False, timeout=_PATIENCE_S,
    )  # fmt: skip


def _owner(path: Path) -> str | None:
    try:
        return path.owner()
    except (OSError, KeyError):  # no such file, or an owner without a name, as in containers
        return None
