"""Sources are read side by side: one that hangs or refuses fails alone, on time, and is told once."""

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from usage_pipeline.alerts.kinds.source import raise_source_alerts
from usage_pipeline.configuration import active_configuration
from usage_pipeline.ingest.read_all_sources import read_all_sources
from usage_pipeline.settings import Settings, load_settings
from usage_pipeline.sources.dify_postgres import connection as dify_connection
from usage_pipeline.sources.dify_postgres import source as dify_postgres
from usage_pipeline.warehouse.connection import Connection, connect, connected
from usage_pipeline_tests.support.company import EXAMPLE, KEY_RULES, Company, assert_events_equal, build_company
from usage_pipeline_tests.support.forked_programs import run_forked
from usage_pipeline_tests.support.lines import Proxy, closed_port, silent_port

WELL = ("north", "south", "west")
SICK = ("hung", "refused")
CONNECT_SECONDS = 2
SILENT_SECONDS = 8  # the statement timeout of 3 and what is added to it


@dataclass
class Place:
    """Three Difys that are well, two that need not be."""

    companies: list[Company]
    config: Path
    environment: pytest.MonkeyPatch
    dead_port: int

    @property
    def settings(self) -> Settings:
        return load_settings(self.config)

    def point(self, source: str, url: str) -> None:
        self.environment.setenv(f"{source.upper()}_URL", url)


def configuration(folder: Path, sources: tuple[str, ...], more: str = "") -> Path:
    """The example configuration with these sources."""
    lines = "\n".join(f"  - {{id: {name}, kind: dify, url_env: {name.upper()}_URL}}" for name in sources)
    text = EXAMPLE.read_text(encoding="utf-8").replace("  - {id: main, kind: dify, url_env: DIFY_DATABASE_URL}", lines)
    assert lines in text
    path = folder / "c.yaml"
    path.write_text(f"{text}\nlookback: {{statement_timeout_seconds: 3}}\n{more}", encoding="utf-8")
    return path


@pytest.fixture
def place(
    new_database: Callable[[], str], warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """Three Difys that are well; `hung` takes connections and never answers, `refused` is not there."""
    monkeypatch.setattr(dify_connection, "_CONNECT_SECONDS", CONNECT_SECONDS)
    companies = [
        build_company(new_database, warehouse_url, seed=70 + n, days=1, calls_a_day=2, runaway_calls=60)
        for n in range(3)
    ]
    config = configuration(tmp_path, (*SICK, *WELL), "reading: {silent_after_seconds: 1}\n")
    with silent_port() as port:
        made = Place(companies, config, monkeypatch, port)
        for name, company in zip(WELL, companies, strict=True):
            made.point(name, company.dify_url)
        made.point("hung", f"postgresql://reader:hidden-s3cr3t@127.0.0.1:{port}/dify")
        made.point("refused", f"postgresql://reader:hidden-s3cr3t@127.0.0.1:{closed_port()}/dify")
        yield made


def readers_alive() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("reading ")]


def true_events(companies: list[Company]) -> list[object]:
    return [unit for c in companies for unit in c.history.truth(c.history.now, KEY_RULES)]


def test_five_sources_of_which_one_hangs_and_one_refuses(place: Place, warehouse: Connection) -> None:
    begin = datetime.now(UTC)
    results, errors = read_all_sources(warehouse, place.settings, sweep=False)
    took = datetime.now(UTC) - begin
    assert sorted(result.source_id for result in results) == sorted(WELL)
    assert sorted(errors) == sorted(SICK)
    assert_events_equal(warehouse, true_events(place.companies))  # type: ignore[arg-type]
    assert took < timedelta(seconds=CONNECT_SECONDS + 7), "the one that hangs held up the pass"
    assert "timeout" in errors["hung"]
    assert "refused" in errors["refused"]
    assert "hidden-s3cr3t" not in str(errors)
    assert not readers_alive()


