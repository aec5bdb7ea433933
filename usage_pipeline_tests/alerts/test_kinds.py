"""The table that every kind of alert joins by itself: facts that come back as they went, texts without gaps, ids.

A kind brings no more than its `example()`. Whatever a row holds, its message is still sent.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment, nodes

from usage_pipeline.alerts.kinds.facts import AlertFacts
from usage_pipeline.alerts.kinds.registry import kind_of, kinds
from usage_pipeline.alerts.message import Alert, Message
from usage_pipeline.alerts.text.escape import line
from usage_pipeline.alerts.text.texts import lines_of, parts_of, summary, title, title_of, words_for_templates
from usage_pipeline.alerts.text.words import WORDS
from usage_pipeline.delivery.channels.registry import CHANNELS
from usage_pipeline.delivery.previews import previews
from usage_pipeline.delivery.rendering import OURS, render
from usage_pipeline.settings import parse_settings
from usage_pipeline.settings.budget import Level
from usage_pipeline.settings.environment import project_dir

EVENTS = ("trigger", "acknowledge", "resolve")
TEMPLATES = sorted(path.name for path in OURS.glob("*.j2"))
SETTINGS = parse_settings("version: 1\n", "c.yaml")
every_kind = pytest.mark.parametrize("kind", kinds())
every_language = pytest.mark.parametrize("language", sorted(WORDS))
# What templates of users could ask for before each kind had words of its own.
OLD_WORDS = re.findall(
    r"\w+",
    """
