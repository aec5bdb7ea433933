"""Spellings of one name are one person; names of others are not."""

from pathlib import Path

import pytest

from usage_pipeline.settings.approvals import Approvals
from usage_pipeline.settings.load import SettingsError, load_settings
from usage_pipeline.settings.person_names import same_person

SPELLINGS = (
    "Zhang.Wei",
    "ZHANG.WEI",
    "zhang.wei ",
    "\u3000zhang.wei",
    "zhang. wei",
    "zhang\u00a0wei",
    "zhаng.wei",  # Cyrillic
    "zhαng.wei",  # Greek
    "ＺＨＡＮＧ.ＷＥＩ",
    "zhang.wei\u200b",
    "zh\u2060ang.wei",
    "zhang\u202e.wei",
    "zhang.we\ufe0fi",
    "zhang.we\u3164i",
    "zhang.wei\U000e0041",
    "zhang.wеі",
    "zhang.wel",
    "zhang.we1",
    "zhang.weI",
    "zhang.weı",
    "zh\u0301ang.wei",
    "𝐳𝐡𝐚𝐧𝐠.𝔴𝔢𝔦",
    "ⓩⓗⓐⓝⓖ.wei",
    "zhang-wei",
    "zhang_vvei",
    "ΖΗΑΝG.WΕΙ",  # Greek capitals
    "ᴢʜᴀɴɢ.ᴡᴇɪ",
)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_spelling_is_the_same_person(spelling: str) -> None:
    assert spelling != "zhang.wei"
    assert same_person(spelling, "zhang.wei")
    assert same_person("zhang.wei", spelling)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("zhang.wei", "zhang.mei"),
        ("ann", "anna"),
        ("王伟", "王玮"),
        ("ops-2", "ops-3"),
        ("мария", "марина"),
        ("@@", "!!"),
    ],
)
def test_names_of_two_are_two(one: str, other: str) -> None:
    assert not same_person(one, other)


@pytest.mark.parametrize("second", ["Ann", "аnn", "ann\u200b", " "])
def test_one_approver_under_two_spellings_is_refused(tmp_path: Path, second: str) -> None:
    (tmp_path / "c.yaml").write_text(f"version: 1\napprovals: {{approvers: [ann, '{second}']}}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"reads as approvals\.approvers|is no name"):
        load_settings(tmp_path / "c.yaml")


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_nobody_decides_on_what_they_asked_for_under_another_spelling(spelling: str) -> None:
    assert Approvals(approvers=("zhang.wei", "li.na")).others(spelling) == ["li.na"]