def test_each_sick_source_is_alerted_once_an_outage_not_once_a_minute(place: Place, warehouse: Connection) -> None:
    for name in SICK:
        place.point(name, place.companies[0].dify_url)
    assert not read_all_sources(warehouse, place.settings, sweep=False)[1]
    place.point("hung", f"postgresql://reader:x@127.0.0.1:{place.dead_port}/dify")
    place.point("refused", f"postgresql://reader:x@127.0.0.1:{closed_port()}/dify")
    in_force = active_configuration(warehouse, place.config)
    began = datetime.now(UTC)
    told = {}
    for minute in (1, 11, 12, 60):
        read_all_sources(warehouse, place.settings, sweep=False)
        told[minute] = raise_source_alerts(warehouse, in_force, began + timedelta(minutes=minute))
    assert {minute: len(ids) for minute, ids in told.items()} == {1: 0, 11: 2, 12: 0, 60: 0}
    rows = warehouse.execute("SELECT budget_id FROM usage.alert WHERE kind = 'source' ORDER BY 1").fetchall()
    assert rows == [("hung",), ("refused",)]


def test_one_that_stops_in_mid_stream_is_left_and_read_whole_when_it_is_back(
    place: Place,
    warehouse: Connection,
    new_database: Callable[[], str],
    warehouse_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fourth = build_company(new_database, warehouse_url, seed=79, days=1, calls_a_day=2, runaway_calls=1_500)
    line = Proxy(fourth.dify_url)
    place.point("hung", line.url)
    place.point("refused", place.companies[0].dify_url)
    line.freeze(after_bytes=200_000)
    begin = time.monotonic()
    results, errors = read_all_sources(warehouse, place.settings, sweep=False)
    took = time.monotonic() - begin
    assert sorted(result.source_id for result in results) == sorted({*WELL, "refused"})
    assert list(errors) == ["hung"]
    assert f"gave no answer for {SILENT_SECONDS} seconds" in errors["hung"]
    assert SILENT_SECONDS < took < SILENT_SECONDS + 8
    assert not readers_alive(), "its thread is still there"
    line.thaw()
    assert not read_all_sources(warehouse, place.settings, sweep=False)[1]
    warehouse.execute("DELETE FROM usage.usage_event WHERE source = 'refused'")
    assert_events_equal(warehouse, true_events([*place.companies, fourth]))  # type: ignore[arg-type]
    line.cut()


def test_a_name_server_that_never_answers_holds_nobody_up(
    place: Place, warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.point("hung", "postgresql://reader:x@dify.example.com/dify")
    answered = threading.Event()

    def look_up(host: str, *words: object, **more: object) -> list[object]:
        assert host in {"dify.example.com", "127.0.0.1"}
        return look_up_well(host, *words, **more) if host == "127.0.0.1" else [answered.wait(60)]  # type: ignore[arg-type]

    look_up_well = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    begin = time.monotonic()
    results, errors = read_all_sources(warehouse, place.settings, sweep=False)
    assert time.monotonic() - begin < SILENT_SECONDS + 5 + 8
    assert len(results) == len(WELL)
    assert "gave no answer" in errors["hung"]
    answered.set()
    for thread in [thread for thread in threading.enumerate() if thread.name.startswith("reading ")]:
        thread.join(10)
    assert not readers_alive(), "the look-up has ended, so must its thread"


def test_a_lost_warehouse_is_not_a_sick_source(place: Place, warehouse_url: str) -> None:
    line = Proxy(warehouse_url)
    with connected(line.url) as connection:
        cut = threading.Timer(0.5, line.cut)
        cut.start()
        with pytest.raises(psycopg.OperationalError):
            read_all_sources(connection, place.settings, sweep=False)
        cut.join()
    assert not readers_alive()


def test_a_long_first_reading_goes_on_over_passes_and_holds_nobody_up(
    place: Place, warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dify_postgres, "_MESSAGES_A_WINDOW", 10)
    for name in SICK:
        place.point(name, place.companies[0].dify_url)
    passes = 0
    unfinished = True
    while unfinished:
        results, errors = read_all_sources(warehouse, place.settings, sweep=False, within=timedelta(microseconds=1))
        assert not errors
        unfinished = any(not result.finished for result in results)
        passes += 1
        rows = warehouse.execute("SELECT count(*) FROM usage.source_state WHERE last_success_at IS NULL").fetchone()
        assert (rows == (0,)) is not unfinished
        assert passes < 40
    assert passes > 3, "the windows were too large to mean anything"
    warehouse.execute("DELETE FROM usage.usage_event WHERE source IN ('hung', 'refused')")
    assert_events_equal(warehouse, true_events(place.companies))  # type: ignore[arg-type]


def test_one_at_a_time_ends_too_and_the_sick_come_last(place: Place, warehouse: Connection) -> None:
    read_all_sources(warehouse, place.settings, sweep=False)
    text = place.config.read_text(encoding="utf-8").replace("reading: {", "reading: {sources_at_once: 1, ")
    place.config.write_text(text, encoding="utf-8")
    order: list[str] = []
    results, errors = read_all_sources(
        warehouse, place.settings, sweep=False, progress=lambda told: order.append(told.source_id)
    )
    assert {*order} == {*WELL}
    assert len(results) == len(WELL)
    assert sorted(errors) == sorted(SICK)
    ends = dict(warehouse.execute("SELECT source, last_pass_at FROM usage.source_state").fetchall())  # type: ignore[arg-type]
    assert max(ends[name] for name in WELL) < min(ends[name] for name in SICK)


CHECKS = """
import dagster as dg, json, sys
from usage_pipeline.definitions import defs
from usage_pipeline.defs.shared import tags_of_pass
from usage_pipeline.sources.dify_postgres import connection
connection._CONNECT_SECONDS = 2
with dg.DagsterInstance.local_temp(sys.argv[1]) as instance:
    run = defs.resolve_job_def("usage_pass").execute_in_process(
        instance=instance, tags=tags_of_pass(), raise_on_error=False)
    checks = {e.check_name: [e.passed, e.metadata["error"].value] for e in run.get_asset_check_evaluations()
              if e.check_name.startswith("source_fresh")}
    print("CHECKS" + json.dumps({"success": run.success, "checks": checks}))
"""


def test_in_dagster_exactly_the_sick_sources_are_red(place: Place, warehouse_url: str, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    environment = {**os.environ, "WAREHOUSE_URL": warehouse_url, "USAGE_PIPELINE_CONFIG": str(place.config),
                   "DAGSTER_HOME": str(tmp_path / "home")}  # fmt: skip
    done = run_forked(CHECKS, str(tmp_path / "home"), environment=environment)
    line = next((line for line in done.stdout.splitlines() if line.startswith("CHECKS")), None)
    assert line, done.stderr[-3000:]
    found = json.loads(line.removeprefix("CHECKS"))
    assert found["success"], "a sick source must not fail the run of the others"
    assert {name for name, (passed, _) in found["checks"].items() if not passed} == {
        "source_fresh_hung", "source_fresh_refused",
    }  # fmt: skip
    assert {name for name, (passed, _) in found["checks"].items() if passed} == {f"source_fresh_{n}" for n in WELL}
    assert "refused" in found["checks"]["source_fresh_refused"][1]
    with connect(warehouse_url) as connection:
        alerts = connection.execute("SELECT budget_id FROM usage.alert WHERE kind = 'source' ORDER BY 1").fetchall()
        assert alerts == [("hung",), ("refused",)]


@pytest.mark.parametrize(
    ("ids", "names"),
    [
        (["main", "a.b", "a-b"], ["source_fresh_main", "source_fresh_a_b", "source_fresh_a_b_2"]),
        (["a_b_2", "a.b", "a-b"], ["source_fresh_a_b_2", "source_fresh_a_b", "source_fresh_a_b_3"]),
    ],
)
def test_every_source_has_a_check_of_its_own_name(
    warehouse_url: str, monkeypatch: pytest.MonkeyPatch, ids: list[str], names: list[str]
) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    from usage_pipeline.defs.shared import check_names  # noqa: PLC0415  (reads the warehouse when loaded)

    assert list(check_names("source_fresh", ids).values()) == names
