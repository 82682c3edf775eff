"""What a reader meets, in a browser without a network, on a desk and on a phone."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

CHAPTERS = sorted(
    path.stem for path in (Path(__file__).parents[2] / "notebooks").glob("[0-9]*.ipynb")
)

PAGE_LIMIT = 600_000
"""Bytes that a page and its figures may have."""

SHARED_LIMIT = 1_250_000
"""Bytes of scripts, styles and fonts that all pages share, which a browser loads once."""

MOST_SHIFT = 0.05
"""By how much what is seen may move while a page loads: half of what counts as good."""

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


def test_a_page_asks_no_other_host_and_complains_of_nothing(desk) -> None:
    assert [u for u in desk.requests if urlsplit(u).scheme not in ("file", "data", "blob")] == []
    assert desk.complaints == []


def test_a_page_is_light(desk) -> None:
    files = {Path(unquote(urlsplit(u).path)) for u in desk.requests if urlsplit(u).scheme == "file"}
    sizes = {file: file.stat().st_size for file in files}
    heaviest = sorted(sizes.items(), key=lambda item: -item[1])[:6]
    shared = sum(
        size
        for file, size in sizes.items()
        if "_static" in file.parts and "explorer" not in file.parts
    )
    assert shared < SHARED_LIMIT, heaviest
    assert sum(sizes.values()) - shared < PAGE_LIMIT, heaviest


def test_a_page_fits_a_phone(phone) -> None:
    assert phone.page.evaluate(BEYOND) == []


def test_nothing_moves_while_a_page_loads(desk, phone, path: str) -> None:
    assert desk.shift < MOST_SHIFT
    # The reference writes letters that MathJax measures where it draws them, wider at first.
    if not path.startswith("book/api-"):
        assert phone.shift < MOST_SHIFT


def test_a_chapter_begins_with_its_picture(desk, phone, path: str) -> None:
    if Path(path).stem not in CHAPTERS:
        return
    for seen, lowest in ((desk, 700), (phone, 900)):
        box = seen.page.locator(".bd-article .prlib-figure").first.bounding_box()
        assert box["y"] < lowest
        bars = seen.page.locator(".bd-article details.hide summary").all_inner_texts()
        assert bars[:2] == ["Parameters", "Code of this section"]
        folded = seen.page.locator(".bd-article details.hide").evaluate_all(
            "all => all.every(one => !one.open && one.querySelector('.cell_input'))"
        )
        assert folded


def test_mathematics_is_typeset(desk) -> None:
    text = desk.page.evaluate(
        """() => {
            const copy = document.querySelector("article, main, body").cloneNode(true);
            const other = "pre, code, script, style, mjx-container";
            copy.querySelectorAll(other).forEach(e => e.remove());
            return copy.textContent;
        }"""
    )
    assert "\\(" not in text
    assert "\\[" not in text
    assert desk.page.locator("mjx-merror, [data-mjx-error]").count() == 0


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


def test_paper_is_light_whatever_the_screen(visit) -> None:
    shown = """name => {
        if (name) dispatchEvent(new Event(name));
        const { color, backgroundColor } = getComputedStyle(document.body);
        return [document.documentElement.dataset.theme, color, backgroundColor];
    }"""
    with visit("book/intro.html", scheme="dark") as seen:
        dark = seen.page.evaluate(shown)
        seen.page.emulate_media(media="print", color_scheme="dark")
        theme, ink, paper = seen.page.evaluate(shown, "beforeprint")
        assert theme == "light"
        assert paper == "rgb(255, 255, 255)"
        assert ink != dark[1]
        assert seen.page.evaluate(shown, "afterprint") == dark


@pytest.mark.parametrize("width", [390, 768, 1280])
@pytest.mark.parametrize("page", ["book/holds.html", "notebooks/01-bbp-at-initialisation.html"])
def test_verdicts_are_seen_whole(visit, page: str, width: int) -> None:
    with visit(page, width=width) as seen:
        seen.page.locator("details").evaluate_all("all => all.forEach(d => (d.open = true))")
        tables = seen.page.locator("table:has(.verdict)")
        assert tables.count()
        boxes = tables.locator("xpath=..")
        assert boxes.evaluate_all("all => all.every(b => b.scrollWidth <= b.clientWidth)")
        said = "row => [...row.cells].map(cell => getComputedStyle(cell, '::before').content)"
        labels = tables.last.locator("tbody tr").first.evaluate(said)[2:5]
        stacked = ['"number"', '"which is"', '"accepted"']
        assert labels == (stacked if width < 700 else ["none"] * 3)


def test_what_scrolls_sideways_shows_it(visit) -> None:
    with visit("notebooks/04-constrained-vs-random.html", width=390) as seen:
        # The shadow lies behind the rows of a table, so they let it through, and over a drawing.
        opaque = """tables => tables.flatMap(t => [...t.querySelectorAll("tr, td, th")])
            .map(e => getComputedStyle(e).backgroundColor)
            .filter(colour => !/^rgba\\(.*, 0(\\.[01]\\d*)?\\)$/.test(colour))"""
        assert seen.page.locator(".cell_output table").evaluate_all(opaque) == []
        figure = seen.page.locator("figure").first
        more = "e => ['::before', '::after'].map(p => getComputedStyle(e, p).opacity)"
        assert figure.evaluate(more) == ["0", "1"]
        figure.evaluate("e => new Promise(done => (e.scrollTo(999, 0), setTimeout(done, 100)))")
        assert figure.evaluate(more) == ["1", "0"]


@pytest.mark.parametrize(
    ("page", "drawing", "wide"),
    [
        ("book/architecture.html", "svg.prlib-graph", 700),
        ("notebooks/04-constrained-vs-random.html", "figure.narrow > img", 440),
    ],
)
def test_a_drawing_is_readable_on_a_phone(visit, page: str, drawing: str, wide: int) -> None:
    with visit(page, width=390) as seen:
        assert seen.page.locator(drawing).first.bounding_box()["width"] > wide
        assert seen.page.evaluate(BEYOND) == []


@pytest.mark.parametrize("width", [390, 1280])
def test_the_story_is_seen_at_once(visit, width: int) -> None:
    with visit("book/intro.html", width=width) as seen:
        top = seen.page.locator("svg.prlib-map").bounding_box()["y"]
        assert top < 300
        sizes = """svg => svg.getBoundingClientRect().width / svg.viewBox.baseVal.width
            * parseFloat(getComputedStyle(svg.querySelector("text")).fontSize)"""
        for drawing in seen.page.locator("svg.prlib-drawn").all():
            assert drawing.evaluate(sizes) >= 12 - 0.3  # nine points
        prose = seen.page.locator("article").evaluate(
            """article => {
                const copy = article.cloneNode(true);
                const unread = "svg, mjx-assistive-mml, .headerlink";
                copy.querySelectorAll(unread).forEach(e => e.remove());
                return copy.textContent;
            }"""
        )
        assert len(prose.split()) < 600


def test_the_story_is_a_still_for_those_who_want_one(visit) -> None:
    # Those without a name are transitions of the theme.
    moving = "() => document.getAnimations().map(one => one.animationName).filter(name => name)"
    with visit("book/intro.html") as seen:
        assert {"companion-way", "companion-appear"} <= set(seen.page.evaluate(moving))
        seen.page.emulate_media(reduced_motion="reduce")
        assert seen.page.evaluate(moving) == []
        assert seen.page.locator("svg.prlib-map .m2").evaluate("e => getComputedStyle(e).opacity")


def test_three_doors_are_one_click_from_the_front(visit) -> None:
    with visit("book/intro.html") as seen:
        doors = seen.page.locator(".prlib-doors strong a")
        targets = doors.evaluate_all("all => all.map(a => a.getAttribute('href'))")
        assert targets == ["explorer.html", "holds.html", "rerun.html"]


def test_a_chapter_is_called_by_its_number(visit) -> None:
    with visit("notebooks/09-time-dependent-bbp.html") as seen:
        assert seen.page.locator("article h1").inner_text().startswith("9. ")
        assert seen.page.locator("nav a.current.internal").last.inner_text().startswith("9. ")
        opening = seen.page.locator("p.prlib-opening")
        assert opening.locator("a").first.inner_text() == "Chapter 2"
        assert "to read" in opening.inner_text()
        links = seen.page.locator("article a[href='10-finite-size-theory.html']").all_inner_texts()
        assert links
        assert all(text.startswith("Chapter 10, ") for text in links)


def test_what_holds_is_a_row_a_chapter(visit, root: Path) -> None:
    chapters = len(list((root / "notebooks").glob("*.ipynb")))
    with visit("book/holds.html") as seen:
        rows = seen.page.locator("section#by-chapter tbody tr")
        assert rows.count() == chapters + 1
        assert rows.locator("a").count() == chapters + 1
        assert seen.page.locator("details.prlib-claims[open]").count() == 0
        shown = seen.page.locator("section#refuted .verdict.refuted")
        folded = seen.page.locator("details.prlib-claims .verdict.refuted")
        assert shown.count() == folded.count() > 0
        assert all(one.is_visible() for one in shown.all())


def test_no_line_starts_with_the_comma_after_a_formula(visit) -> None:
    with visit("book/problem.html") as seen:
        parted = """formulas => {
            const range = document.createRange();
            const begins = formula => {
                const next = formula.closest("span.math").nextSibling;
                if (!/^\\p{P}/u.test(next?.data ?? "")) return false;
                range.setStart(next, 0);
                range.setEnd(next, 1);
                return range.getBoundingClientRect().left < formula.getBoundingClientRect().left;
            };
            const found = new Set();
            for (let width = 300; width < 700; width += 20) {
                document.querySelector("article").style.width = `${width}px`;
                for (const one of formulas.filter(begins)) found.add(one.closest("p").textContent);
            }
            return [...found];
        }"""
        formulas = seen.page.locator("article p span.math mjx-container:not([display])")
        assert formulas.evaluate_all(parted) == []


def test_long_names_wrap_in_the_contents_of_a_page(visit) -> None:
    with visit("book/api-front.html") as seen:
        out = """names => names.filter(name => name.getBoundingClientRect().right
            > name.closest(".sidebar-secondary-items").getBoundingClientRect().right).length"""
        assert seen.page.locator(".page-toc code .pre").evaluate_all(out) == 0


def test_what_a_table_of_results_is_for_has_room_on_a_phone(visit) -> None:
    with visit("book/data.html", width=390) as seen:
        cell = seen.page.locator("td:nth-child(2)").first
        assert cell.bounding_box()["width"] > 180


def test_a_table_has_one_row_of_heads(visit) -> None:
    with visit("notebooks/10-finite-size-theory.html") as seen:
        heads = seen.page.locator("table.dataframe thead")
        assert heads.evaluate_all("all => all.every(head => head.rows.length === 1)")
        assert heads.first.locator("th").first.inner_text() == "alpha"
