"""The demo, as a stranger runs it, in a home of its own; then what it left behind is searched for secrets."""

import json
import os
import socket
import subprocess
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
import requests

from usage_pipeline.demo.play import SEED
from usage_pipeline.fake_dify.history import build_history
from usage_pipeline.warehouse.embedded import EmbeddedServer
from usage_pipeline_tests.commands.conftest import Played
from usage_pipeline_tests.support.company import EXAMPLE
from usage_pipeline_tests.web.conftest import serving

HOUSE = ("warehouse", "dagster")


def test_it_ends_well_and_shows_the_whole_story(played: Played) -> None:
    assert played.code == 0, played.output[-3000:]
    for words in ("Usage by project", "lead-enricher", "Budgets", "emergency", "arrived: WeCom group",
                  "arrived: mail to marketing-owner@example.com", "arrived: ITSM webhook", '"errcode": 0',
                  "250 taken for", "Every step held", "403 while it was paused",
                  "200 after platform-lead approved", "Reconciliation: green", "usage-pipeline up",
                  "arrived: mail to platform-lead@example.com", "http://127.0.0.1:3080/a/"):  # fmt: skip
        assert words in played.output, words


def test_the_mails_are_pages_whose_buttons_are_the_peoples_own_links(played: Played) -> None:
    folder = played.home / "demo_mails"
    assert str(folder) in played.output.replace("\n", "")
    assert folder.stat().st_mode & 0o077 == 0
    for name, buttons in (
        ("the red alert, as the agent's owner has it", ("I take it", "Ask for more", "Undo")),
        ("what was done at the app, as its owner has it", ("Undo",)),
        ("the request for more, as the approver has it", ("Approve", "Reject")),
    ):
        mail = played.output.partition(name)[2].partition("(in the mail ")[2].partition(")")[0]
        page = (folder / mail).read_text(encoding="utf-8")
        assert [button for button in buttons if f">{button}</a>" not in page] == [], name
        assert page.count("http://127.0.0.1:3080/a/") > len(buttons)
        assert "usage-pipeline" not in page


def test_the_mails_links_open_by_the_configuration_that_the_demo_names(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = played.home / "demo.yaml"
    assert f"USAGE_PIPELINE_CONFIG={config} .venv/bin/usage-pipeline web" in " ".join(played.output.split())
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(config))
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(played.home))
    page = (played.home / "demo_mails" / "01-marketing-owner.html").read_text(encoding="utf-8")
    link = page.partition('href="http://127.0.0.1:3080')[2].partition('"')[0]
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as listening,
        serving(played.server.url("warehouse"), listening),
    ):
        answer = requests.get(f"http://127.0.0.1:{listening.getsockname()[1]}{link}", timeout=20)
    assert answer.status_code == 200
    assert "You are marketing-owner" in answer.text and "lead-enricher" in answer.text


def test_a_second_run_changes_nothing(played: Played) -> None:
    first, second = played.command("run", "--json"), played.command("run", "--json")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    document = json.loads(second.stdout)
    assert document["held"] is True
    assert document["events_changed"] == 0
    assert document["alerts"] == []


def test_listings_speak_json(played: Played) -> None:
    budgets = json.loads(played.command("budgets", "show", "--json").stdout)
    assert {row["budget_id"] for row in budgets} >= {"company-month", "agent-daily", "dev-daily"}
    alerts = [a for a in json.loads(played.command("alerts", "list", "--json").stdout) if a["kind"] == "budget"]
    assert sorted(float(alert["tier"]) for alert in alerts) == [80, 95, 100]
    shown = json.loads(played.command("alerts", "show", alerts[0]["alert"], "--json").stdout)
    assert shown["attempts"]
    assert shown["facts"]["scope_name"] == "lead-enricher"


def test_the_paused_agent_has_its_story(played: Played) -> None:
    (action,) = json.loads(played.command("enforcement", "list", "--json").stdout)
    assert (action["action"], action["target_name"], action["state"]) == ("pause_app", "lead-enricher", "released")
    shown = json.loads(played.command("enforcement", "show", action["action_id"], "--json").stdout)
    assert [event["what"] for event in shown["story"]][-1] == "released"
    assert action["alert_id"] in {a["alert"] for a in json.loads(played.command("alerts", "list", "--json").stdout)}


