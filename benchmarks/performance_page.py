"""docs/performance.md in both languages, its picture, and the README's figures, made of what was measured."""

import os
import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import Figure, Size, shown
from benchmarks.performance_chinese import in_chinese, said_in_chinese
from usage_pipeline.settings.environment import project_dir

_PICTURE = Path("docs/images/performance.png")
_HEADINGS = ("| what | measured | held against | ratio | limit | |", "| --- | ---: | --- | ---: | --- | --- |")
_BEGIN, _END = "<!-- figures of make bench -->", "<!-- end of the figures -->"
_LONGEST_TITLE = 76
_HOW = """## How it is measured
`make bench` (all of it, under 25 minutes and 15 GB; `SIZE=small` to try it, `ONLY=ticks,report` for some) makes its own
embedded PostgreSQL, made-up Dify databases and warehouses, and removes them. What a figure is held against is measured
in the same run on the same server, before and after ours, so that a slow machine does not look like a slow program;
what is measured several times counts by its median. Ours always is the whole: rows read from Dify, counted, attributed
to keys, priced, rolled up and evaluated against budgets.

- **COPY pipe and keyed merge**: sixteen columns of the same rows by COPY from Dify's database into a table, and from it
  into one with a key by `INSERT … ON CONFLICT`. No loader that may be run twice does less.
- **dlt** in an environment of its own, with its fastest back end for this (pyarrow, parquet through ADBC), merging the
  same sixteen columns by key; it neither counts nor prices.
- **the plain GROUP BYs**: the groups and sums of the six daily tables straight from the events, kept nowhere.
- Without a reference a limit is in its own unit, of a machine with 2 cores.
"""


def write_page(size: Size, found: Mapping[str, Sequence[Figure]], failed: Sequence[str]) -> list[Path]:
    """Writes them into the repository; returns the files."""
    root = project_dir()
    page = root / "docs" / "performance.md"
    text = "\n".join(_lines(size, found, failed))
    page.write_text(text, encoding="utf-8")
    chinese = page.parent / "zh" / page.name
    chinese.write_text(in_chinese(text), encoding="utf-8")
    draw([figure for figures in found.values() for figure in figures if figure.used is not None], root / _PICTURE)
    return [page, chinese, root / _PICTURE, *_quoted(root, size, found)]


def machine() -> str:
    """Returns what it was measured on, in words."""
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    cores = f"{os.cpu_count()} cores{f' ({model[1]})' if model else ''}"
    return f"{cores}, {memory:.0f} GB, Python {platform.python_version()}, load {os.getloadavg()[2]:.1f} meanwhile"


def _lines(size: Size, found: Mapping[str, Sequence[Figure]], failed: Sequence[str]) -> Iterator[str]:
    yield "# Performance"
    yield "[中文](zh/performance.md)"
    yield ""
    yield _measured(size)
    if size.name != "full":
        yield "**A small run shows that all of it works; limits are of a full run on a quiet machine.**"
    yield ""
    yield "![Each figure as a part of its limit](images/performance.png)"
    for title, figures in found.items():
        if not figures:
            continue
        yield ""
        yield f"## {title}"
        yield from _HEADINGS
        yield from (_row(figure) for figure in figures)
    if failed:
        yield ""
        yield "## Not measured"
        yield from (f"- {problem.splitlines()[0]}" for problem in failed)
    yield ""
    yield _HOW


def _measured(size: Size) -> str:
    return f"Measured {datetime.now(UTC):%Y-%m-%d} by `make bench`, size {size.name}, on {machine()}."


def _row(figure: Figure) -> str:
    held = f"{figure.against}: {shown(figure.reference)} {figure.unit}" if figure.reference else ""
    ratio = shown(figure.value) if figure.reference else ""
    state = "" if figure.used is None else "holds" if figure.used <= 1 else "**missed**"
    return f"| {figure.what} | {shown(figure.ours)} {figure.unit} | {held} | {ratio} | {figure.limit} | {state} |"


def draw(figures: Sequence[Figure], path: Path) -> None:
    """Draws each figure as a part of its limit, the limit as a line."""
    from matplotlib.figure import Figure as Drawing  # noqa: PLC0415  (slow to import)

    drawing = Drawing(figsize=(11, 0.34 * len(figures) + 1.1), dpi=110, layout="constrained")
    axes = drawing.add_subplot()
    used = [max(figure.used or 0.0, 0.001) for figure in figures]
    titles = [f"{f.what} vs {f.against}" if f.reference else f.what for f in figures]
    titles = [title if len(title) <= _LONGEST_TITLE else f"{title[: _LONGEST_TITLE - 1]}…" for title in titles]
    places = range(len(figures))
    axes.barh(places, used, color=["#2f6fb2" if part <= 1 else "#a3161f" for part in used], height=0.62)
    axes.set_yticks(places, titles, fontsize=8, parse_math=False)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(0.01, max(10.0, *used) * 1.6)
    axes.axvline(1, color="#1b2530", linewidth=1.2)
    for at, part in zip(places, used, strict=True):
        axes.text(part * 1.06, at, f"{part:.2f}", va="center", fontsize=7)
    axes.set_xlabel("part of the limit that is used, on a logarithmic scale: left of the line it holds", fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    path.parent.mkdir(exist_ok=True)
    drawing.savefig(path, metadata={"Software": None})


def _quoted(root: Path, size: Size, found: Mapping[str, Sequence[Figure]]) -> list[Path]:
    """Writes the quoted figures between the two marks of both READMEs; returns what changed."""
    quoted = [figure for figures in found.values() for figure in figures if figure.quoted]
    if not quoted:
        return []
    text = "\n".join([_measured(size), "", *_HEADINGS, *(_row(figure) for figure in quoted)])
    written = []
    for name, words in (("README.md", text), ("README.zh-CN.md", said_in_chinese(text))):
        before, mark, rest = (root / name).read_text(encoding="utf-8").partition(_BEGIN)
        if mark:
            (root / name).write_text(f"{before}{_BEGIN}\n{words}\n{_END}{rest.partition(_END)[2]}", encoding="utf-8")
            written.append(root / name)
    return written
