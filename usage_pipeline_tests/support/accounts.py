"""The account that a test's servers run as: PostgreSQL and pgbouncer refuse to be root, the embedded server has one."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Account:
    """Who a process is to be, by numbers; ourselves unless we are root."""

    uid: int
    gid: int

    @property
    def arguments(self) -> dict[str, Any]:
        """What subprocess takes to start a process as this account."""
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def owns(self, folder: Path) -> None:
        """Gives a folder and what is in it to the account, and closes it to all others."""
        folder.chmod(0o700)
        for place in (folder, *folder.rglob("*")):
            os.chown(place, self.uid, self.gid)


def account_of(path: Path) -> Account:
    """Returns the account that a file or folder belongs to."""
    found = path.stat()
    return Account(found.st_uid, found.st_gid)
