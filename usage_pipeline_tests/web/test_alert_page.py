"""The page of an alert: what it shows to whom, for every kind of alert there is."""

from datetime import UTC, datetime

import pytest
import requests
from psycopg.types.json import Json

from usage_pipeline.alerts.kinds.registry import kinds
from usage_pipeline.warehouse.connection import connected
from usage_pipeline.web.course import if_in_time
from usage_pipeline.web.words import WORDS
from usage_pipeline_tests.enforcement.test_loops import circles
from usage_pipeline_tests.web.conftest import OWNER, Site, form_of


def test_an_owner_sees_the_alert_and_what_was_done(site: Site) -> None:
    answer = requests.get(site.link(OWNER, site.alert()), timeout=10)
    assert answer.status_code == 200
    assert "lead-enricher" in answer.text and "暂停应用" in answer.text and "我来处理" in answer.text
    english = requests.get(site.link(OWNER, site.alert()), params={"lang": "en"}, timeout=10)
    assert "pause app" in english.text and "I take it" in english.text
    for header, said in (
        ("cache-control", "no-store"),
        ("x-robots-tag", "noindex"),
        ("referrer-policy", "same-origin"),
    ):
        assert said in answer.headers[header]
    assert "<script" not in answer.text and "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("name", list(kinds()))
def test_every_kind_of_alert_has_its_page(site: Site, name: str) -> None:
    kind = kinds()[name]
    facts = kind.example()
    alert_id = f"K{name}"
    site.place.warehouse.execute(
        "INSERT INTO usage.alert (alert_id, kind, budget_id, scope_value, period_start, tier, level, facts)"
        " VALUES (%s, %s, %s, '', %s, 0, 'critical', %s)",
        [alert_id, name, f"about-{name}", datetime.now(UTC), Json(facts.stored())],
    )
    site.place.warehouse.execute(
        "INSERT INTO usage.delivery (delivery_id, alert_id, recipient, channel) VALUES (%s, %s, 'boss', 'webhook')",
        [f"D{name}", alert_id],
    )
    for language in ("zh", "en"):
        answer = requests.get(site.link("boss", alert_id), params={"lang": language}, timeout=10)
        assert answer.status_code == 200, answer.text
        assert WORDS[language]["story"] in answer.text


def test_both_languages_have_every_word() -> None:
    assert WORDS["zh"].keys() == WORDS["en"].keys()


def test_a_page_waits_for_no_long_statement(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("usage_pipeline.web.course._PATIENCE_MS", 20)
    with connected(site.place.company.warehouse_url) as connection:
        assert if_in_time(connection, lambda: connection.execute("SELECT pg_sleep(5)")) is None
        assert if_in_time(connection, lambda: 7) == 7
        assert connection.execute("SHOW statement_timeout").fetchone() == ("0",)


def test_the_pause_of_a_loop_is_undone_from_its_own_message_and_from_the_loops(site: Site) -> None:
    site.place.config.write_text(f"{site.place.config.read_text()}loops: {{mode: pause, notify: [owner]}}\n")
    circles(site.place, "copywriter")
    site.place.step(seconds=1)
    assert site.place.call("copywriter") == 403
    (action,) = site.place.actions(project="copywriter", enforced_only=True)
    assert action.alert_id
    for alert in (action.alert_id, _step_of(site, action.action_id)):
        page = requests.get(site.link(OWNER, alert), timeout=10).text
        assert f'id="undo-{action.action_id}' in page and 'id="request' not in page
    token = form_of(page, "undo", action.action_id)
    done = requests.post(site.link(OWNER, alert), data={"form": token, "note": "mended"}, timeout=20)
    assert done.status_code == 200
    assert site.answers(200, "copywriter")
    story = requests.get(site.link(OWNER, action.alert_id), timeout=10).text
    assert "mended" in story and f"{OWNER} (凭本人链接)" in story.replace("（", "(").replace("）", ")")


def _step_of(site: Site, action_id: str) -> str:
    row = site.place.warehouse.execute(
        "SELECT alert_id FROM usage.alert WHERE kind = 'enforcement' AND budget_id = %s ORDER BY created_at LIMIT 1",
        [action_id],
    ).fetchone()
    assert row
    return str(row[0])


def loop_alert(site: Site, alert_id: str, app: str, *recipients: str) -> str:
    """The alert of a loop at an app, at which nothing was done."""
    facts = {**kinds()["loop"].example().stored(), "source": "main", "app_id": site.place.app(app), "project": app}
    site.place.warehouse.execute(
        "INSERT INTO usage.alert (alert_id, kind, budget_id, scope_value, period_start, tier, level, facts)"
        " VALUES (%s, 'loop', 'loops', %s, %s, 0, 'critical', %s)",
        [alert_id, alert_id, datetime.now(UTC), Json(facts)],
    )
    for recipient in recipients:
        site.place.warehouse.execute(
            "INSERT INTO usage.delivery (delivery_id, alert_id, recipient, channel) VALUES (%s, %s, %s, 'webhook')",
            [f"D{alert_id}{recipient}", alert_id, recipient],
        )
    return alert_id


def test_an_alert_leads_to_its_project_at_dify_though_nothing_was_done(site: Site) -> None:
    alert = loop_alert(site, "Lapp", "copywriter", OWNER, "support-owner")
    address = f"https://dify.example.com/app/{site.place.app('copywriter')}/overview"
    assert f'href="{address}"' in requests.get(site.link(OWNER, alert), timeout=10).text
    assert address not in requests.get(site.link("support-owner", alert), timeout=10).text, "of another tenant"


def test_an_alert_leads_to_the_run_that_raised_it(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    alert, run = loop_alert(site, "Lrun", "copywriter", OWNER, "boss"), "0d18dcda-165c-4098-aedb-62e61d8e2c8d"
    monkeypatch.setenv("USAGE_PIPELINE_UI_URL", "https://dagster.example.com")
    # Before the step that the test itself made by writing the row.
    site.place.warehouse.execute(
        "INSERT INTO usage.alert_event (alert_id, at, what, by_whom) VALUES (%s, 'epoch', 'raised', %s)", [alert, run]
    )
    address = f'href="https://dagster.example.com/runs/{run}"'
    assert address in requests.get(site.link("boss", alert), timeout=10).text
    assert address not in requests.get(site.link(OWNER, alert), timeout=10).text, "Dagster shows everything"


def test_a_silence_is_seen_until_when_and_by_whom(site: Site) -> None:
    query = "SELECT alert_id FROM usage.alert WHERE kind = 'budget' AND budget_id = %s LIMIT 1"
    ((alert,),) = site.place.warehouse.execute(query, [site.budget]).fetchall()
    link = site.link(OWNER, str(alert))
    before = requests.get(link, timeout=10).text
    assert "已静默至" not in before
    token = form_of(before, "silence")
    assert requests.post(link, data={"form": token, "hours": "3"}, timeout=10).status_code == 200
    after = requests.get(link, timeout=10).text
    assert "已静默至" in after
    assert f"操作人：{OWNER}" in after
