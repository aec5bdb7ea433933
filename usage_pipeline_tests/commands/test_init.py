"""`init` writes files that the program takes as they are, for every answer, and never over others."""

import re
import stat
from dataclasses import replace
from decimal import Decimal
from itertools import product
from pathlib import Path

import pytest
from typer.testing import CliRunner

from usage_pipeline.cli import app
from usage_pipeline.settings import load_settings, parse_settings
from usage_pipeline.settings.first_files import RECIPIENTS, SOURCES, Answers, configuration_text

RUNNER = CliRunner()


@pytest.mark.parametrize(("source", "language"), list(product(SOURCES, ("zh", "en"))))
def test_every_answer_makes_a_valid_configuration(tmp_path: Path, source: str, language: str) -> None:
    channels = [word for channel in RECIPIENTS for word in ("--channel", channel)]
    done = RUNNER.invoke(app, ["init", str(tmp_path / "new"), "--source", source, "--language", language, "--zone",
                               "Europe/Berlin", "--currency", "eur", *channels, "--limit", "2,500.50"])  # fmt: skip
    assert done.exit_code == 0, done.output
    settings = load_settings(tmp_path / "new" / "usage_pipeline.yaml")
    assert (settings.currency, settings.language, str(settings.timezone)) == ("EUR", language, "Europe/Berlin")
    assert set(settings.recipients) == set(RECIPIENTS)
    secrets = tmp_path / "new" / ".env"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    named = {str(value) for recipient in settings.recipients.values()
             for key, value in recipient.model_dump().items() if key.endswith("_env") and value}  # fmt: skip
    for name in named:
        assert f"\n{name}=\n" in secrets.read_text(encoding="utf-8")
        assert name in done.output.replace("\n", " ")


def test_both_languages_say_the_same_and_each_its_own_words() -> None:
    answers = Answers("postgresql", "Asia/Shanghai", "CNY", "en", ("wecom", "email"), "a@b.cn", Decimal(500))
    english, chinese = configuration_text(answers), configuration_text(replace(answers, language="zh"))
    one, other = parse_settings(english, "en.yaml"), parse_settings(chinese, "zh.yaml")
    assert [tier.at for tier in one.tiers] == [tier.at for tier in other.tiers]
    assert one.sources == other.sources
    assert one.recipients == other.recipients
    assert [budget.limit for budget in one.budgets] == [budget.limit for budget in other.budgets]
    assert one.reports == other.reports
    assert not re.search(r"[\u4e00-\u9fff]", english)
    assert len(re.findall(r"# .*[\u4e00-\u9fff]", chinese)) > 8


@pytest.mark.parametrize("name", ["usage_pipeline.yaml", ".env"])
def test_nothing_is_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine", encoding="utf-8")
    done = RUNNER.invoke(app, ["init", str(tmp_path)])
    assert done.exit_code == 2
    assert name in done.output.replace("\n", "")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--zone", "Mars/Phobos"], "Asia/Shanghai"), (["--currency", "yuan"], "three letters"), (["--source", "x"],
     "api"), (["--channel", "pigeon"], "wecom"), (["--language", "de"], "zh or en"), (["--limit", "-3"], "10000")],
)  # fmt: skip
def test_an_answer_that_cannot_be_is_named_with_a_way_out(tmp_path: Path, words: list[str], said: str) -> None:
    done = RUNNER.invoke(app, ["init", str(tmp_path / "new"), *words])
    assert done.exit_code == 2
    assert words[0] in done.output
    assert said in done.output
    assert not (tmp_path / "new").exists()
