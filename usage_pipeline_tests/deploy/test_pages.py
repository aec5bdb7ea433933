"""Chinese pages keep step with the English ones: headings, tables, commands, names; and what they lead to is there."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from usage_pipeline.cli import COMMANDS, app
from usage_pipeline.settings.environment import project_dir

DOCS = project_dir() / "docs"
PAIRS = [(DOCS / page.name, page) for page in sorted((DOCS / "zh").glob("*.md"))]


def headings(text: str) -> list[int]:
    return [len(line) - len(line.lstrip("#")) for line in text.splitlines() if line.startswith("#")]


def blocks(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("    ")]


def names(text: str) -> set[str]:
    """What stands in backquotes, outside of blocks."""
    return set(re.findall(r"`([^`\n]+)`", "\n".join(line for line in text.splitlines() if not line.startswith("    "))))


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=lambda page: str(page.relative_to(DOCS)))
def test_both_say_the_same(english: Path, chinese: Path) -> None:
    one, other = english.read_text(encoding="utf-8"), chinese.read_text(encoding="utf-8")
    assert headings(one) == headings(other)
    assert blocks(one) == blocks(other)
    assert one.count("\n|") == other.count("\n|")
    assert names(one) == names(other)


@pytest.mark.parametrize(
    "page", [page for pair in PAIRS for page in pair], ids=lambda page: str(page.relative_to(DOCS))
)
def test_what_they_lead_to_is_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize(
    "page", [DOCS / "install.md", DOCS / "operations.md", project_dir() / "README.md"], ids=lambda page: page.name
)
def test_the_commands_and_options_that_are_named_exist(page: Path) -> None:
    for name, options in re.findall(
        r"usage-pipeline ([a-z][a-z-]+)((?: --[a-z-]+)*)", page.read_text(encoding="utf-8")
    ):
        assert name in COMMANDS, name
        known = get_command(app).make_context("usage-pipeline", [name], resilient_parsing=True)
        with known:
            group = known.command
            found = group.get_command(known, name)  # type: ignore[attr-defined]
            context = found.make_context(name, [], parent=known, resilient_parsing=True)
        there = {
            option for parameter in context.command.params for option in (*parameter.opts, *parameter.secondary_opts)
        }
        assert set(options.split()) <= there, (name, options)
