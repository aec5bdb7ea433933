"""Parts of a budget alert's facts: who used how much, and how the alert ended; read back typed whatever a row holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from usage_pipeline.alerts.kinds.facts import as_json, moment, number, pairs, text


@dataclass(frozen=True)
class Share:
    """Who used how much; ``share`` is of all that the budget's value used in the same time, 1 for everything.

    ``tenants`` are the id and name of each tenant that it is of.
    """

    name: str
    tokens: Decimal | None
    cost: Decimal | None
    share: Decimal | None
    calls: Decimal | None = None
    tenants: tuple[tuple[str, str], ...] = ()


Top = Mapping[str, Sequence[Share]]


@dataclass(frozen=True)
class Ended:
    """How an alert ended: why and when (aware), and what the budget's value has spent of which limit by then.

    ``undone`` and ``still`` are the actions that were undone and those that hold: action, project and since when.
    """

    why: str | None
    at: datetime | None
    since: datetime | None
    spent: Decimal | None
    limit: Decimal | None
    ratio: Decimal | None
    cost: Decimal | None = None  # in the alert's currency, whatever is limited
    undone: tuple[tuple[str, str, datetime | None], ...] = ()
    still: tuple[tuple[str, str, datetime | None], ...] = ()


def top_of(stored: object) -> dict[str, tuple[Share, ...]] | None:
    """Returns the largest parts by kind, as they stand in a row; None for what is none."""
    if not isinstance(stored, Mapping):
        return None
    return {str(kind): tuple(_share(entry) for entry in _mappings(entries)) for kind, entries in stored.items()}


def shares_as_json(top: Top | None) -> dict[str, object]:
    """Returns the same as it stands in a row."""
    return {kind: [as_json(vars(share)) for share in shares] for kind, shares in (top or {}).items()}


def ended_of(stored: object) -> Ended | None:
    """Returns how an alert ended, as it is added to its facts; None for what is none."""
    if not isinstance(stored, Mapping):
        return None
    return Ended(
        why=text(stored.get("why")),
        at=moment(stored.get("at")),
        since=moment(stored.get("since")),
        spent=number(stored.get("spent")),
        limit=number(stored.get("limit")),
        ratio=number(stored.get("ratio")),
        cost=number(stored.get("cost")),
        undone=_steps(stored.get("undone")),
        still=_steps(stored.get("still")),
    )


def _share(entry: Mapping[object, object]) -> Share:
    return Share(
        name=str(entry.get("name") or ""),
        tokens=number(entry.get("tokens")),
        cost=number(entry.get("cost")),
        share=number(entry.get("share")),
        calls=number(entry.get("calls")),
        tenants=pairs(entry.get("tenants")),
    )


def _steps(entries: object) -> tuple[tuple[str, str, datetime | None], ...]:
    return tuple(
        (str(entry.get("action") or ""), str(entry.get("project") or ""), moment(entry.get("at")))
        for entry in _mappings(entries)
    )


def _mappings(entries: object) -> list[Mapping[object, object]]:
    every = entries if isinstance(entries, list | tuple) else ()
    return [entry for entry in every if isinstance(entry, Mapping)]
