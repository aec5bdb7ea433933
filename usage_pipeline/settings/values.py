"""The kinds of values that the configuration is made of: zones, currencies, exact amounts, globs, durations."""

import re
from datetime import date, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

# Far enough from the ends of the calendar to name the year before, and the month after.
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(9000, 12, 31)
# More than anybody counts or pays, and less than any sum, ratio or chart of ours can hold.
_LARGEST = 10**18
_LARGEST_PRICE = 10**9
_DECIMALS = 12
_LONGEST_TEXT = 4_000

# A name of letters of any script, an IPv4 address, or an IPv6 address as urlsplit takes it out of its brackets.
_HOST = re.compile(r"(?!-)[\w-]{1,63}(\.[\w-]{1,63})*\.?|[0-9a-fA-F.]*:[0-9a-fA-F:.]+")
_DURATION = re.compile(r"^(\d{1,5})\s*([mhd])$")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


# Looking for them in the system's folders takes a while each time.
_known_zones = cache(available_timezones)


def _zone(name: str) -> str:
    if name not in _known_zones():
        raise ValueError("is not a time zone; write an IANA name such as Asia/Shanghai or Europe/Berlin")
    return name


# What sources, invoices and people write for a currency, in capitals; ¥ is the yen only where yen are counted.
_CURRENCY_SIGNS = {
    "CNY": ("RMB", "CNH", "CN¥", "¥", "￥", "元", "人民币"),
    "USD": ("$", "＄", "US$", "USD$", "美元", "DOLLAR", "DOLLARS"),
    "EUR": ("€", "欧元", "EURO", "EUROS"),
    "GBP": ("£", "英镑"),
    "JPY": ("JP¥", "円", "日元", "YEN"),
    "HKD": ("HK$", "港元", "港币"),
    "TWD": ("NT$", "新台币"),
}


def currency_signs(base: str) -> dict[str, str]:
    """Returns the three letters by whatever else is written for a currency, in capitals, where ``base`` is counted."""
    signs = {sign: code for code, written in _CURRENCY_SIGNS.items() for sign in written}
    return signs | ({"¥": "JPY", "￥": "JPY"} if base == "JPY" else {})


def currency_code(text: str, base: str = "CNY") -> str:
    """Returns a currency's three letters; what is not known comes back in capitals."""
    plain = text.strip().upper()
    return currency_signs(base).get(plain, plain)


def _currency(text: str) -> str:
    code = currency_code(text)
    if not (len(code) == 3 and code.isascii() and code.isalpha()):
        raise ValueError("is not a currency; write its three letters, such as CNY, USD or EUR")
    return code


def fits_glob(value: str, glob: str) -> bool:
    """Whether a name fits a glob of * and ?. A bracket may stand for itself, as names of apps have it, or for a set."""
    return fnmatchcase(value, glob) or fnmatchcase(value, glob.replace("[", "[[]"))


def one_or_more(value: object) -> object:
    """A single text may be written for a list of one."""
    return [value] if isinstance(value, str) else value


def _exact(value: object) -> object:
    if isinstance(value, bool | float):
        raise ValueError("is not a number; write digits such as 300 or 7.10")  # noqa: TRY004  (pydantic's protocol)
    return value


def duration_of(text: object) -> timedelta:
    """``15m``, ``24h`` or ``7d`` as a duration. Raises ValueError that says how one is written."""
    found = _DURATION.match(text.strip()) if isinstance(text, str) else None
    if found is None or int(found[1]) == 0:
        raise ValueError("is not a duration; write minutes, hours or days, such as 15m, 24h or 7d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _duration(value: object) -> object:
    return value if isinstance(value, timedelta) else duration_of(value)


def _per_cent(value: object) -> object:
    if isinstance(value, str) and value.strip().endswith("%"):
        return value.strip()[:-1].strip()
    return _exact(value)


def _web_address(text: str) -> str:
    try:
        parts = urlsplit(text)
        named = bool(_HOST.fullmatch(parts.hostname or "")) and parts.port != 0
    except ValueError:
        named = False
    if not named or parts.scheme not in ("https", "http") or not text.isprintable() or " " in text:
        raise ValueError(
            "is not a web address; write it as https://host.example.com or https://host.example.com:8443/path"
        )
    if "@" in parts.netloc:
        raise ValueError(
            "holds a user or a password; leave them out: a variable of the environment is the place for them"
        )
    return text


Zone = Annotated[str, AfterValidator(_zone)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
Currency = Annotated[str, AfterValidator(_currency)]
Globs = Annotated[tuple[str, ...], BeforeValidator(one_or_more), Field(min_length=1)]
Names = Annotated[tuple[str, ...], BeforeValidator(one_or_more)]
Day = Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)]
Amount = Annotated[
    Decimal, BeforeValidator(_exact), Field(gt=0, le=_LARGEST, decimal_places=_DECIMALS, allow_inf_nan=False)
]
Count = Annotated[int, BeforeValidator(_exact), Field(gt=0, le=_LARGEST)]
Price = Annotated[
    Decimal, BeforeValidator(_exact), Field(ge=0, le=_LARGEST_PRICE, decimal_places=_DECIMALS, allow_inf_nan=False)
]
ExchangeRate = Annotated[
    Decimal, BeforeValidator(_exact), Field(gt=0, le=_LARGEST_PRICE, decimal_places=_DECIMALS, allow_inf_nan=False)
]
PerCent = Annotated[
    Decimal, BeforeValidator(_per_cent), Field(gt=0, le=1000, decimal_places=_DECIMALS, allow_inf_nan=False)
]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")]
TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Duration = Annotated[
    timedelta, BeforeValidator(_duration, json_schema_input_type=str), Field(le=timedelta(days=366), strict=True)
]


class StrictModel(BaseModel):
    """A part of the configuration: unknown keys are errors, values never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_max_length=_LONGEST_TEXT)
