"""The documents as they are read: headings, tables, blocks, links, pictures and names of each page."""

import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

from usage_pipeline.settings.environment import project_dir

ROOT = project_dir()
DOCS = ROOT / "docs"
_READER = MarkdownIt("commonmark").enable("table")
_ANCHOR = re.compile(r"[^\w\- ]")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line that it begins at."""

    language: str
    text: str
    line: int

    @property
    def commands(self) -> list[str]:
        """The lines that somebody types, without their comments; none where it is no block of commands."""
        if self.language == "console":
            return [line[2:] for line in self.text.splitlines() if line.startswith("$ ")]
        if self.language != "bash":
            return []
        lines = self.text.replace("\\\n", " ").splitlines()
        return [line for line in (re.sub(r"(^|\s+)# .*$", "", line) for line in lines) if line]


@dataclass(frozen=True)
class Page:
    """One document."""

    path: Path
    text: str
    headings: tuple[int, ...]
    anchors: frozenset[str]
    tables: tuple[tuple[int, ...], ...]  # of each table, the number of cells of each row
    blocks: tuple[Block, ...]
    links: tuple[str, ...]
    pictures: tuple[str, ...]
    names: frozenset[str]  # what stands in backquotes


def english_pages() -> list[Path]:
    """Every page that has a Chinese one beside it."""
    return [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]


def chinese(page: Path) -> Path:
    """The Chinese page of an English one."""
    return ROOT / "README.zh-CN.md" if page.parent == ROOT else DOCS / "zh" / page.name


@cache
def read_page(path: Path) -> Page:
    """Returns the page; read once."""
    text = path.read_text(encoding="utf-8")
    tokens = _READER.parse(text)
    below = [child for token in tokens for child in token.children or ()]
    return Page(
        path,
        text,
        tuple(int(token.tag[1:]) for token in tokens if token.type == "heading_open"),
        frozenset(_anchor(after.content) for token, after in pairwise(tokens) if token.type == "heading_open"),
        tuple(_tables(tokens)),
        tuple(Block(t.info, t.content, (t.map or [0])[0] + 1) for t in tokens if t.type in ("fence", "code_block")),
        tuple(unquote(str(child.attrs["href"])) for child in below if child.type == "link_open"),
        tuple(str(child.attrs["src"]) for child in below if child.type == "image"),
        frozenset(child.content for child in below if child.type == "code_inline"),
    )


def _tables(tokens: list[Token]) -> list[tuple[int, ...]]:
    found: list[list[int]] = []
    for token in tokens:
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append(0)
        elif token.type in ("th_open", "td_open"):
            found[-1][-1] += 1
    return [tuple(table) for table in found]


def _anchor(heading: str) -> str:
    """Returns the fragment that leads to a heading, as GitHub makes it."""
    return _ANCHOR.sub("", heading.lower()).replace(" ", "-")
