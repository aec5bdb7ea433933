"""Keeps the embedded PostgreSQL to its owner: who may connect, and who reaches its socket; looked at each start."""

import os
import stat
import tempfile
from pathlib import Path

_ONLY_OWNER = 0o700
_MAP = "usage_pipeline"
# Tenants' readers are roles of the server, too: they come with their password, never by being on this machine.
_RULES = f"""\
# Written by usage-pipeline at each start. Nobody is trusted for reaching the socket.
# TYPE  DATABASE  USER      METHOD
local   all       postgres  peer map={_MAP}
local   all       all       scram-sha-256
"""
# A reader's role is called so, and no other.
_RULES_OF_A_PORT = """\
# TYPE  DATABASE  USER             ADDRESS  METHOD
host    warehouse /^usage_reader_  all      scram-sha-256
host    all       all              all      reject
"""


def restrict_access(data_folder: Path, server_account: str | None, *, readers_by_network: bool) -> bool:
    """Lets only this process's account be the server's superuser, and shuts its data folder; returns whether the
    rules were others before, so that a server that runs must read them anew.

    ``server_account`` is the account that the server runs as when it is not ours. Where the server has a port, readers
    come in by it with their passwords, and nobody else. Raises OSError.
    """
    account = _own_account()
    rules = _RULES + (_RULES_OF_A_PORT if readers_by_network else "")
    names = f'# Written by usage-pipeline at each start.\n{_MAP} "{account}" postgres\n'
    changed = [
        _write(data_folder / name, text, server_account)
        for name, text in (("pg_ident.conf", names), ("pg_hba.conf", rules))
    ]
    close_folder(data_folder, server_account)
    return any(changed)


def close_folder(folder: Path, server_account: str | None) -> None:
    """Lets nobody but the server's account enter a folder. Raises OSError when it belongs to somebody else."""
    found = check_owner(folder, server_account)
    owner = _uid_of(server_account)
    if found.st_uid != owner:
        os.chown(folder, owner, -1)
    if stat.S_IMODE(found.st_mode) != _ONLY_OWNER:
        folder.chmod(_ONLY_OWNER)


def check_owner(folder: Path, server_account: str | None) -> os.stat_result:
    """Returns the folder's state. Raises OSError when it is no folder, or not ours or the server account's."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(f"{folder} is not a folder; remove it, or set TMPDIR to a folder of yours")
    if found.st_uid not in (os.geteuid(), _uid_of(server_account)):
        raise PermissionError(f"{folder} belongs to another account; remove it, or set TMPDIR to a folder of yours")
    return found


def _write(path: Path, text: str, server_account: str | None) -> bool:
    """Replaces a file of the server in one step; False when it says so already."""
    if path.exists() and path.read_text(encoding="utf-8", errors="replace") == text:
        return False
    number, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(number, "w", encoding="utf-8") as file:
        file.write(text)
    if server_account is not None:
        os.chown(draft, _uid_of(server_account), -1)
    Path(draft).replace(path)
    return True


def _own_account() -> str:
    import pwd  # noqa: PLC0415  (there is none on Windows, where the server listens on loopback)

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise PermissionError(
            f"the account with number {os.geteuid()} has no name on this machine, and PostgreSQL asks for one; "
            "give it an entry in /etc/passwd, or set WAREHOUSE_URL and DAGSTER_POSTGRES_URL"
        ) from None


def _uid_of(account: str | None) -> int:
    """The number of the server's account; ours when it has none of its own, or none yet."""
    import pwd  # noqa: PLC0415

    try:
        return os.geteuid() if account is None else pwd.getpwnam(account).pw_uid
    except KeyError:
        return os.geteuid()
