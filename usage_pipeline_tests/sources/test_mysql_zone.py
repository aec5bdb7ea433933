"""Times that a MySQL server makes by itself are told from its own clock, in whatever zone it stands."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_pipeline.fake_dify.history import build_history
from usage_pipeline.sources.base import SourceError
from usage_pipeline.sources.dify_mysql import DifyMysql
from usage_pipeline.sources.dify_mysql.zone import ServerZone, zone_shown
from usage_pipeline.warehouse.connection import connected
from usage_pipeline_tests.sources.conftest import execute
from usage_pipeline_tests.support.company import EXAMPLE, KEY_RULES, Company, assert_events_equal, events
from usage_pipeline_tests.support.dify_on_mysql import create_dify_on_mysql, insert_rows, read, write_history_to_mysql
from usage_pipeline_tests.support.mariadb import ZONE_OF_MACHINE, MariaDB, needs_mariadb

BERLIN = ZoneInfo(ZONE_OF_MACHINE)
ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/St_Johns")
moments = st.datetimes(datetime(2023, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@contextmanager
def zone_of_server(server: MariaDB, zone: str) -> Iterator[None]:
    """New sessions begin in this zone."""
    execute(server, f"SET GLOBAL time_zone = '{zone}'")
    try:
        yield
    finally:
        execute(server, "SET GLOBAL time_zone = '+08:00'")


@given(st.sampled_from(ZONES), moments, st.timedeltas(timedelta(0), timedelta(days=2)), st.floats(0, 1))
def test_a_window_holds_every_row_of_its_time(zone: str, since: datetime, length: timedelta, at: float) -> None:
    """Whatever the clock was set to in between: a row made in the window has a local time between its ends."""
    server = ServerZone(ZoneInfo(zone))
    until = since + length
    made = (since + length * at).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert server.earliest(since) <= made <= server.latest(until)


@given(st.sampled_from(ZONES), moments)
def test_a_local_time_means_its_moment_or_the_first_of_two(zone: str, moment: datetime) -> None:
    local = moment.astimezone(ZoneInfo(zone))
    meant = ServerZone(ZoneInfo(zone)).to_utc(local.replace(tzinfo=None))
    assert meant == moment or (local.fold == 1 and timedelta(0) < moment - meant <= timedelta(hours=1))


def shown_by(zone: str | timezone) -> list[tuple[datetime, datetime]]:
    """What a clock in the zone shows, a moment a week."""
    tz = ZoneInfo(zone) if isinstance(zone, str) else zone
    weeks = [datetime(2023, 1, 1, tzinfo=UTC) + timedelta(weeks=n) for n in range(200)]
    return [(moment, moment.astimezone(tz).replace(tzinfo=None)) for moment in weeks]


@pytest.mark.parametrize("zone", ZONES)
def test_a_zone_is_known_by_what_its_clock_shows(zone: str) -> None:
    """CST is Shanghai and Chicago, CET half of Europe: the clock decides, not the abbreviation."""
    found = zone_shown(shown_by(zone), "CST")
    for moment, shown in shown_by(zone):
        assert moment.astimezone(found).replace(tzinfo=None) == shown


def test_a_clock_that_follows_no_rule_asks_for_the_setting() -> None:
    seen = [(moment, shown + timedelta(minutes=7 * (n % 2))) for n, (moment, shown) in enumerate(shown_by("UTC"))]
    with pytest.raises(SourceError, match="database_timezone"):
        zone_shown(seen, "SYSTEM")


def written(mariadb: MariaDB, name: str, warehouse_url: str, zone: ZoneInfo | timezone, seed: int) -> Company:
    """A company whose Dify wrote on a server in the zone."""
    history = build_history(seed, datetime.now(UTC), 2, 8.0)
    with mariadb.connect(name) as dify:
        create_dify_on_mysql(dify)
        write_history_to_mysql(dify, history, history.now, zone)
    return Company(mariadb.url(name), warehouse_url, history)


@pytest.mark.mariadb
@needs_mariadb
@pytest.mark.parametrize(
    ("zone", "truly"),
    [("-03:30", timezone(-timedelta(hours=3, minutes=30))), ("SYSTEM", BERLIN), ("+00:00", UTC)],
)  # fmt: skip
def test_events_have_their_true_times_wherever_the_server_stands(
    zone: str, truly: ZoneInfo | timezone, mariadb: MariaDB, new_mysql_database: Callable[[], str], warehouse_url: str
) -> None:
    company = written(mariadb, new_mysql_database(), warehouse_url, truly, seed=61)
    with zone_of_server(mariadb, zone):
        assert not company.run().source_errors
    with connected(warehouse_url) as connection:
        assert_events_equal(connection, company.history.truth(company.history.now, KEY_RULES))


@pytest.mark.mariadb
@needs_mariadb
def test_the_configured_zone_goes_before_the_servers(
    mariadb: MariaDB,
    new_mysql_database: Callable[[], str],
    warehouse_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A replica may stand elsewhere than the server that wrote the times."""
    company = written(mariadb, new_mysql_database(), warehouse_url, ZoneInfo("Asia/Tokyo"), seed=62)
    line = "url_env: DIFY_DATABASE_URL}"
    text = EXAMPLE.read_text(encoding="utf-8")
    assert line in text
    company.config = tmp_path_factory.mktemp("zone") / "usage_pipeline.yaml"
    company.config.write_text(text.replace(line, line[:-1] + ", database_timezone: Asia/Tokyo}"), encoding="utf-8")
    assert not company.run().source_errors
    with connected(warehouse_url) as connection:
        assert_events_equal(connection, company.history.truth(company.history.now, KEY_RULES))


@pytest.mark.mariadb
@needs_mariadb
def test_summer_and_winter_of_a_server_are_told_apart(
    mariadb: MariaDB, new_mysql_database: Callable[[], str], warehouse_url: str
) -> None:
    """Messages around the nights on which Berlin's clocks changed; the hour that was shown twice means its first."""
    company = written(mariadb, new_mysql_database(), warehouse_url, BERLIN, seed=63)
    name = company.dify_url.rsplit("/", 1)[1]
    instants = [datetime(2026, month, day, hour, 30, tzinfo=UTC) for month, day in ((3, 28), (3, 29), (10, 25))
                for hour in (0, 1, 2, 12)]  # fmt: skip
    with mariadb.connect(name) as dify:
        columns = [str(row[0]) for row in read(dify, "SHOW COLUMNS FROM messages")]
        some = read(dify, "SELECT * FROM messages WHERE app_mode = 'chat' LIMIT 1")[0]
        rows = {}
        for number, instant in enumerate(instants):
            message_id = f"00000000-0000-4000-8000-{number:012d}"
            made = {"id": message_id, "created_at": instant.replace(tzinfo=None)}
            rows[message_id] = dict(zip(columns, some, strict=True)) | made
        insert_rows(dify, {"messages": rows}, BERLIN)
    with zone_of_server(mariadb, "SYSTEM"):
        source = DifyMysql("main", company.dify_url)
        assert str(source.zone).startswith("Europe/") or str(source.zone) == "Africa/Ceuta"
        source.close()
        assert not company.run().source_errors
    with connected(warehouse_url) as connection:
        found = events(connection)
    repeated = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    for message_id, instant in zip(rows, instants, strict=True):
        wanted = instant - timedelta(hours=1) if instant == repeated else instant
        assert found[f"message:{message_id}"]["occurred_at"] == wanted, instant
