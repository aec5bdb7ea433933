"""What a Dagster run is for, as its tags say it; plain words, so that nothing here needs Dagster."""

from collections.abc import Mapping
from datetime import date, timedelta
from enum import StrEnum

WORK_TAG = "usage_pipeline/work"
BACKFILL_TAG = "dagster/backfill"
PRIORITY_TAG = "dagster/priority"
# Dagster's own, of a run that a schedule asked for; a run that is tried again takes it along.
_SCHEDULE_TAG = "dagster/schedule_name"
_PARTITION = "dagster/partition"
_RANGE_START, _RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


class Work(StrEnum):
    """Values of WORK_TAG. dagster.yaml limits how many runs of some there are at once."""

    PASS = "pass"  # noqa: S105  (a pass over the sources)
    LATE_DAYS = "late_days"
    BACKFILL = "backfill"
    RECONCILE = "reconcile"
    CLOSE_YESTERDAY = "close_yesterday"
    DAILY_REPORT = "daily_report"
    ENFORCE = "enforce"
    DELIVERY = "delivery"
    WATCH = "watch"
    MAINTENANCE = "maintenance"
    OVERRIDE = "override"
    ACKNOWLEDGE = "acknowledge"

    @property
    def tags(self) -> dict[str, str]:
        """The tags of a run that does this work, and how urgently."""
        return {WORK_TAG: self.value, PRIORITY_TAG: str(_PRIORITY.get(self, 0))}


# In the queue, what notifies and stops spending overtakes what counts, and that what may wait; people's runs have 0.
_PRIORITY = {
    Work.DELIVERY: 30,
    Work.ENFORCE: 30,
    Work.OVERRIDE: 30,
    Work.ACKNOWLEDGE: 30,
    Work.WATCH: 20,
    Work.PASS: 10,
    Work.CLOSE_YESTERDAY: 5,
    Work.DAILY_REPORT: 5,
    Work.LATE_DAYS: 5,
    Work.MAINTENANCE: -5,
    Work.RECONCILE: -5,
    Work.BACKFILL: -10,
}

# What runs made before bear; a run that is executed again takes its tags along.
_FORMER = {"morning": Work.CLOSE_YESTERDAY, "morning_report": Work.DAILY_REPORT}
# One of thousands each; backfills, reports and what people launched are history that is looked up.
_REMOVABLE = (
    Work.PASS,
    Work.LATE_DAYS,
    Work.RECONCILE,
    Work.ENFORCE,
    Work.DELIVERY,
    Work.MAINTENANCE,
    Work.WATCH,
)


def work_of(tags: Mapping[str, str]) -> Work | None:
    """Returns what a run with these tags is for; None for one that people launched by themselves."""
    given = tags.get(WORK_TAG, "")
    if given in _FORMER:
        return _FORMER[given]
    return Work(given) if given in {*Work} else None


def is_scheduled(tags: Mapping[str, str], work: Work) -> bool:
    """Whether a run is this work itself, no backfill with its tags: only such a run may lead to a message."""
    return work_of(tags) is work and BACKFILL_TAG not in tags


def was_asked_for_by_schedule(tags: Mapping[str, str], work: Work) -> bool:
    """Whether a schedule asked for a run of this work: what people launch bears the job's tags, not the schedule's."""
    return _SCHEDULE_TAG in tags and is_scheduled(tags, work)


def is_backfill(tags: Mapping[str, str]) -> bool:
    """Whether people asked for these days: neither a pass nor the roll-up of days that a pass changed."""
    return not is_scheduled(tags, Work.PASS) and work_of(tags) is not Work.LATE_DAYS


def removable_works() -> list[str]:
    """Returns the values of WORK_TAG whose runs may go from Dagster's storage days after they ended."""
    return [work.value for work in _REMOVABLE]


def range_tags(first: date, last: date) -> dict[str, str]:
    """The tags by which one run covers a range of daily partitions."""
    return {_RANGE_START: first.isoformat(), _RANGE_END: last.isoformat()}


def days_of(tags: Mapping[str, str]) -> list[date]:
    """Returns the days that a run was asked for, oldest first; none where it was asked for no partition."""
    alone = tags.get(_PARTITION)
    first, last = tags.get(_RANGE_START, alone), tags.get(_RANGE_END, alone)
    if first is None or last is None:
        return []
    begin = date.fromisoformat(first)
    return [begin + timedelta(days=number) for number in range((date.fromisoformat(last) - begin).days + 1)]


def pass_tags(today: date, newest: date) -> dict[str, str]:
    """The tags of a pass: yesterday and today in the billing zone, to the newest day that has begun in any zone."""
    return {**Work.PASS.tags, **range_tags(today - timedelta(days=1), newest)}
