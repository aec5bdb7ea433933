"""A Dify that is read from a real streaming standby: what it has not replayed is not taken for read."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Timer

import psycopg
import pytest

from usage_pipeline.alerts.kinds.source import SOURCE, raise_replica_alerts
from usage_pipeline.configuration import active_configuration
from usage_pipeline.ingest.health import source_health
from usage_pipeline.reconciliation.reconcile import reconcile
from usage_pipeline.reports.edition import edition_of
from usage_pipeline.reports.make import make_report
from usage_pipeline.settings import Settings, load_settings
from usage_pipeline.sources import cut_reads
from usage_pipeline.sources.base import SourceInterruptedError
from usage_pipeline.sources.completion_logs import CompletionLogs
from usage_pipeline.sources.cut_reads import read_through_cuts
from usage_pipeline.sources.dify_postgres import source as dify_postgres
from usage_pipeline.sources.registry import examine, open_source
from usage_pipeline.sources.replica import Replica
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline_tests.support.company import KEY_RULES, Company, assert_events_equal, build_company
from usage_pipeline_tests.support.replication import Replication, running_replication

READER = "replica_reader"
LATE = 7_500


@pytest.fixture(scope="module")
def replication(postgres: EmbeddedServer) -> Iterator[Replication]:
    """A primary and its standby, with a role that can only read."""
    with running_replication(Path(postgres.socket_folder)) as running:
        running.primary.do("CREATE DATABASE dify")
        running.primary.do(f"CREATE ROLE {READER} LOGIN")
        yield running


@dataclass
class Followed:
    """A company whose Dify writes to the primary and is read from the standby."""

    replication: Replication
    company: Company
    warehouse: Connection

    @property
    def settings(self) -> Settings:
        """The configuration."""
        return load_settings(self.company.config)

    @property
    def yesterday(self) -> date:
        """The day of a call of forty hours ago, which is over in every zone."""
        return self.settings.today(datetime.now(UTC) - timedelta(hours=40))

    def call_of_yesterday(self) -> None:
        """The primary commits a message of that day with so many tokens, which came late."""
        self.replication.primary.do(
            "INSERT INTO messages SELECT (jsonb_populate_record(m, jsonb_build_object('id', gen_random_uuid(),"
            f" 'message_tokens', {LATE - 500}, 'answer_tokens', 500, 'created_at', now() - interval '40 hours'))).*"
            " FROM messages m WHERE m.workflow_run_id IS NULL AND m.message_tokens > 0 LIMIT 1",
            "dify",
        )

    def tokens(self) -> int:
        """What is counted of yesterday."""
        found = self.warehouse.execute(
            "SELECT coalesce(sum(total_tokens), 0) FROM usage.usage_event WHERE usage_date = %s", [self.yesterday]
        ).fetchone()
        return int(str(found[0])) if found else 0

    def doctor(self) -> list[tuple[str, str]]:
        """What doctor says of the replica."""
        said = examine(self.settings.sources[0], self.settings)
        return [(found.state, found.says) for found in said if "replica" in found.says]

    def day(self) -> tuple[str, str]:
        """How yesterday comes out when it is reconciled."""
        (result,) = reconcile(self.warehouse, self.settings, [self.yesterday])
        return result.state, result.says

    def reasons(self) -> Sequence[str]:
        """Why yesterday's report is provisional."""
        report = make_report(self.warehouse, self.settings, edition_of("day", self.yesterday))
        return [reason.reason for reason in report.open_reasons]

    def alerts(self, *, in_minutes: int) -> list[str]:
        """The alerts that are raised when nothing has changed so long from now."""
        configuration = active_configuration(self.warehouse, self.company.config)
        return raise_replica_alerts(self.warehouse, configuration, datetime.now(UTC) + timedelta(minutes=in_minutes))

    def read_up_to(self) -> datetime:
        """The source's watermark."""
        found = self.warehouse.execute("SELECT read_up_to FROM usage.source_state").fetchone()
        assert found
        assert isinstance(found[0], datetime)
        return found[0]


