"""What people see: the Dagster UI over the demo, in a real browser."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect

from usage_pipeline.budgets.evaluate import evaluate_budgets
from usage_pipeline.budgets.past_days import end_of_day
from usage_pipeline.configuration import active_configuration
from usage_pipeline.demo.channel_servers import free_port
from usage_pipeline.run_tags import pass_tags, range_tags
from usage_pipeline.settings import load_settings
from usage_pipeline.usage.roll_up import roll_up
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline_tests.commands.conftest import Played
from usage_pipeline_tests.support.chromium import in_a_browser, running_browser
from usage_pipeline_tests.support.company import EXAMPLE
from usage_pipeline_tests.support.running_ui import ask_for, asked, ended, seconds_of, wait_until_it_answers

# A slow machine may take its time; what does not come at all fails.
PATIENCE_MS = 60_000
WHAT_IF_SECONDS = 20.0

pytestmark = [*in_a_browser, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def config(played: Played) -> Path:
    """A copy of the example configuration that the UI runs on, so that a test may change it."""
    path = played.home / "changing.yaml"
    address = f"127.0.0.1:{free_port()}"
    web = f'\nweb: {{public_url: "http://{address}", listen: "{address}"}}\n'
    text = EXAMPLE.read_text(encoding="utf-8")
    # Nobody hears what is alerted here: trying that again and again would take a run of its own each few seconds.
    web += "delivery: {every_seconds: 300}\n"
    assert "\ndelivery:" not in text
    # The tests ask for their passes themselves: one that runs hides what the last one found.
    assert "every_minutes: 1}" in text
    path.write_text(text.replace("every_minutes: 1}", "every_minutes: 1440}") + web, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def ui(played: Played, config: Path) -> Iterator[str]:
    """The address of a running `usage-pipeline up`."""
    assert played.code == 0, played.output[-2000:]
    port = free_port()
    environment = played.environment | {"USAGE_PIPELINE_CONFIG": str(config)}
    process = subprocess.Popen([sys.executable, "-m", "usage_pipeline", "up", "--port", str(port)],
                               env=environment, start_new_session=True)  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_it_answers(url, process)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium, headless."""
    with running_browser() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A new page."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    yield page
    page.close()


