"""`usage-pipeline enforcement`: what people type, what they read, and the exit code that scripts go by."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result
from typer.testing import CliRunner

from usage_pipeline import inputs
from usage_pipeline.cli import app
from usage_pipeline.fake_dify.console_faults import Fault
from usage_pipeline_tests.enforcement.conftest import AGENT, Place


@pytest.fixture
def command(place: Place, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command on this place."""
    monkeypatch.setenv("WAREHOUSE_URL", place.company.warehouse_url)
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(place.config))
    monkeypatch.setattr(inputs, "account", lambda: "wang.wu")
    return lambda *words: CliRunner().invoke(app, ["enforcement", *words])


def test_list_show_and_release(place: Place, command: Callable[..., Result]) -> None:
    place.evaluate()
    assert command("run").exit_code == 0
    assert place.call() == 403
    listed = command("list", "--held", "--json")
    (row,) = json.loads(listed.stdout)
    assert (row["target_name"], row["state"]) == (AGENT, "verified")
    shown = command("show", row["action_id"])
    assert "service_api open" in shown.stdout, "what was found"
    assert "service_api closed" in shown.stdout, "what is held"
    done = command("release", row["action_id"], "--why", "the sale goes on")
    assert done.exit_code == 0, done.output
    assert f"{row['action_id']} is released" in done.stdout
    assert place.call() == 200
    again = command("release", row["action_id"])
    assert again.exit_code == 2
    assert "nothing to undo" in again.stderr
    assert json.loads(command("list", "--held", "--json").stdout) == []


def test_an_approved_raise_opens_at_once(
    place: Place, command: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    place.evaluate()
    command("run")
    monkeypatch.setattr(inputs, "account", lambda: "li.si")
    asked = CliRunner().invoke(app, ["overrides", "request", "agent-daily", "--scope", AGENT, "--percent", "500",
                                     "--until", "+2h", "--reason", "sale", "--json"])  # fmt: skip
    monkeypatch.setattr(inputs, "account", lambda: "wang.wu")
    raised = json.loads(asked.stdout)["override_id"]
    done = CliRunner().invoke(app, ["overrides", "approve", raised])
    assert done.exit_code == 0, done.output
    assert f"pause_app {AGENT}: released" in done.stdout
    assert place.call() == 200


def test_approve_and_reject(place: Place, command: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    place.configure(mode="approve")
    place.evaluate()
    command("run")
    action_id = place.one().action_id
    monkeypatch.setattr(inputs, "account", lambda: "somebody")
    monkeypatch.setenv("LOGNAME", "wang.wu")
    refused = command("approve", action_id, "--by", "wang.wu")
    assert refused.exit_code == 2
    assert "not an approver" in refused.stderr
    assert place.changes() == []
    monkeypatch.setattr(inputs, "account", lambda: "wang.wu")
    approved = command("approve", action_id, "--note", "yes")
    assert approved.exit_code == 0
    assert f"{action_id} is verified" in approved.stdout
    assert place.call() == 403
    assert command("reject", action_id).exit_code == 2


def test_what_could_not_be_undone_yet_is_exit_1(place: Place, command: Callable[..., Result]) -> None:
    place.evaluate()
    command("run")
    place.fake.faults.add(Fault("status", "POST", "-enable", status=403, times=99))
    done = command("release", place.one().action_id)
    assert done.exit_code == 1
    assert "give the account the role" in done.output


def test_an_unknown_action_is_one_line(command: Callable[..., Result]) -> None:
    done = command("show", "act-nothing")
    assert done.exit_code == 2
    assert "enforcement list" in done.stderr
