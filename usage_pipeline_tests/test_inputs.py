"""What people type: read as it is meant, or refused in one sentence; never another exception, never a wild value."""

import os
import pwd
import string
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from usage_pipeline import inputs
from usage_pipeline.inputs import InputError

SHANGHAI = "Asia/Shanghai"
NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)
# What people, input methods, broken terminals and programs send.
HOSTILE = st.one_of(
    st.text(max_size=60),
    st.text(alphabet=string.digits + "-+:.,_eETZWnaInfity %hmd０９，％٣²½\0\udcff\n", max_size=40),
    st.datetimes().map(str),
    st.datetimes().map(lambda found: f"{found.isoformat()}{'+14:00' if found.second % 2 else '-23:59'}"),
    st.decimals().map(str),
    st.floats().map(str),
    st.integers().map(lambda found: f"{found}e{found}"),
    st.integers(min_value=0).map(lambda found: f"{found}d"),
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-12-01", "2026-11-30T16:00Z"),
        ("2026-12-01T18:00", "2026-12-01T10:00Z"),
        (" 2026-12-01 18:00:30 ", "2026-12-01T10:00:30Z"),
        ("2026-12-01T18:00+02:00", "2026-12-01T16:00Z"),
        ("2026-12-01T18:00Z", "2026-12-01T18:00Z"),
        ("２０２６-12-01", "2026-11-30T16:00Z"),
        ("9999-12-31", "9999-12-30T16:00Z"),
        ("0001-01-03", "0001-01-02T15:54:17Z"),
        ("now", "2026-03-10T04:00Z"),
        ("30m", "2026-03-10T04:30Z"),
        ("8h", "2026-03-10T12:00Z"),
        ("+8h", "2026-03-10T12:00Z"),
        ("+3d", "2026-03-13T04:00Z"),
    ],
)
def test_a_moment_is_read_in_the_zone_that_it_names_else_in_the_billing_zone(text: str, wanted: str) -> None:
    assert inputs.moment("--until", text, zone=SHANGHAI, now=NOW) == datetime.fromisoformat(wanted)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("soon", "--until 'soon' is not a moment; write 8h, 3d or 2026-12-01T18:00"),
        ("", "is not a moment"),
        ("2026-13-01", "is not a moment"),
        ("8 hours", "is not a moment"),
        ("-8h", "is not a moment"),
        ("0001-01-01", "lies outside the calendar"),
        ("9999-12-31T23:59-10:00", "lies outside the calendar"),
        ("0001-01-01T00:00+14:00", "lies outside the calendar"),
    ],
)
def test_what_is_no_moment_is_said_with_its_field_and_how_one_is_written(text: str, why: str) -> None:
    with pytest.raises(InputError) as error:
        inputs.moment("--until", text, zone=SHANGHAI, now=NOW)
    assert why in str(error.value)


def test_a_duration_is_a_moment_only_where_there_is_a_now_and_a_zone_may_be_asked_for() -> None:
    for text in ("8h", "now", "99999d"):
        with pytest.raises(InputError, match="is not a moment; write it as"):
            inputs.moment("--at", text, zone=SHANGHAI)
    assert inputs.moment("--until", "99999d", zone=None, now=NOW) == NOW + timedelta(days=99999)
    with pytest.raises(InputError, match="until '2026-12-01T18:00' has no zone; write it as 2026-12-01T18:00\\+08:00"):
        inputs.moment("until", "2026-12-01T18:00", zone=None)
    with pytest.raises(InputError, match="lies outside the calendar"):
        inputs.moment("--until", "99999d", zone=None, now=datetime(9990, 1, 1, tzinfo=UTC))


def test_days_and_months() -> None:
    assert inputs.day("--date", "2026-11-24") == date(2026, 11, 24)
    assert inputs.day("--date", " 2026-1-5 ") == date(2026, 1, 5)
    assert inputs.month("--chargeback", "2026-11") == date(2026, 11, 1)
    for text, why in (("24.11.2026", "not a day; write it as 2026-11-24"), ("2026-02-30", "not in the calendar"),
                      ("0001-01-01", "year from 1970 to 9000"), ("9999-12-31", "year from 1970 to 9000"),
                      ("0000-01-01", "not in the calendar"), ("2026-11", "not a day")):  # fmt: skip
        with pytest.raises(InputError, match=why):
            inputs.day("--date", text)
    for text, why in (("2026-13", "not in the calendar"), ("9999-12", "out of reach"), ("May", "not a month; write")):
        with pytest.raises(InputError, match=why):
            inputs.month("--chargeback", text)


def test_a_range_has_its_days_in_order_and_a_limit_that_is_named() -> None:
    first = date(2026, 11, 1)
    assert inputs.days_between(first, first) == [first]
    assert inputs.days_between(first, date(2026, 11, 3)) == [date(2026, 11, n) for n in (1, 2, 3)]
    assert len(inputs.days_between(first, first + timedelta(days=inputs.MOST_DAYS - 1))) == inputs.MOST_DAYS
    with pytest.raises(InputError, match="--to 2026-10-31 lies before --from 2026-11-01: exchange them"):
        inputs.days_between(first, date(2026, 10, 31))
    for last in (first + timedelta(days=inputs.MOST_DAYS), date.max):
        with pytest.raises(InputError, match="the limit is 3,660 at once"):
            inputs.days_between(first, last)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("500000", "500000"), (" 500,000 ", "500000"), ("1,500,000.50", "1500000.50"), ("500_000", "500000"),
     ("12.5", "12.5"), ("+7", "7"), (".5", "0.5"), ("1e6", "1000000"), ("５００", "500"), ("0.00000001", "0.00000001")],
)  # fmt: skip
def test_numbers_are_exact(text: str, wanted: str) -> None:
    assert inputs.number("--amount", text) == Decimal(wanted)


