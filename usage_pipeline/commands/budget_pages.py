"""How budgets are printed for people: one budget explained, and all of them as a tree."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from rich.text import Text
from rich.tree import Tree

from usage_pipeline.budgets.current import CurrentStatus
from usage_pipeline.budgets.explain import Explanation
from usage_pipeline.commands.output import bold, out, say, show_rows
from usage_pipeline.commands.visible import one_line
from usage_pipeline.settings import Budget, Settings

_COLOURS = {"ok": "green", "info": "blue", "warning": "yellow", "critical": "dark_orange", "emergency": "red"}
_VALUES_SHOWN = 20


def show_terms(settings: Settings, budget: Budget) -> None:
    """What the budget says, in words."""
    say(bold(budget.name or budget.id), f" ({budget.id})")
    for label, text in _terms(settings, budget):
        say(f"  {label:<10} {text}")
    out.print()


def _terms(settings: Settings, budget: Budget) -> Iterator[tuple[str, str]]:
    scope = [f"{name} {', '.join(globs)}" for name, globs in budget.scope.values().items()]
    scope += [f"not {name} {', '.join(globs)}" for name, globs in budget.excluded().items()]
    yield "counts", "; ".join(scope) or "everything"
    if budget.per:
        yield "for each", " and ".join(budget.per)
    yield "period", budget.period_key
    yield "limit", "; ".join(f"{amount:,f} {_unit(name, settings)}" for name, amount in budget.limit.measures().items())
    if budget.rollover:
        yield "rollover", f"up to {budget.rollover.up_to}% of what the period before left"
    if budget.parent:
        yield "within", budget.parent
    for tier in settings.tiers_of(budget):
        told = ", ".join(tier.notify) or "everyone whom its other tiers name"
        more = f" after {tier.for_duration}" if tier.for_duration else ""
        yield (
            f"at {tier.at}%",
            f"of {tier.on}{more}: {tier.level}, notifies {told}{''.join(f', {a}' for a in tier.actions)}",
        )


def _unit(measure: str, settings: Settings) -> str:
    return settings.currency if measure == "cost" else measure.replace("_", " ")


def show_explanation(settings: Settings, found: Explanation) -> None:
    """One value in one period: what it stands at, why, and since when."""
    zone = ZoneInfo(found.zone)
    unit = _unit(found.measure, settings)
    colour = _COLOURS.get(found.level, "white")
    say(bold(found.scope_name or "all of it"), " ", Text(found.level, style=colour))
    lines = [
        ("period", f"{_local(found.period_start, zone)} to {_local(found.period_end, zone)} ({found.zone})"),
        (
            "spent",
            f"{found.spent:,f} of {found.limit:,f} {unit}, {found.ratio * 100:f}% as of {_local(found.at, zone)}",
        ),
        ("forecast", _forecast(found, unit)),
        ("before", _before(found, unit)),
        ("raised by", "; ".join(_raise(item) for item in found.allowance) or "nothing: no override is active"),
        ("evaluated by", _version(found, zone)),
        *((("locked", f"since {_local(found.locked_since, zone)}"),) if found.locked_since else ()),
        *(("not known", note) for note in found.notes),
    ]
    for label, text in lines:
        say(f"  {label:<10} {text}")
    out.print()
    for kind, parts in found.parts.items():
        rows = [
            (name, amount, round(amount * 100 / found.spent, 1) if found.spent else Decimal(0))
            for name, amount in parts
        ]
        show_rows(f"  Largest {kind}", (kind, unit, "per cent"), rows, right=(unit, "per cent"))
    happened = [
        (
            _local(h.at, zone),
            h.what,
            f"{h.by} ({h.known_by})" if h.known_by else h.by,
            h.level,
            h.spent,
            h.limit,
            h.config_version,
        )
        for h in found.audit_log
    ]
    show_rows(
        "  What happened",
        ("when", "what", "by", "level", "spent", "limit", "version"),
        happened,
        right=("spent", "limit"),
    )


def rounded(amount: Decimal | None, measure: str) -> Decimal | None:
    """Returns a computed amount as precisely as its measure is: money to the hundredth, what is counted whole."""
    return None if amount is None else round(amount, 2 if measure == "cost" else 0)


def _shown(amount: Decimal, found: Explanation) -> str:
    return f"{rounded(amount, found.measure):,f}"


def _forecast(found: Explanation, unit: str) -> str:
    straight = f"; straight line {_shown(found.straight_line, found)}" if found.straight_line is not None else ""
    if found.forecast is None:
        return ("not kept" if found.notes else "none") + (f"{straight} {unit}" if straight else "")
    text = f"{_shown(found.forecast, found)} {unit} at the period's end"
    if found.forecast_low is not None and found.forecast_high is not None:
        low, high = _shown(found.forecast_low, found), _shown(found.forecast_high, found)
        text += f", between {low} and {high} in four of five cases"
    return text + straight


def _before(found: Explanation, unit: str) -> str:
    if found.previous_period is None or found.trailing_average is None:
        return "nothing is known"
    before, mean = _shown(found.previous_period, found), _shown(found.trailing_average, found)
    return f"{before} {unit} in the period before, {mean} in the mean of seven"


def _raise(item: object) -> str:
    return (
        f"{item.get('amount')} {item.get('measure')} ({item.get('reason')})" if isinstance(item, Mapping) else str(item)
    )


def _version(found: Explanation, zone: ZoneInfo) -> str:
    version = found.judged_by
    loaded = f", active since {_local(version.loaded_at, zone)}" if version.loaded_at else ""
    who = f", changed by {version.changed_by}" if version.changed_by else ""
    what = f": {version.diff.splitlines()[0]}" if version.diff else ""
    return f"version {version.version} of the file{loaded}{who}{what}"


def _local(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def show_tree(budgets: Sequence[Budget], found: Sequence[CurrentStatus]) -> None:
    """Pools and what lies in them: what a child spends counts in its parent too."""
    by_budget: dict[str, list[CurrentStatus]] = {}
    for status in found:
        by_budget.setdefault(status.budget_id, []).append(status)
    root = Tree(bold("Budgets"), hide_root=False)
    for budget in budgets:
        if budget.parent is None:
            _branch(root, budget, budgets, by_budget, within={})
    out.print(root)


def _branch(
    above: Tree,
    budget: Budget,
    budgets: Sequence[Budget],
    by_budget: Mapping[str, Sequence[CurrentStatus]],
    within: Mapping[str, object],
) -> None:
    children = [child for child in budgets if child.parent == budget.id]
    values = [status for status in by_budget.get(budget.id, ()) if _lies_in(status, within)]
    if not values:
        empty = above.add(Text.assemble(one_line(f"{budget.name or budget.id}: "), ("nothing spent yet", "dim")))
        for child in children:
            _branch(empty, child, budgets, by_budget, within)
    for status in values[:_VALUES_SHOWN]:
        branch = above.add(_line(budget, status))
        for child in children:
            _branch(branch, child, budgets, by_budget, status.scope_ids or {})
    if len(values) > _VALUES_SHOWN:
        above.add(Text(f"and {len(values) - _VALUES_SHOWN} more of {budget.id}", style="dim"))


def _lies_in(status: CurrentStatus, within: Mapping[str, object]) -> bool:
    """Whether a value's parts are those of the value above it, as far as both name them."""
    own = status.scope_ids or {}
    return all(own.get(name, part) == part for name, part in within.items())


def _line(budget: Budget, status: CurrentStatus) -> Text:
    name = " · ".join(part for part in (budget.name or budget.id, status.scope) if part)
    colour = _COLOURS.get(status.level, "white")
    spent = f"{status.spent:,.2f} of {status.limit:,.2f} {status.measure}, by {status.period}"
    return Text.assemble(one_line(f"{name}: "), (f"{status.ratio * 100:.1f}%", colour), " ", (spent, "dim"))
