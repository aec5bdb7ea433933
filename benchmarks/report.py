"""How large and how fast the report of a big day is: 1,000 projects that each called 100 models, 100,000 rows.

Run: .venv/bin/python benchmarks/report.py   (needs chromium for the filters)
Ends with exit code 1 when the page is over 5 MB, a filter takes over 200 ms in the browser, or the whole report in all
formats over 20 s of our processor time or 500 MB.
"""

import os
import resource
import shutil
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from playwright.sync_api import sync_playwright

from usage_pipeline.reports.edition import edition_of
from usage_pipeline.reports.files import write_report
from usage_pipeline.reports.make import make_report
from usage_pipeline.settings import Settings
from usage_pipeline.settings.reports import ReportFormat
from usage_pipeline.warehouse.connection import Connection, connected
from usage_pipeline.warehouse.embedded import create_database, start_embedded, stop_embedded
from usage_pipeline.warehouse.schema import migrate

DAY = date(2026, 3, 17)
LARGEST_BYTES = 5_000_000
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


def most_memory() -> float:
    """The most memory that this process had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(connection: Connection, folder: Path) -> bool:
    """Prints the figures; True when they keep their limits."""
    whole = began = time.process_time()
    report = make_report(connection, Settings(version=1, currency="CNY"), edition_of("day", DAY), now=datetime.now(UTC))
    took = time.process_time() - began
    print(f"{len(report.rows):,} rows, document made in {took:.1f} s of the processor, {most_memory():.0f} MB at most")
    for wanted in ReportFormat:
        began = time.process_time()
        (path,) = write_report(report, [wanted], folder, "en")
        took = time.process_time() - began
        print(f"{wanted:8} {path.stat().st_size / 1e6:7.2f} MB  {took:5.1f} s  at most {most_memory():4.0f} MB so far")
    took, most = time.process_time() - whole, most_memory()
    print(f"whole report: {took:.1f} s of {LONGEST_S:.0f} s, {most:.0f} MB of {MOST_MB:.0f} MB at its most")
    page = next(folder.glob("*.html"))
    size, taken = page.stat().st_size, filters_ms(page)
    for name, milliseconds in taken.items():
        print(f"{name:12} {milliseconds:7.1f} ms")
    longest = max(value for name, value in taken.items() if name != "(opening)")
    print(f"page: {size / LARGEST_BYTES:.2f} of its limit; slowest filter: {longest / LONGEST_MS:.2f} of its limit")
    return size < LARGEST_BYTES and longest < LONGEST_MS and took < LONGEST_S and most < MOST_MB


def main() -> int:
    """0 when the limits are kept."""
    with TemporaryDirectory(prefix="usage-pipeline-benchmark-", ignore_cleanup_errors=True) as place:
        Path(place).chmod(0o755)
        server = start_embedded(Path(place))
        try:
            with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
                create_database(connection, "report")
            migrate(server.url("report"))
            with connected(server.url("report")) as connection:
                connection.execute(_FILL.read_bytes())
                folder = Path(place) / "files"
                folder.mkdir()
                return 0 if measure(connection, folder) else 1
        finally:
            stop_embedded(Path(place))


if __name__ == "__main__":
    os.environ.pop("USAGE_PIPELINE_HOME", None)
    sys.exit(main())
