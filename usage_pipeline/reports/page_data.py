"""Packs the report's rows for the page: columns of small numbers, so that a hundred thousand rows stay small."""

import base64
import gzip
import json
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

from usage_pipeline.reports.document import Report, UsageRow

DIMENSIONS = ("tenant", "environment", "project", "api_key", "user", "model")
MEASURES = ("calls", "failed_calls", "input_tokens", "output_tokens", "total_tokens", "unpriced_tokens")
# More users than this make no readable list: the cheapest of them stand together, the other lists keep all.
MOST_USERS = 500
# Amounts are whole numbers of 10^-scale, split in two halves that a browser's numbers hold exactly.
HALF = 10**9
Key = tuple[int, ...]


def packed(report: Report, other_users: str) -> str:
    """The rows as gzip in base64: {"names": {dimension: [...]}, "columns": {...}, "scale", "of_tenant": [...]}."""
    document = json.dumps(page_rows(report, other_users), ensure_ascii=False, separators=(",", ":"))
    # Without a time of its own the same report gives the same page.
    return base64.b64encode(gzip.compress(document.encode(), 9, mtime=0)).decode()


def page_rows(report: Report, other_users: str) -> dict[str, object]:
    """Sums by every combination of the dimensions, as columns. Adds up to the report's totals exactly."""
    known_users = _greatest_users(report.rows)
    places: dict[str, dict[str, int]] = {name: {} for name in DIMENSIONS}
    names: dict[str, list[str]] = {name: [] for name in DIMENSIONS}
    counts: dict[Key, list[int]] = defaultdict(lambda: [0] * len(MEASURES))
    costs: dict[Key, Decimal] = defaultdict(Decimal)
    for row in report.rows:
        combination = []
        for dimension, (key, name) in zip(DIMENSIONS, _keys(row, known_users, other_users), strict=True):
            place = places[dimension].setdefault(key, len(names[dimension]))
            if place == len(names[dimension]):
                names[dimension].append(name)
            combination.append(place)
        where = tuple(combination)
        held = counts[where]
        for at, measure in enumerate(MEASURES):
            held[at] += getattr(row, measure)
        costs[where] += row.base_cost
    combinations = sorted(counts)
    scale = max([0, *(-int(cost.as_tuple().exponent) for cost in costs.values())])
    whole = [int(costs[where].scaleb(scale)) for where in combinations]
    return {
        "names": _told_apart(names),
        "scale": scale,
        "columns": {
            **{name: [where[at] for where in combinations] for at, name in enumerate(DIMENSIONS)},
            **{name: [counts[where][at] for where in combinations] for at, name in enumerate(MEASURES)},
            "cost_high": [value // HALF for value in whole],
            "cost_low": [value % HALF for value in whole],
        },
    }


def _keys(row: UsageRow, known_users: set[str], other_users: str) -> Sequence[tuple[str, str]]:
    user = _user(row)
    return (
        (f"{row.source}/{row.tenant_id}", row.tenant),
        (row.environment, row.environment),
        (f"{row.source}/{row.app_id}", row.project),
        (f"{row.source}/{row.api_key_id}", row.api_key) if row.api_key_id else (row.api_key, row.api_key),
        (user, row.caller) if user in known_users else ("", other_users),
        (f"{row.provider}/{row.model}", row.model or "(unknown)"),
    )


def _user(row: UsageRow) -> str:
    return f"{row.source}/{row.tenant_id}/{row.caller}"


def _greatest_users(rows: Sequence[UsageRow]) -> set[str]:
    sums: dict[str, tuple[Decimal, int]] = {}
    for row in rows:
        cost, tokens = sums.get(_user(row), (Decimal(0), 0))
        sums[_user(row)] = cost + row.base_cost, tokens + row.total_tokens
    return set(sorted(sums, key=lambda user: (sums[user], user), reverse=True)[:MOST_USERS])


def _told_apart(names: dict[str, list[str]]) -> dict[str, list[str]]:
    """Two projects of one name are numbered, so that a reader can tell them apart."""
    found: dict[str, list[str]] = {}
    for dimension, listed in names.items():
        seen: dict[str, int] = defaultdict(int)
        found[dimension] = []
        for name in listed:
            seen[name] += 1
            found[dimension].append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found
