"""The file for whoever helps holds what they want to see, and no secret, wherever one was written."""

import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from usage_pipeline.cli import app

SECRETS = {
    "DIFY_DATABASE_URL": "postgresql://reader:p4ssw0rd-of-dify@127.0.0.1:1/dify",
    "ROBOT_URL": "http://127.0.0.1:1/send?key=r0b0t-key-0123456789",
    "ONLY_IN_DOTENV": "t0ken-of-dotenv",
}
PARTS = ("p4ssw0rd-of-dify", "r0b0t-key-0123456789", "t0ken-of-dotenv")


@pytest.fixture
def folder(tmp_path: Path, warehouse_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation with secrets in its variables, its .env and, by somebody's mistake, its log and configuration."""
    (tmp_path / "usage_pipeline.yaml").write_text(
        "version: 1\nsources: [{id: main, kind: dify, url_env: DIFY_DATABASE_URL}]\n"
        "recipients: {ops: {channel: wecom, secret_env: ROBOT_URL, allow_private: true}}\n"
        f"# {SECRETS['ROBOT_URL']}\n",
        encoding="utf-8",
    )
    (tmp_path / ".env").write_text(f"ONLY_IN_DOTENV={SECRETS['ONLY_IN_DOTENV']}\n", encoding="utf-8")
    (tmp_path / "home" / "dagster").mkdir(parents=True)
    (tmp_path / "home" / "dagster" / "dagster.log").write_text(
        f"it began\nlogged {' '.join(PARTS)} and {SECRETS['DIFY_DATABASE_URL']}\n", encoding="utf-8"
    )
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    monkeypatch.setenv("USAGE_PIPELINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(tmp_path / "usage_pipeline.yaml"))
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def test_it_holds_what_helps_and_no_secret(folder: Path) -> None:
    target = folder / "help.zip"
    done = CliRunner().invoke(app, ["doctor", "--bundle", str(target)])
    assert target.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(target) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert texts.keys() == {
        "doctor.json", "status.json", "packages.txt", "usage_pipeline.yaml", "passes.json", "dagster.log",
    }  # fmt: skip
    assert "it began" in texts["dagster.log"]
    assert "url_env: DIFY_DATABASE_URL" in texts["usage_pipeline.yaml"]
    assert "usage-pipeline==" in texts["packages.txt"]
    for part in PARTS:
        assert not [name for name, text in texts.items() if part in text]
        assert part not in done.output


def test_it_is_written_over_no_file(folder: Path) -> None:
    target = folder / "help.zip"
    target.write_text("mine", encoding="utf-8")
    assert CliRunner().invoke(app, ["doctor", "--bundle", str(target)]).exit_code == 2
    assert target.read_text(encoding="utf-8") == "mine"
