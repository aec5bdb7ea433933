"""Chinese pages keep step with the English ones, what a page leads to is there, and each picture is shown somewhere."""

import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from benchmarks.performance_chinese import in_chinese
from usage_pipeline_tests.support.observed_chinese import shown, wanted
from usage_pipeline_tests.support.pages import DOCS, ROOT, Block, Page, chinese, english_pages, read_page

# Pages of one language: for who changes the program, or a list of what was changed.
ENGLISH_ONLY = [ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
ENGLISH = english_pages()
ALL = [*ENGLISH, *map(chinese, ENGLISH), *ENGLISH_ONLY]
LANGUAGES = {"bash", "console", "csv", "ini", "json", "python", "sql", "text", "yaml"}


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", ENGLISH, ids=named)
def test_both_languages_say_the_same(page: Path) -> None:
    one, other = read_page(page), read_page(chinese(page))
    assert one.headings == other.headings
    assert one.tables == other.tables
    assert [_said(block) for block in one.blocks] == [_said(block) for block in other.blocks]
    assert Counter(_targets(one)) == Counter(_targets(other))
    assert one.names == other.names


def test_every_chinese_page_has_its_english_one() -> None:
    assert sorted(page.name for page in (DOCS / "zh").iterdir()) == [p.name for p in ENGLISH if p.parent == DOCS]


def test_the_page_of_figures_is_that_of_the_english_one() -> None:
    page = DOCS / "performance.md"
    words = in_chinese(page.read_text(encoding="utf-8"))
    assert chinese(page).read_text(encoding="utf-8") == words, "`make bench` writes both"
    rows = [line for line in words.splitlines() if line.startswith("| ") and not line.startswith("| ---")]
    assert [row for row in rows if not re.match(r"\| [^|]*[\u4e00-\u9fff]", row)] == [], "these have no words yet"


def test_what_channels_made_of_answers_is_the_same_table() -> None:
    assert shown() == wanted(), "python -m usage_pipeline_tests.support.observed_chinese writes it"


def _said(block: Block) -> object:
    """What a block says to a machine: comments, and what is drawn or written for people, may be in any language."""
    if block.language == "bash":
        return block.language, block.commands
    if block.language == "yaml":
        return block.language, yaml.safe_load(block.text)
    if block.language == "text":
        return block.language, len(block.text.splitlines())
    return block.language, re.sub(r"\s*#.*", "", block.text)


def _targets(page: Page) -> list[str]:
    """Whom the links and pictures of a page lead to, by one name for both languages; the way to the other one aside."""
    found = []
    for target in (*page.links, *page.pictures):
        if target.startswith(("http:", "https:")):
            found.append(target)
            continue
        path = str((page.path.parent / target.partition("#")[0]).resolve())
        common = path.replace("/docs/zh/", "/docs/").replace(".zh-CN.", ".")
        if common != str(page.path).replace("/docs/zh/", "/docs/").replace(".zh-CN.", "."):
            found.append(common + ("#" if "#" in target else ""))
    return found


@pytest.mark.parametrize("page", ALL, ids=named)
def test_what_it_leads_to_is_there(page: Path) -> None:
    for target in (*read_page(page).links, *read_page(page).pictures):
        if target.startswith(("http:", "https:", "mailto:")):
            continue
        path, _, fragment = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        if fragment:
            assert fragment in read_page(there).anchors, target


@pytest.mark.parametrize("page", ENGLISH, ids=named)
def test_a_chinese_page_leads_to_chinese_ones(page: Path) -> None:
    here = chinese(page)
    for target in read_page(here).links:
        there = (here.parent / target.partition("#")[0]).resolve()
        assert there == page or there not in ENGLISH, target


def test_each_picture_is_shown_on_a_page() -> None:
    pictures = {path for path in (DOCS / "images").rglob("*") if path.is_file()}
    shown = {(page.parent / target).resolve() for page in ALL for target in _pictures(read_page(page))}
    assert sorted(map(named, pictures - shown)) == []


def _pictures(page: Page) -> list[str]:
    return [target for target in (*page.pictures, *page.links) if "images/" in target]


@pytest.mark.parametrize("page", ALL, ids=named)
def test_each_block_says_what_it_is(page: Path) -> None:
    assert [block.line for block in read_page(page).blocks if block.language not in LANGUAGES] == []