levels tenant environment scope spent also period left_days left_hours left_minutes budget measures burn forecast
crossing previous average top_callers top_projects top_models top_nodes actions action_dry_run action_approve
action_auto id look configuration_refused problem in_force last_valid delivery_failed failed_alert test sent
meaning only_a_test source_unread last_read never meanwhile not_watched recipient channel answer events and_more
more cut acknowledge list override raise until reason requested_by decided_by approvers note override_id decide
override_steps enforcement_steps enforcement_actions limits anomaly in_window sum usual score times_spread rule
window project because_of detail not_stopped undo report
""",
)


def about(kind: str, language: str = "en", facts: Mapping[str, object] | None = None) -> Message:
    """A message of that kind, with the facts of its example."""
    stored = kind_of(kind).example().stored() if facts is None else facts
    return Message("d", "Babc", kind, "critical", json.loads(json.dumps(stored)), language)


@every_kind
def test_facts_are_read_back_as_they_were_written(kind: str) -> None:
    example = kinds()[kind].example()
    assert kinds()[kind].read(json.loads(json.dumps(example.stored()))) == example


@every_kind
def test_an_example_knows_every_fact(kind: str) -> None:
    example = kinds()[kind].example()
    # What is only known later is no part of how it was raised.
    raised = [each.name for each in fields(example) if not each.metadata.get("only_if_known")]
    assert [name for name in raised if getattr(example, name) in (None, (), "", {}, False)] == []


@every_kind
def test_facts_can_be_unknown_each_by_itself(kind: str) -> None:
    empty = kinds()[kind].read({})
    assert kinds()[kind].read(dict.fromkeys(kinds()[kind].facts_class.names())) == empty
    stored = kinds()[kind].example().stored()
    for missing in stored:
        assert_texts(kind, {name: value for name, value in stored.items() if name != missing})


def assert_texts(kind: str, facts: Mapping[str, object]) -> None:
    """Title, lines, summary and single words are texts in both languages, of each event."""
    for language in WORDS:
        alert = Alert("Babc", kind, "critical", facts)
        for event in EVENTS:
            message = replace(about(kind, language, facts), event=event)  # type: ignore[arg-type]
            assert title_of(alert, message)
        assert all(isinstance(part, str) and part for pair in lines_of(alert, language) for part in pair)
        assert isinstance(summary(alert, language), str)
        assert all(isinstance(part, str) for part in parts_of(alert, language).values())


HOSTILE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from(["NaN", "1e999999", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "-Inf", "{x}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@every_kind
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_no_row_keeps_its_message_from_being_sent(kind: str, data: st.DataObject) -> None:
    stored = kinds()[kind].example().stored()
    broken = data.draw(st.dictionaries(st.sampled_from(sorted(stored)), HOSTILE, max_size=4))
    assert_texts(kind, {**stored, **broken})


@every_kind
@every_language
@pytest.mark.parametrize("event", EVENTS)
def test_every_template_tells_every_kind_without_gaps(kind: str, language: str, event: Any) -> None:
    for template in TEMPLATES:
        message = replace(about(kind, language), event=event)
        for shown in (message, replace(message, others=(Alert("Bsecond", kind, "info", message.facts),))):
            rendered = render(template, shown, line)
            assert not rendered.note
            assert "None" not in rendered.text
            # PagerDuty has the id as its dedup_key.
            assert "Babc" in rendered.text or template == "pagerduty.txt.j2"


@every_kind
@every_language
@pytest.mark.parametrize("event", EVENTS)
def test_every_channel_shows_every_kind(kind: str, language: str, event: Any) -> None:
    message = replace(about(kind, language), event=event)
    shown = list(previews(message, SETTINGS, None, language))
    assert {preview.channel for preview in shown} == set(CHANNELS)
    assert all(preview.text for preview in shown)


@every_kind
def test_chinese_and_english_say_the_same_lines(kind: str) -> None:
    chinese, english = (lines_of(about(kind, language).alerts[0], language) for language in ("zh", "en"))
    assert len(chinese) == len(english)
    assert title(about(kind, "zh")) != title(about(kind, "en"))


@every_language
def test_templates_of_users_find_every_word_that_there_ever_was(language: str) -> None:
    words = words_for_templates(language)
    assert [name for name in OLD_WORDS if name not in words] == []


def facts_asked_for(template: str) -> Iterator[str]:
    """The names under `facts` that a template asks for, as `alert.facts.x` or `facts["x"]`."""
    tree = Environment(autoescape=True).parse(template)
    for found in tree.find_all((nodes.Getattr, nodes.Getitem)):
        holder = found.node
        if (isinstance(holder, nodes.Getattr) and holder.attr == "facts") or (
            isinstance(holder, nodes.Name) and holder.name == "facts"
        ):
            yield found.attr if isinstance(found, nodes.Getattr) else found.arg.as_const()


def test_what_templates_ask_of_facts_is_found() -> None:
    asked = facts_asked_for("{{ alert.facts.spent }} {% for a in alerts %}{{ a.facts['limit'] }}{% endfor %}")
    assert sorted(asked) == ["limit", "spent"]


@pytest.mark.parametrize("template", TEMPLATES)
def test_no_shipped_template_asks_for_a_fact_that_a_kind_lacks(template: str) -> None:
    asked = set(facts_asked_for((OURS / template).read_text(encoding="utf-8")))
    for kind in kinds().values():
        assert asked <= set(kind.facts_class.names())


@every_kind
def test_the_documentation_names_every_fact_of_the_kind(kind: str) -> None:
    text = (project_dir() / "docs" / "delivery.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| {kind} \| (.*) \|$", text, re.MULTILINE)
    assert row, f"docs/delivery.md lacks the facts of {kind}"
    own = [name for name in kinds()[kind].facts_class.names() if name not in AlertFacts.names()]
    assert row.group(1).split(", ") == own


def test_a_template_may_ask_for_a_fact_that_an_old_row_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(tmp_path / "c.yaml"))
    own = parse_settings("version: 1\ntemplates: {folder: .}\n", "c.yaml").templates
    (tmp_path / "mail.txt.j2").write_text("{{ alert.facts.forecast }}", encoding="utf-8")
    rendered = render("mail.txt.j2", replace(about("budget", facts={"budget_id": "b"}), templates=own), line)
    assert (rendered.text, rendered.note) == ("None", "")


def test_a_kind_of_a_newer_installation_is_still_sent() -> None:
    assert_texts("invoice", {"budget_name": "Agents", "level": "critical"})
    assert "Agents" in title(about("invoice", facts={"budget_name": "Agents"}))
    assert "invoice" in title(about("invoice", facts={}))


@every_kind
@pytest.mark.parametrize("level", get_args(Level))
def test_every_level_has_its_word_in_the_title(kind: str, level: str) -> None:
    for language, words in WORDS.items():
        assert words.levels[level] in title(replace(about(kind, language), level=level))


def test_numbers_are_written_as_they_were_read() -> None:
    for digits in ("0.0000000000", "100", "0.9500", "12345678901234567890.123456789"):
        facts = kinds()["budget"].read({"spent": digits})
        assert facts.spent == Decimal(digits)
        assert facts.stored()["spent"] == digits
