"""An owner's card of a month: what was spent and saved, the rank among all projects, nothing of another tenant."""

import os
from pathlib import Path

import pytest

from usage_pipeline.reports.document import Report
from usage_pipeline.reports.edition import edition_of
from usage_pipeline.reports.make import make_report
from usage_pipeline.reports.owner_card import Rank, card_lines, card_png, project_ranks
from usage_pipeline.reports.scope import find_tenant
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.support.report_books import ACME, AFTERWARDS, DAY, SETTINGS


@pytest.fixture
def month(books: Connection) -> Report:
    """March of one tenant."""
    tenant = find_tenant(books, ACME)
    return make_report(books, SETTINGS, edition_of("month", DAY), tenant=tenant, now=AFTERWARDS)


def test_ranks_are_among_all_projects_and_name_only_ones_own(books: Connection, month: Report) -> None:
    query = (
        "SELECT p.name, sum(d.base_cost), d.tenant_id FROM usage.daily_project_usage d"
        " JOIN usage.project p USING (source, app_id) WHERE usage_date BETWEEN %s AND %s"
        " GROUP BY p.name, d.app_id, d.tenant_id ORDER BY 2 DESC"
    )
    every = books.execute(query, [month.edition.period.first, month.edition.period.last]).fetchall()
    expected = [
        Rank(str(name), place, len(every), cost) for place, (name, cost, whose) in enumerate(every, 1) if whose == ACME
    ]
    assert project_ranks(books, month) == expected[:4]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_card_is_a_picture_that_says_it(language: str, books: Connection, month: Report) -> None:
    ranks = project_ranks(books, month)
    said = " ".join(part for line in card_lines(month, ranks, language) for part in line)
    assert {"en": "Spent in 2026-03", "zh": "2026-03 花费"}[language] in said
    assert {"en": f"number {ranks[0].rank} of {ranks[0].of}", "zh": f"第 {ranks[0].rank}"}[language] in said
    assert "Globex" not in said
    png = card_png(month, ranks, language)
    assert png.startswith(b"\x89PNG") and len(png) > 5_000
    if folder := os.environ.get("USAGE_PIPELINE_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / f"card-{language}.png").write_bytes(png)
