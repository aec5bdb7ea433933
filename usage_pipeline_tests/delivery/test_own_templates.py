"""A user's own template takes the place of ours; a broken one gives way to ours, and that is said."""

from dataclasses import replace
from pathlib import Path

import pytest

from usage_pipeline.alerts.message import Message
from usage_pipeline.alerts.text.escape import line, markup
from usage_pipeline.delivery.channels.registry import CHANNELS
from usage_pipeline.delivery.channels.wecom import WecomRecipient
from usage_pipeline.delivery.rendering import render
from usage_pipeline.settings.alerting import TemplateSettings
from usage_pipeline_tests.delivery.test_outbox import FACTS
from usage_pipeline_tests.support.fault_servers import answers, faulty_http

NAME = "wecom.md.j2"
OURS = Message("d", "Babc", "budget", "critical", FACTS, "en")
MESSAGE = replace(OURS, templates=TemplateSettings(folder="mine"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of own templates beside the configuration file."""
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(tmp_path / "c.yaml"))
    (tmp_path / "mine").mkdir()
    return tmp_path / "mine"


def test_an_own_template_is_used_and_values_still_come_escaped(folder: Path) -> None:
    (folder / NAME).write_text("mine: {{ alert.facts.scope_name }} {{ alert.id }}", encoding="utf-8")
    facts = {**FACTS, "scope_name": "<@all> **x**"}
    rendered = render(NAME, replace(MESSAGE, facts=facts), markup("wecom"))
    assert rendered.text.startswith("mine: ＜＠all＞")
    assert rendered.text.endswith("Babc")
    assert "*" not in rendered.text
    assert not rendered.note


def test_a_folder_may_have_only_some(folder: Path) -> None:
    assert render(NAME, MESSAGE, line) == render(NAME, OURS, line)


@pytest.mark.parametrize(
    "broken",
    [
        "{% if %}",
        "{{ nothing.of.this }}",
        "{{ alert.__class__.__mro__ }}",
        "{{ 1 / 0 }}",
        "{{ title | safe }}",
        b"\xff",
    ],
)
def test_a_broken_one_gives_way_to_ours_and_says_so(broken: str | bytes, folder: Path) -> None:
    (folder / NAME).write_bytes(broken if isinstance(broken, bytes) else broken.encode())
    rendered = render(NAME, MESSAGE, line)
    assert rendered.text == render(NAME, OURS, line).text
    assert rendered.note.startswith(f"own template {NAME} not used (")


def test_a_file_that_is_named_but_missing_is_said(folder: Path) -> None:
    rendered = render(NAME, replace(OURS, templates=TemplateSettings(files={NAME: "mine/none.j2"})), line)
    assert "no such file" in rendered.note
    assert "Babc" in rendered.text


def test_the_record_of_a_delivery_says_that_the_own_template_was_not_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / NAME).write_text("{% if %}", encoding="utf-8")
    with faulty_http() as server:
        server.mood = answers(200, {"errcode": 0})
        monkeypatch.setenv("ROBOT_URL", f"{server.base}/send?key=k")
        robot = WecomRecipient(channel="wecom", secret_env="ROBOT_URL", allow_private=True)
        outcome = CHANNELS["wecom"](MESSAGE, robot)
    assert outcome.kind == "accepted"
    assert f"own template {NAME} not used" in outcome.answer
