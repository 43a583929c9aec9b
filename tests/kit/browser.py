"""A headless Chromium for tests of pages, and what a page did there that no page may do.

The browser is the machine's own, driven by playwright; where one of the two is missing, tests are skipped
and say which. It draws without a GPU.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, Route

NAMES = ("chromium", "chromium-browser", "google-chrome")
DESKTOP, PHONE = (1400, 900), (390, 844)
"""(width, height) of a window, in CSS pixels."""
PATIENCE_MS = 30_000.0
"""How long a test waits for something on a page before it fails; ours is a busy machine without a GPU."""

_FLAGS = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-sandbox")
_ELSEWHERE = re.compile(r"^(?!file:|data:|blob:|about:|https?://(127\.0\.0\.1|localhost)(:|/))")


@dataclass  # without slots: playwright keeps things of its own on whose methods it calls
class Visit:
    """A page in a window of its own, and what was seen of it until now.

    ``complaints``: errors of its scripts, what its own policy refused, and requests that failed or wanted to
    leave this machine. A test that wants one of them takes it out with ``expected``; what is left when the
    test ends fails it. ``requests`` are the addresses asked for, in order.
    """

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def expected(self, pattern: str) -> list[str]:
        """Take the complaints in which a pattern is found out of the list, and return them."""
        taken = [complaint for complaint in self.complaints if re.search(pattern, complaint)]
        self.complaints[:] = [complaint for complaint in self.complaints if complaint not in taken]
        return taken

    def watch(self) -> None:
        """Note from now on what the page does."""
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("requestfailed", self._failed)
        self.page.on("response", self._answered)
        self.page.context.route(_ELSEWHERE, _refuse)

    def _said(self, message: ConsoleMessage) -> None:
        # A failed request is told by its own events, with more words.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.complaints.append(f"{message.type}: {message.text}")

    def _failed(self, request: Request) -> None:
        # What a page gave up itself, such as a tile that moved out of view, is no failure.
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"failed: {request.method} {request.url}: {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.complaints.append(f"{response.status}: {response.request.method} {response.url}")


Visitor = Callable[..., Visit]
"""(address, window=DESKTOP, dark=False, scripts=True, touch=False) -> Visit of a page that has loaded."""


def found_browser() -> Path:
    """Return the machine's browser; skip the test where there is none."""
    pytest.importorskip("playwright", reason="playwright is not installed")
    for name in NAMES:
        path = shutil.which(name)
        if path:
            return Path(path)
    pytest.skip(f"no browser on the path: none of {', '.join(NAMES)}")


@contextmanager
def run_browser() -> Iterator[Browser]:
    """Run the machine's browser; end it with all its processes."""
    program = found_browser()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*_FLAGS])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visits(browser: Browser) -> Iterator[Visitor]:
    """Yield what opens pages in a browser; at the end fail if one of them had a reason to complain."""
    opened: list[Visit] = []
    with ExitStack() as stack:

        def visit(
            address: str,
            window: tuple[int, int] = DESKTOP,
            dark: bool = False,
            scripts: bool = True,
            touch: bool = False,
        ) -> Visit:
            context = browser.new_context(
                viewport={"width": window[0], "height": window[1]},
                color_scheme="dark" if dark else "light",
                java_script_enabled=scripts,
                has_touch=touch,
            )
            stack.callback(context.close)
            context.set_default_timeout(PATIENCE_MS)
            one = Visit(context.new_page())
            opened.append(one)
            one.watch()
            one.page.goto(address)
            return one

        yield visit
    left = [complaint for one in opened for complaint in one.complaints]
    assert not left, "\n".join(left)


def _refuse(route: Route) -> None:
    route.abort("internetdisconnected")
