"""Packs the report's rows for the page: columns of small numbers, so that a hundred thousand rows stay small."""

import base64
import gzip
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from usage_pipeline.reports import labels
from usage_pipeline.reports.document import Report, UsageRow

if TYPE_CHECKING:
    import pandas as pd

DIMENSIONS = ("tenant", "environment", "project", "api_key", "user", "model")
MEASURES = ("calls", "failed_calls", "input_tokens", "output_tokens", "total_tokens", "unpriced_tokens")
# More users than this make no readable list: the cheapest of them stand together, the other lists keep all.
USER_LIMIT = 500
# Amounts are whole numbers of 10^-scale, split in two halves that a browser's numbers hold exactly.
HALF = 10**9


def packed(report: Report, language: str, other_users: str) -> str:
    """Returns the rows as gzip in base64: {"names": {dimension: [...]}, "columns": {...}, "scale"}."""
    document = json.dumps(page_rows(report, language, other_users), ensure_ascii=False, separators=(",", ":"))
    # Without a time of its own the same report makes the same page.
    return base64.b64encode(gzip.compress(document.encode(), 9, mtime=0)).decode()


def page_rows(report: Report, language: str, other_users: str) -> dict[str, object]:
    """Returns sums by every combination of the dimensions, as columns. Adds up to the report's totals exactly."""
    frame = _frame(report.rows)
    named = _named_users(frame)
    frame.loc[~named, "user_key"] = ""
    frame.loc[~named, "user"] = other_users
    names = {}
    for dimension in DIMENSIONS:
        found = frame.drop_duplicates(f"{dimension}_key")[dimension]
        names[dimension] = _told_apart(labels.name(dimension, name, language) for name in found)
        frame[dimension] = frame[f"{dimension}_key"].factorize()[0]
    sums = frame.groupby(list(DIMENSIONS))[[*MEASURES, "base_cost"]].sum().reset_index()
    scale = max([0, *(-int(cost.as_tuple().exponent) for cost in sums["base_cost"])])
    whole = [int(cost.scaleb(scale)) for cost in sums["base_cost"]]
    return {
        "names": names,
        "scale": scale,
        "columns": {
            **{name: sums[name].tolist() for name in (*DIMENSIONS, *MEASURES)},
            "cost_high": [value // HALF for value in whole],
            "cost_low": [value % HALF for value in whole],
        },
    }


def _frame(rows: Sequence[UsageRow]) -> "pd.DataFrame":
    """Name and key of each dimension (two projects may share a name), and what is summed; amounts stay decimals."""
    import pandas as pd  # noqa: PLC0415  (slow to import)

    columns: dict[str, list[str] | pd.Series[Any]] = {
        "tenant": [row.tenant for row in rows],
        "tenant_key": [f"{row.source}/{row.tenant_id}" for row in rows],
        "environment": [row.environment for row in rows],
        "environment_key": [row.environment for row in rows],
        "project": [row.project for row in rows],
        "project_key": [f"{row.source}/{row.app_id}" for row in rows],
        "api_key": [row.api_key for row in rows],
        "api_key_key": [f"{row.source}/{row.api_key_id}" if row.api_key_id else row.api_key for row in rows],
        "user": [row.caller for row in rows],
        "user_key": [f"{row.source}/{row.tenant_id}/{row.caller}" for row in rows],
        "model": [row.model or "(unknown)" for row in rows],
        "model_key": [f"{row.provider}/{row.model}" for row in rows],
        "base_cost": pd.Series([row.base_cost for row in rows], dtype=object),
        **{name: pd.Series([getattr(row, name) for row in rows], dtype="int64") for name in MEASURES},
    }
    return pd.DataFrame(columns)


def _named_users(frame: "pd.DataFrame") -> "pd.Series[bool]":
    """Whether each row's user is one of those that cost most."""
    sums = frame.groupby("user_key")[["base_cost", "total_tokens"]].sum().reset_index()
    greatest = sums.sort_values(["base_cost", "total_tokens", "user_key"], ascending=False)["user_key"]
    return frame["user_key"].isin(greatest.head(USER_LIMIT))


def _told_apart(names: Iterable[str]) -> list[str]:
    """Two projects of one name are numbered, so that a reader can tell them apart."""
    seen: dict[str, int] = defaultdict(int)
    found = []
    for name in names:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found
