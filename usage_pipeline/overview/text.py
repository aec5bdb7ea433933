"""The overview in words, as Markdown of a dozen lines with a small picture, in Chinese or English."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from usage_pipeline.alerts.text.escape import plain
from usage_pipeline.alerts.text.format import amount
from usage_pipeline.alerts.text.words import WORDS
from usage_pipeline.overview.facts import Overview
from usage_pipeline.reports import labels

_BARS = "▁▂▃▄▅▆▇█"
_NAMES_SHOWN = 3
_LEVELS = ("emergency", "critical", "warning", "info", "ok")
_LONGEST_NAME = 24
_SAID_AS_TIMES = 900
_LINE = "  \n  "  # goes on in a line of its own: the page is narrow
_ESCAPED = str.maketrans({mark: f"\\{mark}" for mark in "\\|`*_<>[]"})


@dataclass(frozen=True)
class _Words:
    heading: str
    fine: str
    look_at: str
    today: str
    usual: str
    no_usual: str
    month: str
    sources: str
    minutes_ago: str
    never: str
    fit: str
    unfit: str
    not_yet: str
    budgets: str
    alerts: str
    actions: str
    none: str
    storage: str
    versions: str
    join: str


_WORDS = {
    "zh": _Words(
        heading="截至 {at}（{zone}）",
        fine="一切正常。",
        look_at="请查看：",
        today="**今日**：{cost}（至今）",
        usual="{line}同类日此时通常为 {usual}（{change}）",
        no_usual="{line}尚无可比的日子",
        month="**近 30 天**（每日费用）：最高 {highest}{line}{bars}",
        sources="**数据源**：{each}",
        minutes_ago="{name} {minutes:.0f} 分钟前读完",
        never="{name} 从未读完",
        fit="**对账**：{days} 天全部吻合",
        unfit="**对账**：{days} 天中有 {unfit} 天不吻合",
        not_yet="**对账**：尚未进行",
        budgets="**预算**：{each}",
        alerts="**告警**：{waiting} 条等待，{failed} 条失败",
        actions="**执行中的措施**：{each}",
        none="无",
        storage="**存储**：数据仓库 {warehouse:,.0f} MB{dagster}",
        versions="**版本**：usage-pipeline {program}，配置 {configuration}，表结构 {schema}",
        join="、",
    ),
    "en": _Words(
        heading="As of {at} ({zone})",
        fine="All is well.",
        look_at="Look at: ",
        today="**Today**: {cost} until now",
        usual="{line}usually {usual} at this hour of days like it ({change})",
        no_usual="{line}no days like it are known yet",
        month="**Last 30 days**: {highest} a day at most{line}{bars}",
        sources="**Sources**: {each}",
        minutes_ago="{name} read to its end {minutes:.0f} min ago",
        never="{name} never read to its end",
        fit="**Reconciliation**: all of {days} days fit",
        unfit="**Reconciliation**: {unfit} of {days} days do not fit",
        not_yet="**Reconciliation**: none yet",
        budgets="**Budgets**: {each}",
        alerts="**Alerts**: {waiting} waiting, {failed} failed",
        actions="**Actions in force**: {each}",
        none="none",
        storage="**Storage**: warehouse {warehouse:,.0f} MB{dagster}",
        versions="**Versions**: usage-pipeline {program}, configuration {configuration}, schema {schema}",
        join=", ",
    ),
}


def overview_text(found: Overview, language: str, *, dagster_bytes: int | None = None) -> str:
    """Returns the overview as Markdown, short enough for a page of Dagster's UI to show it where it stands."""
    words = _WORDS[language]
    moment = found.at.astimezone(ZoneInfo(found.timezone)).strftime("%Y-%m-%d %H:%M")
    look_at = _troubles(found, words, language)
    lines = [
        words.heading.format(at=moment, zone=found.timezone),
        "",
        words.look_at + words.join.join(look_at) if look_at else words.fine,
        "",
        _today(found, words, language),
        _month(found, words, language),
        words.sources.format(each=_sources(found, words)),
        _reconciliation(found, words),
        words.budgets.format(each=_levels(found, words, language)),
        words.alerts.format(waiting=found.undelivered.waiting, failed=found.undelivered.failed),
        words.actions.format(each=_shortened(_actions(found, language), words)),
        words.storage.format(
            warehouse=found.warehouse_bytes / 1e6,
            dagster=f"{words.join}Dagster {dagster_bytes / 1e6:,.0f} MB" if dagster_bytes else "",
        ),
        words.versions.format(
            program=found.versions["usage-pipeline"],
            configuration=found.versions["configuration"],
            schema=found.versions["schema"],
        ),
    ]
    return "\n".join(f"- {line}" if number > 3 else line for number, line in enumerate(lines))


