"""How far a MySQL or MariaDB replica is behind, by its own words."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from usage_pipeline.sources.base import SourceError
from usage_pipeline.sources.replica import Replica
from usage_pipeline.sources.replica_mysql import mysql_replica

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
STOPPED = "replication does not run; see SHOW REPLICA STATUS, then START REPLICA"
Rows = Sequence[dict[str, object]]


def server(answers: dict[str, Rows]) -> Callable[[str], Rows]:
    """A server that answers these statements and refuses any other."""

    def ask(statement: str) -> Rows:
        if statement not in answers:
            raise SourceError("Access denied; you need (at least one of) the REPLICATION CLIENT privilege(s)")
        return answers[statement]

    return ask


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ({"SHOW REPLICA STATUS": []}, None),
        ({"SHOW REPLICA STATUS": [{"seconds_behind_source": 0}]}, Replica(NOW, NOW)),
        ({"SHOW REPLICA STATUS": [{"seconds_behind_source": 90}]}, Replica(NOW, NOW - timedelta(seconds=91))),
        ({"SHOW SLAVE STATUS": [{"seconds_behind_master": "90"}]}, Replica(NOW, NOW - timedelta(seconds=91))),
        ({"SHOW REPLICA STATUS": [{"seconds_behind_source": 0}, {"seconds_behind_source": 7}]},
         Replica(NOW, NOW - timedelta(seconds=8))),
        ({"SHOW REPLICA STATUS": [{"seconds_behind_source": None}]}, Replica(NOW, None, STOPPED)),
        ({"SHOW REPLICA STATUS": [{"seconds_behind_source": 0}, {"seconds_behind_source": None}]},
         Replica(NOW, None, STOPPED)),
        ({"SELECT @@global.read_only AS read_only": [{"read_only": 0}]}, None),
        ({"SELECT @@global.read_only AS read_only": [{"read_only": 1}]}, Replica(NOW, None)),
        ({}, None),
    ],
)  # fmt: skip
def test_what_servers_say(answers: dict[str, Rows], found: Replica | None) -> None:
    assert mysql_replica(server(answers), NOW) == found
