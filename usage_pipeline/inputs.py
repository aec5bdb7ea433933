"""What people type, read in one place: moments, days, numbers, per cent, and who acts. What cannot be read is said."""

import os
import pwd
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from unicodedata import category
from zoneinfo import ZoneInfo

from usage_pipeline.settings.values import FIRST_DAY, LAST_DAY

MOST_DAYS = 3660
_DURATION = re.compile(r"\+?([0-9]{1,5})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_DAY = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_MONTH = re.compile(r"([0-9]{4})-([0-9]{1,2})")
# A day away from the ends of the calendar, so that each moment can be shown in each zone.
_FIRST_MOMENT, _LAST_MOMENT = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
# A comma stands between thousands only: whoever writes 12,5 for twelve and a half must not get 125.
_NUMBER = re.compile(r"[+-]?([0-9][0-9_]*|[0-9]{1,3}(,[0-9]{3})+)?(\.[0-9]*)?([eE]\+?[0-9]{1,2})?")
_LONGEST_NUMBER = 60
_ABOVE_ALL = Decimal(10) ** 24
_LONGEST_NAME = 200
_LONGEST_SHOWN = 40
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}


class InputError(Exception):
    """What somebody typed cannot be used: one sentence that names the field, the text, and how it is written."""


def moment(field: str, text: str, *, zone: str | None, now: datetime | None = None) -> datetime:
    """Returns an ISO 8601 time or date as aware UTC; what names no zone is read in ``zone``.

    With ``now``, also the word now and durations from it: 30m, 8h, 3d. Raises InputError, also for a time without a
    zone where ``zone`` is None.
    """
    typed = _typed(text)
    example = "2026-12-01T18:00" if zone else "2026-12-01T18:00+08:00"
    known = f"write 8h, 3d or {example}" if now else f"write it as {example}"
    try:
        found = _from_now(typed, now) or datetime.fromisoformat(typed)
    except ValueError:
        raise InputError(f"{field} {shown(text)} is not a moment; {known}") from None
    except OverflowError:
        raise _outside(field, text) from None
    if found.tzinfo is None:
        if zone is None:
            raise InputError(f"{field} {shown(text)} has no zone; {known}")
        found = found.replace(tzinfo=ZoneInfo(zone))
    try:
        found = found.astimezone(UTC)
    except OverflowError:
        raise _outside(field, text) from None
    if not _FIRST_MOMENT <= found <= _LAST_MOMENT:
        raise _outside(field, text)
    return found


def _from_now(typed: str, now: datetime | None) -> datetime | None:
    if now is None:
        return None
    if typed == "now":
        return now
    duration = _DURATION.fullmatch(typed)
    return now + timedelta(**{_UNITS[duration[2]]: int(duration[1])}) if duration else None


def _outside(field: str, text: str) -> InputError:
    return InputError(f"{field} {shown(text)} lies outside the calendar: write a year from 2 to 9998")


def day(field: str, text: str) -> date:
    """Returns a day written as 2026-11-24. Raises InputError, also for one at the far ends of the calendar."""
    found = _DAY.fullmatch(_typed(text))
    return _calendar_day(field, text, found, "2026-11-24")


def month(field: str, text: str) -> date:
    """Returns the first day of a month written as 2026-11. Raises InputError."""
    found = _MONTH.fullmatch(_typed(text))
    return _calendar_day(field, text, found, "2026-11")


def _calendar_day(field: str, text: str, found: re.Match[str] | None, example: str) -> date:
    thing = "day" if example.count("-") > 1 else "month"
    if found is None:
        raise InputError(f"{field} {shown(text)} is not a {thing}; write it as {example}")
    try:
        parsed = date(int(found[1]), int(found[2]), int(found[3]) if thing == "day" else 1)
    except ValueError:
        raise InputError(f"{field} {shown(text)} is not in the calendar; write a {thing} as {example}") from None
    if not FIRST_DAY <= parsed <= LAST_DAY:
        raise InputError(f"{field} {shown(text)} is out of reach: write a year from {FIRST_DAY:%Y} to {LAST_DAY:%Y}")
    return parsed


def days_between(first: date, last: date) -> list[date]:
    """Returns the days from ``--from`` to ``--to``, both included. Raises InputError for none and for too many."""
    if last < first:
        raise InputError(f"--to {last} lies before --from {first}: exchange them")
    count = (last - first).days + 1
    if count > MOST_DAYS:
        raise InputError(
            f"--from {first} to --to {last} are {count:,} days; the limit is {MOST_DAYS:,} at once: name fewer"
        )
    return [first + timedelta(days=number) for number in range(count)]


def number(field: str, text: str, *, example: str = "500000") -> Decimal:
    """Returns an exact number above zero; thousands may be set apart (500,000). Raises InputError."""
    return _positive(field, text, text, f"write digits such as {example}")


def percentage(field: str, text: str) -> Decimal:
    """Returns per cent above zero, with or without its sign: 20, 12.5 or 20%. Raises InputError."""
    return _positive(field, text, _typed(text).removesuffix("%"), "write per cent such as 20 or 12.5")


def _positive(field: str, text: str, digits: str, known: str) -> Decimal:
    typed = _typed(digits)
    wrong = InputError(f"{field} {shown(text)} is not a number; {known}")
    if len(typed) > _LONGEST_NUMBER or not _NUMBER.fullmatch(typed):
        raise wrong
    try:
        found = Decimal(typed.replace(",", "").replace("_", ""))
    except InvalidOperation:
        raise wrong from None
    if found <= 0:
        raise InputError(f"{field} {shown(text)} must be above zero; {known}")
    if found >= _ABOVE_ALL:
        raise InputError(f"{field} {shown(text)} is too large; {known}")
    return found


def account() -> str:
    """Returns the operating system's account that this runs as, whatever the environment says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def said_name(named: str | None) -> str:
    """Returns what somebody calls themselves: ``--by``, else USAGE_PIPELINE_USER, else nothing. Raises InputError."""
    if named and named.strip():
        return named_actor("--by", named)
    said = os.environ.get("USAGE_PIPELINE_USER", "")
    return named_actor("USAGE_PIPELINE_USER", said) if said.strip() else ""


def named_actor(field: str, name: str) -> str:
    """Returns the name of who acts, where one must be given. Raises InputError for none, or for what is no name."""
    given = name.strip()
    if not given or len(given) > _LONGEST_NAME or any(category(letter) in ("Cc", "Cs") for letter in given):
        raise InputError(f"{field} {shown(name)} is not a name; write your own, such as zhang.wei")
    return given


def plain_text(field: str, text: str) -> str:
    """Returns words for the record as they are. Raises InputError for a character that no table can hold."""
    if any(letter == "\0" or category(letter) == "Cs" for letter in text):
        raise InputError(f"{field} holds a character that cannot be kept; write plain text")
    return text


def _typed(text: str) -> str:
    """The text without spaces around it, its digits and signs as ASCII where an input method wrote wide ones."""
    return text.translate(_WIDE).strip()


def shown(text: str) -> str:
    """A text as an error quotes it: on one line, and not whole when it is long."""
    return repr(text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…")
