"""A half-written file is valid YAML without its second half: which is told from the usual change."""

import pytest

from usage_pipeline.settings import Settings, SettingsError, parse_settings
from usage_pipeline.settings.losses import lost_in

TEXT = """version: 1
timezone: Asia/Shanghai
sources:
  - {id: main, console: {url_env: DIFY_CONSOLE_URL, admin_key_env: DIFY_ADMIN_KEY}}
  - {id: second, url_env: SECOND_URL}
recipients:
  ops: {channel: webhook, url_env: OPS_URL}
  boss: {channel: webhook, url_env: BOSS_URL}
approvals:
  approvers: [wang.wu, li.si]
  notify: [boss]
enforcement:
  mode: auto
  never:
    - {project: payments}
    - {tag: core}
  look_every_minutes: 3
tiers:
  - {at: 80, level: warning, notify: [ops]}
  - {at: 100, level: emergency, notify: [ops], actions: [pause_app]}
budgets:
  - id: company
    period: month
    limit: {tokens: 9000000}
  - id: bots
    per: project
    period: day
    limit: {tokens: 1000000}
  - id: agents
    period: day
    limit: {tokens: 500000}
    tiers:
      - {at: 100, level: emergency, notify: [ops], actions: [pause_app]}
"""


def settings_of(text: str) -> Settings | None:
    try:
        return parse_settings(text, "c.yaml")
    except SettingsError:
        return None


def lost(after: str, before: str = TEXT) -> list[str]:
    then, now = settings_of(before), settings_of(after)
    assert then
    assert now
    return lost_in("c.yaml", before, after, then, now)


def test_a_file_that_ends_anywhere_is_refused_or_waits_unless_it_says_the_same_or_lost_one_budget_of_many() -> None:
    whole = settings_of(TEXT)
    harmless = []
    for end in range(len(TEXT)):
        found = settings_of(TEXT[:end])
        if found is not None and not lost(TEXT[:end]):
            harmless.append((end, found))
    assert whole
    assert len(harmless) < 40, "it is only blanks, comments and the one budget"
    for _, found in harmless:
        left = {budget.id for budget in found.budgets}
        assert left >= {"company", "bots"}
        kept = tuple(budget for budget in whole.budgets if budget.id in left)
        assert found == whole.model_copy(update={"budgets": kept})


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("boss: {channel:", "chief: {channel:", ["recipients: boss"]),
        ("approvers: [wang.wu, li.si]", "approvers: [wang.wu]", ["approvals.approvers: li.si"]),
        ("    - {tag: core}\n", "", ['enforcement.never: {"tag":"core"}']),
        ("{project: payments}", "{project: payments-*}", ['enforcement.never: {"project":"payments"}']),
        ("  - {id: second, url_env: SECOND_URL}\n", "", ["sources: second"]),
        ("timezone: Asia/Shanghai\n", "", ["timezone"]),
    ],
)  # fmt: skip
def test_what_one_entry_is_worth_a_second_look(old: str, new: str, says: list[str]) -> None:
    after = TEXT.replace(old, new)
    if "chief" in new:
        after = after.replace("notify: [boss]", "notify: [chief]")
    assert lost(after) == says


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tokens: 1000000", "tokens: 5"),
        ("  look_every_minutes: 3\n", ""),
        ("mode: auto", "mode: dry_run"),
        ("    - {tag: core}\n", "    - {tag: core}\n    - {tag: more}\n"),
        ("  - id: company\n    period: month\n    limit: {tokens: 9000000}\n", ""),
        (TEXT[TEXT.index("  - id: agents") :], ""),
        ("budgets:", "# budgets of this year\nbudgets:"),
    ],
)
def test_the_usual_change_does_not_wait(old: str, new: str) -> None:
    assert old in TEXT
    assert lost(TEXT.replace(old, new)) == []


def test_half_of_the_budgets_are_many_and_one_alone_is_all() -> None:
    one = "version: 1\nbudgets:\n  - {id: a, period: day, limit: {tokens: 1}}\n"
    two = one + "  - {id: b, period: day, limit: {tokens: 1}}\n"
    assert lost(one, two) == ["budgets: b"]
    assert lost("version: 1\nbudgets: []\n", one) == ["budgets: a"]
    assert lost("version: 1\n", two) == ["budgets: a, b", "budgets"]
    assert lost(two, one) == []
