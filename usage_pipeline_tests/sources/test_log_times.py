"""No row of a window is missed by the bounds that it is asked for, whatever form its time is written in."""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_pipeline.sources.completion_logs.times import form_of, moment_of

BERLIN, SHANGHAI = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Shanghai")
WRITERS: dict[str, tuple[ZoneInfo, Callable[[datetime], object]]] = {
    "aware": (BERLIN, lambda m: m.astimezone(SHANGHAI)),
    "local": (BERLIN, lambda m: m.astimezone(BERLIN).replace(tzinfo=None)),
    "text of a local clock": (BERLIN, lambda m: m.astimezone(BERLIN).replace(tzinfo=None).isoformat(sep=" ")),
    "text with its offset": (SHANGHAI, lambda m: m.astimezone(BERLIN).isoformat()),
    "text in UTC": (SHANGHAI, lambda m: m.strftime("%Y-%m-%dT%H:%M:%S.%fZ")),
    "seconds": (BERLIN, lambda m: m.timestamp()),
    "milliseconds": (BERLIN, lambda m: int(m.timestamp() * 1000)),
    "day": (BERLIN, lambda m: m.astimezone(BERLIN).date()),
    "text of a day": (BERLIN, lambda m: m.astimezone(BERLIN).date().isoformat()),
}
# Around the change of clocks of October 2026, when an hour comes twice in Berlin, and far from it.
MOMENTS = st.one_of(
    st.datetimes(datetime(2026, 10, 24, 22), datetime(2026, 10, 25, 4)),  # noqa: DTZ001  (made aware below)
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001
).map(lambda m: m.replace(tzinfo=UTC))


@pytest.mark.parametrize("name", WRITERS)
@given(moment=MOMENTS, ends=st.lists(MOMENTS, min_size=2, max_size=2), sample=MOMENTS)
def test_bounds_leave_out_no_row_of_their_window(
    name: str, moment: datetime, ends: list[datetime], sample: datetime
) -> None:
    zone, write = WRITERS[name]
    since, until = sorted(ends)
    form = form_of([write(sample)], zone)
    assert form is not None
    written = write(moment)
    meant = moment_of(written, zone)
    assert meant is not None
    if since <= meant < until:
        assert form.lower(since) <= written < form.upper(until)  # type: ignore[operator]


@pytest.mark.parametrize("name", [n for n in WRITERS if "day" not in n])
@given(moment=st.datetimes(datetime(2026, 1, 1), datetime(2026, 10, 1)).map(lambda m: m.replace(tzinfo=UTC)))  # noqa: DTZ001
def test_a_time_written_down_means_the_same_moment(name: str, moment: datetime) -> None:
    zone, write = WRITERS[name]
    exact = {"milliseconds": 1000, "seconds": 10}.get(name, 1)  # microseconds that the form cannot tell
    meant = moment_of(write(moment), zone)
    assert meant is not None
    assert abs((meant - moment).total_seconds()) * 1_000_000 <= exact


@pytest.mark.parametrize(
    "value", [None, "", "yesterday", "24/11/2026", "0000-00-00 00:00:00", -1, 0, 10**30, True, "12"]
)
def test_what_is_no_time_is_none(value: object) -> None:
    assert moment_of(value, UTC) is None
    assert form_of([value], BERLIN) is None
