"""Budgets in Dagster's metadata: figures to plot, with the unit in their key, and tables with names."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from usage_pipeline.defs.tables import table
from usage_pipeline.settings import Settings

if TYPE_CHECKING:
    from usage_pipeline.budgets.explain import Explanation
    from usage_pipeline.budgets.past_days import WhatIf
    from usage_pipeline.budgets.standing import CurrentStanding

_STANDING = ("budget", "of", "since", "spent", "limit", "% of it", "level", "forecast to its end")
_WHAT_IF = ("day", "budget", "of", "tier %", "level", "spent", "limit", "level then", "limit then")
_PARTS_SHOWN = 3


def budget_name(settings: Settings, budget_id: str) -> str:
    """Returns what a budget is called in the configuration, else its id."""
    return next((budget.name or budget.id for budget in settings.budgets if budget.id == budget_id), budget_id)


def standing_table(settings: Settings, standing: Sequence["CurrentStanding"]) -> dg.TableMetadataValue:
    """Returns how budgets stand, a row a value."""
    from usage_pipeline.budgets.standing import in_unit

    return table(
        _STANDING,
        [
            (
                budget_name(settings, one.budget_id),
                one.scope_name or "all",
                one.since,
                in_unit(one.spent, one.measure, settings.currency),
                in_unit(one.limit, one.measure, settings.currency),
                f"{one.percent:,.1f} %",
                one.level,
                in_unit(one.forecast, one.measure, settings.currency),
            )
            for one in standing
        ],
    )


def standing_figures(settings: Settings, highest: "CurrentStanding | None") -> dict[str, float]:
    """Returns the figures of the value that stands highest; nothing where nothing was spent."""
    if highest is None:
        return {}
    unit = settings.currency.lower() if highest.measure == "cost" else highest.measure
    return {
        "spent_percent": highest.percent,
        f"spent_{unit}": round(float(highest.spent), 6),
        f"limit_{unit}": round(float(highest.limit), 6),
        **({} if highest.forecast is None else {f"forecast_{unit}": round(float(highest.forecast), 6)}),
    }


def app_link(settings: Settings, highest: "CurrentStanding | None") -> dict[str, dg.UrlMetadataValue]:
    """Returns the link to the value's app in Dify's console; nothing for what is no app, or without `web.dify_url`."""
    app = highest.scope.get("app_id") if highest else None
    dify = settings.web.dify_url if settings.web else None
    return {"app_in_dify": dg.MetadataValue.url(f"{dify}/app/{app}/overview")} if app and dify else {}


def what_if_table(settings: Settings, found: Sequence["WhatIf"]) -> dg.TableMetadataValue:
    """Returns the days on which budgets would have alerted, beside how they stood then."""
    from usage_pipeline.budgets.standing import in_unit

    return table(
        _WHAT_IF,
        [
            (
                one.day,
                budget_name(settings, one.budget),
                one.scope or "all",
                f"{one.tier.normalize():f}",
                one.level,
                in_unit(one.spent, one.measure, settings.currency),
                in_unit(one.limit, one.measure, settings.currency),
                one.level_then,
                in_unit(one.limit_then, one.measure, settings.currency),
            )
            for one in found
        ],
    )


def explained(settings: Settings, found: "Explanation") -> dict[str, dg.TableMetadataValue]:
    """Returns a value's largest parts and what happened to it."""
    from usage_pipeline.budgets.standing import in_unit

    parts = [
        (kind, name, in_unit(amount, found.measure, settings.currency))
        for kind, listed in found.parts.items()
        for name, amount in listed[:_PARTS_SHOWN]
    ]
    happened = [
        (
            h.at,
            h.what,
            h.by,
            h.level,
            in_unit(h.spent, found.measure, settings.currency),
            in_unit(h.limit, found.measure, settings.currency),
            h.config_version,
        )
        for h in found.audit_log
    ]
    columns = ["when", "what", "by", "level", "spent", "limit", "version of the file"]
    return {
        "largest_parts": table(["by", "name", "spent"], parts),
        "what_happened": table(columns, happened),
    }