def _actions(found: Overview, language: str) -> list[str]:
    return [f"{labels.action(each.action, language)} {_name(each.target)}" for each in found.actions]


def sparkline(values: Sequence[Decimal]) -> str:
    """Returns a bar a value, in characters: the highest is full, the lowest nothing."""
    highest = max(values, default=Decimal(0))
    if not highest:
        return _BARS[0] * len(values)
    # By its root: beside one dear day, the others still differ.
    shares = [max(one, Decimal(0)) / highest for one in values]
    return "".join(_BARS[int(share.sqrt() * (len(_BARS) - 1))] for share in shares)


def _troubles(found: Overview, words: _Words, language: str) -> list[str]:
    """What somebody must look at, in words; none when all is well."""
    high = _levels_said(found, ("emergency", "critical"), language)
    late = [_name(source.source) for source in found.sources if not source.fresh]
    unfit = _reconciliation(found, words).replace("*", "") if found.days_that_do_not_fit else ""
    stuck = found.undelivered.failed + found.undelivered.waiting
    alerts = words.alerts.format(waiting=found.undelivered.waiting, failed=found.undelivered.failed).replace("*", "")
    return [
        *high,
        *([_shortened(late, words)] if late else []),
        *([unfit] if unfit else []),
        *([alerts] if stuck else []),
    ]


def _today(found: Overview, words: _Words, language: str) -> str:
    shown = words.today.format(cost=amount(found.today.cost, "cost", found.currency, WORDS[language]))
    if found.usual_so_far is None or found.change_percent is None:
        return shown + words.no_usual.format(line=_LINE)
    usual = amount(found.usual_so_far, "cost", found.currency, WORDS[language])
    return shown + words.usual.format(line=_LINE, usual=usual, change=_change(found.change_percent))


def _change(percent: int) -> str:
    """Per cent, or how many times it is where that says more."""
    return f"{percent:+d} %" if percent < _SAID_AS_TIMES else f"×{percent / 100 + 1:,.0f}"


def _month(found: Overview, words: _Words, language: str) -> str:
    costs = [one.cost for one in found.days]
    highest = amount(max(costs), "cost", found.currency, WORDS[language])
    return words.month.format(line=_LINE, bars=sparkline(costs), highest=highest)


def _sources(found: Overview, words: _Words) -> str:
    each = [
        words.never.format(name=_name(source.source))
        if source.last_success_at is None
        else words.minutes_ago.format(
            name=_name(source.source), minutes=(found.at - source.last_success_at).total_seconds() / 60
        )
        for source in found.sources
    ]
    return _shortened(each, words)


def _reconciliation(found: Overview, words: _Words) -> str:
    if not found.days_reconciled:
        return words.not_yet
    unfit = len(found.days_that_do_not_fit)
    return (words.unfit if unfit else words.fit).format(days=found.days_reconciled, unfit=unfit)


def _levels(found: Overview, words: _Words, language: str) -> str:
    return words.join.join(_levels_said(found, _LEVELS, language)) or words.none


def _levels_said(found: Overview, levels: Sequence[str], language: str) -> list[str]:
    return [f"{found.levels[each]} {labels.level(each, language)}" for each in levels if found.levels[each]]


def _shortened(each: Sequence[str], words: _Words) -> str:
    more = [f"+{len(each) - _NAMES_SHOWN}"] if len(each) > _NAMES_SHOWN else []
    return words.join.join([*each[:_NAMES_SHOWN], *more]) or words.none


def _name(text: str | None) -> str:
    """In Markdown: names come from people."""
    return plain(text)[:_LONGEST_NAME].translate(_ESCAPED)
