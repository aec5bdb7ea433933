"""Tells a pooler between us and a PostgreSQL server by its behaviour: whose sessions it hands out, and for how long."""

from collections.abc import Callable
from contextlib import closing
from enum import Enum
from threading import Timer

import psycopg

from usage_pipeline.warehouse.connection import Connection, hang_up, is_direct, server_process

_LOOKS = 5
# A pool that is given out whole lets a second session wait; longer than this nobody should.
_PATIENCE_SECONDS = 5.0


class Pooling(Enum):
    """Who else uses the server's session that a connection works in."""

    DIRECT = "nobody: the connection is the server's own"
    SESSION = "a pooler lends it until the connection is closed"
    TRANSACTION = "a pooler lends it until the transaction ends, then to others"


def pooling_of(connection: Connection, open_another: Callable[[], Connection]) -> Pooling:
    """Returns how a server is reached; opens another connection there when a pooler stands before it.

    Raises psycopg.OperationalError, and whatever ``open_another`` raises, when the server cannot be reached.
    """
    if is_direct(connection):
        return Pooling.DIRECT
    with closing(open_another()) as another:
        return Pooling.TRANSACTION if _share(connection, another) else Pooling.SESSION


def _share(first: Connection, second: Connection) -> bool:
    """Whether two open connections are ever served by one process, or one of them by several."""
    timer = Timer(_PATIENCE_SECONDS, lambda: hang_up(second))
    timer.daemon = True
    timer.start()
    try:
        seen = [(server_process(first), server_process(second)) for _ in range(_LOOKS)]
    except psycopg.OperationalError:
        # The first one keeps what the second one waits for.
        return False
    finally:
        timer.cancel()
    ours, theirs = ({pair[side] for pair in seen} for side in (0, 1))
    return bool(ours & theirs) or len(ours) > 1 or len(theirs) > 1
