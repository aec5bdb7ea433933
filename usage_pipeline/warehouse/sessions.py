"""Does work in parts on several sessions of the warehouse at once, where that is sooner than one after the other."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from queue import SimpleQueue
from typing import TypeVar

from psycopg.pq import TransactionStatus

from usage_pipeline.warehouse.connection import Connection, address_of, connected

# A session keeps one core of the server busy: the caller's, and one more.
SESSIONS = 2
_CANCEL_EVERY_S = 0.1
Part = TypeVar("Part")


def in_parts(
    connection: Connection,
    parts: Sequence[Part],
    work: Callable[[Connection, Part], None],
    *,
    done: Callable[[int], None] | None = None,
    sessions: int = SESSIONS,
) -> None:
    """Does ``work`` for each part, on the caller's session and so many in all; ``done`` hears how many parts are ready.

    Parts must neither need each other nor lock the same. Within a transaction of the caller's all is done on the
    caller's session, in order. What one part raises is raised when no other is under way any more; parts that were not
    begun are left.
    """
    if min(len(parts), sessions) < 2 or connection.info.transaction_status is not TransactionStatus.IDLE:
        for number, part in enumerate(parts, 1):
            work(connection, part)
            if done:
                done(number)
        return
    free: SimpleQueue[Connection] = SimpleQueue()

    def on_a_free_session(part: Part) -> None:
        session = free.get()
        try:
            work(session, part)
        finally:
            free.put(session)

    with ExitStack() as opened, ThreadPoolExecutor(sessions, "session") as threads:
        others = [opened.enter_context(connected(address_of(connection))) for _ in range(sessions - 1)]
        for session in (connection, *others):
            free.put(session)
        under_way = {threads.submit(on_a_free_session, part) for part in parts}
        try:
            _wait_for(under_way, len(parts), done)
        except Exception:  # a part failed: the others are let come to their end
            threads.shutdown(cancel_futures=True)
            raise
        except BaseException:  # somebody wants all of it to end: what is under way is rolled back
            threads.shutdown(wait=False, cancel_futures=True)
            # Again and again: one may come just before the statement that it is for.
            while not all(future.done() for future in under_way):
                for session in (connection, *others):
                    session.cancel()
                time.sleep(_CANCEL_EVERY_S)
            raise


def _wait_for(under_way: set[Future[None]], parts: int, done: Callable[[int], None] | None) -> None:
    while under_way:
        ended, under_way = wait(under_way, return_when=FIRST_COMPLETED)
        for future in ended:
            future.result()
        if done:
            done(parts - len(under_way))
