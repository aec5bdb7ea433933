"""What must never be seen where we write: the marks that secrets and texts of tests carry, and the search for them."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Composable, Literal

# Every secret that a test gives to the product has this in it: a robot's URL, a key, a password.
SECRET = "s3cr3t"
# Every prompt, answer and text of the made-up Dify has this in it.
TEXT = "planted-"
MARKS = (SECRET, TEXT)

# The warehouse, and Dagster's storage where a database is one.
_OURS = """
SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND pg_relation_size(c.oid) > 0 AND (n.nspname = 'usage'
    OR n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND to_regclass('event_logs') IS NOT NULL)
"""


def in_database(url: str) -> list[str]:
    """The rows with a mark in a warehouse or in Dagster's storage; none for a database that is neither."""
    with psycopg.connect(url, autocommit=True) as connection:
        tables = [str(name) for (name,) in connection.execute(_OURS)]
        if not tables:
            return []
        patterns = [f"%{mark}%" for mark in MARKS]
        rows = connection.execute(SQL(" UNION ALL ").join(_rows_of(table) for table in tables), {"marks": patterns})
        return [f"{table}: {_around(str(row))}" for table, row in rows]


def _rows_of(table: str) -> Composable:
    found = SQL("(SELECT {}, t::text FROM {} t WHERE t::text LIKE ANY(%(marks)s) LIMIT 3)")
    return found.format(Literal(table), SQL(table))  # type: ignore[arg-type]  # a name that the database quoted


def in_text(text: str) -> str:
    """The surroundings of the first mark in the text; nothing when there is none."""
    return _around(text) if any(mark in text for mark in MARKS) else ""


def in_files(folder: Path) -> Iterator[str]:
    """The files below a folder that hold a mark."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            text = in_text(path.read_bytes().decode("utf-8", errors="replace"))
            if text:
                yield f"{path}: {text}"


def _around(text: str) -> str:
    at = min(text.find(mark) for mark in MARKS if mark in text)
    return text[max(0, at - 120) : at + 80]
