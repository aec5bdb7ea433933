"""A pass by the command and a pass by Dagster are the same pass: the same steps in one order, the same rows left."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from usage_pipeline import pipeline
from usage_pipeline.configuration import active_configuration
from usage_pipeline.pipeline import STEPS, run_pass
from usage_pipeline.warehouse.connection import connected
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline.warehouse.schema import migrate
from usage_pipeline_tests.support.channels import robot
from usage_pipeline_tests.support.clock import NOON_ZONE
from usage_pipeline_tests.support.company import Company, build_company
from usage_pipeline_tests.support.company_copies import company_to_copy, copy_of
from usage_pipeline_tests.support.forked_programs import run_forked

# Noon in this zone: a day of history lies within the days that a pass under Dagster rolls up.
CONFIG = f"""version: 1
timezone: {NOON_ZONE}
currency: CNY
exchange_rates: {{USD: 7.10}}
sources:
  - {{id: main, kind: dify, url_env: DIFY_DATABASE_URL}}
recipients:
  ops: {{channel: webhook, url_env: OPS_URL, allow_private: true}}
tiers:
  - {{at: 80, level: warning, notify: [ops]}}
  - {{at: 100, level: emergency, notify: [ops], actions: [pause_app]}}
budgets:
  - {{id: projects, per: project, period: day, limit: {{tokens: 2000}}}}
  - {{id: company, period: month, limit: {{cost: 1000000}}}}
enforcement: {{mode: dry_run}}
"""
SICK = "\n  - {id: away, kind: dify, url_env: AWAY_URL}\n"

PASS = """
import sys
import dagster as dg
from usage_pipeline import configuration, pipeline
from usage_pipeline.definitions import defs
from usage_pipeline.defs.shared import tags_of_pass

def breaks(*_, **__):
    raise RuntimeError("it breaks")

if sys.argv[2]:
    setattr(pipeline, sys.argv[2], breaks)
run_one = pipeline._run
def shown(work, step):
    print("STEP", step.name)
    run_one(work, step)
pipeline._run = shown
read = configuration.active_configuration
def read_and_shown(connection, path):
    print("CONFIGURATION")
    return read(connection, path)
configuration.active_configuration = read_and_shown
with dg.DagsterInstance.local_temp(sys.argv[1]) as instance:
    for job in sys.argv[3:]:
        tags = tags_of_pass() if job == "usage_pass" else {}
        run = defs.resolve_job_def(job).execute_in_process(instance=instance, tags=tags, raise_on_error=False)
        print("SUCCESS" if run.success else "FAILURE", job)
"""

# Rows that say when something was done, or which run did it; and what changes with the second of the evaluation.
_IDS = {"event_id", "pass_id", "message_id", "run_id", "by", "by_whom", "leased_by", "requested_by", "seal"}
_OF_THE_MOMENT = {"forecast", "straight_line", "forecast_low", "forecast_high", "trailing_average", "facts", "answer"}
_MOMENTS = {"occurred_at", "period_start", "period_end"}
# How often a day was made: Dagster makes tomorrow's, too, for tenants whose zone is ahead.
# The chain seals moments and ids.
_LEFT_OUT = {"rolled_day", "budget_day", "audit_chain"}
# An alert of enforcement bears the moment at which it was written, from which its id and its delivery's are made.
_MADE_OF_A_MOMENT = re.compile(r"'([A-Z])[a-z0-9]{10}(?:-[a-z0-9]{8})?'")


@dataclass
class Place:
    """Two copies of one company that has never been read, and their configuration."""

    by_command: Company
    by_dagster: Company
    config: Path
    home: Path

    def configure(self, text: str) -> None:
        """Writes the configuration, which both have worked by."""
        self.config.write_text(text, encoding="utf-8")
        for company in (self.by_command, self.by_dagster):
            with connected(company.warehouse_url) as connection:
                active_configuration(connection, self.config)

    def command(self) -> None:
        """The pass as `usage-pipeline run` does it, but for the long look-back."""
        with connected(self.by_command.warehouse_url) as connection:
            run_pass(connection, self.config, by="test", sweep=False)

    def dagster(self, *jobs: str, breaks: str = "") -> list[str]:
        """The pass as the daemon runs it, and other jobs after it; returns what they printed."""
        environment = {**os.environ, "WAREHOUSE_URL": self.by_dagster.warehouse_url, "DAGSTER_HOME": str(self.home)}
        words = [str(self.home), breaks, "usage_pass", *jobs]
        done = run_forked(PASS, *words, environment=environment)
        lines = [
            line
            for line in done.stdout.splitlines()
            if line.startswith(("STEP", "SUCCESS", "FAILURE", "CONFIGURATION"))
        ]
        assert lines, done.stderr[-3000:]
        return lines

    def assert_equal(self) -> None:
        """Every table of both warehouses holds the same, but for moments and ids."""
        command, dagster = tables(self.by_command), tables(self.by_dagster)
        assert command.keys() == dagster.keys()
        for table, rows in command.items():
            assert rows == dagster[table], table


def tables(company: Company) -> dict[str, list[str]]:
    """Every table's rows without what is of the moment, in an order of their own."""
    found: dict[str, list[str]] = {}
    with connected(company.warehouse_url) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns JOIN information_schema.tables"
            " USING (table_schema, table_name) WHERE table_schema = 'usage' AND table_type = 'BASE TABLE'"
        ).fetchall()
        for table in {str(name) for name, _, _ in columns} - _LEFT_OUT:
            of_the_moment = _OF_THE_MOMENT | (_IDS - {"event_id", "run_id"} if table == "usage_event" else _IDS)
            moments = _MOMENTS - {"period_start"} if table == "alert" else _MOMENTS
            kept = sorted(
                str(column)
                for name, column, kind in columns
                if name == table and column not in of_the_moment and (kind != _TIME or column in moments)
            )
            listed = ", ".join(f'"{column}"' for column in kept)
            rows = connection.execute(f"SELECT {listed} FROM usage.{table}".encode())
            found[table] = sorted(_MADE_OF_A_MOMENT.sub(r"'\1'", str(row)) for row in rows)
    return found


