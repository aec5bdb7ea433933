"""How large and how fast the report of a big day is: 1,000 projects that each called 100 models, 100,000 rows.

Run: .venv/bin/python benchmarks/report.py   (needs chromium for the filters)
Ends with exit code 1 when the page is over 5 MB, a filter takes over 200 ms in the browser, or the whole report in all
formats over 20 s of our processor time or 500 MB.
"""

import os
import shutil
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

from benchmarks.figures import FULL, Figure, Size
from benchmarks.servers import most_memory_mb, place
from usage_pipeline.reports.edition import edition_of
from usage_pipeline.reports.files import write_report
from usage_pipeline.reports.make import make_report
from usage_pipeline.settings import Settings
from usage_pipeline.settings.reports import ReportFormat
from usage_pipeline.warehouse.connection import Connection, connected

DAY = date(2026, 3, 17)
LARGEST_MB = 5.0
LONGEST_MS = 200.0
LONGEST_S = 20.0
MOST_MB = 500.0
_FILL = Path(__file__).parent / "sql" / "report_day.sql"
_FILTER = """(pair) => {
  const list = document.getElementById("filter-" + pair[0]);
  const began = performance.now();
  list.selectedIndex = pair[1];
  list.dispatchEvent(new Event("change"));
  document.body.getBoundingClientRect();
  return performance.now() - began;
}"""


def filters_ms(page_file: Path) -> dict[str, float]:
    """The longest of several choices in each filter, until the page stands laid out again."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("the filters need a browser: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        began = time.perf_counter()
        page.goto(page_file.as_uri())
        page.wait_for_selector("html[data-ready=yes]", timeout=60_000)
        found = {"(opening)": (time.perf_counter() - began) * 1000}
        for name in ("tenant", "environment", "project", "api_key", "user", "model"):
            taken = []
            for choice in (1, 2, 0):
                taken.append(float(page.evaluate(_FILTER, [name, choice])))
            found[name] = max(taken)
        browser.close()
    return found


def measure(_size: Size, folder: Path) -> list[Figure]:
    """Returns the figures of the report, which is as large in every size."""
    with place(folder) as found, connected(found.warehouse("report")) as connection:
        connection.execute(_FILL.read_bytes())
        files = folder / "files"
        files.mkdir()
        return reported(connection, files)


def reported(connection: Connection, files: Path) -> list[Figure]:
    """Returns processor time and memory of each part, and what the page takes in a browser."""
    whole = began = time.process_time()
    report = make_report(connection, Settings(version=1, currency="CNY"), edition_of("day", DAY), now=datetime.now(UTC))
    title = f"Report of {len(report.rows):,} rows"
    figures = [Figure(f"{title}: its document", time.process_time() - began, "s of the processor")]
    for wanted in ReportFormat:
        began = time.process_time()
        (path,) = write_report(report, [wanted], files, "en")
        figures.append(Figure(f"{title}: as {wanted}, {path.stat().st_size / 1e6:.1f} MB", time.process_time() - began,
                              "s of the processor"))  # fmt: skip
    took, most = time.process_time() - whole, most_memory_mb()
    page = next(files.glob("*.html"))
    taken = filters_ms(page)
    opening = taken.pop("(opening)")
    slowest = max(taken, key=lambda name: taken[name])
    return [
        *figures,
        Figure(f"{title}: all of it", took, "s of the processor", at_most=LONGEST_S, quoted=True),
        Figure(f"{title}: memory", most, "MB", at_most=MOST_MB),
        Figure(f"{title}: its page", page.stat().st_size / 1e6, "MB", at_most=LARGEST_MB),
        Figure(f"{title}: its page opens", opening, "ms"),
        Figure(f"{title}: its slowest filter ({slowest}), laid out", taken[slowest], "ms", at_most=LONGEST_MS),
    ]


def main() -> int:
    """Prints the figures; 0 when the limits are kept."""
    with TemporaryDirectory(prefix="usage-pipeline-benchmark-", ignore_cleanup_errors=True) as folder:
        figures = measure(FULL, Path(folder))
    for figure in figures:
        print(figure.line())
    return int(any((figure.used or 0) > 1 for figure in figures))


if __name__ == "__main__":
    os.environ.pop("USAGE_PIPELINE_HOME", None)
    sys.exit(main())
