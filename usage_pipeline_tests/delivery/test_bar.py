"""The bar has its mark at the limit, is full to it only when it is reached, and shows beyond it what is above."""

from decimal import Decimal

import pytest

from usage_pipeline.alerts.kinds.registry import kinds
from usage_pipeline.alerts.message import Message
from usage_pipeline.alerts.text.escape import line
from usage_pipeline.alerts.text.format import percent
from usage_pipeline.alerts.text.texts import title
from usage_pipeline.delivery.bar import bar_of, meter_of
from usage_pipeline.delivery.rendering import render


def facts(ratio: str, forecast: str | None = None) -> dict[str, object]:
    """Facts of a budget with a limit of 1,000."""
    ahead = None if forecast is None else str(Decimal(forecast) * 1000)
    return {"ratio": ratio, "limit": "1000", "spent": str(Decimal(ratio) * 1000), "forecast": ahead}


@pytest.mark.parametrize(
    ("ratio", "forecast", "drawn"),
    [
        ("0", None, "░░░░░░░░░░░░░░░│ 0 %"),
        ("0.5", "0.8", "███████▒▒▒▒▒░░░│ 50 %"),
        ("0.96", "1.2", "██████████████▒│▒▒▒░░ 96 %"),
        ("0.999", None, "██████████████░│ 99.9 %"),
        ("1", None, "███████████████│ 100 %"),
        ("1.05", "2.4", "███████████████│█▒▒▒▒ 105 %"),
        ("1.001", None, "███████████████│█░░░░ 100.1 %"),
        ("3", "2", "███████████████│█████ 300 %"),
        ("50", None, "███████████████│█████ 5,000 %"),
    ],
)
def test_a_bar_in_letters(ratio: str, forecast: str | None, drawn: str) -> None:
    assert meter_of(facts(ratio, forecast)) == drawn


@pytest.mark.parametrize("hundredths", range(0, 400, 7))
@pytest.mark.parametrize("forecast", [None, "0.5", "1.4", "9"])
def test_its_parts_add_up_and_the_mark_stands_still(hundredths: int, forecast: str | None) -> None:
    bar = bar_of(facts(str(Decimal(hundredths) / 100), forecast))
    assert bar is not None
    assert bar.spent + bar.forecast + bar.left == 75
    assert bar.over + bar.over_forecast + bar.over_left in (0, 25)
    assert min(vars(bar).values()) >= 0
    assert (bar.spent == 75) == (hundredths >= 100)
    assert (bar.over > 0) == (hundredths > 100)


@pytest.mark.parametrize("broken", [{}, {"ratio": "1"}, {"ratio": "1", "limit": "0"}, {"ratio": "NaN", "limit": "5"}])
def test_without_a_limit_there_is_no_bar(broken: dict[str, object]) -> None:
    assert (bar_of(broken), meter_of(broken)) == (None, "")


def test_the_page_of_a_mail_marks_the_limit() -> None:
    stored = kinds()["budget"].example().stored()
    page = render("mail.html.j2", Message("d", "Ba", "budget", "emergency", stored, "en"), line).text
    before, mark, after = page.partition("background:#1a1a1a")
    assert mark
    assert 'width="75%" style="background:#b42318' in before
    assert 'width="5%" style="background:#b42318' in after, "red goes on beyond the mark"


def test_per_cent_is_written_one_way() -> None:
    message = Message("d", "Ba", "budget", "emergency", kinds()["budget"].example().stored(), "en")
    assert percent(Decimal("1.05")) == "105 %"
    assert title(message).endswith(": 105 %")
    assert meter_of(message.facts).endswith(" 105 %")