_TIME = "timestamp with time zone"


@pytest.fixture(scope="module")
def pattern(postgres: EmbeddedServer) -> Iterator[Company]:
    """The company of a day, not read yet."""
    with company_to_copy(postgres, lambda make, url: build_company(make, url, seed=12, days=1, calls_a_day=20.0),
                         read=False) as company:  # fmt: skip
        yield company


@pytest.fixture
def place(
    postgres: EmbeddedServer, pattern: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """Both copies read the same Dify and notify the same robot."""
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(tmp_path / "c.yaml"))
    monkeypatch.setenv("AWAY_URL", "postgresql://nobody@127.0.0.1:9/nowhere")
    (tmp_path / "dagster").mkdir()
    with copy_of(postgres, pattern) as one, copy_of(postgres, pattern) as other, robot((204, b"", {})) as server:
        monkeypatch.setenv("OPS_URL", server.url)
        monkeypatch.setenv("DIFY_DATABASE_URL", one.dify_url)
        place = Place(one, replace(other, dify_url=one.dify_url), tmp_path / "c.yaml", tmp_path / "dagster")
        for company in (one, other):
            migrate(company.warehouse_url)
        place.configure(CONFIG)
        yield place


def rows(company: Company, query: str) -> list[tuple[object, ...]]:
    """A query's rows in a copy's warehouse."""
    with connected(company.warehouse_url) as connection:
        return connection.execute(query.encode()).fetchall()


def test_they_take_the_same_steps_in_one_order_and_leave_the_same_rows(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []
    run_one = pipeline._run

    def noted(work: pipeline.Pass, step: pipeline.Step) -> None:
        taken.append(step.name)
        run_one(work, step)

    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "_run", noted)
        place.command()
    assert taken == [step.name for step in STEPS]
    lines = place.dagster()
    assert lines.count("CONFIGURATION") == 1, "read once a pass"
    lines.remove("CONFIGURATION")
    assert lines == [*(f"STEP {step.name}" for step in STEPS if not step.own_run), "SUCCESS usage_pass"]
    place.assert_equal()
    found = tables(place.by_dagster)
    assert len(found["usage_event"]) > 10, "or nothing was compared"
    assert len(found["daily_usage"]) > 5
    assert len(found["budget_status"]) > 3
    assert found["enforcement_plan"] and found["enforcement_action"]
    assert "delivered" in str(found["delivery"])
    assert rows(place.by_dagster, "SELECT held, error FROM usage.pass_record") == [(True, None)]


def test_they_leave_the_same_rows_when_a_source_fails(place: Place) -> None:
    place.configure(CONFIG.replace("DIFY_DATABASE_URL}\n", "DIFY_DATABASE_URL}" + SICK))
    place.command()
    place.dagster()
    place.assert_equal()
    assert rows(place.by_dagster, "SELECT budget_id FROM usage.alert WHERE kind = 'source'") == [("away",)]
    assert rows(place.by_dagster, "SELECT held FROM usage.pass_record") == [(True,)]


def test_they_go_on_and_alert_when_the_file_is_refused(place: Place) -> None:
    place.config.write_text(CONFIG.replace("period: day", "period: dai"), encoding="utf-8")
    place.command()
    place.dagster()
    place.assert_equal()
    assert len(rows(place.by_dagster, "SELECT FROM usage.alert WHERE kind = 'configuration'")) == 1
    assert len(tables(place.by_dagster)["usage_event"]) > 10
    assert rows(place.by_dagster, "SELECT held FROM usage.pass_record") == [(True,)]


@pytest.mark.parametrize("breaks", ["read_all_sources", "raise_watch_alerts", "differences"])
def test_they_leave_the_same_rows_when_a_step_raises(
    place: Place, breaks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raises(*_: object, **__: object) -> None:
        raise RuntimeError("it breaks")

    with monkeypatch.context() as patched:
        patched.setattr(pipeline, breaks, raises)
        with pytest.raises(RuntimeError):
            place.command()
    assert "FAILURE usage_pass" in place.dagster(breaks=breaks)
    assert rows(place.by_dagster, "SELECT held, error FROM usage.pass_record") == [(False, "RuntimeError")]
    place.assert_equal()


def test_the_steps_with_a_run_of_their_own_are_taken_there(place: Place) -> None:
    lines = place.dagster("enforce_actions")
    own = [f"STEP {step.name}" for step in STEPS if step.own_run]
    after = [line for line in lines[lines.index("SUCCESS usage_pass") + 1 :] if line != "CONFIGURATION"]
    assert after == ["STEP plan_enforcement", *own, "SUCCESS enforce_actions"]
