"""The .env beside the configuration: what the environment says wins, and nobody else can write into ours."""

import os
from pathlib import Path

import pytest

from usage_pipeline.settings.env_file import use_env_file
from usage_pipeline.settings.environment import MissingSecretError, variable

NAMES = ("DOTENV_URL", "DOTENV_QUOTED", "DOTENV_EMPTY", "DOTENV_TOKEN", "DOTENV_TOKEN_FILE")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A .env; what it sets is gone after the test."""
    for name in NAMES:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return tmp_path / ".env"


def use(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    use_env_file(file.with_name("usage_pipeline.yaml"))


def test_variables_are_read_as_they_are_written(file: Path) -> None:
    use(
        file,
        "# a comment\n\nDOTENV_URL=postgresql://u:p$HOME@h/d\nexport DOTENV_QUOTED='two words # no comment'\n"
        "DOTENV_EMPTY=\n",
    )
    assert os.environ["DOTENV_URL"] == "postgresql://u:p$HOME@h/d"
    assert os.environ["DOTENV_QUOTED"] == "two words # no comment"
    assert "DOTENV_EMPTY" not in os.environ


def test_what_the_environment_says_wins_also_by_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = file.with_name("token")
    secret.write_text("from-a-file\n", encoding="utf-8")
    monkeypatch.setenv("DOTENV_URL", "mine")
    monkeypatch.setenv("DOTENV_TOKEN_FILE", str(secret))
    use(file, "DOTENV_URL=theirs\nDOTENV_TOKEN=theirs\n")
    assert os.environ["DOTENV_URL"] == "mine"
    assert variable("DOTENV_TOKEN") == "from-a-file"


def test_a_file_that_others_may_write_is_refused(file: Path) -> None:
    file.write_text("DOTENV_URL=theirs\n", encoding="utf-8")
    file.chmod(0o666)
    with pytest.raises(MissingSecretError, match="chmod 600"):
        use_env_file(file.with_name("usage_pipeline.yaml"))
    assert "DOTENV_URL" not in os.environ


def test_a_line_that_is_no_variable_is_named_without_its_text(file: Path) -> None:
    with pytest.raises(MissingSecretError, match=r"\.env:2: is not NAME=value") as refused:
        use(file, "DOTENV_URL=1\nsecret words\n")
    assert "secret words" not in str(refused.value)


def test_another_projects_env_in_the_folder_is_not_read(file: Path, tmp_path: Path) -> None:
    file.write_text("DOTENV_URL=theirs\n", encoding="utf-8")
    use_env_file(tmp_path / "elsewhere" / "usage_pipeline.yaml")
    assert "DOTENV_URL" not in os.environ
