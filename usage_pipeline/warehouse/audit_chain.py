"""Verifies the chain that seals the audit: every link follows from the one before, every row is as it was sealed."""

from collections.abc import Iterator
from dataclasses import dataclass

from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row, value
from usage_pipeline.warehouse.statements import statement

_AT_ONCE = 100_000
# What the check of a pass looks at: the newest links, and as many older ones, others each minute.
_STRETCH = 2_000
_WORDS = {
    "missing": "the link before it is missing",
    "broken": "does not follow from the link before it",
    "changed": "is not as it was sealed",
    "gone": "is gone without a removal",
    "back": "is back although it had left",
    "unsealed": "was written behind the triggers",
    "uncounted": "left, which is not what the record of removals says",
}


@dataclass(frozen=True)
class Head:
    """The newest link of the chain: its number and its hash in hexadecimal digits."""

    seq: int
    hash: str


@dataclass(frozen=True)
class ChainMisfit:
    """The first thing that does not fit: a link (0 where there is none), its row by table and key, and the problem."""

    seq: int
    table_name: str
    row_key: str
    problem: str

    def __str__(self) -> str:
        where = f" (link {self.seq})" if self.seq else ""
        return f"usage.{self.table_name} {self.row_key} {_WORDS[self.problem]}{where}"


def head(connection: Connection) -> Head | None:
    """Returns the newest link; None while nothing is sealed."""
    query = "SELECT seq, encode(hash, 'hex') AS hash FROM usage.audit_chain ORDER BY seq DESC LIMIT 1"
    return row(connection, Head, query)


def links(connection: Connection) -> int:
    """Returns how many links the chain should have: the number of its newest."""
    return value(connection, int, "SELECT coalesce(max(seq), 0) FROM usage.audit_chain")


def verify(connection: Connection) -> ChainMisfit | None:
    """Looks at the whole chain and every row; returns what does not fit first. A second for 100,000 links."""
    newest = links(connection)
    for first in range(1, newest + 1, _AT_ONCE):
        misfit = _in_stretch(connection, first, min(first + _AT_ONCE - 1, newest))
        if misfit is not None:
            return misfit
    return row(connection, ChainMisfit, statement("audit/unsealed_rows"))


def verify_part(connection: Connection, minute: int) -> ChainMisfit | None:
    """The same for as much as each pass can look at: the newest links, and those whose turn it is in this minute.

    A chain that is short enough is looked at as a whole. ``minute`` is any number that grows by one from look to look.
    """
    newest = links(connection)
    if newest <= _STRETCH:
        return verify(connection)
    stretches = -(-newest // _STRETCH)
    first = minute % stretches * _STRETCH + 1
    return _in_stretch(connection, first, min(first + _STRETCH - 1, newest)) or _in_stretch(
        connection, newest - _STRETCH + 1, newest
    )


def _in_stretch(connection: Connection, first: int, last: int) -> ChainMisfit | None:
    parameters = {"first": first, "last": last}
    found: Iterator[ChainMisfit | None] = (
        row(connection, ChainMisfit, statement(name), parameters)
        for name in ("audit/broken_links", "audit/changed_rows")
    )
    return min((misfit for misfit in found if misfit), key=lambda misfit: misfit.seq, default=None)
