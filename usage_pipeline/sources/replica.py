"""How far a replica holds what its primary committed, and what follows from that for what is read from it."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Replica:
    """A database that follows another, as it was looked at; times aware UTC."""

    clock: datetime
    # All that was committed before is here; None: it cannot be told.
    complete_up_to: datetime | None
    # Why nothing more is replayed, in words; None: it goes on, as far as can be seen.
    stopped: str | None = None

    @property
    def is_unknown(self) -> bool:
        """Whether nothing can be told of how far it is."""
        return self.complete_up_to is None and self.stopped is None

    def behind(self, bound: timedelta) -> str | None:
        """Returns in words, the same as long as it lasts, that it has stopped or is further behind than the bound."""
        if self.stopped:
            return f"the replica has stopped: {self.stopped}"
        if self.complete_up_to is not None and self.clock - self.complete_up_to > bound:
            minutes = int(bound.total_seconds() // 60)
            return f"the replica is more than {minutes} minutes behind its primary: see what holds up its replay"
        return None

    def final_up_to(self, look_back: timedelta) -> datetime | None:
        """Returns the moment up to which days that ended can change no more; None: it cannot be told.

        One that has stopped also holds back what came late to the days of the look-back.
        """
        if self.complete_up_to is None:
            return None
        return self.complete_up_to - look_back if self.stopped else self.complete_up_to
