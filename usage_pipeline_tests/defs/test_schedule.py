"""The pass comes evenly, whatever number of minutes lies between two."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from usage_pipeline.defs.ingest import is_due

START = datetime(2026, 11, 26, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("every", [1, 2, 7, 15, 45, 59, 60, 90, 1440])
def test_passes_are_evenly_apart(every: int) -> None:
    minutes = [START + timedelta(minutes=minute) for minute in range(4 * 1440)]
    due = [at for at in minutes if is_due(at, every)]
    assert {later - sooner for sooner, later in pairwise(due)} == {timedelta(minutes=every)}
