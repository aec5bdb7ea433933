"""The hours in which nobody is called for anything but an emergency: of recipients, or of a budget's tier."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field

from usage_pipeline.settings.values import StrictModel, TimeOfDay


class QuietHours(StrictModel):
    """From a time of day to another, over midnight where the second is the earlier one; the second is outside."""

    model_config = ConfigDict(populate_by_name=True)

    begins: TimeOfDay = Field(alias="from")
    ends: TimeOfDay = Field(alias="to")

    def end_after(self, now: datetime, zone: str) -> datetime | None:
        """Returns when the quiet hours end that ``now`` (aware) lies in, in UTC; None outside of them.

        ``zone`` is the IANA name of the zone that their times are of.
        """
        local = now.astimezone(ZoneInfo(zone))
        begins, ends = time.fromisoformat(self.begins), time.fromisoformat(self.ends)
        moment = local.time()
        inside = begins <= moment < ends if begins < ends else moment >= begins or moment < ends
        if not inside:
            return None
        day = local.date() + timedelta(days=1 if moment >= ends else 0)
        return datetime.combine(day, ends, local.tzinfo).astimezone(UTC)
