"""The page on a phone: from the red mail to callers that are answered again, in both languages, without a script."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from usage_pipeline.delivery.worker import deliver_due
from usage_pipeline.demo.channel_servers import ChannelServers, channel_servers, part_of
from usage_pipeline_tests.support.chromium import in_a_browser, running_browser
from usage_pipeline_tests.web.conftest import OWNER, Site

pytestmark = [*in_a_browser]
PHONE = {"width": 390, "height": 844}
TAPS = {
    "zh": {"undo": "撤销处置", "request": "申请更多额度", "approve": "批准", "open": "打开"},
    "en": {"undo": "Undo", "request": "Ask for more", "approve": "Approve", "open": "Open"},
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium, headless."""
    with running_browser() as browser:
        yield browser


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    """A page of a phone's width that runs no script."""
    context = browser.new_context(viewport=PHONE, java_script_enabled=False)  # type: ignore[arg-type]
    yield context.new_page()
    context.close()


def tap(page: Page, words: str) -> None:
    """Opens what the words stand on, unless it is open, and sends its form."""
    details = page.locator("details", has=page.locator("summary", has_text=words)).first
    if details.get_attribute("open") is None:
        details.locator("summary").click()
    details.get_by_role("button", name=words).click()


class Letters:
    """The mailbox of everybody, whose mails are opened as they arrived."""

    def __init__(self, site: Site, phone: Page, folder: Path, servers: ChannelServers) -> None:
        self._site, self._phone, self._folder, self._servers = site, phone, folder, servers

    def open_newest(self, recipient: str, words: str, picture: str) -> None:
        """Sends what is due and opens the newest mail to somebody that says the words, from its raw text."""
        place = self._site.place
        deliver_due(place.warehouse, place.in_force.settings, by="test")
        found = [mail for mail in self._servers.mails if recipient in mail["To"] and words in part_of(mail, "html")]
        assert found, [(mail["To"], mail["Subject"]) for mail in self._servers.mails]
        file = self._folder / f"{picture}.html"
        file.write_text(part_of(found[-1], "html"), encoding="utf-8")
        self._phone.goto(file.as_uri())
        shot(self._phone, picture)

    def tap(self, words: str) -> None:
        """Taps the mail's button, which opens the page."""
        self._phone.get_by_role("link", name=words, exact=True).first.click()
        assert self._phone.url.startswith(self._site.url)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_from_the_red_mail_to_callers_that_are_answered_within_a_minute(
    site: Site, phone: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    words, began = TAPS[language], time.monotonic()
    site.by_mail = language
    with channel_servers(lambda *_: None) as servers:
        monkeypatch.setenv("SMTP_URL", servers.environment["SMTP_URL"])
        letters = Letters(site, phone, tmp_path, servers)
        site.again()
        assert site.place.call() == 403
        letters.open_newest(OWNER, f" {site.alert()}", f"mail-{language}")
        letters.tap(words["undo"])
        shot(phone, f"alert-{language}")
        tap(phone, words["undo"])
        assert "done=undo" in phone.url
        assert site.answers(200)
        letters.open_newest(OWNER, f" {site.alert()}", f"mail-{language}")
        letters.tap(words["request"])
        form = phone.locator("details[open]")
        form.locator("[name=reason]").fill("the campaign ends today")
        assert form.locator("[name=amount]").input_value() == "20"
        form.get_by_role("button").click()
        assert "done=request" in phone.url
        letters.open_newest("boss", f" {site.alert('override')}", f"mail-approve-{language}")
        letters.tap(words["approve"])
        shot(phone, f"approve-{language}")
        tap(phone, words["approve"])
        assert "done=approve" in phone.url
        assert site.answers(200)
        assert time.monotonic() - began < 60
        letters.open_newest(OWNER, f" {site.alert()}", f"mail-{language}")
        letters.tap(words["open"])
    story = phone.locator("ol").inner_text()
    known = {"zh": "凭本人链接", "en": "by your own link"}[language]
    assert f"{OWNER} ({known})" in story and f"wang.wu ({known})" in story
    shot(phone, f"story-{language}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_fits_a_phone_and_is_clean(site: Site, browser: Browser, scheme: str, language: str) -> None:
    page = browser.new_page(bypass_csp=True, color_scheme=scheme, viewport=PHONE)  # type: ignore[arg-type]
    faults = []
    for name, path in site.pages().items():
        page.goto(f"{path}?lang={language}")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name
        page.eval_on_selector_all("details", "all => all.forEach(each => { each.open = true })")
        found = Axe().run(page).response["violations"]
        faults += [f"{name} {fault['id']}: {[node['target'] for node in fault['nodes']][:3]}" for fault in found]
        shot(page, f"{name}-{scheme}-{language}")
    page.close()
    assert faults == []


def shot(page: Page, name: str) -> None:
    """Keeps a picture where one is asked for."""
    folder = os.environ.get("USAGE_PIPELINE_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"web-{name}.png", full_page=True)
