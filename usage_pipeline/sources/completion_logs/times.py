"""Times as completion logs write them: real timestamps, local ones, ISO text, seconds or milliseconds since 1970."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

_ISO = re.compile(r"^\d{4}-\d{2}-\d{2}($|[T ])")
# A local hour that comes twice, an offset that changed: bounds leave this much room, exact times are compared later.
_ROOM = timedelta(hours=2)
_SCALES = ((Decimal(10) ** 17, 10**9), (Decimal(10) ** 14, 10**6), (Decimal(10) ** 11, 10**3))
_EARLIEST, _LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class TimeForm:
    """How one column writes its times; ``zone`` is that of times which name none."""

    kind: Literal["aware", "local", "day", "number", "text"]
    zone: tzinfo
    scale: int = 1  # of numbers: units a second
    between: str = " "  # of texts: what stands between day and time; nothing: no time of day

    def lower(self, moment: datetime) -> object:
        """Returns a bound in the column's own form that no row from ``moment`` on lies below."""
        return self._bound(max(moment, _EARLIEST), -_ROOM)

    def upper(self, moment: datetime) -> object:
        """Returns a bound in the column's own form that no row before ``moment`` lies above."""
        return self._bound(min(moment, _LATEST), _ROOM)

    def _bound(self, moment: datetime, room: timedelta) -> object:
        if self.kind == "aware":
            return moment
        if self.kind == "number":
            return int(moment.timestamp()) * self.scale + (self.scale if room > timedelta(0) else 0)
        local = (moment.astimezone(self.zone) + room).replace(tzinfo=None)
        if self.kind == "day":
            return local.date() + (timedelta(days=1) if room > timedelta(0) else timedelta(0))
        if self.kind == "local":
            return local
        if not self.between:
            return (local.date() + (timedelta(days=1) if room > timedelta(0) else timedelta(0))).isoformat()
        return local.isoformat(sep=self.between, timespec="seconds")


def form_of(samples: list[object], zone: ZoneInfo) -> TimeForm | None:
    """Returns the form of a column by its largest and smallest values; None when neither can be read as a time."""
    for value in samples:
        if moment_of(value, zone) is None:
            continue
        match value:
            case datetime():
                return TimeForm("aware" if value.tzinfo else "local", zone)
            case date():
                return TimeForm("day", zone)
            case int() | float() | Decimal():
                return TimeForm("number", zone, scale=_scale(Decimal(str(value))))
        text = _text(value)
        parsed = _parsed(text)
        if parsed is not None:
            offset = parsed.utcoffset()
            own = zone if offset is None else timezone(offset)
            return TimeForm("text", own, between=text[10:11])
    return None


def moment_of(value: object, zone: tzinfo) -> datetime | None:
    """Returns the moment that a value means, aware UTC; None when it is no time between 1970 and 2200."""
    try:
        found = _moment(value, zone)
    except (ValueError, OverflowError, ArithmeticError):
        return None
    return found if found is not None and _EARLIEST <= found < _LATEST else None


def _moment(value: object, zone: tzinfo) -> datetime | None:
    match value:
        case None | bool():
            return None
        case datetime():
            return _in_utc(value, zone)
        case date():
            return _in_utc(datetime.combine(value, time()), zone)
        case int() | float() | Decimal():
            return _since_1970(Decimal(str(value)))
    parsed = _parsed(_text(value))
    return None if parsed is None else _in_utc(parsed, zone)


def _in_utc(moment: datetime, zone: tzinfo) -> datetime:
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _scale(number: Decimal) -> int:
    return next((scale for above, scale in _SCALES if abs(number) >= above), 1)


def _since_1970(number: Decimal) -> datetime:
    microseconds = number * 1_000_000 / _scale(number)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(microseconds))


def _text(value: object) -> str:
    return (value.decode(errors="replace") if isinstance(value, bytes) else str(value)).strip()


def _parsed(text: str) -> datetime | None:
    if text.upper().endswith(" UTC"):
        text = text[:-4] + "+00:00"
    if not _ISO.match(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
