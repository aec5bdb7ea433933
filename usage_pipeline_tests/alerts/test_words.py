"""A Chinese message has Chinese words, an English one English words; only names stay as they are."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args

import pytest

from usage_pipeline.alerts.kinds.enforcement_words import detail_in_words
from usage_pipeline.alerts.message import Message
from usage_pipeline.alerts.text.names import channel_name, shown_name
from usage_pipeline.alerts.text.texts import lines_of, parts_of, summary, title
from usage_pipeline.delivery.channels.registry import CHANNELS
from usage_pipeline.settings.budget import Level
from usage_pipeline_tests.support.message_variants import names_in, variants

# What Chinese readers write in letters as well: units, products, and how a setting is called in its file.
LETTERS = re.compile(
    r"\b(tokens|Dify|API|MCP|Webhook|Lark|Slack|Microsoft Teams|PagerDuty|Apprise|usage_pipeline|CNY)\b"
    r"|usage-pipeline [a-z ]+[\w-]*( / usage-pipeline [a-z ]+[\w-]*)?|act-\w+"
)
CHINESE = re.compile(r"[\u3000-\u303f\u4e00-\u9fff]")
EVENTS = ("trigger", "acknowledge", "resolve")


def texts(kind: str, facts: Mapping[str, object], language: str) -> Iterator[str]:
    """Everything that a message may say: its titles by level and event, its summary, lines and single words."""
    stored = json.loads(json.dumps(facts))
    message = Message("d", "B1", kind, "critical", stored, language)
    (alert,) = message.alerts
    for level in get_args(Level):
        for event in EVENTS:
            yield title(Message("d", "B1", kind, level, stored, language, event=event))  # type: ignore[arg-type]
    yield summary(alert, language)
    for label, value in lines_of(alert, language):
        yield f"{label}: {value}"
    yield from (value for name, value in parts_of(alert, language).items() if name != "id")


def without_names(text: str, facts: Mapping[str, object]) -> str:
    """The text with its names and moments taken out."""
    for name in names_in(facts):
        text = text.replace(name, "")
    return text


CASES = [pytest.param(kind, facts, id=f"{kind} {called}".strip()) for kind, called, facts in variants()]


@pytest.mark.parametrize(("kind", "facts"), CASES)
def test_a_chinese_message_has_no_word_in_letters(kind: str, facts: Mapping[str, object]) -> None:
    for text in texts(kind, facts, "zh"):
        rest = LETTERS.sub("", without_names(text, facts))
        assert not re.findall(r"[A-Za-z_]{2,}", rest), text


@pytest.mark.parametrize(("kind", "facts"), CASES)
def test_an_english_message_has_no_chinese_and_no_word_of_the_program(kind: str, facts: Mapping[str, object]) -> None:
    for text in texts(kind, facts, "en"):
        rest = without_names(text, facts)
        assert not CHINESE.findall(text), text
        assert not re.findall(r"\b[a-z]+_[a-z_]+\b", rest.replace("usage_pipeline", "")), text
        assert not re.search(r"(?<!CN)¥", text), "yen or yuan?"


@pytest.mark.parametrize(("kind", "facts"), CASES)
def test_every_time_has_its_zone_and_no_token_is_cut_in_pieces(kind: str, facts: Mapping[str, object]) -> None:
    for language in ("zh", "en"):
        for text in texts(kind, facts, language):
            assert not re.search(r"\d\d:\d\d(?! \([A-Z])", text), text
            assert not re.search(r"\d\.\d+ (tokens|calls|次调用)", text), text
            assert not re.search(r"\b1 (tokens|calls)\b", text), text


def test_how_somebody_calls_is_a_word() -> None:
    assert shown_name("user", "web_app: li.si", "zh") == "网页应用: li.si"
    assert shown_name("user", "web_app: li.si", "en") == "Web app: li.si"
    assert shown_name("user", "nobody knows: li.si", "zh") == "nobody knows: li.si"


@pytest.mark.parametrize("top", ["top", "top_in_period"])
def test_a_budgets_callers_are_named_with_how_they_call(top: str) -> None:
    stored = next(facts for kind, _, facts in variants() if kind == "budget")
    share = {"name": "web_app: li.si", "share": "0.7", "tokens": "700", "calls": "12"}
    nodes = {"name": "(no node)", "share": "0.7", "tokens": "700", "calls": "12"}
    facts = {**stored, "top": {}, "top_in_period": {}, top: {"callers": [share], "nodes": [nodes]}}
    said = "\n".join(texts("budget", facts, "zh"))
    assert said.count("网页应用: li.si") == 4, "in the summary, the story, the list and in text messages"
    assert "（非工作流节点）" in said
    assert "web_app" not in said


@pytest.mark.parametrize("channel", sorted(CHANNELS))
def test_every_channel_has_a_name(channel: str) -> None:
    for language in ("zh", "en"):
        assert channel_name(channel, language) != channel or channel == "webhook"


def test_a_loop_is_told_without_saying_calls_twice() -> None:
    loop = next(facts for kind, _, facts in variants() if kind == "loop")
    (story,) = {text for text in texts("loop", loop, "zh") if text.startswith("概况")}
    assert "对 lead-enricher 发起 84 次调用，" in story
    assert "调用 lead-enricher" not in story


def refusals() -> Iterator[str]:
    """What enforcement says when it does not act, as it stands in the code."""
    folder = Path(__file__).parents[2] / "usage_pipeline" / "enforcement"
    for path in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Name) and called.id in ("RefusedActionError", "NothingToDoError"):
                yield _as_text(node.args[0])  # type: ignore[attr-defined]


def _as_text(node: ast.expr) -> str:
    """A literal; a value that is put in is a number."""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "3" for part in node.values)
    assert isinstance(node, ast.Constant)
    return str(node.value)


def test_every_reason_why_enforcement_does_nothing_is_told_in_chinese() -> None:
    found = list(refusals())
    assert len(found) >= 9
    for reason in found:
        assert not re.findall(r"[A-Za-z_]{2,}", detail_in_words(reason, "zh")), reason
        assert not re.findall(r"\b[a-z]+[_.][a-z_]+\b", detail_in_words(reason, "en")), reason


def test_what_somebody_wrote_stays_as_it_is() -> None:
    for detail in ("by li.si: too dear, auto off", "my-web_app-open is named so", "our model is gone"):
        assert detail_in_words(detail, "zh") == detail
