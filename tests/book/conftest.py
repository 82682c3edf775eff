"""What the tests of the book share: the built book, a browser, and how they fail without one."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = """--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync
    --disable-background-networking --disable-component-update""".split()


def missing(sentence: str) -> None:
    """Fail where everything must be there, skip elsewhere; say what to do in both."""
    if os.environ.get("CI"):
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def html() -> Path:
    """The folder of the built book."""
    if not (HTML / "index.html").exists():
        missing("the book is not built: run `make book` first")
    return HTML


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        missing("no Chromium for the tests of the book; Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


SHIFTS = """window.shift = 0;
new PerformanceObserver(list => list.getEntries().forEach(one => (window.shift += one.value)))
    .observe({ type: "layout-shift", buffered: true });"""


class Visit:
    """One page as a reader's browser meets it, and all it asked for or complained about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("console", self._listen)

    def _listen(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def settle(self) -> None:
        """Wait until the formulas are typeset and every deferred script has run."""
        self.page.wait_for_load_state("load")
        self.page.evaluate(
            "() => window.MathJax && MathJax.startup && MathJax.startup.promise.then(() => null)"
        )


Open = Callable[..., Any]


@contextmanager
def _visiting(
    browser: Browser, html: Path, path: str, *, width: int = 1280, scheme: str = "light"
) -> Iterator[Visit]:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
    )
    try:
        context.add_init_script(SHIFTS)
        seen = Visit(context.new_page())
        file = re.split("[?#]", path, maxsplit=1)[0]
        seen.page.goto((html / file).as_uri() + path.removeprefix(file))
        if file == "index.html":
            seen.page.wait_for_url("**/book/*.html")
        seen.settle()
        yield seen
    finally:
        context.close()


@pytest.fixture
def visit(browser: Browser, html: Path) -> Open:
    """Open a page of the book from the disk, offline: ``with visit("book/intro.html") as seen``."""
    return partial(_visiting, browser, html)


@contextmanager
def _looking(browser: Browser, html: Path, path: str, width: int) -> Iterator[Visit]:
    with _visiting(browser, html, path, width=width) as seen:
        seen.page.wait_for_timeout(200)  # what moves after the last script is seen a frame later
        seen.shift = seen.page.evaluate("window.shift")
        yield seen


@pytest.fixture(scope="session")
def desk(browser: Browser, html: Path, path: str) -> Iterator[Visit]:
    """A page as it was loaded on a desk, once for all tests that change nothing of it."""
    with _looking(browser, html, path, 1280) as seen:
        yield seen


@pytest.fixture(scope="session")
def phone(browser: Browser, html: Path, path: str) -> Iterator[Visit]:
    """The same on a phone."""
    with _looking(browser, html, path, 390) as seen:
        yield seen


def pages() -> list[str]:
    """Every page of the built book, by its path."""
    return sorted(
        path.relative_to(HTML).as_posix()
        for path in HTML.rglob("*.html")
        if "_static" not in path.parts
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes a ``path`` once for each page, all those of a page by one worker."""
    if "path" in metafunc.fixturenames:
        found = pages() if HTML.exists() else ["index.html"]
        groups = [pytest.param(path, marks=pytest.mark.xdist_group(path)) for path in found]
        metafunc.parametrize("path", groups, scope="session")