def keep(page: Page, name: str) -> None:
    """Keeps a screenshot as CI output."""
    folder = os.environ.get("USAGE_PIPELINE_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.wait_for_timeout(1500)  # let the graph come to rest
        page.screenshot(path=Path(folder) / f"{name}.png")


def _past_day(days_ago: int) -> str:
    return str((datetime.now(ZoneInfo("Asia/Shanghai")) - timedelta(days=days_ago)).date())


def test_the_web_page_is_served_beside_it(ui: str, config: Path) -> None:
    web, end = load_settings(config).web, time.monotonic() + 60
    assert web
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{web.public_url}/healthz", timeout=5) as answer:
                assert answer.read() == b"ok\n"
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the web page did not come up")


def test_the_asset_graph_shows_the_way_of_the_data(ui: str, page: Page) -> None:
    page.goto(f"{ui}/assets/alert_audit?view=lineage&lineageScope=upstream&lineageDepth=5")
    for asset in ("usage_events", "daily_usage", "budget_status", "alert_audit"):
        expect(page.get_by_text(asset, exact=True).first).to_be_visible()
    keep(page, "lineage")
    page.goto(f"{ui}/asset-groups")
    for group in ("ingest", "usage", "budgets", "alerts"):
        expect(page.get_by_text(group, exact=True).first).to_be_visible()
    keep(page, "groups")


def test_a_partition_of_daily_usage_shows_its_own_figures(ui: str, page: Page, played: Played) -> None:
    day = _past_day(7)
    with psycopg.connect(played.server.url("warehouse")) as connection:
        row = connection.execute(
            "SELECT count(*), sum(total_tokens) FROM usage.daily_usage WHERE usage_date = %s", [day]
        ).fetchone()
    assert row
    page.goto(f"{ui}/assets/daily_usage?view=partitions&partition={day}")
    expect(page.get_by_text("dagster/row_count").first).to_be_visible()
    expect(page.get_by_role("cell", name=str(row[0]), exact=True).first).to_be_visible()
    expect(page.get_by_role("cell", name=str(row[1]), exact=True).first).to_be_visible()
    keep(page, "partition")


def test_an_operators_morning(ui: str, page: Page, config: Path) -> None:
    """The overview, what is red and why, what a changed budget would have alerted, the day's report, the graph."""
    valid = config.read_text(encoding="utf-8")
    assert "limit: {cost: 50000}" in valid
    changed = valid.replace("limit: {cost: 50000}", "limit: {cost: 5}, tiers: [{at: 100, level: emergency}]")
    added = "budgets:\n  - {id: added-later, period: day, limit: {calls: 1000000}}\n"
    config.write_text(changed.replace("budgets:\n", added, 1), encoding="utf-8")
    yesterday, today = (date.fromisoformat(_past_day(days_ago)) for days_ago in (1, 0))
    try:
        report = ask_for(ui, "daily_report_job", range_tags(yesterday, yesterday))
        assert ended(ui, ask_for(ui, "usage_pass", pass_tags(today, today))) == "SUCCESS"
        _look_at_the_overview(ui, page)
        _look_at_what_is_red(ui, page)
        page.goto(f"{ui}/assets/budget_status?view=checks&checkDetail=budget_added_later")
        # The location is loaded anew by itself: nobody need press "Reload".
        expect(page.get_by_text("added-later is under its limit.").first).to_be_visible()
    finally:
        config.write_text(valid, encoding="utf-8")
    _ask_what_would_have_alerted(ui, page)
    assert ended(ui, report) == "SUCCESS"
    _look_at_the_report(ui, page)
    page.goto(f"{ui}/asset-groups")
    expect(page.get_by_text("overview", exact=True).first).to_be_visible()
    keep(page, "states")


def _look_at_the_overview(ui: str, page: Page) -> None:
    page.goto(f"{ui}/assets/overview")
    expect(page.get_by_text("请查看：").first).to_be_visible()
    expect(page.get_by_text("1 红色").first).to_be_visible()
    for key in ("overview", "budgets", "sources", "cost_today_cny", "budgets_emergency", "lag_minutes"):
        expect(page.get_by_text(key, exact=True).first).to_be_visible()
    keep(page, "overview")


def _look_at_what_is_red(ui: str, page: Page) -> None:
    page.goto(f"{ui}/assets/budget_status?view=checks&checkDetail=budget_company_month")
    expect(page.get_by_text("Company is under its limit.").first).to_be_visible()
    expect(page.get_by_text("Failed", exact=True).first).to_be_visible()
    shown = page.locator("table", has=page.get_by_text("spent_percent", exact=True)).first
    expect(shown.get_by_text("5.00 CNY", exact=True).first).to_be_visible()
    expect(shown.get_by_text("emergency", exact=True).first).to_be_visible()
    expect(page.get_by_text("[Show Markdown]")).to_have_count(0)
    keep(page, "budget_check")
    page.goto(f"{ui}/assets/budget_status?view=checks&checkDetail=nothing_unusual")
    expect(page.get_by_text("everything-by-day").first).to_be_visible()


def _ask_what_would_have_alerted(ui: str, page: Page) -> None:
    """From the form as it stands: the last seven days."""
    page.goto(f"{ui}/locations/usage_pipeline/jobs/make_days_again/playground")
    expect(page.get_by_text("No errors").first).to_be_visible()
    keep(page, "form")
    with page.expect_response(
        lambda answer: "LaunchRunSuccess" in (answer.text() if "/graphql" in answer.url else ""),
        timeout=2 * PATIENCE_MS,
    ) as launch:
        page.get_by_role("button", name="Launch Run").click()
    run = str(launch.value.json()["data"]["launchPipelineExecution"]["run"]["id"])
    assert ended(ui, run) == "SUCCESS"
    tries = [seconds_of(ui, run)]
    while tries[-1] >= WHAT_IF_SECONDS and len(tries) < 3:  # a busy machine takes longer over the same work
        again = ask_for(ui, "make_days_again", {})
        assert ended(ui, again) == "SUCCESS"
        tries.append(seconds_of(ui, again))
    assert min(tries) < WHAT_IF_SECONDS, tries
    page.goto(f"{ui}/runs/{run}")
    expect(page.get_by_text("alerts_it_would_have_raised").first).to_be_visible()
    keep(page, "what_if_run")


def _look_at_the_report(ui: str, page: Page) -> None:
    page.goto(f"{ui}/assets/daily_report?view=partitions&partition={_past_day(1)}")
    link = page.locator("a[href^='/usage-reports/']").first
    expect(link).to_be_visible()
    keep(page, "report")
    page.goto(f"{ui}{link.get_attribute('href')}")
    expect(page.locator("h1").first).to_be_visible()
    keep(page, "report_page")


def test_every_day_that_a_command_made_counts_as_materialized(ui: str, played: Played, config: Path) -> None:
    # By the file that the UI works by: another one in force has it load everything anew.
    same = replace(played, environment=played.environment | {"USAGE_PIPELINE_CONFIG": str(config)})
    assert same.command("run").returncode in (0, 1)
    nodes = asked(ui, "{assetNodes {assetKey {path} partitionStats {numMaterialized numPartitions}}}")["assetNodes"]
    stats = {node["assetKey"]["path"][0]: node["partitionStats"] for node in nodes}
    for asset in ("daily_usage", "daily_node_usage", "budget_status"):
        assert stats[asset]["numMaterialized"] == stats[asset]["numPartitions"] > 59, asset


def test_what_was_done_at_dify_is_there(ui: str, page: Page) -> None:
    page.goto(f"{ui}/assets/enforcement_state?view=checks&checkDetail=held_as_recorded")
    expect(page.get_by_text("held_as_recorded", exact=True).first).to_be_visible()
    expect(page.get_by_text("Passed", exact=True).first).to_be_visible()
    page.goto(f"{ui}/assets/enforcement_state?view=events")
    expect(page.get_by_text("newest", exact=True).first).to_be_visible()
    keep(page, "enforcement")


def test_a_backfill_under_a_changed_budget_lists_the_days_that_would_have_alerted(
    ui: str, page: Page, played: Played, config: Path
) -> None:
    text = config.read_text(encoding="utf-8")
    assert "limit: {tokens: 2000000}" in text
    # A file of its own: the UI need not load what nobody looks at.
    then = config.with_name("then.yaml")
    then.write_text(text.replace("limit: {tokens: 2000000}", "limit: {tokens: 1000000}"), encoding="utf-8")
    busy = [_past_day(days_ago) for days_ago in (25, 18, 12)]
    with connected(played.server.url("warehouse")) as connection:
        _spend_on(connection, busy, 700_000)
        was = _judged_then(connection, then)
    assert len(was) >= len(busy)
    config.write_text(text.replace("limit: {tokens: 2000000}", "limit: {tokens: 500000}"), encoding="utf-8")
    sent_before = _alerts(played)

    _launch_backfill(ui, page, _past_day(30), _past_day(1), "30 partitions")
    _wait_for_success(played)

    page.goto(f"{ui}/assets/budget_status?view=partitions&partition={busy[0]}")
    shown = page.locator("tr", has=page.get_by_text("would_have_alerted", exact=True)).first
    expect(shown).to_be_visible()
    for day in busy:
        expect(shown.get_by_text(day).first).to_be_visible()
    expect(shown.get_by_text("Lead enrichment").first).to_be_visible()
    keep(page, "what_if")
    assert _alerts(played) == sent_before
    with connected(played.server.url("warehouse")) as connection:
        assert _in_force(connection) == was
        beside = connection.execute(
            'SELECT usage_date::text, level, "limit"::int, in_force_level, in_force_limit::int'
            " FROM usage.budget_status_what_if WHERE budget_id = 'agent-daily' AND tier_at >= 100 ORDER BY 1"
        ).fetchall()
    assert beside == [(day, "emergency", 500_000, "ok", 1_000_000) for day in busy]


def _spend_on(connection: Connection, days: list[str], tokens: int) -> None:
    """One more call of the agent at noon of each day, as if Dify had logged it then."""
    for day in days:
        connection.execute(
            "INSERT INTO usage.usage_event (source, event_id, tenant_id, environment, app_id, key_attribution,"
            " caller_kind, total_tokens, price_source, basis, status, occurred_at, usage_date)"
            " SELECT p.source, 'message:' || gen_random_uuid(), p.tenant_id, p.environment, p.app_id, 'none', 'api',"
            " %s, 'unpriced', 'logged', 'succeeded', (%s::date + time '12:00') AT TIME ZONE 'Asia/Shanghai', %s"
            " FROM usage.project p WHERE p.name = 'lead-enricher'",
            [tokens, day, day],
        )
    roll_up(connection, [date.fromisoformat(day) for day in days])


def _judged_then(connection: Connection, config: Path) -> list[tuple[object, ...]]:
    """Evaluates the last 30 days as a pass did at each day's end; tells nobody."""
    in_force = active_configuration(connection, config)
    for days_ago in range(30, 0, -1):
        moment = end_of_day(date.fromisoformat(_past_day(days_ago)), "Asia/Shanghai")
        with connection.transaction():
            evaluate_budgets(connection, in_force.settings, in_force.version, moment)
    return _in_force(connection)


def _in_force(connection: Connection) -> list[tuple[object, ...]]:
    return connection.execute(
        "SELECT period_start, spent, \"limit\", level, config_version FROM usage.budget_status"
        " WHERE budget_id = 'agent-daily' AND period_end < now() - interval '7 hours' ORDER BY 1"
    ).fetchall()  # fmt: skip


def test_a_refused_file_ends_no_pass_and_is_alerted(ui: str, played: Played, config: Path) -> None:
    valid = config.read_text(encoding="utf-8")
    alerts = "SELECT count(*) FROM usage.alert WHERE kind = 'configuration' AND created_at > %s"
    refused_at = datetime.now(UTC)
    try:
        config.write_text(valid.replace("timezone: Asia/Shanghai", "timezone: Mars/Olympus", 1), encoding="utf-8")
        for _ in range(2):  # runs that load the location anew go on under the last valid version
            run = ask_for(ui, "usage_pass", pass_tags(*[date.fromisoformat(_past_day(0))] * 2))
            assert ended(ui, run) == "SUCCESS"
        with connected(played.server.url("warehouse")) as connection:
            found = connection.execute(alerts, [refused_at]).fetchone()
        assert found == (1,), "and notify the operators once"
    finally:
        config.write_text(valid, encoding="utf-8")


def _launch_backfill(ui: str, page: Page, first: str, last: str, size: str) -> None:
    """As a person does: chooses the days, looks at their number, presses the button; until the server took it."""
    page.goto(f"{ui}/assets/budget_status")
    page.get_by_text("Materialize…").first.click()
    dialog = page.locator(".bp5-dialog")
    box = dialog.locator("input:not([type=checkbox])").first
    box.fill(f"[{first}...{last}]")
    box.press("Enter")
    expect(dialog.get_by_text(size, exact=True)).to_be_visible()
    with page.expect_response(
        lambda answer: "launchPartitionBackfill" in (answer.request.post_data or ""), timeout=2 * PATIENCE_MS
    ) as launch:
        dialog.get_by_role("button", name="Launch backfill").click()
    assert "LaunchBackfillSuccess" in launch.value.text(), launch.value.text()[:2000]


def _wait_for_success(played: Played) -> None:
    """Until the daemon calls the backfill done; a failed one ends the waiting."""
    status = None
    end = time.monotonic() + 240
    while time.monotonic() < end and status not in ("COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED"):
        time.sleep(2)
        with psycopg.connect(played.server.url("dagster")) as connection:
            row = connection.execute("SELECT status FROM bulk_actions ORDER BY id DESC LIMIT 1").fetchone()
        status = row[0] if row else None
    assert status == "COMPLETED_SUCCESS"


def _alerts(played: Played) -> list[tuple[object, ...]]:
    """The alerts of periods that are over; the daemon goes on telling of the running ones."""
    with psycopg.connect(played.server.url("warehouse")) as connection:
        return connection.execute(
            "SELECT alert_id FROM usage.alert WHERE kind = 'budget' AND period_end <= now() ORDER BY 1"
        ).fetchall()
