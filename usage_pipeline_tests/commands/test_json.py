"""What `--json` prints is named as programs know it, whatever the code calls its parts."""

import json
from dataclasses import fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

from usage_pipeline.alerts.history import Attempt, ListedAlert, RecordedAlert
from usage_pipeline.budgets.current import CurrentStatus
from usage_pipeline.budgets.evaluate import Reached
from usage_pipeline.budgets.explain import Happening, Version
from usage_pipeline.budgets.overrides import Override
from usage_pipeline.budgets.past_days import WhatIf
from usage_pipeline.cli import app
from usage_pipeline.commands.doctor import DoctorFinding
from usage_pipeline.delivery.previews import ChannelPreview
from usage_pipeline.enforcement.carry_out import Carried
from usage_pipeline.enforcement.state import ActionRecord
from usage_pipeline.invoices.coverage import Coverage
from usage_pipeline.settings import Problem
from usage_pipeline.usage.api_keys import KeyAttribution, KeyUsage
from usage_pipeline.usage.top_nodes import NodeUsage
from usage_pipeline.warehouse.connection import Connection

NAMES: dict[type, str] = {
    ListedAlert: "alert raised level kind about scope tier delivered waiting failed taken_by",
    RecordedAlert: "alert_id kind budget_id scope_value level tier created_at facts taken_by taken_at taken_note"
    " taken_known_by",
    Attempt: "recipient channel attempt started outcome status answer by",
    ChannelPreview: "channel recipient language text",
    CurrentStatus: "budget_id scope_value scope period period_start period_end measure spent limit ratio level forecast"
    " as_of config_version scope_ids straight_line forecast_low forecast_high previous_period trailing_average"
    " week_before",
    Happening: "at kind by about detail tier_on tier_at level spent limit config_version known_by",
    Version: "version loaded_at changed_by diff",
    WhatIf: "day budget scope tier level measure spent limit level_then limit_then version_then",
    Reached: "budget_id scope_value scope_name scope period zone period_start period_end measure spent limit ratio"
    " forecast tokens cost tier level tier_on round",
    Problem: "file line field value message fix",
    Override: "override_id budget_id scope_value scope_name measure raise_by raise_percent state reason requested_by"
    " requested_at until decided_by decided_at requested_known_by decided_known_by",
    ActionRecord: "action_id cause cause_key alert_id budget_id scope_value scope_name rolling period_start period_end"
    " tier tier_on round level measure limit action source tenant_id app_id target_name place mode state before held"
    " recipients requested_at requested_by approve_until decided_at decided_by began_at applied_at verified_at"
    " looked_at release_at release_why release_by released_at attempts next_attempt_at answer config_version",
    Carried: "planned done errors",
    DoctorFinding: "checked state says",
    KeyUsage: "tenant project name masked api_key_id state created_at last_used_at gone_at calls tokens cost told_by",
    KeyAttribution: "tenant project calls rate exact sole observed declared shared",
    NodeUsage: "source tenant project app_id node_id title type models calls failed_calls tokens tokens_before"
    " tokens_change_percent cost cost_before cost_change_percent unpriced_tokens",
    Coverage: "month provider model amount currency invoiced counted ratio tokens unpriced_tokens",
}
SILENCE = ["silence", "budget", "scope", "below", "emergencies", "from", "until", "reason", "by", "ended by"]
CONFIG = "version: 1\nbudgets: [{id: company, scope: {}, period: day, limit: {tokens: 1000, calls: 9}}]\n"


@pytest.mark.parametrize("kind", NAMES, ids=lambda kind: kind.__name__)
def test_what_is_printed_as_it_is_has_the_names_that_programs_know(kind: type) -> None:
    """A field that must be called otherwise in code is given its old name where the command prints it."""
    assert [field.name for field in fields(kind)] == NAMES[kind].split()


def test_documents_that_commands_put_together(
    warehouse: Connection, warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "c.yaml").write_text(CONFIG)
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(tmp_path / "c.yaml"))

    def run(*words: str) -> list[dict[str, object]]:
        done = CliRunner().invoke(app, [*words, "--json"])
        assert done.exit_code == 0, done.output
        found: list[dict[str, object]] = json.loads(done.stdout)
        return found

    (unspent,) = run("budgets", "show")
    assert list(unspent) == NAMES[CurrentStatus].split()
    assert (unspent["scope"], unspent["measure"], unspent["limit"]) == ("nothing spent yet", "calls", "9")
    warehouse.execute(
        "INSERT INTO usage.silence (budget, starts_at, ends_at, reason, made_by)"
        " VALUES ('dev-*', now(), now() + interval '1 hour', 'move', 'li')"
    )
    (silence,) = run("alerts", "silence", "list")
    assert list(silence) == SILENCE
