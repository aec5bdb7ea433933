"""What the terminal says of a long reading: how far it is, how fast, and how long it will still take."""

from datetime import UTC, datetime, timedelta

from usage_pipeline.commands.run import ReadingPace, in_words
from usage_pipeline.ingest.read_source import Progress

CLOCK = datetime(2026, 3, 31, tzinfo=UTC)
FIRST = ReadingPace(100.0, CLOCK - timedelta(days=30), 20_000)


def at(days_left: int, events: int) -> Progress:
    """A reading that is so many days from its end."""
    return Progress("main", CLOCK - timedelta(days=days_left), CLOCK, events)


def test_the_time_left_is_that_of_the_way_so_far() -> None:
    """Ten of thirty days in five minutes: twice as long is left."""
    said = in_words(at(20, 320_000), FIRST, 400.0)
    assert said == "main: read up to 2026-03-11 00:00 UTC, 320,000 events, 1,000 a second, about 0:10:00 left"


def test_the_end_is_never_before_now() -> None:
    """A source's clock may be behind what it was read up to."""
    assert in_words(at(-1, 50_000), FIRST, 130.0).endswith("1,000 a second, about 0:00:00 left")


def test_a_pace_is_not_told_of_the_first_moments() -> None:
    begun = "main: read up to 2026-03-11 00:00 UTC, 320,000 events"
    assert in_words(at(20, 320_000), FIRST, 101.0) == begun
    assert in_words(at(30, 20_000), FIRST, 400.0) == "main: read up to 2026-03-01 00:00 UTC, 20,000 events"
