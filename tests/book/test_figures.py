"""Figures to take away: their files, their citation, their source, and the gallery."""

from __future__ import annotations

import hashlib
import io
import re

import pandas as pd
import pytest
from lxml import etree
from PIL import Image
from playwright.sync_api import expect

from companion.catalogue import bibtex, figures
from companion.sphinx.chapters import MOVING
from companion.sphinx.figure_files import LABELS

FOUND = figures()


@pytest.mark.parametrize("figure", FOUND, ids=lambda figure: figure.id)
def test_a_figure_has_its_files(html, root, figure) -> None:
    folder = html / "figures"
    contents = {kind: (folder / f"{figure.id}.{kind}").read_bytes() for kind in figure.formats}
    svg = etree.fromstring(contents["svg"])
    assert svg.tag.endswith("svg")
    assert figure.id.encode() in contents["svg"]
    assert contents["pdf"].startswith(b"%PDF")
    assert b"/FontFile2" in contents["pdf"] or b"/Font" not in contents["pdf"]
    image = Image.open(io.BytesIO(contents["png"]))
    assert round(image.info["dpi"][0]) == 300
    assert image.text["Title"] == figure.id
    table = pd.read_csv(io.BytesIO(contents["csv"]), skiprows=2)
    assert len(table) > 1
    assert table["kind"].isin(["line", "point", "edges", "band", "map", "reference"]).all()


@pytest.mark.parametrize("figure", FOUND, ids=lambda figure: figure.id)
def test_its_source_is_the_table_that_is_there(root, figure) -> None:
    for source in figure.sources:
        content = (root / source["table"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == source["sha256"]
        assert source["sha256"] in figure.file("svg").decode()
        assert source["sha256"] in figure.file("csv").decode().splitlines()[1]


def test_ids_are_stable_names_and_occur_once() -> None:
    ids = [figure.id for figure in FOUND]
    assert len(set(ids)) == len(ids) > 20
    assert all(re.fullmatch(r"fig-[a-z0-9-]+", name) for name in ids)


def test_under_each_figure_are_its_files_its_citation_and_the_way_to_remake_it(desk, path) -> None:
    for figure in FOUND:
        if path != f"notebooks/{figure.notebook}.html":
            continue
        box = desk.page.locator(f"#{figure.id}")
        links = box.locator(".prlib-files a")
        names = [LABELS.get(kind, kind.upper()) for kind in figure.formats]
        assert links.all_inner_texts() == [*names, "Link"]
        assert re.match(r"Figure \d+\.\d+\. ", box.locator("figcaption").inner_text())
        assert bibtex(figure) in box.locator("pre").text_content()
        assert f"prlib rerun {figure.notebook}" in box.locator("p").last.text_content()
        assert box.locator("img").first.evaluate("e => e.naturalWidth") > 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_figure_lies_on_the_pages_own_ground(visit, scheme: str) -> None:
    with visit("notebooks/01-bbp-at-initialisation.html", scheme=scheme) as seen:
        picture = seen.page.locator(".prlib-figure > img:visible").first.screenshot()
        pixel = Image.open(io.BytesIO(picture)).convert("RGB").getpixel((12, 12))
        ground = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
    asked = [int(part) for part in re.findall(r"\d+", ground)]
    assert max(abs(one - two) for one, two in zip(pixel, asked, strict=True)) <= 3


def test_the_stage_takes_the_place_of_a_figure(visit) -> None:
    for name, state in MOVING.items():
        notebook = next(figure.notebook for figure in FOUND if figure.id == name)
        with visit(f"notebooks/{notebook}.html") as seen:
            figure = seen.page.locator(f"#{name}")
            figure.locator(".prlib-move").click()
            stage = figure.frame_locator("iframe")
            stage.locator("#prlib-stage[data-ready]").wait_for(timeout=20_000)
            alpha = re.search(r"alpha=([\d.]+)", state)[1]
            expect(stage.locator("[data-say=alpha]")).to_have_text(alpha)
            expect(stage.locator(".prlib-refused")).to_have_text("")
            expect(stage.locator("article h1")).to_be_hidden()
            expect(stage.locator("#prlib-live")).to_be_visible(visible="part=stage" not in state)
            figure.locator(".prlib-move").click()
            expect(figure.locator("img").first).to_be_visible()
            assert seen.complaints == []


def test_the_citation_can_be_copied(visit) -> None:
    figure = FOUND[0]
    with visit(f"notebooks/{figure.notebook}.html") as seen:
        box = seen.page.locator(f"#{figure.id}")
        box.locator("summary", has_text="Cite").click()
        box.locator("button").click()
        seen.page.wait_for_function(
            "id => document.querySelector(`#${id} button`).textContent === 'Copied'",
            arg=figure.id,
        )


def test_a_figure_and_its_citation_are_three_clicks_from_the_front_page(visit, html) -> None:
    with visit("book/intro.html") as seen:
        seen.page.locator("article a", has_text="Gallery").first.click()
        card = seen.page.locator(".prlib-gallery li", has_text="fig-half-points")
        for kind, start in (("PDF", b"%PDF"), ("BIB", b"@misc{prlib-fig-half-points,")):
            link = card.get_by_text(kind, exact=True)
            expect(link).to_be_visible()  # waits for the page that the click opens
            file = html / "book" / link.get_attribute("href")
            assert file.read_bytes().startswith(start)


def test_the_gallery_shows_all_and_filters_by_topic(visit) -> None:
    with visit("book/gallery.html") as seen:
        cards = seen.page.locator(".prlib-gallery li")
        assert cards.count() == len(FOUND)
        topic = FOUND[0].notebook
        seen.page.check(f'.prlib-gallery [value="{topic}"]')
        visible = [card for card in cards.all() if card.is_visible()]
        assert len(visible) == sum(figure.notebook == topic for figure in FOUND)
        assert seen.page.locator(".prlib-gallery img").first.evaluate("e => e.naturalWidth") > 0
