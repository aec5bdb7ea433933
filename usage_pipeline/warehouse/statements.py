"""Loads the SQL files of sql/ by name, and writes the patterns that they take."""

import re
from functools import cache
from pathlib import Path
from typing import LiteralString

from usage_pipeline.settings.places import shipped

_VARIABLE = re.compile(r":'(\w+)'")


@cache
def sql_folder() -> Path:
    """Returns the folder of SQL files: sql/ of the project, or the copy that a built package carries."""
    return shipped("sql")


@cache
def statement(name: str) -> LiteralString:
    """The SQL of ``sql/<name>.sql`` with psql variables (``:'day'``) turned into psycopg parameters (``%(day)s``).

    The files stay runnable in psql: ``psql -v day=2026-11-24 -f sql/usage/daily_usage.sql``.
    """
    text = _without_comments((sql_folder() / f"{name}.sql").read_text(encoding="utf-8"))
    # The files are ours, none of their text comes from outside: that is what LiteralString stands for.
    return _VARIABLE.sub(r"%(\1)s", text.replace("%", "%%"))


def migration(name: str) -> LiteralString:
    """Returns the SQL of ``sql/migrations/<name>.sql`` as SQLAlchemy runs it: no parameters, colons kept."""
    text = (sql_folder() / "migrations" / f"{name}.sql").read_text(encoding="utf-8")
    return re.sub(r"(?<!:):(?=\w)", r"\\:", text)


def _without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))


@cache
def newest_migration() -> str:
    """Returns the revision that the schema has when every migration has run."""
    return max(path.name.split("_")[0] for path in (sql_folder() / "migrations").glob("*.sql"))


def like_pattern(glob: str) -> str:
    """Returns a glob of the configuration as a LIKE pattern: ``crm-*`` is ``crm-%``; LIKE's own wildcards stand for
    themselves."""
    escaped = glob.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%").replace("?", "_")