def test_a_budget_that_nothing_was_spent_of_is_listed_too(played: Played, tmp_path: Path) -> None:
    config = tmp_path / "with_one_more.yaml"
    more = "  - {id: no-such-project, scope: {project: nobody-made-it}, per: project, period: day, limit: {calls: 5}}\n"
    config.write_text(EXAMPLE.read_text("utf-8").replace("budgets:\n", "budgets:\n" + more), "utf-8")
    played.environment["USAGE_PIPELINE_CONFIG"] = str(config)
    try:
        (row,) = json.loads(played.command("budgets", "show", "no-such-project", "--json").stdout)
    finally:
        del played.environment["USAGE_PIPELINE_CONFIG"]
    assert (row["measure"], row["spent"], row["limit"], row["level"]) == ("calls", "0", "5", "ok")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("alerts", "show", "nothing"), "alerts list"),
        (("budgets", "show", "nothing"), "company-month"),
        (("backfill", "--from", "2026-11-02", "--to", "2026-11-01"), "lies before"),
        (("budgets", "validate", "/nowhere.yaml"), "cannot be read"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(played: Played, words: tuple[str, ...], says: str) -> None:
    done = played.command(*words)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demo_does_not_overwrite_usage_of_your_own(played: Played) -> None:
    with psycopg.connect(played.server.url("postgres"), autocommit=True) as connection:
        connection.execute("COMMENT ON DATABASE warehouse IS NULL")
        try:
            done = played.command("demo")
        finally:
            connection.execute("COMMENT ON DATABASE warehouse IS 'made by usage-pipeline demo'")
    assert done.returncode == 2
    assert "usage of your own" in done.stderr


def test_another_dify_is_not_mixed_into_the_demo(played: Played) -> None:
    played.environment["DIFY_DATABASE_URL"] = "postgresql://reader@db.example/dify"
    try:
        done = played.command("run")
    finally:
        del played.environment["DIFY_DATABASE_URL"]
    assert done.returncode == 2
    assert "demo --remove" in done.stderr


def test_no_secret_and_no_text_left_dify(played: Played) -> None:
    """Every prompt, answer and key secret of the demo, and every robot's URL, is searched for where we write."""
    canaries = _canaries(played)
    assert len(canaries) > 100
    with psycopg.connect(played.server.url("demo_dify")) as connection:
        row = connection.execute("SELECT count(*) FROM workflow_node_executions WHERE process_data LIKE %s",
                                 [f"%{canaries[-1]}%"]).fetchone()  # fmt: skip
    assert row
    assert row[0] > 0, "the marker that is searched for must stand in Dify itself"
    texts = {f"{name}.dump": _dump(played.server, name) for name in HOUSE}
    for path in (played.home / "dagster").rglob("*"):
        if path.is_file():
            texts[str(path)] = path.read_text(encoding="utf-8", errors="replace")
    texts["output"] = played.output
    assert len(texts["warehouse.dump"]) > 100_000
    assert len(texts["dagster.dump"]) > 100_000
    for name, text in texts.items():
        found = [marker for marker in canaries if marker in text]
        assert not found, f"{name} holds {found[:3]}"
        assert "/cgi-bin/webhook/send?key=" not in text, name


def _canaries(played: Played) -> list[str]:
    from datetime import UTC, datetime  # noqa: PLC0415

    # Keys and markers come from the seed before anything that depends on the moment.
    return list(build_history(SEED, datetime.now(UTC), days=1).canaries)


def _dump(server: EmbeddedServer, database: str) -> str:
    with psycopg.connect(server.url(database)) as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        parts = []
        for (table,) in tables:
            with connection.cursor().copy(f"COPY {table} TO STDOUT".encode()) as copy:
                parts += [bytes(block).decode("utf-8", "replace") for block in copy]
    return "".join(parts)


def test_yesterdays_report_takes_less_than_ten_seconds(played: Played) -> None:
    began = os.times()
    words = [sys.executable, "-m", "usage_pipeline", "report", "--format", "all", "--json"]
    done = subprocess.run(words, env=played.environment, capture_output=True, text=True, check=False, timeout=120)
    ended = os.times()
    # Seconds of work, not of the clock: what else the machine does is not the report's.
    took = ended.children_user + ended.children_system - began.children_user - began.children_system
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    with psycopg.connect(played.server.url("warehouse")) as connection:
        row = connection.execute(
            "SELECT sum(base_cost), sum(total_tokens) FROM usage.daily_usage WHERE usage_date = %s",
            [document["edition"]],
        ).fetchone()
    assert row is not None
    assert (Decimal(document["base_cost"]), document["total_tokens"]) == (row[0], row[1])
    assert len(document["files"]) == 5 and all(Path(path).is_relative_to(played.home) for path in document["files"])
    assert took < 10, f"{took:.1f} s"
