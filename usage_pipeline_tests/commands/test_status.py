"""`status` says whether it runs, by exit code too, and starts, migrates and writes nothing for that."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from usage_pipeline.cli import app
from usage_pipeline.ui.processes import LOCK, Address, only_one
from usage_pipeline.ui.running import running_up
from usage_pipeline.warehouse.connection import connected
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline_tests.support.company import Company, build_company
from usage_pipeline_tests.support.company_copies import company_to_copy, copy_of

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def built(postgres: EmbeddedServer) -> Iterator[Company]:
    """A company that was read by a pass a moment ago."""
    with company_to_copy(postgres, lambda make, url: build_company(make, url, seed=3, days=2)) as company:
        yield company


@pytest.fixture
def company(
    built: Company, postgres: EmbeddedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Company]:
    with copy_of(postgres, built) as copied:
        monkeypatch.setenv("WAREHOUSE_URL", copied.warehouse_url)
        monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(copied.config))
        monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path))
        yield copied


def status() -> tuple[int, dict[str, object]]:
    done = RUNNER.invoke(app, ["status", "--json"])
    return done.exit_code, json.loads(done.stdout)


def changed(company: Company, command: str) -> None:
    with connected(company.warehouse_url) as connection:
        connection.execute(command.encode())


@pytest.mark.usefixtures("company")
def test_after_a_pass_all_is_well() -> None:
    code, found = status()
    assert (code, found["problems"], found["ok"]) == (0, [], True)
    (source,) = found["sources"]  # type: ignore[misc]
    assert source["source"] == "main"
    assert 0 <= source["lag_seconds"] < 3600
    assert "All is well." in RUNNER.invoke(app, ["status"]).stdout


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("UPDATE usage.pass_record SET finished_at = finished_at - interval '3 hours'", "no pass has ended for 18"),
        ("UPDATE usage.pass_record SET held = false, error = 'DiskFull'", "ended with an error (DiskFull)"),
        ("UPDATE usage.source_state SET last_error = 'the password is wrong'", "source main: the password is wrong"),
        ("UPDATE usage.source_state SET last_success_at = last_success_at - interval '1 day'", "not read to its end"),
        ("UPDATE usage.schema_version SET version_num = '9999'", "upgrade this installation"),
        ("UPDATE usage.schema_version SET version_num = '0001'", "the next pass brings it to"),
        ("DELETE FROM usage.pass_record", "no pass has ended yet"),
    ],
)
def test_what_is_not_well_is_a_sentence_and_an_exit_code(company: Company, command: str, said: str) -> None:
    changed(company, command)
    code, found = status()
    assert code == 1
    assert said in " ".join(found["problems"])  # type: ignore[arg-type]


def test_prometheus_reads_the_same(company: Company) -> None:
    changed(company, """UPDATE usage.source_state SET source = 'a"b'""")
    text = RUNNER.invoke(app, ["status", "--metrics"]).stdout
    samples = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert samples["usage_pipeline_last_pass_ok"] == "1.0"
    assert float(samples["usage_pipeline_last_pass_timestamp_seconds"]) > 1.7e9
    assert samples['usage_pipeline_source_fresh{source="main"}'] == "0.0"
    assert samples["usage_pipeline_ok"] == "0.0"
    assert float(samples["usage_pipeline_disk_free_bytes"]) > 0


def test_a_stopped_server_is_said_and_stays_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path / "home"))
    code, found = status()
    assert code == 1
    assert "the embedded server does not run" in " ".join(found["problems"])  # type: ignore[arg-type]
    assert not (tmp_path / "home").exists()


def test_an_empty_warehouse_is_said_and_not_migrated(
    new_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = new_database()
    monkeypatch.setenv("WAREHOUSE_URL", url)
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path))
    code, found = status()
    assert code == 1
    assert "nothing was read yet" in " ".join(found["problems"])  # type: ignore[arg-type]
    with connected(url) as connection:
        assert connection.execute("SELECT to_regnamespace('usage')").fetchone() == (None,)


def test_an_up_is_known_by_its_lock_alone(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text('{"pid": 1, "url": "http://127.0.0.1:1"}', encoding="utf-8")
    assert running_up(tmp_path / LOCK) is None
    with only_one(tmp_path, Address("127.0.0.1", 1)):
        found = running_up(tmp_path / LOCK)
    assert found is not None
    assert (found.url, found.answers) == ("http://127.0.0.1:1", False)
