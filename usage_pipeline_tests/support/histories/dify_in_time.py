"""A Dify whose tables show, at each moment that a test asks for, what was committed by then and not deleted."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial

from psycopg import sql

from usage_pipeline.fake_dify.scripts import CallScript
from usage_pipeline.fake_dify.write import copy_rows
from usage_pipeline.warehouse.connection import Connection

Row = dict[str, object]
Predicate = Callable[[Mapping[str, object]], bool]


class DifyInTime:
    """The rows of a made-up Dify in memory, written to its database when somebody looks."""

    def __init__(self, connection: Connection, calls: Iterable[CallScript]) -> None:
        self._connection = connection
        self._rows: dict[str, dict[str, Row]] = defaultdict(dict)
        self._gone: set[tuple[str, str]] = set()
        self._written: set[tuple[str, str]] = set()
        self._dirty: dict[str, set[str]] = defaultdict(set)
        self._ids: dict[tuple[str, str], str] = {}
        self._closed_apps: set[str] = set()
        self._waiting: list[tuple[datetime, Callable[[], object]]] = []
        for step in (step for call in calls for step in call.steps):
            self.at(step.at, partial(self._apply, step.table, step.key, step.values))

    def begin(self, tables: Mapping[str, Mapping[str, Mapping[str, object]]]) -> None:
        """Puts in what stands before the first call."""
        for table, rows in tables.items():
            for key, values in rows.items():
                self._apply(table, key, values)

    def at(self, moment: datetime, action: Callable[[], object]) -> None:
        """Something else to be done at a moment."""
        self._waiting.append((moment, action))

    def show(self, until: datetime) -> None:
        """Brings the database to the state of a moment; moments only go forward."""
        self._waiting.sort(key=lambda entry: entry[0])
        while self._waiting and self._waiting[0][0] <= until:
            self._waiting.pop(0)[1]()
        self._write()

    def update(self, table: str, key: str, values: Mapping[str, object]) -> None:
        """Changes a row that is there."""
        if key in self._rows[table]:
            self._apply(table, key, values)

    def delete(self, table: str, fits: Predicate) -> list[str]:
        """Deletes the rows that are there; writes to them that come later do nothing. Gives their ids."""
        keys = [key for key, row in self._rows[table].items() if fits(row)]
        self._gone |= {(table, key) for key in keys}
        self._dirty[table] |= set(keys)
        return [str(self._rows[table].pop(key)["id"]) for key in keys]

    def close_app(self, app_id: str) -> None:
        """Nothing is written for the app any more."""
        self._closed_apps.add(app_id)

    def _apply(self, table: str, key: str, values: Mapping[str, object]) -> None:
        if (table, key) in self._gone or values.get("app_id") in self._closed_apps:
            self._gone.add((table, key))
            return
        row = self._rows[table].setdefault(key, {})
        row.update(values)
        self._ids[(table, key)] = str(row["id"])
        self._dirty[table].add(key)

    def _write(self) -> None:
        with self._connection.transaction():
            for table, keys in self._dirty.items():
                known = [self._ids[(table, key)] for key in keys if (table, key) in self._written]
                if known:
                    self._connection.execute(
                        sql.SQL("DELETE FROM {} WHERE id = ANY(%s::uuid[])").format(sql.Identifier(table)), [known]
                    )
                there = {key: self._rows[table][key] for key in keys if key in self._rows[table]}
                if there:
                    copy_rows(self._connection, {table: there})
                self._written |= {(table, key) for key in there}
        self._dirty.clear()
