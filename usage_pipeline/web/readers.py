"""A few sessions of the warehouse that only read, for many short questions; statements are prepared once a session."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import LiteralString, TypeVar

import psycopg
from psycopg.rows import class_row

from usage_pipeline.warehouse.connection import plain_url

T = TypeVar("T")
_SESSIONS = 4
_WAITS_S = 2.0
# Not as options of the connection: a pooler refuses these.
_AS_READER = "SET default_transaction_read_only = on; SET statement_timeout = '2s'; SET jit = off; SET TimeZone = 'UTC'"


class Readers:
    """Opens sessions as they are needed and keeps them; one that broke is opened anew by the next question."""

    def __init__(self, url: str) -> None:
        self._url = plain_url(url)
        self._free: asyncio.LifoQueue[psycopg.AsyncConnection[tuple[object, ...]] | None] = asyncio.LifoQueue()
        for _ in range(_SESSIONS):
            self._free.put_nowait(None)

    async def rows(self, kind: type[T], query: LiteralString, parameters: Mapping[str, object]) -> list[T]:
        """Returns the rows as dataclasses. Raises psycopg.Error, and TimeoutError when all sessions are busy."""
        async with self._session() as session:
            cursor = session.cursor(row_factory=class_row(kind))
            await cursor.execute(query, parameters, prepare=True)
            return await cursor.fetchall()

    async def close(self) -> None:
        """Closes what is open and free."""
        while not self._free.empty():
            session = self._free.get_nowait()
            if session is not None:
                await session.close()

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[psycopg.AsyncConnection[tuple[object, ...]]]:
        session = await asyncio.wait_for(self._free.get(), _WAITS_S)
        try:
            if session is None or session.closed:
                session = await self._opened()
            yield session
        except BaseException:
            if session is not None and (session.closed or session.pgconn.transaction_status != 0):
                with suppress(psycopg.Error):
                    await session.close()
                session = None
            raise
        finally:
            self._free.put_nowait(session)

    async def _opened(self) -> psycopg.AsyncConnection[tuple[object, ...]]:
        session = await psycopg.AsyncConnection.connect(
            self._url, autocommit=True, application_name="usage-pipeline web", connect_timeout=5
        )
        await session.execute(_AS_READER)
        return session
