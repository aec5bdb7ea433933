"""How much of the budgets a pass evaluates: everything now and then, else the values that spent, or nothing."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows
from usage_pipeline.warehouse.statements import statement

# Forecasts, rolling windows and what fell back to nothing go on with time alone.
_EVERYTHING_EVERY = timedelta(minutes=5)
# Periods of every zone begin at a quarter of an hour.
_QUARTER_S = 900

Extent = Literal["everything", "what spent", "nothing"]


@dataclass(frozen=True)
class LastEvaluation:
    """What decides how budgets stand beside their spending, now and when they were last evaluated (aware UTC)."""

    inputs: str
    rolled: int
    known_inputs: str | None
    known_rolled: int | None
    evaluated_at: datetime | None
    levels: Mapping[str, int] | None
    touched: bool
    pending: bool

    def extent(self, as_of: datetime) -> Extent:
        """Returns how much has to be evaluated at a moment."""
        if self.evaluated_at is None or self.pending or self.inputs != self.known_inputs:
            return "everything"
        if not timedelta() <= as_of - self.evaluated_at < _EVERYTHING_EVERY or _quarter(as_of) != _quarter(
            self.evaluated_at
        ):
            return "everything"
        return "what spent" if self.touched or self.rolled != self.known_rolled else "nothing"


def _quarter(moment: datetime) -> int:
    return int(moment.timestamp() // _QUARTER_S)


def pace(connection: Connection, config_version: int) -> LastEvaluation:
    """Reads what decides beside spending; inside the transaction of an evaluation, which waits for others."""
    (found,) = rows(connection, LastEvaluation, statement("budgets/pace"), {"config_version": config_version})
    return found


def note_looked(connection: Connection, as_of: datetime) -> None:
    """Notes that a pass found nothing to evaluate: what stands, stands as of that moment."""
    connection.execute("UPDATE usage.evaluation SET looked_at = %s", [as_of])


def note_evaluated(
    connection: Connection, found: LastEvaluation, levels: Counter[str], as_of: datetime, extent: Extent
) -> None:
    """Notes what was evaluated, in the transaction that did; ``levels``: how many values stand at each."""
    parameters = {
        "as_of": as_of,
        "inputs": found.inputs,
        "rolled": found.rolled,
        "levels": json.dumps(levels),
        "everything": extent == "everything",
    }
    connection.execute(statement("budgets/evaluated"), parameters)
