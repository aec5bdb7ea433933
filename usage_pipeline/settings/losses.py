"""What a version of the configuration file loses wholesale against another, as a file does that is half-written."""

from collections.abc import Iterable, Iterator

from usage_pipeline.settings.model import Settings

_LIMIT = 10


def lost_in(file: str, before_text: str, after_text: str, before: Settings, after: Settings) -> list[str]:
    """Returns what a version of the file loses wholesale against another, by the keys of the file; empty for the usual
    change, which need not be looked at twice.

    At least half of the budgets; any source, recipient, approver or rule of enforcement.never; any section that meant
    something. Of a file that is the other one's beginning also the lines that are gone, unless whole budgets were.
    """
    found = [line for look in (_budgets, _entries, _sections) for line in look(before, after)]
    if (
        not found
        and before_text.rstrip().startswith(after_text.rstrip())
        and _without_lost_budgets(before, after) != after
    ):
        last = len(before_text.rstrip().splitlines())
        found = [f"{file}:{len(after_text.rstrip().splitlines())}-{last}"]
    return found


def _without_lost_budgets(before: Settings, after: Settings) -> Settings:
    left = {budget.id for budget in after.budgets}
    return before.model_copy(update={"budgets": tuple(budget for budget in before.budgets if budget.id in left)})


def _budgets(before: Settings, after: Settings) -> Iterator[str]:
    known = [budget.id for budget in before.budgets]
    lost = _missing(known, (budget.id for budget in after.budgets))
    if lost and 2 * len(lost) >= len(known):
        yield _line("budgets", lost)


def _entries(before: Settings, after: Settings) -> Iterator[str]:
    left = _worth_a_look(after)
    for name, entries in _worth_a_look(before).items():
        lost = _missing(entries, left[name])
        if lost:
            yield _line(name, lost)


def _worth_a_look(settings: Settings) -> dict[str, list[str]]:
    """What one alone is worth a second look: what is read, who is notified, who approves, what is never touched."""
    return {
        "sources": [source.id for source in settings.sources],
        "recipients": list(settings.recipients),
        "approvals.approvers": list(settings.approvals.approvers),
        "enforcement.never": [rule.model_dump_json(exclude_none=True) for rule in settings.enforcement.never],
    }


def _sections(before: Settings, after: Settings) -> Iterator[str]:
    for name in type(before).model_fields:
        gone = name in before.model_fields_set and name not in after.model_fields_set
        if gone and getattr(before, name) != getattr(after, name):
            yield name


def _missing(before: Iterable[str], after: Iterable[str]) -> list[str]:
    left = set(after)
    return [name for name in before if name not in left]


def _line(what: str, lost: list[str]) -> str:
    more = f" (+{len(lost) - _LIMIT})" if len(lost) > _LIMIT else ""
    return f"{what}: {', '.join(lost[:_LIMIT])}{more}"
