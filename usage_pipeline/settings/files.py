"""Reads files that people name: regular ones, up to a size; a device or a pipe would never come to an end."""

import errno
from pathlib import Path


def bounded_bytes(path: Path, limit: int) -> bytes:
    """Returns a file's bytes. Raises OSError, in words, for what is no regular file or holds more than ``limit``."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"it is larger than {limit // 1_000_000} MB", str(path))
    return data
