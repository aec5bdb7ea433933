"""Whatever is typed, a command answers with a sentence and exit code 2, never with a traceback."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from usage_pipeline.cli import app
from usage_pipeline.warehouse.connection import Connection

CONFIG = "version: 1\nbudgets: [{id: company, scope: {}, period: day, limit: {tokens: 1000}}]\n"
ASK = ("overrides", "request", "company", "--until", "+8h", "--reason", "sale")
SILENCE = ("alerts", "silence", "--budget", "dev-*", "--reason", "move", "--until")


@pytest.fixture
def _installed(warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "c.yaml").write_text(CONFIG)
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(tmp_path / "c.yaml"))


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("backfill", "--from", "0001-01-01", "--to", "9999-12-31"), "--from '0001-01-01' is out of reach"),
        (("backfill", "--from", "2000-01-01", "--to", "9000-12-31"), "the limit is 3,660 at once"),
        (("backfill", "--from", "2000-01-01", "--to", "9000-12-31", "--what-if"), "the limit is 3,660 at once"),
        (("backfill", "--from", "yesterday", "--to", "2026-11-02"), "--from 'yesterday' is not a day"),
        (("backfill", "--from", "2026-11-02", "--to", "2026-11-01"), "exchange them"),
        (("reconcile", "--from", "1970-01-01", "--to", "9000-12-31"), "the limit is 3,660 at once"),
        (("report", "--date", "0001-01-01"), "--date '0001-01-01' is out of reach"),
        (("report", "--date", "9999-12-31", "--period", "month"), "is out of reach"),
        (("report", "--date", "2026-02-30"), "is not in the calendar"),
        (("report", "--chargeback", "9999-12"), "--chargeback '9999-12' is out of reach"),
        (("report", "--chargeback", "2026-13"), "is not in the calendar"),
        (("budgets", "show", "company", "--at", "0001-01-01T00:00+14:00"), "lies outside the calendar"),
        (("budgets", "show", "company", "--at", "8h"), "--at '8h' is not a moment"),
        (("alerts", "export", "--from", "0001-01-01", "--to", "now"), "--from '0001-01-01' lies outside the calendar"),
        (("alerts", "export", "--from", "now", "--to", "2020-01-01"), "is not before"),
        ((*SILENCE, "9999-12-31T23:59-10:00"), "--until '9999-12-31T23:59-10:00' lies outside the calendar"),
        ((*SILENCE, "tomorrow"), "write 8h, 3d or 2026-12-01T18:00"),
        ((*SILENCE, "2h", "--by", "two\nlines"), "is not a name"),
        (("alerts", "silence", "end", "99999999999999999999"), "Try 'root alerts silence end --help'"),
        ((*ASK, "--amount", "NaN"), "--amount 'NaN' is not a number; write digits such as 500000"),
        ((*ASK, "--amount", "1e400"), "is not a number"),
        ((*ASK, "--amount", "20%"), "is not a number"),
        ((*ASK, "--amount", "12,5"), "is not a number"),
        ((*ASK, "--amount", "-5"), "must be above zero"),
        ((*ASK, "--percent", "Infinity"), "--percent 'Infinity' is not a number; write per cent such as 20 or 12.5"),
        ((*ASK, "--amount", "5", "--by", "x" * 300), "is not a name"),
        ((*ASK[:-1], "a\0b", "--amount", "5"), "--reason holds a character that cannot be kept"),
        (("overrides", "approve", "rnothing"), "there is no override 'rnothing'"),
        (("enforcement", "approve", "act-none"), "act-none"),
        (("alerts", "show", "Bnone"), "there is no alert 'Bnone'"),
        (("alerts", "ack", "Bnone"), "there is no alert 'Bnone'"),
        (("nodes", "--project", "nowhere"), "there is no project 'nowhere'"),
        (("grant-reader", "--tenant", "nobody"), "nobody"),
        (("invoices", "import", "/nowhere/invoices.csv"), "invoices.csv"),
    ],
)
def test_a_mistake_is_a_sentence_and_exit_2(words: tuple[str, ...], says: str) -> None:
    done = CliRunner().invoke(app, list(words), env={"COLUMNS": "300"})
    assert done.exit_code == 2, (done.output, done.exception)
    assert says in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize("at", ["9999-12-31", "0001-01-03", "1969-12-31T23:59:59Z"])
def test_a_moment_far_away_is_one_at_which_nothing_was_evaluated(at: str, warehouse: Connection) -> None:
    done = CliRunner().invoke(app, ["budgets", "show", "company", "--at", at])
    assert done.exit_code == 0, (done.output, done.exception)
    assert "company was not evaluated at" in done.stdout
    for words in (["alerts", "export", "--from", "0001-01-03", "--to", "9999-12-31"], [*SILENCE, "9999-12-31"]):
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, (done.output, done.exception)
    assert CliRunner().invoke(app, ["alerts", "silence", "list"]).exit_code == 0
    assert warehouse.execute("SELECT ends_at FROM usage.silence").fetchone()


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize("day", ["1970-01-01", "9000-12-31"])
@pytest.mark.parametrize("period", ["day", "week", "month"])
def test_a_report_of_a_day_without_usage_is_refused_in_words(day: str, period: str, tmp_path: Path) -> None:
    words = ["report", "--date", day, "--period", period, "--format", "csv", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, words, env={"COLUMNS": "300"})
    assert done.exit_code == 2, (done.output, done.exception)
    assert ("lies ahead" if day > "2000" else "there is no usage") in done.stderr
    assert not (tmp_path / "out").exists()
