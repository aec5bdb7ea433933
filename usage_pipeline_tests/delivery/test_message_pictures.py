"""The table of messages has every kind in both languages on every channel, and no word of the program in it."""

import re

import pytest

from usage_pipeline.alerts.kinds.registry import kinds
from usage_pipeline.delivery.channels.registry import CHANNELS
from usage_pipeline.settings.environment import project_dir
from usage_pipeline_tests.support.message_examples import examples
from usage_pipeline_tests.support.message_pictures import DRAWN, LARGEST, drawn, sheets

# What only the program calls so; a name of the configuration may be in English, a word of ours may not.
_CODES = re.compile(
    r"\b(pause_app|switch_model|web_app|service_api|mcp_server|dry_run|emergency|\(shared\)|\(none\)|total_tokens"
    r"|[0-9,]+ (?:cost|calls_|tokens_)|None|1 calls|1 tokens)\b"
)
_DECIMALS_OF_TOKENS = re.compile(r"\d\.\d+ tokens")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("channel", sorted(set(DRAWN) - {"webhook"}))
def test_messages_hold_no_words_of_the_program(channel: str, language: str) -> None:
    for name, message in examples(language).items():
        text = re.sub(r"<style.*?</style>|<[^>]+>", " ", drawn(channel, message), flags=re.DOTALL)
        assert not _CODES.findall(text), f"{channel} {language} {name}"
        assert not _DECIMALS_OF_TOKENS.findall(text), f"{channel} {language} {name}"
        assert len(text) > 12


def test_every_kind_stands_on_every_sheet() -> None:
    found = {(sheet.channel, sheet.language): sheet.page for sheet in sheets()}
    assert found.keys() == {(channel, language) for channel in DRAWN for language in ("zh", "en")}
    for (channel, _), page in found.items():
        assert [kind for kind in kinds() if f"<figcaption>{channel} · {kind}</figcaption>" not in page] == []


def test_each_picture_is_kept_and_is_small() -> None:
    folder = project_dir() / "docs" / "images" / "messages"
    kept = {path.name: path.stat().st_size for path in folder.iterdir()}
    wanted = {f"{channel}.{language}.jpg" for channel in DRAWN for language in ("zh", "en")}
    assert kept.keys() == wanted | {"contact.jpg", "contact.zh-CN.jpg"}
    assert max(kept.values()) <= LARGEST


def test_every_channel_is_drawn() -> None:
    # Lark is Feishu outside China; what Apprise's services show is their own.
    assert set(CHANNELS) - set(DRAWN) == {"lark", "apprise"}


def test_no_two_kinds_have_one_example() -> None:
    titles = [drawn("sms", message) for message in examples("en").values()]
    assert len(set(titles)) == len(titles)
