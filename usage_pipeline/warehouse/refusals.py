"""Reads from the embedded server's log whom it refused a login, a right, or to rewrite history."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from psycopg import sql

from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import values

# Each line with its moment, the session, the SQLSTATE, who asked, and for what database; below it stands the statement.
_SETTINGS = {"log_timezone": "UTC", "log_line_prefix": "%m [%p] %q%e %u@%d ", "lc_messages": "C"}
# Enough for some 10,000 refusals; whoever fills a log does not make us read all of it.
_MOST_BYTES = 4_000_000
_KINDS = {"28000": "login", "28P01": "login", "42501": "right", "23001": "history"}
_LINE = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\.\d+ UTC \[\d+\] (?P<state>28000|28P01|42501|23001)"
    r" (?P<who>.*)@(?P<database>\S*) (?:ERROR|FATAL):  (?P<says>.*)"
)


@dataclass(frozen=True)
class RoleRefusal:
    """What the server refused: when, to which role, of which kind (login, right, history), in the server's words."""

    at: datetime
    role: str
    kind: str
    says: str


def keep_refusals(connection: Connection) -> None:
    """Has the server write down who was refused what; a server that does so already is left alone."""
    found = values(connection, str, "SELECT current_setting(n) FROM unnest(%s::text[]) n", [list(_SETTINGS)])
    changed = [setting for setting, now in zip(_SETTINGS.items(), found, strict=True) if setting[1] != now]
    for name, wanted in changed:
        connection.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(wanted)))
    if changed:
        connection.execute("SELECT pg_reload_conf()")


def refusals(home: Path, since: datetime) -> list[RoleRefusal]:
    """Returns what the embedded server under ``home`` refused since a moment, oldest first; of a long log its end."""
    return [refusal for refusal in _logged(home / "postgres" / "log") if refusal.at >= since]


def recent_refusals(home: Path, now: datetime, days: int = 30) -> str | None:
    """Returns in a sentence whom the server refused what in the last days; None when nobody."""
    found = refusals(home, now - timedelta(days=days))
    if not found:
        return None
    roles = sorted({refusal.role for refusal in found})
    named = ", ".join(roles[:5]) + (f" and {len(roles) - 5} more" if len(roles) > 5 else "")
    last = found[-1]
    times = "once" if len(found) == 1 else f"{len(found):,} times"
    return (
        f"the database refused {named} {times} in the last {days} days,"
        f" at last {last.at:%Y-%m-%d %H:%M} UTC {last.role}: {last.says[:200]}"
    )


def _logged(log: Path) -> Iterator[RoleRefusal]:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _MOST_BYTES))
            lines = file.read(_MOST_BYTES).decode("utf-8", errors="replace").splitlines()
    except OSError:  # nothing was logged yet, or it is not for us to read
        return
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is not None:
            at = datetime.strptime(found["at"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
            yield RoleRefusal(at, found["who"], _KINDS[found["state"]], found["says"])
