"""Debian's chromium for tests of what people see."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

CHROMIUM = shutil.which("chromium")
# Each new page is a window of a whole browser, whose address bar is two pages more: half of a test's processor time.
# The last list counts, so what matters here of Playwright's own stands in it, too.
_OFF = ("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup", "HttpsUpgrades", "MediaRouter",
        "OptimizationHints", "PaintHolding", "PreconnectToSearch")  # fmt: skip
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
              "--disable-component-update", "--disable-sync", f"--disable-features={','.join(_OFF)}"]  # fmt: skip

in_a_browser = [
    pytest.mark.browser,
    # `make test` must work without a browser; CI installs one, and there its absence is a failure.
    pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="no chromium here: apt install chromium"),
]


@contextmanager
def running_browser() -> Iterator[Browser]:
    """A headless browser that ends with the block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM or "chromium", args=_ARGUMENTS)
        yield browser
        browser.close()
