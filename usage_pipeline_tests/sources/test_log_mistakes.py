"""What is wrong with a completion log is said in words, with the names that exist and without the password."""

from pathlib import Path

import pytest

from usage_pipeline.settings import SettingsError, parse_settings
from usage_pipeline.sources.base import SourceError
from usage_pipeline.sources.registry import examine, open_source
from usage_pipeline_tests.support.logs import PLAIN, Log, settings_for, sqlite_log


@pytest.fixture
def file_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Log:
    """A log in a file."""
    made = sqlite_log(tmp_path)
    monkeypatch.setenv("LOG_URL", made.url)
    return made


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"columns": {"model": "modell"}}, ["columns.model", "'modell'", "did you mean 'model'", "created_at, input"]),
        ({"table": "completion_log"}, ["no table 'completion_log'", "did you mean 'completion_logs'"]),
    ],
)
def test_a_wrong_name_is_answered_with_the_names_that_exist(
    file_log: Log, source: dict[str, object], words: list[str]
) -> None:
    file_log.do(f"CREATE TABLE completion_logs ({PLAIN.format(time='TEXT', number='INTEGER')}, model TEXT)")
    settings = settings_for(**source)
    with pytest.raises(SourceError) as raised:
        open_source(settings.sources[0], settings)
    for word in words:
        assert word in str(raised.value)


def test_a_column_that_may_not_be_read_is_said_before_a_pass_needs_it(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(empty_database)
    log.do(f"CREATE TABLE completion_logs ({PLAIN.format(time='timestamptz', number='int')}, model text)")
    log.do("CREATE ROLE log_reader LOGIN PASSWORD 'l0g-s3cr3t'")
    try:
        log.do("GRANT SELECT (id, created_at, input_tokens, output_tokens) ON completion_logs TO log_reader")
        monkeypatch.setenv("LOG_URL", empty_database.replace("postgres@", "log_reader:l0g-s3cr3t@"))
        settings = settings_for(columns={"model": "model"})
        (found,) = examine(settings.sources[0], settings)
        assert (found.state, "grant SELECT on it" in found.says) == ("wrong", True)
        with pytest.raises(SourceError, match="grant SELECT on it"):
            open_source(settings.sources[0], settings)
        log.do("GRANT SELECT (model) ON completion_logs TO log_reader")
        open_source(settings.sources[0], settings).close()
    finally:
        log.do("DROP OWNED BY log_reader")
        log.do("DROP ROLE log_reader")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite:////nowhere/log.db", "there is no file /nowhere/log.db"),
        ("postgresql://u:hidden-s3cr3t@127.0.0.1:1/x", "refused"),
        ("mysql://u:hidden-s3cr3t@127.0.0.1:1/x", "refused"),
        ("oracle://u:hidden-s3cr3t@127.0.0.1:1/x", "cannot be read; it can in SQLite"),
        ("not a url", "cannot be read; write sqlite"),
    ],
)
def test_a_database_that_cannot_be_reached_is_said_without_the_password(
    monkeypatch: pytest.MonkeyPatch, url: str, words: str
) -> None:
    monkeypatch.setenv("LOG_URL", url)
    settings = settings_for()
    with pytest.raises(SourceError, match=words) as raised:
        open_source(settings.sources[0], settings)
    assert "hidden-s3cr3t" not in str(raised.value)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{id: a, kind: completion_logs}", "add url_env"),
        ("{id: a, kind: dify, table: x}", "only a log has"),
        ("{id: a, kind: completion_logs, url_env: X, console: {url_env: Y, admin_key_env: Z}}", "only Dify has"),
        ("{id: a, kind: completion_logs, url_env: X, columns: {modell: m}}", "did you mean 'model'"),
        ("{id: a, kind: completion_logs, url_env: X, timezone: Mars}", "is not a time zone"),
    ],
)
def test_a_mistake_in_the_configuration_is_said(source: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        parse_settings(f"version: 1\nsources:\n  - {source}\n", "c.yaml")


def test_doctor_says_what_it_thinks_of_a_log(file_log: Log) -> None:
    settings = settings_for(columns={"model": "model"})
    file_log.do(f"CREATE TABLE completion_logs ({PLAIN.format(time='TEXT', number='INTEGER')}, model TEXT)")
    file_log.do("INSERT INTO completion_logs VALUES ('a', ?, 1, 1, 'm')", [(None,)])
    states = list(examine(settings.sources[0], settings))
    assert [found.state for found in states] == ["ok", "warning", "warning"]
    assert "no index begins with created_at" in states[1].says
    file_log.do("ALTER TABLE completion_logs RENAME COLUMN model TO engine")
    assert [found.state for found in examine(settings.sources[0], settings)] == ["wrong"]
