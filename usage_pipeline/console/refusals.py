"""Remembers refused passwords between passes: Dify locks an account for a day after five of them.

A small file a console and account, with a salted hash of what was refused: a new password is tried at once.
"""

import hashlib
import json
import secrets
import time
from contextlib import suppress
from pathlib import Path

from usage_pipeline.console.access import ConsoleAccess

TRY_AGAIN_AFTER_S = 3600.0


def refused_before(folder: Path, access: ConsoleAccess) -> bool:
    """Whether this very password was refused within the hour."""
    try:
        known = json.loads(_file(folder, access).read_text(encoding="utf-8"))
        recent = time.time() - float(known["at"]) < TRY_AGAIN_AFTER_S
        return recent and secrets.compare_digest(_digest(access, bytes.fromhex(known["salt"])), str(known["digest"]))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def remember_refusal(folder: Path, access: ConsoleAccess) -> None:
    """Notes that the password was refused just now. A folder that cannot be written to costs only the memory."""
    salt = secrets.token_bytes(16)
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        _file(folder, access).write_text(
            json.dumps({"at": time.time(), "salt": salt.hex(), "digest": _digest(access, salt)}), encoding="utf-8"
        )


def forget_refusal(folder: Path, access: ConsoleAccess) -> None:
    """Notes that the account is let in."""
    with suppress(OSError):
        _file(folder, access).unlink(missing_ok=True)


def _file(folder: Path, access: ConsoleAccess) -> Path:
    name = hashlib.sha256(f"{access.url}\n{access.email}".encode()).hexdigest()[:16]
    return folder / f"{name}.json"


def _digest(access: ConsoleAccess, salt: bytes) -> str:
    return hashlib.scrypt(access.password.encode(), salt=salt, n=2**14, r=8, p=1).hex()
