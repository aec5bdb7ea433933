"""Each malformed configuration gets one readable error: file, line, field, value and fix."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_pipeline.configuration import active_configuration
from usage_pipeline.settings import SettingsError, load_settings, parse_settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.support.company import EXAMPLE

BASE = """version: 1
timezone: Asia/Shanghai
currency: CNY
exchange_rates: {USD: 7.10}
prices:
  - {model: "qwen3-*", input_per_million: 2.0, output_per_million: 6.0, currency: CNY}
recipients:
  ops: {channel: wecom, secret_env: WECOM_OPS_URL, allow_private: true}
tiers:
  - {at: 80, level: warning, notify: [ops]}
  - {at: 100, level: emergency, notify: [ops]}
budgets:
  - {id: all, period: month, limit: {cost: 100}}
  - {id: dev, scope: {environment: dev}, per: project, period: day, limit: {tokens: 50000}}
reports: {daily_at: "08:30"}
"""

# what is replaced, by what, line, field, what the error says, what to do
CASES = [
    ("version: 1", "version: 1\nsources: [{id: a, kind: dify_api}]", 2, "sources[0]", "has no console", "DIFY_CONSOLE_URL"),
    ("version: 1", "version: 1\nsources: [{id: a, console: {url_env: A, email_env: B}}]", 2, "sources[0].console", "says not as whom", "password_env, or admin_key_env"),
    ("version: 1", "version: 1\nsources: [{id: a, console: {url_env: A, email_env: B, password_env: 'pa55 w0rd!'}}]", 2, "sources[0].console.password_env", "is not a variable's name", "NAME"),
    ("version: 1", "version: 1\nsources: [{id: a, console: {url_env: A, admin_key_env: B, requests_per_second: 0}}]", 2, "sources[0].console.requests_per_second", "too small", "above 0"),
    ("version: 1", "version: 1\nembedded: {port: 80}", 2, "embedded.port", "80 is too small", "1024"),
    ("version: 1", "version: 1\nembedded: {port: 5433, listen: db.example.com}", 2, "embedded.listen", "is not an address to listen on", "127.0.0.1"),
    ("tokens: 50000", "tokens: 50k", 14, "budgets[1].limit.tokens", '"50k" is not a whole number', "write 50000"),
    ("tokens: 50000", "tokens: 1.5", 14, "budgets[1].limit.tokens", "is not a whole number", "write"),
    ("tokens: 50000", "tokens: -5", 14, "budgets[1].limit.tokens", "-5 is too small", "above 0"),
    ("tokens: 50000", "tokens: 0", 14, "budgets[1].limit.tokens", "is too small", "above 0"),
    ("tokens: 50000", "tokens: true", 14, "budgets[1].limit.tokens", "", "write"),
    ("tokens: 50000", "tokens: [1]", 14, "budgets[1].limit.tokens", "", ""),
    ("tokens: 50000", "tokns: 50000", 14, "budgets[1].limit.tokns", "is not a key", "did you mean 'tokens'?"),
    ("{tokens: 50000}", "{}", 14, "budgets[1].limit", "limits nothing", "at least one of tokens"),
    ("{tokens: 50000}", "50000", 14, "budgets[1].limit", "is not a mapping", "pairs"),
    ("cost: 100", "cost: abc", 13, "budgets[0].limit.cost", '"abc" is not a number', "digits"),
    ("cost: 100", "cost: -1", 13, "budgets[0].limit.cost", "too small", "above 0"),
    ("cost: 100", "cost: .inf", 13, "budgets[0].limit.cost", "", ""),
    ("id: dev", "id: all", 14, "budgets[1].id", "is the id of budgets[0] already", "rename"),
    ("id: dev", "id: Dev Daily", 14, "budgets[1].id", "is not written as it must be", "lower-case"),
    ("id: dev, ", "", 14, "budgets[1].id", "is missing", "add `id:`"),
    ("period: day", "period: fortnight", 14, "budgets[1].period", "is not one of the words", "'day'"),
    ("per: project", "per: app", 14, "budgets[1].per", "is not one of the words", "'project'"),
    ("environment: dev", "enviroment: dev", 14, "budgets[1].scope.enviroment", "is not a key", "did you mean 'environment"),
    ("timezone: Asia/Shanghai", "timezone: Asia/Shangai", 2, "timezone", "is not a time zone", "IANA"),
    ("timezone: Asia/Shanghai", "timezone: 8", 2, "timezone", "", ""),
    ("currency: CNY\nex", "currency: YUAN\nex", 3, "currency", "is not a currency", "three letters"),
    ("currency: CNY}", "currency: EUR}", 6, "prices[0].currency", "has no rate to CNY", "exchange_rates"),
    ("USD: 7.10", "USD: seven", 4, "exchange_rates.USD", "is not an exchange rate", "7.10"),
    ("USD: 7.10", "USD: 0", 4, "exchange_rates.USD", "is not an exchange rate", "7.10"),
    ("USD: 7.10", "USD: -7", 4, "exchange_rates.USD", "is not an exchange rate", "7.10"),
    ("{USD: 7.10}", "[{USD: 7.10}]", 4, "exchange_rates[0].from", "is missing", "2026-01-01"),
    ("{USD: 7.10}", "[{from: soon, USD: 7.10}]", 4, "exchange_rates[0].from", "is not a date", "2026-01-01"),
    ("{USD: 7.10}", "7.10", 4, "exchange_rates", "is not an exchange rate", "7.10"),
    ("input_per_million: 2.0", "input_per_million: -2", 6, "prices[0].input_per_million", "too small", "0 or more"),
    ('model: "qwen3-*", ', "", 6, "prices[0].model", "is missing", "add `model:`"),
    ("input_per_million: 2.0, ", "", 6, "prices[0]", "prices one half of a call", "input_per_million"),
    ("input_per_million: 2.0, output_per_million: 6.0, ", "", 6, "prices[0]", "has no price", "per_call"),
    ("output_per_million: 6.0, ", "output_per_million: 6.0, from: 2026-03-01, until: 2026-03-01, ", 6, "prices[0].until", "does not lie after", "first day"),
    ("output_per_million: 6.0, ", "output_per_million: 6.0, tiers: [{above: 9, input_per_million: 1, output_per_million: 1}, {above: 9, input_per_million: 1, output_per_million: 1}], ", 6, "prices[0].tiers[1].above", "does not stand above 9", "lowest"),
    ("output_per_million: 6.0, currency: CNY}", "output_per_million: 6.0, currency: CNY}\n  - {model: \"qwen3-*\", per_call: 1, currency: CNY}", 7, "prices[1].model", "is never reached: prices[0] fits first", "move it up"),
    ("version: 1", "version: 1\napi_keys: [{key: app-AbCdEf, name: crm}]", 2, "api_keys[0].key", "is the secret itself", "usage-pipeline keys"),
    ("version: 1", "version: 1\napi_keys: [{key: a...b, name: crm}, {key: a…b, name: erp}]", 2, "api_keys[1].key", "is the key of api_keys[0] already", "rename"),
    ("version: 1", "version: 1\nenforcement: {mode: manual}", 2, "enforcement.mode", "is not one of the words", "'dry_run'"),
    ("version: 1", "version: 1\nenforcement: {never: [{}]}", 2, "enforcement.never[0]", "says nothing", "project, tag"),
    ("version: 1", "version: 1\nenforcement: {webhook: [ops]}", 2, "enforcement.webhook[0]", "is not a recipient of channel webhook", "url_env"),
    ("version: 1", "version: 1\nenforcement: {throttle_to: 0}", 2, "enforcement.throttle_to", "is too small", "1 or more"),
    ("notify: [ops]}\nbudgets", "notify: [ops], mode: auto, actions: [pause_app]}\nbudgets", 11, "tiers[1].actions[0]", "no source has a console", "admin_key_env"),
    ("notify: [ops]}\nbudgets", "notify: [ops], actions: [switch_model]}\nbudgets", 11, "tiers[1].actions[0]", "has no model to switch to", "cheaper_models"),
    ("notify: [ops]}\nbudgets", "notify: [ops], actions: [webhook]}\nbudgets", 11, "tiers[1].actions[0]", "has nobody to ask", "channel webhook"),
    ("notify: [ops]}\nbudgets", "notify: [ops], actions: [delete_app]}\nbudgets", 11, "tiers[1].actions[0]", "is not one of the words", "'pause_app'"),
    ("version: 1", "version: 1\ncounting: {nested: parent}", 2, "counting.nested", "is not one of the words", "'child'"),
    ("channel: wecom", "channel: wechat", 8, "recipients.ops", "has no channel that is known", "wecom, dingtalk"),
    ("channel: wecom, ", "", 8, "recipients.ops", "has no channel that is known", "wecom, dingtalk"),
    ("secret_env: WECOM_OPS_URL", "secret_env: wecom url", 8, "recipients.ops.secret_env", "is not a variable's name", "NAME"),
    (", secret_env: WECOM_OPS_URL", "", 8, "recipients.ops.secret_env", "", "NAME"),
    ("at: 80", "at: 120", 11, "tiers[1].at", "does not stand above", "lowest to the highest"),
    ("at: 80", "at: 100", 11, "tiers[1].at", "does not stand above", "each once"),
    ("at: 80", "at: 5000", 10, "tiers[0].at", "is too large", "1000"),
    ("at: 80", "at: zero", 10, "tiers[0].at", "is not a number", "digits"),
    ("level: warning", "level: yellow", 10, "tiers[0].level", "is not one of the words", "'warning'"),
    ("notify: [ops]}\n  - {at: 100", "notify: [opps]}\n  - {at: 100", 10, "tiers[0].notify[0]", "is not a recipient", "did you mean 'ops'?"),
    ("notify: [ops]}\n  - {at: 100", "notify: opps}\n  - {at: 100", 10, "tiers[0].notify", "is not a recipient", "did you mean"),
    ('daily_at: "08:30"', 'daily_at: "8.30"', 15, "reports.daily_at", "is not written as it must be", '"08:30"'),
    ('daily_at: "08:30"', 'daily_at: "08:30", recipients: [nobody]', 15, "reports.recipients[0]", "is not a recipient", "recipients"),
    ("version: 1", "version: 2", 1, "version", "is not one of the words", "1"),
    ("version: 1\n", "", 1, "version", "is missing", "add `version:`"),
    ("version: 1\n", "version: 1\nversion: 1\n", 2, "version", "stands here twice", "keep one"),
    ("budgets:", "budget:", 12, "budget", "is not a key", "did you mean 'budgets'?"),
    ("  - {id: all", "\t- {id: all", 13, "", "a tab stands in the indentation", "spaces"),
    ("  - {id: all", "  - &a {id: all", None, "", "", ""),
    ("reports:", "---\nreports:", 16, "", "a second document begins here", "one document"),
    ("currency: CNY\nex", "currency: *x\nex", 3, "", "alias", "write the value out"),
    ("exchange_rates: {USD: 7.10}", "exchange_rates: {<<: {USD: 7.10}}", 4, "exchange_rates", "merge keys", "write the values out"),
    ("currency: CNY\nex", "currency: !!python/object:os.system x\nex", 3, "currency", "", ""),
    ("reports: {", "reports: [", 15, "", "this is not YAML", "indentation"),
    # periods
    ("period: day", "period: {rolling: 24}", 14, "budgets[1].period.rolling", "is not a duration", "24h or 7d"),
    ("period: day", "period: {rolling: 90m}", 14, "budgets[1].period", "is not a number of hours or days", "rolling: 24h"),
    ("period: day", "period: {rolling: 100h}", 14, "budgets[1].period", "is too long", "whole days"),
    ("period: day", "period: {rolling: 0d}", 14, "budgets[1].period.rolling", "is not a duration", "15m"),
    ("period: day", "period: {rolling: 24h, of: x}", 14, "budgets[1].period.of", "is not a key", "remove it"),
    ("period: day", "period: {from: 2026-12-01, to: 2026-11-01}", 14, "budgets[1].period", "ends before it begins", "a day after"),
    ("period: day", "period: {from: 2026-13-01, to: 2026-11-01}", 14, "budgets[1].period.from", "is not a date", "2026-01-31"),
    ("period: day", "period: {from: 2026-11-01}", 14, "budgets[1].period.to", "is missing", "add `to:`"),
    ("period: day", "period: [day]", 14, "budgets[1].period", "is not one of the words", "'day'"),
    # scopes, per and except
    ("scope: {environment: dev}", "scope: {environment: []}", 14, "budgets[1].scope.environment", "is empty", "at least one"),
    ("scope: {environment: dev}", "scope: dev", 14, "budgets[1].scope", "is not a mapping", "pairs"),
    ("scope: {environment: dev}", "scope: {not: {enviroment: dev}}", 14, "budgets[1].scope.not.enviroment", "is not a key", "did you mean"),
    ("scope: {environment: dev}", "scope: {environment: {a: b}}", 14, "budgets[1].scope.environment", "is not a list", "[a, b]"),
    ("per: project", "per: [project, project]", 14, "budgets[1]", "names a dimension twice", "each once"),
    ("per: project", "per: [project, app]", 14, "budgets[1].per[1]", "is not one of the words", "'project'"),
    ("per: project", "per: [project, model], except: [a]", 14, "budgets[1]", "without saying of which dimension", "except: {project"),
    ("per: project", "per: project, except: {model: a}", 14, "budgets[1]", "is not under `per:`", "not:"),
    ("per: project", "except: [a]", 14, "budgets[1]", "without saying of which dimension", "except: {project"),
    # pools
    ("id: dev,", "id: dev, parent: al,", 14, "budgets[1].parent", "is not a budget", "did you mean 'all'?"),
    ("id: dev,", "id: dev, parent: dev,", 14, "budgets[1].parent", "goes round in a loop", "dev > dev"),
    ("{id: all,", "{id: all, parent: dev, scope: {environment: dev},", 13, "budgets[0].per", "does not say which project", "add project"),
    ("{id: all,", "{id: all, scope: {tenant: Marketing}}\n  - {id: pool, parent: dev,", 13, "budgets[0].period", "is missing", "add `period:`"),
    ("{id: dev,", "{id: dev, parent: all}\n  - {id: x,", 14, "budgets[1].period", "is missing", "add `period:`"),
    ("{cost: 100}}", "{cost: 100}, scope: {tenant: Marketing}}\n  - {id: sub, parent: all, period: day, limit: {calls: 1}}", 14, "budgets[1].scope", "does not lie within its parent 'all'", 'add tenant: "Marketing"'),
    ("{cost: 100}}", "{cost: 100}, scope: {project: bot-*}}\n  - {id: sub, parent: all, scope: {project: b*}, period: day, limit: {calls: 1}}", 14, "budgets[1].scope.project", "lies outside its parent", '"bot-*"'),
    ("{cost: 100}}", "{cost: 100}, scope: {not: {environment: dev}}}\n  - {id: sub, parent: all, period: day, limit: {calls: 1}}", 14, "budgets[1].scope", "is left out by its parent", 'not: {environment: "dev"}'),
    ("id: all,", "id: all, parent: dev, scope: {environment: dev}, per: project,", None, "", "", ""),
    # tiers
    ("at: 80", "at: 0", 10, "tiers[0].at", "is too small", "above 0"),
    ("at: 80", "at: -80%", 10, "tiers[0].at", "is too small", "above 0"),
    ("at: 80", "on: guess, at: 80", 10, "tiers[0].on", "is not one of the words", "'forecast'"),
    ("at: 80", "for: soon, at: 80", 10, "tiers[0].for", "is not a duration", "15m"),
    ("at: 80", "for: 15, at: 80", 10, "tiers[0].for", "is not a duration", "15m"),
    ("at: 80", "min_spend: 5, at: 80", 10, "tiers[0].min_spend", "is not a mapping", "pairs"),
    ("at: 80", "min_spend: {}, at: 80", 10, "tiers[0].min_spend", "limits nothing", "at least one of"),
    ("at: 80", "quiet: {from: 22:00, to: 7}, at: 80", 10, "tiers[0].quiet.to", "is not a text", "quotes"),
    ("at: 80", 'quiet: {from: "22:00", to: "22:00"}, at: 80', 10, "tiers[0].quiet", "begin when they end", "07:00"),
    ("at: 80", 'quiet: {from: "22:00", to: "25:00"}, at: 80', 10, "tiers[0].quiet.to", "is not written as it must be", "08:30"),
    ("level: warning", "level: warning, actions: [stop]", 10, "tiers[0].actions[0]", "is not one of the words", "'pause_app'"),
    ("notify: [ops]}\n  - {at: 100", "fallback: [nobody]}\n  - {at: 100", 10, "tiers[0].fallback[0]", "is not a recipient", "recipients"),
    # rollover
    ("period: day", "period: day, rollover: {up_to: 120%}", 14, "budgets[1].rollover.up_to", "is too large", "at most 100"),
    ("period: day", "period: day, rollover: {up_to: a lot}", 14, "budgets[1].rollover.up_to", "is not a number", "digits"),
    ("period: day", "period: hour, rollover: {up_to: 20%}", 14, "budgets[1]", "cannot roll over", "day, week"),
    ("period: day", "period: day, rollover: true", 14, "budgets[1].rollover", "is not a mapping", "pairs"),
    # the file itself
    ("version: 1\n", "- version\n", 2, "", "this is not YAML", "indentation"),
    ("budgets:", "budgets: {", 13, "", "this is not YAML", "indentation"),
    ("id: dev", '? [a]\n    : b, id: dev', 14, "budgets[1]", "a key must be a word", "name: value"),
]  # fmt: skip


def test_the_base_and_the_example_are_valid() -> None:
    parse_settings(BASE, "c.yaml")
    assert load_settings(EXAMPLE).budgets


@pytest.mark.parametrize(("old", "new", "line", "field", "says", "fix"), CASES)
def test_a_mistake_is_explained(old: str, new: str, line: int | None, field: str, says: str, fix: str) -> None:
    text = BASE.replace(old, new, 1)
    assert text != BASE
    if line is None:  # an anchor that nobody refers to is harmless
        parse_settings(text, "c.yaml")
        return
    with pytest.raises(SettingsError) as caught:
        parse_settings(text, "c.yaml")
    problem = caught.value.problems[0]
    assert (problem.file, problem.line, problem.field) == ("c.yaml", line, field)
    assert says in str(problem)
    assert fix in problem.fix
    assert "Input should" not in str(problem)
    assert "\n" not in str(problem)


def test_there_are_sixty_of_them() -> None:
    assert len([case for case in CASES if case[2] is not None]) >= 60


def test_none_stops_the_budgets_that_were_in_force(warehouse: Connection, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(BASE, encoding="utf-8")
    in_force = active_configuration(warehouse, file)
    for old, new, line, *_ in CASES:
        if line is None:
            continue
        file.write_text(BASE.replace(old, new, 1), encoding="utf-8")
        found = active_configuration(warehouse, file)
        assert found.refused, new
        assert found.settings == in_force.settings
        assert found.version == in_force.version


def test_an_anchor_used_twice_is_refused() -> None:
    text = BASE.replace("{cost: 100}", "&l {cost: 100}").replace("{tokens: 50000}", "*l")
    with pytest.raises(SettingsError, match="anchors and aliases are not accepted"):
        parse_settings(text, "c.yaml")


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    with pytest.raises(SettingsError, match="anchors and aliases"):
        parse_settings("\n".join(lines), "c.yaml")


def test_a_huge_file_is_refused() -> None:
    with pytest.raises(SettingsError, match="more than 1 MiB"):
        parse_settings(BASE + "#" * 1_100_000, "c.yaml")


def test_a_byte_order_mark_is_accepted() -> None:
    assert parse_settings(b"\xef\xbb\xbf" + BASE.encode(), "c.yaml").currency == "CNY"


def test_a_pasted_secret_is_not_repeated() -> None:
    secret = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a91f6-7xxx"
    with pytest.raises(SettingsError) as caught:
        parse_settings(BASE.replace("WECOM_OPS_URL", f'"{secret}"'), "c.yaml")
    assert "693a91f6" not in str(caught.value)


def test_every_mistake_is_told_at_once_in_file_order() -> None:
    text = BASE.replace("50000", "50k").replace("Asia/Shanghai", "Mars/Base").replace("level: warning", "level: red")
    with pytest.raises(SettingsError) as caught:
        parse_settings(text, "c.yaml")
    assert [problem.line for problem in caught.value.problems] == [2, 10, 14]


def test_a_missing_file_says_what_to_do(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(SettingsError, match="USAGE_PIPELINE_CONFIG"):
        load_settings(tmp_path_factory.mktemp("none") / "gone.yaml")


@given(st.integers(0, len(BASE) - 1), st.integers(0, 12), st.text(max_size=6))
def test_any_damage_gives_settings_or_a_settings_error(position: int, length: int, inserted: str) -> None:
    damaged = BASE[:position] + inserted + BASE[position + length :]
    try:
        parsed = parse_settings(damaged.encode("utf-8", "surrogatepass"), "c.yaml")
    except SettingsError as error:
        assert error.problems
        assert all(problem.file == "c.yaml" and problem.line >= 1 for problem in error.problems)
    else:
        assert parsed.version == 1


def test_a_version_that_was_valid_once_does_not_hide_what_is_wrong(warehouse: Connection, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    warehouse.execute(
        "INSERT INTO usage.config_version (hash, path, content, valid) VALUES ('x', %s, %s, true)",
        [str(file), BASE.replace("cost: 100", "cost: 1e400")],
    )
    file.write_text(BASE.replace("tokens: 50000", "tokens: 50k"), encoding="utf-8")
    with pytest.raises(SettingsError, match="50k"):
        active_configuration(warehouse, file)