@pytest.mark.parametrize(
    "text",
    ["NaN", "sNaN", "nan", "Infinity", "-Infinity", "inf", "1e400", "1e99", "1e-400", "9" * 30, "1" * 5000, "12,5",
     "1,00", "1,,000", ",5", "ten", "", " ", ".", "e5", "+", "20%", "0x10", "1 000", "²", "0", "0.0", "-5", "--5"],
)  # fmt: skip
def test_what_is_no_number_above_zero_is_refused_with_its_field_and_an_example(text: str) -> None:
    with pytest.raises(InputError) as error:
        inputs.number("--amount", text)
    assert str(error.value).startswith("--amount '")
    assert str(error.value).endswith("write digits such as 500000")
    assert len(str(error.value)) < 150


def test_per_cent_may_bear_its_sign() -> None:
    assert inputs.percentage("--percent", "20") == inputs.percentage("--percent", "20%") == 20
    assert inputs.percentage("--percent", "12.5 ％") == Decimal("12.5")
    for text in ("20%%", "%", "NaN%", "-5%", "0%"):
        with pytest.raises(InputError, match=r"^--percent '.*write per cent such as 20 or 12\.5$"):
            inputs.percentage("--percent", text)


def test_who_acts_is_the_systems_account_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    own = pwd.getpwuid(os.getuid()).pw_name
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "USAGE_PIPELINE_USER"):
        monkeypatch.setenv(name, "boss")
    assert inputs.account() == own
    monkeypatch.setattr("os.getuid", lambda: 4_000_123)
    assert inputs.account() == "uid 4000123"


def test_what_somebody_calls_themselves_is_said_or_stands_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USAGE_PIPELINE_USER", "wang.wu")
    assert inputs.said_name("li.si") == inputs.said_name(" li.si ") == "li.si"
    assert inputs.said_name(None) == inputs.said_name("  ") == "wang.wu"
    monkeypatch.setenv("USAGE_PIPELINE_USER", "")
    assert inputs.said_name(None) == ""
    assert inputs.said_name("张　伟") == "张　伟"
    for name in ("two\nlines", "nul\0", "\udcff", "x" * 201):
        with pytest.raises(InputError, match=r"--by '.*is not a name"):
            inputs.said_name(name)
    monkeypatch.setenv("USAGE_PIPELINE_USER", "two\nlines")
    with pytest.raises(InputError, match=r"USAGE_PIPELINE_USER '.*is not a name"):
        inputs.said_name(None)


def test_words_for_the_record_are_kept_as_they_are_but_for_what_no_table_holds() -> None:
    assert inputs.plain_text("--reason", "压测\nuntil 6 pm ") == "压测\nuntil 6 pm "
    for text in ("a\0b", "\udcff"):
        with pytest.raises(InputError, match="--reason holds a character"):
            inputs.plain_text("--reason", text)


def _read(read: Callable[[str], object], text: str) -> object:
    """What the parser returns, None when it refuses; nothing else may be raised, and the refusal fits on a line."""
    try:
        return read(text)
    except InputError as error:
        said = str(error)
        assert said.startswith("--field ")
        assert len(said) < 400
        assert "\n" not in said
        said.encode()
        return None


@given(HOSTILE)
@example("0001-01-01T00:00+23:59")
@example("9999-12-31T23:59:59.999999-23:59")
@example("99999d")
def test_whatever_is_typed_for_a_moment_it_is_one_that_every_zone_can_show_or_it_is_refused(text: str) -> None:
    for zone, now in ((SHANGHAI, NOW), (SHANGHAI, None), (None, None)):
        found = _read(lambda typed, zone=zone, now=now: inputs.moment("--field", typed, zone=zone, now=now), text)  # type: ignore[misc]
        if found is not None:
            assert isinstance(found, datetime)
            assert found.utcoffset() == timedelta(0)
            for shown in ("Pacific/Kiritimati", "Etc/GMT+12"):
                found.astimezone(ZoneInfo(shown))


@given(HOSTILE)
def test_whatever_is_typed_for_a_day_the_days_around_it_exist_or_it_is_refused(text: str) -> None:
    for read in (inputs.day, inputs.month):
        found = _read(lambda typed, read=read: read("--field", typed), text)  # type: ignore[misc]
        if found is not None:
            assert isinstance(found, date)
            assert date(found.year - 1, 1, 1) < found < date(found.year + 1, 1, 1)


@given(HOSTILE)
@example("1e9999999999999999999999")
@example("sNaN123")
def test_whatever_is_typed_for_a_number_it_is_finite_and_above_zero_or_it_is_refused(text: str) -> None:
    for read in (inputs.number, inputs.percentage):
        found = _read(lambda typed, read=read: read("--field", typed), text)  # type: ignore[misc]
        if found is not None:
            assert isinstance(found, Decimal)
            assert Decimal(0) < found < Decimal(10) ** 24


@given(HOSTILE)
def test_whatever_somebody_is_called_it_can_be_kept_or_it_is_refused(text: str) -> None:
    for read in (inputs.named_actor, inputs.plain_text):
        found = _read(lambda typed, read=read: read("--field", typed), text)  # type: ignore[misc]
        if found is not None:
            assert isinstance(found, str)
            assert "\0" not in found
            found.encode()