@pytest.fixture(scope="module")
def dify(replication: Replication) -> Company:
    """The company, whose history lies on both servers."""
    company = build_company(lambda: replication.primary.url("dify"), "", seed=91, days=3, calls_a_day=12)
    replication.primary.do(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {READER}", "dify")
    replication.catch_up()
    company.dify_url = replication.standby.url("dify").replace("postgres@", f"{READER}@")
    return company


@pytest.fixture
def followed(
    replication: Replication,
    dify: Company,
    warehouse_url: str,
    warehouse: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Followed]:
    """With a warehouse of its own, read once."""
    monkeypatch.setattr(cut_reads, "_PAUSE_SECONDS", 0.05)
    dify.warehouse_url = warehouse_url
    followed = Followed(replication, dify, warehouse)
    assert dify.run().ok
    yield followed
    replication.standby.do("SELECT pg_wal_replay_resume()")
    replication.primary.do(f"DELETE FROM messages WHERE message_tokens = {LATE - 500} AND answer_tokens = 500", "dify")
    replication.catch_up()


def test_a_standby_that_keeps_up_is_as_good_as_a_quiet_primary(followed: Followed) -> None:
    ((last,),) = followed.replication.standby.do("SELECT pg_last_xact_replay_timestamp()")
    before = datetime.now(UTC)
    assert followed.company.run().ok
    assert isinstance(last, datetime)
    assert last < before <= followed.read_up_to(), "nothing was committed since, and all of that was read"
    ((state, says),) = followed.doctor()
    assert (state, "holds all that its primary committed" in says) == ("ok", True)
    assert_events_equal(followed.warehouse, followed.company.history.truth(followed.company.history.now, KEY_RULES))


def test_what_a_standby_has_not_replayed_is_said_everywhere_and_counted_later(followed: Followed) -> None:
    counted = followed.tokens()
    assert followed.day()[0] == "green"
    followed.replication.standby.do("SELECT pg_wal_replay_pause()")
    followed.call_of_yesterday()
    followed.replication.receive()
    ((replayed,),) = followed.replication.standby.do("SELECT pg_last_xact_replay_timestamp()")

    summary = followed.company.run()
    assert not summary.ok
    assert "replay is paused" in summary.sources_behind["main"]
    assert followed.tokens() == counted
    assert isinstance(replayed, datetime)
    assert followed.read_up_to() >= replayed
    first = followed.read_up_to()
    followed.company.run()
    assert followed.read_up_to() == first, "it goes no further while the standby does not"
    ((state, says),) = followed.doctor()
    assert (state, "pg_wal_replay_resume()" in says) == ("wrong", True)
    (health,) = source_health(followed.warehouse, ["main"], timedelta(minutes=15))
    assert not health.fresh
    assert health.behind
    assert health.replayed_up_to == replayed
    state, says = followed.day()
    assert state == "not_compared"
    assert "replay is paused" in says
    assert "not_replayed" in followed.reasons()
    assert followed.alerts(in_minutes=4) == [], "it may be for a moment"
    (alert,) = followed.alerts(in_minutes=16)
    assert followed.alerts(in_minutes=120) == []

    followed.replication.standby.do("SELECT pg_wal_replay_resume()")
    followed.replication.catch_up()
    assert followed.company.run(sweep=False).ok
    assert followed.tokens() == counted + LATE, "a row that came late to a day that was swept without it"
    assert followed.day()[0] == "green"
    assert "not_replayed" not in followed.reasons()
    (health,) = source_health(followed.warehouse, ["main"], timedelta(minutes=15))
    assert health.fresh
    facts = followed.warehouse.execute("SELECT facts FROM usage.alert WHERE alert_id = %s", [alert]).fetchone()
    assert facts
    assert isinstance(facts[0], dict)
    read = SOURCE.read(facts[0])
    assert SOURCE.title(read, "en") == "Source main is read from a replica that is behind"
    assert SOURCE.title(read, "zh") == "数据源 main 的只读副本落后于主库"
    assert ["replay is paused" in value for _, value in SOURCE.lines(read, "en")] == [False, True, False]


def test_one_that_stopped_at_a_moment_that_nobody_knows_is_read_no_further(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = followed.read_up_to()
    stopped = lambda _: Replica(datetime.now(UTC), None, "it does not say since when")  # noqa: E731
    monkeypatch.setattr(dify_postgres.DifyPostgres, "replica", stopped)
    assert "since when" in followed.company.run().sources_behind["main"]
    assert followed.read_up_to() == first
    assert "not_replayed" in followed.reasons()


def test_a_log_on_a_standby_knows_how_far_it_is(followed: Followed) -> None:
    replication = followed.replication
    _make_log(replication)
    replication.catch_up()
    with closing(CompletionLogs("gateway", replication.standby.url("dify"))) as log:
        found = log.replica()
        assert found
        assert found.complete_up_to == found.clock
        replication.standby.do("SELECT pg_wal_replay_pause()")
        replication.primary.do("INSERT INTO completion_logs VALUES (1, now(), 1, 1) ON CONFLICT DO NOTHING", "dify")
        replication.receive()
        found = log.replica()
        assert found
        assert found.complete_up_to
        assert found.complete_up_to < found.clock
        assert "paused" in str(found.stopped)


def test_a_log_whose_session_ends_is_read_in_another(followed: Followed) -> None:
    replication = followed.replication
    _make_log(replication)
    replication.primary.do("INSERT INTO completion_logs VALUES (0, now(), 1, 1) ON CONFLICT DO NOTHING", "dify")
    with closing(CompletionLogs("gateway", replication.primary.url("dify"))) as log:
        ended = log.clock()
        replication.primary.do("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = 'dify'"
                               " AND application_name LIKE '%(read-only)'")  # fmt: skip
        with pytest.raises(SourceInterruptedError, match="the server ended the session"):
            log.window_end(ended)
        assert read_through_cuts(log.window_end, ended) is None


def test_a_standby_that_lost_its_primary_is_said(followed: Followed) -> None:
    with followed.replication.parted():
        assert "not connected to its primary" in followed.company.run().sources_behind["main"]
    assert followed.company.run().ok


@pytest.mark.parametrize("table", ["apps", "messages"])
def test_a_read_that_replay_cuts_is_done_again_in_the_same_pass(
    followed: Followed, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    before = _cut_so_far(followed.replication)
    cut = list[str]()

    def heard() -> None:
        if not cut and _is_being_read(standby, table):
            cut.append(table)
            _replay_a_lock(followed.replication, table)

    standby = psycopg.connect(followed.replication.standby.url("dify"), autocommit=True)
    followed.warehouse.execute("DELETE FROM usage.usage_event; DELETE FROM usage.source_state")
    monkeypatch.setattr(dify_postgres, "heard_from_source", heard)
    assert followed.company.run().ok
    standby.close()
    assert cut == [table]
    assert _cut_so_far(followed.replication) == before + 1
    assert_events_equal(followed.warehouse, followed.company.history.truth(followed.company.history.now, KEY_RULES))


def test_a_read_that_is_cut_each_time_says_what_helps(followed: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    standby = psycopg.connect(followed.replication.standby.url("dify"), autocommit=True)

    def heard() -> None:
        if _is_being_read(standby, "messages"):
            _replay_a_lock(followed.replication, "messages")

    monkeypatch.setattr(dify_postgres, "heard_from_source", heard)
    error = followed.company.run().source_errors["main"]
    standby.close()
    assert "hot_standby_feedback = on" in error


def test_a_statement_that_replay_cancels_is_told_from_a_slow_one(followed: Followed) -> None:
    with closing(open_source(followed.settings.sources[0], followed.settings)) as source:
        timer = Timer(0.2, lambda: _replay_a_lock(followed.replication, "messages"))
        timer.start()
        assert isinstance(source, dify_postgres.DifyPostgres)
        with (
            pytest.raises(SourceInterruptedError, match="max_standby_streaming_delay"),
            source.reading() as dify,
        ):
            dify.execute("SELECT pg_sleep(20), id FROM messages LIMIT 1")
        timer.join()


def _make_log(replication: Replication) -> None:
    replication.primary.do(
        "CREATE TABLE IF NOT EXISTS completion_logs (id int PRIMARY KEY, created_at timestamptz UNIQUE,"
        " input_tokens int, output_tokens int)",
        "dify",
    )


def _replay_a_lock(replication: Replication, table: str) -> None:
    """The standby replays a lock on what is being read, and lets nobody be in its way."""
    with psycopg.connect(replication.primary.url("dify")) as primary:
        primary.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        primary.commit()
    replication.catch_up()


def _is_being_read(standby: psycopg.Connection[tuple[object, ...]], table: str) -> bool:
    held = "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = %s::regclass AND pid <> pg_backend_pid())"
    return standby.execute(held, [table]).fetchone() == (True,)


def _cut_so_far(replication: Replication) -> int:
    ((count,),) = replication.standby.do("SELECT sum(confl_lock)::int FROM pg_stat_database_conflicts")
    return int(str(count))
