"""Pictures of the documents: the red mail, the report of a bad day, its workbook, and the page on a phone.

Run: .venv/bin/python -m usage_pipeline_tests.support.document_pictures FOLDER-OF-SCREENSHOTS [docs/images]; it needs
Debian's chromium, LibreOffice and pdftoppm, plays a demo, and takes the phone's pages from the folder, where
usage_pipeline_tests/web/test_browser.py has put them.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

from PIL import Image
from playwright.sync_api import Browser

from usage_pipeline.delivery.channels.mail import EmailRecipient, _compose
from usage_pipeline.reports.document import Report
from usage_pipeline.reports.edition import edition_of
from usage_pipeline.reports.files import write_report
from usage_pipeline.reports.make import make_report
from usage_pipeline.settings import load_settings
from usage_pipeline.warehouse.connection import connected
from usage_pipeline.warehouse.embedded import start_embedded
from usage_pipeline_tests.conftest import server_home
from usage_pipeline_tests.support.chromium import running_browser
from usage_pipeline_tests.support.company import EXAMPLE
from usage_pipeline_tests.support.message_examples import examples
from usage_pipeline_tests.support.office import as_pdf, pictures
from usage_pipeline_tests.support.pages import DOCS

# How pictures of a language are called beside those in English.
_ENDINGS = {"en": ".png", "zh": ".zh-CN.png"}
_PHONES = ("web-alert-en.png", "web-approve-zh.png", "web-budget-dark-en.png")
_WIDTH_OF_PHONE, _GAP, _TALLEST = 292, 15, 937
_ZONE = ZoneInfo("Asia/Shanghai")


def main(shots: Path, images: Path) -> None:
    """Makes all of them anew."""
    with running_browser() as browser:
        for language, ending in _ENDINGS.items():
            _photograph(browser, _mail(language), images / f"alert{ending}", width=700)
        with tempfile.TemporaryDirectory() as name, _morning_after() as report:
            folder = Path(name)
            for language, ending in _ENDINGS.items():
                (page,) = write_report(report, ["html"], folder / language, language)
                _photograph(
                    browser, page.read_text(encoding="utf-8"), images / f"report{ending}", width=1200, height=1080
                )
            (workbook,) = write_report(report, ["xlsx"], folder, "en")
            first = pictures(as_pdf(workbook, folder), folder / "printed", dots_an_inch=90)[0]
            _keep(Image.open(first), images / "workbook.png")
    _keep(_side_by_side([Image.open(shots / name) for name in _PHONES]), images / "web.png")


def _mail(language: str) -> str:
    """The page of a red mail, as it would be sent."""
    recipient = EmailRecipient(channel="email", to=("owner@example.com",))
    mail, _ = _compose(examples(language)["budget"], recipient)
    page = message_from_bytes(bytes(mail), policy=policy.default).get_body(("html",))
    assert page
    return str(page.get_content())


@contextmanager
def _morning_after() -> Iterator[Report]:
    """The report of the day on which the demo's agent ran away, as of the next morning at half past eight.

    That the night between has been read and compared is written down here: nobody waits for it.
    """
    with server_home() as place:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("USAGE_", "WAREHOUSE_"))}
        environment |= {"USAGE_PIPELINE_HOME": str(place), "HOME": str(place)}
        subprocess.run([sys.executable, "-m", "usage_pipeline", "demo"], env=environment, check=True, timeout=300,
                       stdout=subprocess.DEVNULL)  # fmt: skip
        today = datetime.now(UTC).astimezone(_ZONE).date()
        morning = datetime(today.year, today.month, today.day, 8, 30, tzinfo=_ZONE) + timedelta(days=1)
        with connected(start_embedded(place).url("warehouse")) as connection:
            connection.execute("UPDATE usage.source_state SET read_up_to = %s", [morning])
            connection.execute("DELETE FROM usage.reconciliation WHERE usage_date = %s", [today])
            connection.execute(
                "INSERT INTO usage.reconciliation (source, usage_date, state, says, compared_until)"
                " VALUES ('main', %s, 'green', 'fits', %s)",
                [today, morning],
            )
            yield make_report(connection, load_settings(EXAMPLE), edition_of("day", today), now=morning.astimezone(UTC))


def _photograph(browser: Browser, html: str, path: Path, *, width: int, height: int | None = None) -> None:
    """Keeps what a browser shows of a page: its first screen, or all of it where no height is named."""
    page = browser.new_page(viewport={"width": width, "height": height or 400})
    page.set_content(html)
    page.wait_for_timeout(500)  # charts are drawn by a script
    _keep(Image.open(BytesIO(page.screenshot(full_page=height is None))), path)
    page.close()


def _side_by_side(phones: list[Image.Image]) -> Image.Image:
    """One picture of several phones."""
    small = [phone.resize((_WIDTH_OF_PHONE, round(phone.height * _WIDTH_OF_PHONE / phone.width))) for phone in phones]
    height = min(_TALLEST, max(phone.height for phone in small))
    whole = Image.new("RGB", (len(small) * (_WIDTH_OF_PHONE + _GAP) - _GAP, height), "white")
    for number, phone in enumerate(small):
        whole.paste(phone, (number * (_WIDTH_OF_PHONE + _GAP), 0))
    return whole


def _keep(picture: Image.Image, path: Path) -> None:
    picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2:] else DOCS / "images")
