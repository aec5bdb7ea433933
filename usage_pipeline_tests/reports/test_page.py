"""The page in a real browser: it asks for nothing, filters to the right figures, and reads well."""

import itertools
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from usage_pipeline.reports import labels
from usage_pipeline.reports.document import Report
from usage_pipeline.reports.edition import edition_of
from usage_pipeline.reports.files import write_report
from usage_pipeline.reports.formats.html import html
from usage_pipeline.reports.make import make_report
from usage_pipeline.settings.reports import ReportFormat
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.reports.test_document import sums
from usage_pipeline_tests.support.chromium import in_a_browser, running_browser
from usage_pipeline_tests.support.office import needs_office, pdf_text, pictures
from usage_pipeline_tests.support.report_books import ACME, AFTERWARDS, DAY, HOSTILE, SETTINGS

READY = "html[data-ready=yes]"
WIDTHS = {"phone": 390, "desk": 1440}

pytestmark = [*in_a_browser]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium, headless."""
    with running_browser() as browser:
        yield browser


class Watched:
    """A page, what it asked for and what it complained of."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))

    def open(self, path: Path) -> Page:
        """Opens the file and waits until its script is done."""
        self.page.goto(path.as_uri())
        self.page.wait_for_selector(READY, timeout=30_000)
        return self.page


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    """A new page at a desk's width."""
    page = browser.new_page(viewport={"width": WIDTHS["desk"], "height": 900})
    yield Watched(page)
    page.close()


@pytest.fixture
def page_file(pages: dict[str, Path]) -> Path:
    """The day's page in English."""
    return pages["en"]


def exact(page: Page) -> Decimal:
    """The cost that the page shows, to the last decimal."""
    return Decimal(str(page.get_attribute("#total-cost", "data-exact")))


def choose(page: Page, dimension: str, name: str) -> None:
    """Picks a name in a filter, as a reader does."""
    page.select_option(f"#filter-{dimension}", label=name)


def figure(page: Page, name: str) -> int:
    """A whole number at the top."""
    return int(page.inner_text(f"#total-{name}").replace(",", ""))


def test_no_request_leaves_the_page_and_nothing_complains(watched: Watched, page_file: Path, books: Connection) -> None:
    page = watched.open(page_file)
    assert exact(page) == sums(books, DAY, DAY).base_cost
    choose(page, "model", "gpt-4o")
    page.click("#reset")
    assert [url for url in watched.requests if not url.startswith(("file:", "data:"))] == []
    assert watched.complaints == []


def test_the_policy_stops_what_would_leave(watched: Watched, page_file: Path) -> None:
    page = watched.open(page_file)
    answer = page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'left', () => 'stopped')")
    assert answer == "stopped"
    assert any("Content Security Policy" in text for text in watched.complaints)
    assert [url for url in watched.requests if url.startswith("http")] == []


@pytest.mark.parametrize(
    ("dimension", "label", "condition"),
    [
        ("model", "gpt-4o", "model = 'gpt-4o'"),
        ("environment", "dev", "environment = 'dev'"),
        ("tenant", "=ACME", f"tenant_id = '{ACME}'"),
        ("api_key", labels.name("api_key", "(shared)", "en"), "api_key_id IS NULL"),
    ],
)
def test_a_filter_shows_its_part(
    dimension: str, label: str, condition: str, watched: Watched, page_file: Path, books: Connection
) -> None:
    page = watched.open(page_file)
    choose(page, dimension, label)
    row = books.execute(
        "SELECT sum(base_cost), sum(total_tokens), sum(calls) FROM usage.daily_usage"
        f" WHERE usage_date = %s AND {condition}".encode(),
        [DAY],
    ).fetchone()
    assert row is not None
    assert (exact(page), figure(page, "total_tokens"), figure(page, "calls")) == row
    bars = page.locator(".chart-project td.cost").evaluate_all("cells => cells.map(c => c.dataset.exact)")
    if not page.locator(".chart-project .more").count():
        assert sum(Decimal(value) for value in bars) == row[0]
    page.click("#reset")
    assert exact(page) == sums(books, DAY, DAY).base_cost


def test_filters_narrow_together(watched: Watched, page_file: Path, report: Report) -> None:
    page = watched.open(page_file)
    row = max(report.rows, key=lambda r: r.base_cost)
    labels = page.locator("#filter-project option").all_inner_texts()
    choose(page, "tenant", row.tenant)
    choose(page, "model", str(row.model))
    fitting = sum(r.base_cost for r in report.rows if (r.model, r.tenant_id) == (row.model, row.tenant_id))
    assert exact(page) == fitting
    by_project = set()
    for at in range(1, len(labels)):
        page.select_option("#filter-project", index=at)
        by_project.add(exact(page))
    one = sum(r.base_cost for r in report.rows if (r.model, r.app_id) == (row.model, row.app_id))
    assert one in by_project


