"""Invoices are taken whole or not at all, once; and the ratio is what was counted of them."""

import json
import os
import subprocess
from datetime import date
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest

from usage_pipeline.defs.resources import Warehouse
from usage_pipeline.invoices.coverage import coverage, keep_invoices
from usage_pipeline.invoices.invoice_file import InvoiceFileError, read_invoice_file
from usage_pipeline.settings import load_settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline_tests.support.company import EXAMPLE, PROJECT
from usage_pipeline_tests.support.typed import typed

GOOD = """provider,model,month,amount,currency
openai,,2026-10,100.00,USD
openai,gpt-4o,2026-10,40.50,usd
Tongyi,qwen-max,2026-10,700,RMB
"""


def written(folder: Path, text: str) -> Path:
    """A file with the text."""
    path = folder / "invoices.csv"
    path.write_text(text, encoding="utf-8-sig")
    return path


def used(warehouse: Connection, provider: str, model: str, cost: str, unpriced: int = 0) -> None:
    """A day of October's use."""
    warehouse.execute(
        "INSERT INTO usage.daily_model_usage (usage_date, source, tenant_id, provider, model, currency, calls,"
        " failed_calls, input_tokens, output_tokens, total_tokens, estimated_tokens, unpriced_tokens, cost, base_cost)"
        " VALUES ('2026-10-05', 'main', 't', %s, %s, 'USD', 1, 0, 60, 40, 100, 0, %s, 0, %s)",
        [provider, model, unpriced, cost],
    )


def test_the_same_file_changes_nothing_and_a_corrected_amount_replaces(warehouse: Connection, tmp_path: Path) -> None:
    lines = read_invoice_file(written(tmp_path, GOOD))
    assert keep_invoices(warehouse, lines) == {"new": 3, "corrected": 0, "unchanged": 0}
    before = warehouse.execute("SELECT * FROM usage.invoice ORDER BY 1, 2, 3").fetchall()
    assert keep_invoices(warehouse, lines) == {"new": 0, "corrected": 0, "unchanged": 3}
    assert warehouse.execute("SELECT * FROM usage.invoice ORDER BY 1, 2, 3").fetchall() == before
    corrected = read_invoice_file(written(tmp_path, GOOD.replace("40.50", "41")))
    assert keep_invoices(warehouse, corrected) == {"new": 0, "corrected": 1, "unchanged": 2}
    assert warehouse.execute("SELECT amount FROM usage.invoice WHERE model = 'gpt-4o'").fetchall() == [(Decimal(41),)]


def test_a_line_without_a_model_covers_what_no_line_of_its_own_does(warehouse: Connection, tmp_path: Path) -> None:
    keep_invoices(warehouse, read_invoice_file(written(tmp_path, GOOD)))
    used(warehouse, "openai", "gpt-4o", "287.55")
    used(warehouse, "openai", "gpt-4o-mini", "355")
    used(warehouse, "openai", "o3", "0", unpriced=100)
    used(warehouse, "tongyi", "qwen-max", "630")
    used(warehouse, "vllm", "in-house", "5")
    found = {
        (row.provider, row.model): (row.invoiced, row.counted, row.ratio, row.tokens, row.unpriced_tokens)
        for row in coverage(warehouse, load_settings(EXAMPLE))
        if row.month == date(2026, 10, 1)
    }
    assert found == {
        ("openai", None): (Decimal("710"), Decimal("355"), Decimal("0.5"), 200, 100),
        ("openai", "gpt-4o"): (Decimal("287.55"), Decimal("287.55"), Decimal(1), 100, 0),
        ("tongyi", "qwen-max"): (Decimal(700), Decimal(630), Decimal("0.9"), 100, 0),
        ("vllm", None): (None, Decimal(5), None, 100, 0),
    }


def test_without_an_exchange_rate_there_is_no_ratio(warehouse: Connection, tmp_path: Path) -> None:
    path = written(tmp_path, "month,provider,amount,currency\n2026-10,openai,10,SEK\n")
    keep_invoices(warehouse, read_invoice_file(path))
    (found,) = coverage(warehouse, load_settings(EXAMPLE))
    assert (found.invoiced, found.counted, found.ratio) == (None, 0, None)
    assert found.lacks_exchange_rate


