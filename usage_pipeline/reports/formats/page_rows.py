"""Packs the report's rows for the page: columns of small numbers, so that a hundred thousand rows stay small."""

import base64
import gzip
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from operator import attrgetter

from usage_pipeline.reports import labels
from usage_pipeline.reports.document import Report, UsageRow
from usage_pipeline.reports.measures import ZERO

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
    named = _named_users(report.rows)
    places: list[dict[str, int]] = [{} for _ in DIMENSIONS]
    names: list[list[str]] = [[] for _ in DIMENSIONS]
    sums: dict[tuple[int, ...], _Sums] = {}
    for row in report.rows:
        codes = tuple(
            _place(known, listed, key, name)
            for known, listed, (key, name) in zip(places, names, _values(row, named, other_users), strict=True)
        )
        sums.setdefault(codes, _Sums()).add(row)
    ordered = sorted(sums.items())
    scale = max([0, *(-int(each.cost.as_tuple().exponent) for _, each in ordered)])
    whole = [int(each.cost.scaleb(scale)) for _, each in ordered]
    return {
        "names": {
            dimension: _told_apart(labels.name(dimension, name, language) for name in listed)
            for dimension, listed in zip(DIMENSIONS, names, strict=True)
        },
        "scale": scale,
        "columns": {
            **{name: [codes[at] for codes, _ in ordered] for at, name in enumerate(DIMENSIONS)},
            **{name: [each.counts[at] for _, each in ordered] for at, name in enumerate(MEASURES)},
            "cost_high": [value // HALF for value in whole],
            "cost_low": [value % HALF for value in whole],
        },
    }


class _Sums:
    """What one combination of names sums up to."""

    __slots__ = ("cost", "counts")

    def __init__(self) -> None:
        self.counts = [0] * len(MEASURES)
        self.cost = ZERO

    def add(self, row: UsageRow) -> None:
        for at, value in enumerate(_MEASURED(row)):
            self.counts[at] += value
        self.cost += row.base_cost


_MEASURED = attrgetter(*MEASURES)


def _values(row: UsageRow, named: set[str], other_users: str) -> tuple[tuple[str, str], ...]:
    """Key and name of each dimension: two projects may share a name."""
    user = _user_key(row)
    return (
        (f"{row.source}/{row.tenant_id}", row.tenant),
        (row.environment, row.environment),
        (f"{row.source}/{row.app_id}", row.project),
        (f"{row.source}/{row.api_key_id}" if row.api_key_id else row.api_key, row.api_key),
        (user, row.caller) if user in named else ("", other_users),
        (f"{row.provider}/{row.model}", row.model or "(unknown)"),
    )


def _place(known: dict[str, int], listed: list[str], key: str, name: str) -> int:
    """The place of a name in its list, which it joins when it is new."""
    place = known.get(key)
    if place is None:
        place = known[key] = len(listed)
        listed.append(name)
    return place


def _user_key(row: UsageRow) -> str:
    return f"{row.source}/{row.tenant_id}/{row.caller}"


def _named_users(rows: Sequence[UsageRow]) -> set[str]:
    """The keys of the users that cost most."""
    sums: dict[str, tuple[Decimal, int]] = {}
    for row in rows:
        cost, tokens = sums.get(_user_key(row), (ZERO, 0))
        sums[_user_key(row)] = cost + row.base_cost, tokens + row.total_tokens
    greatest = sorted(sums, key=lambda user: (*sums[user], user), reverse=True)
    return set(greatest[:USER_LIMIT])


def _told_apart(names: Iterable[str]) -> list[str]:
    """Two projects of one name are numbered, so that a reader can tell them apart."""
    seen: dict[str, int] = defaultdict(int)
    found = []
    for name in names:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found