def test_names_are_only_text(watched: Watched, page_file: Path) -> None:
    page = watched.open(page_file)
    title = page.title()
    for button in page.locator(".more").all():
        button.click()
    assert page.title() == title, "no name ran as a script"
    assert page.locator("#charts script, #charts img, #charts a, main img").count() == 0
    listed = page.locator("#filter-project option").evaluate_all("options => options.map(o => o.textContent)")
    shown = {name for name in HOSTILE if any(name.replace("\x00", "") in str(text) for text in listed)}
    assert any("<script>" in name or "onerror" in name for name in shown), "the hostile names stand there as they are"
    assert watched.complaints == []


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_and_labels_pass_axe(language: str, scheme: str, browser: Browser, pages: dict[str, Path]) -> None:
    path = pages[language]
    # The page's policy stops axe as it stops everything else; only this test goes round it.
    page = browser.new_page(bypass_csp=True, color_scheme=scheme, viewport={"width": 1440, "height": 900})  # type: ignore[arg-type]
    page.goto(path.as_uri())
    page.wait_for_selector(READY)
    found = Axe().run(page).response["violations"]
    faults = [f"{fault['id']}: {[node['target'] for node in fault['nodes']][:3]}" for fault in found]
    page.close()
    assert faults == []


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS.keys())
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_its_screen(width: int, scheme: str, browser: Browser, pages: dict[str, Path]) -> None:
    path = pages["en" if scheme == "light" else "zh"]
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(path.as_uri())
    page.wait_for_selector(READY)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing is wider than the screen"
    folder = os.environ.get("USAGE_PIPELINE_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"report-{width}-{scheme}.png", full_page=True)
    page.close()


def test_it_prints_without_filters(watched: Watched, page_file: Path) -> None:
    page = watched.open(page_file)
    page.emulate_media(media="print")
    assert not page.is_visible("#filters")
    assert page.is_visible("#total-cost") and page.is_visible(".chart-project")
    assert "All tenants" in page_file.read_text(encoding="utf-8").split("@top-left { content:")[1][:200]


def test_a_table_adds_up_on_paper_when_it_shows_only_its_first_rows(
    watched: Watched, books: Connection, tmp_path: Path
) -> None:
    month = make_report(books, SETTINGS, edition_of("month", DAY), now=AFTERWARDS)
    page = watched.open(write_report(month, [ReportFormat.HTML], tmp_path, "en")[0])
    page.emulate_media(media="print")
    assert len(month.spent["project"]) > 12
    listed = page.locator(".chart-project td.cost").evaluate_all("cells => cells.map(cell => cell.dataset.exact)")
    assert len(listed) == 12 + 1 and sum(map(Decimal, listed)) == month.totals.base_cost
    assert page.locator(".chart-project .others th").inner_text() == f"{len(month.spent['project']) - 12} more"
    assert page.is_visible(".chart-project .others")


def test_a_model_without_a_price_did_not_cost_nothing(watched: Watched, page_file: Path, report: Report) -> None:
    page = watched.open(page_file)
    assert any(row.model == "in-house-7b" for row in report.rows)
    cell = page.locator(".chart-model tr", has_text="in-house-7b").locator("td.cost")
    assert (cell.inner_text(), cell.get_attribute("title")) == ("–", "no price")


def test_the_first_screen_answers_what_a_reader_asks(browser: Browser, pages: dict[str, Path]) -> None:
    """What it cost, whether that is usual, who caused it, what was done and what is to do: before any scrolling."""
    for language, width in itertools.product(pages, WIDTHS.values()):
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.goto(pages[language].as_uri())
        for answer in ("#answer-spent", "#answer-who", "#answer-done", "#total-cost"):
            box = page.locator(answer).bounding_box()
            assert box and box["y"] + box["height"] <= 900, (language, width, answer)
            assert page.inner_text(answer).strip()
        page.close()


def test_the_trend_is_drawn_by_tenant_project_or_model(watched: Watched, page_file: Path, report: Report) -> None:
    page = watched.open(page_file)
    for dimension in ("tenant", "project", "model"):
        page.select_option("#history-by", dimension)
        drawn = page.locator("#legend li").count()
        assert drawn == min(8, len({part.key for part in report.history if part.dimension == dimension}))


class TestOnPaper:
    """What comes out of a printer."""

    pytestmark = needs_office

    def test_it_prints_on_a4_with_heads_and_numbers(self, watched: Watched, page_file: Path, tmp_path: Path) -> None:
        page, pdf = watched.open(page_file), tmp_path / "report.pdf"
        page.pdf(path=pdf, prefer_css_page_size=True, print_background=True)
        made = pictures(pdf, tmp_path / "pages")
        sheets = pdf_text(pdf).split("\f")[: len(made)]
        assert len(made) >= 3
        for number, text in enumerate(sheets, start=1):
            assert text.lstrip().startswith(f"LLM spending {DAY} · All tenants")
            assert f"{number}/{len(made)}" in text.replace(" ", "")


def test_the_sums_are_there_without_scripts(browser: Browser, page_file: Path, report: Report) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(page_file.as_uri())
    assert Decimal(str(page.get_attribute("#total-cost", "data-exact"))) == report.totals.base_cost
    assert page.is_visible("noscript")
    context.close()


def test_no_script_of_the_page_is_inline_but_its_own(report: Report) -> None:
    page = html(report, "en")
    assert page.count("<script") == 3 and 'onload="' not in page and "http://" not in page.split("</style>")[0]
