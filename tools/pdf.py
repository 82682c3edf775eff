"""Print the built book into one PDF: title page, contents, chapters, and numbers on every page."""

from __future__ import annotations

import html
import io
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from playwright.sync_api import Page, sync_playwright
from pypdf import PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    DictionaryObject,
    NameObject,
    NullObject,
    TextStringObject,
)
from yaml import safe_load

from companion.catalogue import year

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
TARGET = ROOT / "_build" / "hessian-companion.pdf"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--disable-gpu"]
READY = "() => window.MathJax && MathJax.startup && MathJax.startup.promise.then(() => null)"

ON_SCREEN = {
    *("book/explorer", "book/gallery", "book/rerun", "book/data", "book/losses"),
    *("book/api", "book/benchmarks", "book/architecture"),
}
"""Pages for a screen: what moves, what one runs, and the reference of the code."""

MARGIN = {"top": "18mm", "bottom": "18mm", "left": "16mm", "right": "16mm"}

STYLE = """<meta charset="utf-8"><style>
@page { size: A4; margin: 0 }
body { margin: 0; color: #222; font: 11pt/1.5 "DejaVu Sans", sans-serif }
.page { position: relative; box-sizing: border-box; height: 296.9mm; padding: 30mm 24mm;
  break-after: page; overflow: hidden }
.page:last-child { break-after: auto }
.title { padding-top: 90mm; text-align: center }
h1 { font-size: 24pt; line-height: 1.2 }
li { display: flex; list-style: none }
li.part { margin-top: 1em; font-weight: 600 }
li span { flex: 1; margin: 0 .4em .35em; border-bottom: 1px dotted #999 }
ul { padding: 0 }
a { color: inherit; text-decoration: none }
.number { position: absolute; right: 0; bottom: 8mm; left: 0; color: #666; font-size: 8pt;
  text-align: center }
</style>"""


@dataclass(frozen=True)
class Printed:
    """A page of the book as it was printed: its name, its title, and its sheets."""

    name: str
    title: str
    sheets: PdfReader


def parts(config: dict) -> Iterator[tuple[str, list[str]]]:
    """Yield the captions of the contents, and the pages of each that are for paper."""
    contents = safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    yield config["title"], [contents["root"]]
    for part in contents["parts"]:
        names = [chapter["file"] for chapter in part["chapters"]]
        if kept := [name for name in names if name not in ON_SCREEN]:
            yield part["caption"], kept


def printed(page: Page, name: str) -> Printed:
    """Print one page of the book."""
    page.goto((HTML / f"{name}.html").as_uri())
    page.wait_for_load_state("load")
    page.evaluate(READY)
    # What a screen folds away is read on paper, but for the long record of all claims.
    page.evaluate(
        "document.querySelectorAll('details:not(.prlib-claims, .prlib-claims *)')"
        ".forEach(each => (each.open = true))"
    )
    title = page.locator("article h1").first.inner_text().strip("#\n ")
    return Printed(name, title, PdfReader(io.BytesIO(page.pdf(format="A4", margin=MARGIN))))


def made(page: Page, sheets: list[str]) -> PdfReader:
    """Print sheets of our own, without margins."""
    body = "".join(f'<div class="page {sheet}</div>' for sheet in sheets)
    page.set_content(f"{STYLE}<body>{body}</body>")
    return PdfReader(io.BytesIO(page.pdf(format="A4", prefer_css_page_size=True)))


def goes_to(number: int, book: PdfWriter, place: ArrayObject | None = None) -> ArrayObject:
    """Return a destination: a sheet of the book, at the height of another destination if given."""
    top = place[3] if place is not None and len(place) > 3 else NullObject()
    sheet = book.pages[number].indirect_reference
    return ArrayObject([sheet, NameObject("/XYZ"), NullObject(), top, NullObject()])


def link_inside(
    book: PdfWriter, all_pages: list[Printed], first: dict[str, int], base: str
) -> None:
    """Make links to pages of the book links in the file, and all other links public ones."""
    for one in all_pages:
        named = one.sheets.named_destinations
        numbers = {sheet.indirect_reference.idnum: i for i, sheet in enumerate(one.sheets.pages)}
        for offset in range(len(one.sheets.pages)):
            sheet = book.pages[first[one.name] + offset]
            for found in sheet.get("/Annots", ()):
                link = found.get_object()
                action = link.get("/A", DictionaryObject()).get_object()
                inside = link.get("/Dest", action.get("/D"))
                if inside is not None and str(inside) in named:
                    place = named[str(inside)].dest_array
                    target = first[one.name] + numbers[place[0].idnum]
                    _lead(link, goes_to(target, book, place))
                elif str(action.get("/URI", "")).startswith("file:"):
                    path = unquote(urlsplit(str(action["/URI"])).path)
                    page = Path(path).relative_to(HTML).as_posix()
                    if (name := page.removesuffix(".html")) in first:
                        _lead(link, goes_to(first[name], book))
                    else:
                        action[NameObject("/URI")] = TextStringObject(f"{base}{page}")


def _lead(link: DictionaryObject, place: ArrayObject) -> None:
    link.pop("/A", None)
    link[NameObject("/Dest")] = place


def main() -> None:
    """Print, join, number, link, and write the file whole."""
    browser_path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser_path is None or not (HTML / "index.html").exists():
        sys.exit("pdf: needs the built book (make book) and Chromium (Debian: chromium)")
    config = safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    base = config["sphinx"]["config"]["html_baseurl"]
    book, first, rows = PdfWriter(), {}, []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=FLAGS)
        page = browser.new_page(color_scheme="light", reduced_motion="reduce")
        by_part = [(part, [printed(page, name) for name in names]) for part, names in parts(config)]
        place = 2  # after the title and the contents
        for part, found in by_part:
            rows.append(f'<li class="part">{html.escape(part)}</li>')
            for one in found:
                first[one.name] = place
                link = f'<a href="{(HTML / one.name).as_uri()}.html">{html.escape(one.title)}</a>'
                rows.append(f"<li>{link}<span></span>{place + 1}</li>")
                place += len(one.sheets.pages)
        title = f'title"><h1>{html.escape(config["title"])}</h1><p>{year()}</p><p>{base}</p>'
        front = made(page, [title, f'"><h1>Contents</h1><ul>{"".join(rows)}</ul>'])
        counts = [f'"><div class="number">{number}</div>' for number in range(1, place + 1)]
        numbers = made(page, ['">', *counts[1:]])
        browser.close()
    everything = [Printed("", "", front), *(one for _, found in by_part for one in found)]
    first[""] = 0
    book.append(front)
    for one in everything[1:]:
        book.append(one.sheets, outline_item=one.title, import_outline=False)
    if len(front.pages) != 2 or len(numbers.pages) != len(book.pages):
        sys.exit("pdf: the contents or the numbers do not fit their sheets")
    for sheet, number in zip(book.pages, numbers.pages, strict=True):
        sheet.merge_page(number)
    link_inside(book, everything, first, base)
    book.add_metadata({"/Title": config["title"], "/Author": config["author"]})
    book.compress_identical_objects()
    partial = TARGET.with_suffix(".partial")
    book.write(partial)
    partial.replace(TARGET)
    print(f"{TARGET.relative_to(ROOT)}: {len(book.pages)} pages")


if __name__ == "__main__":
    main()