HOSTILE = r"<img src=x onerror=alert(1)> [a](javascript:b) `c` *d* _e_ f|g h\|i"


def test_the_assets_table_shows_hostile_names_as_they_are(
    warehouse_url: str, warehouse: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)
    monkeypatch.setenv("USAGE_PIPELINE_CONFIG", str(EXAMPLE))
    from usage_pipeline.defs.reconciliation import invoice_coverage  # noqa: PLC0415  (reads the warehouse)

    lines = f"month,provider,model,amount,currency\n2026-10,{HOSTILE},{HOSTILE},10,USD\n"
    keep_invoices(warehouse, read_invoice_file(written(tmp_path, lines)))
    done = dg.materialize([invoice_coverage], resources={"warehouse": Warehouse()})
    (materialized,) = done.asset_materializations_for_node("invoice_coverage")
    table = materialized.metadata["coverage"]
    assert isinstance(table, dg.TableMetadataValue), "cells are text there, whatever stands in them"
    (row,) = table.records
    assert (row.data["provider"], row.data["model"]) == (HOSTILE, HOSTILE)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("provider,month,amount\nopenai,2026-10,1\n", "line 1: lacks the column currency"),
        (GOOD.replace("2026-10,40.50", "Oct 2026,40.50"), "line 3, month: 'Oct 2026' is not a month: write 2026-11"),
        (GOOD.replace("40.50", "40,50"), "line 3, has more fields"),
        (GOOD.replace("40.50", "NaN"), "line 3, amount: 'NaN'"),
        (GOOD.replace("40.50", "-4"), "line 3, amount: '-4'"),
        (GOOD.replace("usd", "dollars"), "line 3, currency: 'dollars'"),
        (GOOD + "OPENAI,GPT-4o,2026-10,1,USD\n", "line 5, repeats line 3"),
        (GOOD + ",m,2026-10,1,USD\n", "line 5, provider: is empty"),
        ("", "line 1: lacks the column provider"),
        (GOOD.replace("2026-10,40.50", "0000-01,40.50"), "line 3, month: '0000-01' is not a month"),
        (GOOD.replace("2026-10,40.50", "２０２６-10,40.50"), "line 3, month:"),
        (GOOD.replace("40.50", "9" * 400), "line 3, amount: '9999"),
        (GOOD.replace("gpt-4o", "gpt\0"), "line 3, model:"),
        (GOOD.replace("gpt-4o", '"gpt\x1b[31m"'), "line 3, model: 'gpt\\x1b[31m' is not a name"),
        (GOOD.replace("gpt-4o", "x" * 200_000), "is not CSV"),
        (GOOD + ",m,2026-10,1,USD\n" * 60, "and more: these are the first"),
    ],
)
def test_a_file_with_a_mistake_is_refused_whole_and_by_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InvoiceFileError) as refused:
        read_invoice_file(written(tmp_path, text))
    assert says in str(refused.value)


def test_the_command_takes_a_file_and_shows_the_ratio(warehouse_url: str, tmp_path: Path) -> None:
    environment = {**os.environ, "WAREHOUSE_URL": warehouse_url, "USAGE_PIPELINE_CONFIG": str(EXAMPLE)}

    def command(*words: str) -> subprocess.CompletedProcess[str]:
        return typed("invoices", *words, environment=environment, folder=PROJECT)

    path = written(tmp_path, GOOD)
    assert json.loads(command("import", str(path), "--json").stdout) == {"new": 3, "corrected": 0, "unchanged": 0}
    shown = json.loads(command("show", "--json").stdout)
    assert shown["currency"] == "CNY"
    assert [row["ratio"] for row in shown["rows"]] == ["0.0000"] * 3
    refused = command("import", str(written(tmp_path, GOOD.replace("40.50", "x"))))
    assert refused.returncode == 2
    assert "line 3" in refused.stderr
    assert "Traceback" not in refused.stderr
