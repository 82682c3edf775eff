"""What a reader meets, in a browser without a network, on a desk and on a phone."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

PAGE_LIMIT = 1_500_000
"""Bytes that one page may load, with its scripts, styles, fonts and figures."""

BEYOND = """() => {
    const clipped = e => {
        for (let a = e.parentElement; a && a !== document.body; a = a.parentElement)
            if (getComputedStyle(a).overflowX !== "visible") return true;
        return false;
    };
    if (document.documentElement.scrollWidth <= window.innerWidth) return [];
    return [...document.querySelectorAll("body *")]
        .filter(e => e.getBoundingClientRect().right > window.innerWidth + 1 && !clipped(e))
        .slice(0, 5).map(e => `${e.tagName}.${e.className}: ${e.textContent.trim().slice(0, 60)}`);
}"""


def test_a_page_asks_no_other_host_and_complains_of_nothing(visit, path: str) -> None:
    with visit(path) as seen:
        assert [
            u for u in seen.requests if urlsplit(u).scheme not in ("file", "data", "blob")
        ] == []
        assert seen.complaints == []


def test_a_page_is_light(visit, path: str) -> None:
    with visit(path) as seen:
        files = {
            Path(unquote(urlsplit(u).path)) for u in seen.requests if urlsplit(u).scheme == "file"
        }
        sizes = {file.name: file.stat().st_size for file in files}
        heaviest = sorted(sizes.items(), key=lambda item: -item[1])[:6]
        assert sum(sizes.values()) < PAGE_LIMIT, heaviest


def test_a_page_fits_a_phone(visit, path: str) -> None:
    with visit(path, width=390) as seen:
        assert seen.page.evaluate(BEYOND) == []


def test_mathematics_is_typeset(visit, path: str) -> None:
    with visit(path) as seen:
        text = seen.page.evaluate(
            """() => {
                const copy = document.querySelector("article, main, body").cloneNode(true);
                const other = "pre, code, script, style, mjx-container";
                copy.querySelectorAll(other).forEach(e => e.remove());
                return copy.textContent;
            }"""
        )
        assert "\\(" not in text
        assert "\\[" not in text
        assert seen.page.locator("mjx-merror, [data-mjx-error]").count() == 0


def test_the_problem_is_told_in_formulas(visit) -> None:
    with visit("book/problem.html") as seen:
        assert seen.page.locator("mjx-container").count() > 50
        assert seen.page.locator("mjx-assistive-mml").count() > 50


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_readers_scheme(visit, scheme: str) -> None:
    with visit("book/intro.html", scheme=scheme) as seen:
        assert seen.page.evaluate("document.documentElement.dataset.theme") == scheme


@pytest.mark.parametrize("words", ["BBP", "outlier"])
def test_search_finds(visit, words: str) -> None:
    with visit(f"search.html?q={words}") as seen:
        seen.page.wait_for_selector("#search-results li a", timeout=10_000)
        links = seen.page.locator("#search-results li a").all_inner_texts()
        assert links


def test_icons_are_drawn(visit) -> None:
    with visit("book/intro.html") as seen:
        assert any("fa-solid-900" in url for url in seen.requests)
        assert seen.page.evaluate("document.fonts.check('900 16px \"Font Awesome 6 Free\"')")
