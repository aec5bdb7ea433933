"""No secret of any channel reaches the outbox, a log or a summary, even when the other side says it back."""

import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.delivery.worker import deliver_due
from usage_pipeline.settings import parse_settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.delivery.test_outbox import Clock, put
from usage_pipeline_tests.delivery.test_rounds import everything
from usage_pipeline_tests.support.every_channel import MARK, RECIPIENTS, configuration, environment
from usage_pipeline_tests.support.fault_servers import Mood, answers, faulty_http, faulty_smtp


def refuses(own: str) -> Mood:
    """Refuses and says the secrets back."""
    return answers(400, own.encode())


def answers_a_code(own: str) -> Mood:
    """Says them back in an answer that is JSON."""
    return answers(200, {"errcode": 93000, "code": 19024, "errmsg": own})


def cuts(own: str) -> Mood:
    """Ends the connection: what libraries raise then carries the URL."""
    return Mood(manner="cuts")


@pytest.mark.parametrize("manner", [refuses, answers_a_code, cuts])
def test_no_secret_is_kept_or_logged(
    manner: Callable[[str], Mood],
    warehouse: Connection,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with faulty_http() as server, faulty_smtp() as mail_server:
        values = environment(server.base, mail_server.port)
        values["SMTP_URL"] = f"smtp://user:{MARK}-smtp@127.0.0.1:{mail_server.port}"
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        settings = parse_settings(configuration(server.base), "c.yaml")
        answered, clock = [], Clock()
        for name, text in RECIPIENTS.items():
            # Another's secrets it cannot know.
            server.mood = manner(" ".join(value for variable, value in values.items() if variable in text))
            put(warehouse, [(name, settings.recipients[name].channel)], budget_id=name, level="warning")
            answered += deliver_due(warehouse, settings, by="t", clock=clock).answers
            # A robot that was asked a moment ago is left alone: time passes.
            clock.now += timedelta(hours=1)
        assert server.taken
    assert {who for _, who, _, _ in answered} >= set(RECIPIENTS)
    places = {"rows": everything(warehouse), "log": caplog.text, "summary": str(answered)}
    leaks = [(where, text[max(0, text.find(MARK) - 150) :][:200]) for where, text in places.items() if MARK in text]
    assert not leaks, leaks


@pytest.mark.parametrize(
    ("manner", "runs"), [(cuts, [list(RECIPIENTS)]), (refuses, [["wecom"], ["sms-twilio"], ["apprise"]])]
)
def test_nor_in_anything_that_dagster_keeps_of_a_run(
    manner: Callable[[str], Mood],
    runs: list[list[str]],
    warehouse: Connection,
    warehouse_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with faulty_http() as server, faulty_smtp() as mail_server:
        values = environment(server.base, mail_server.port)
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        (tmp_path / "c.yaml").write_text(configuration(server.base), encoding="utf-8")
        monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
        monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(tmp_path / "c.yaml"))
        # The definitions look at the configuration when they are loaded.
        from usage_pipeline.defs.alerts import deliver_alerts  # noqa: PLC0415

        settings = parse_settings(configuration(server.base), "c.yaml")
        logs = ""
        with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
            for names in runs:
                texts = "".join(RECIPIENTS[name] for name in names)
                server.mood = manner(" ".join(value for variable, value in values.items() if variable in texts))
                for name in names:
                    put(warehouse, [(name, settings.recipients[name].channel)], budget_id=name, level="warning")
                result = deliver_alerts.execute_in_process(instance=instance, resources={"warehouse": Warehouse()})
                assert result.success
                logs += "\n".join(str(entry) for entry in instance.all_logs(result.run_id))
        assert len(server.taken) >= sum(map(len, runs)) - 1
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != "c.yaml"]
    said = capfd.readouterr()
    assert MARK in " ".join(values.values())
    assert MARK not in logs
    assert not any(MARK.encode() in content for content in kept)
    assert MARK not in said.out + said.err
    assert MARK not in everything(warehouse)
