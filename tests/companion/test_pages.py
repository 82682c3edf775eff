"""What the pages are given: both packages, floor by floor, and nothing left out."""

from __future__ import annotations

import importlib
from fnmatch import fnmatchcase

import pytest

from companion.sphinx.chapters import NEEDS
from companion.sphinx.holds import joint, what_holds
from companion.sphinx.import_graph import PACKAGES, floors, picture
from companion.sphinx.pages import (
    API_MARK,
    ROOT,
    data_tables,
    exported,
    floor_table,
    modules,
)
from companion.verification import Held


def test_every_module_is_in_the_reference_once():
    pages = [path.read_text(encoding="utf-8") for path in (ROOT / "book").glob("api*.md")]
    patterns = [
        pattern for page in pages for mark in API_MARK.findall(page) for pattern in mark.split()
    ]
    for module in modules(ROOT):
        held = [pattern for pattern in patterns if fnmatchcase(module.__name__, pattern)]
        assert len(held) == 1, module.__name__


def test_what_a_package_offers_is_linked_where_it_is_defined():
    links = exported(importlib.import_module("prlib.sensing"))
    assert links == ["{py:class}`Sensing <prlib.sensing.sensing.Sensing>`"]
    for module in modules(ROOT):
        exported(module)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_floors_are_those_of_the_contract(package):
    rows = floors(ROOT, package)
    drawn = picture(ROOT, package)
    assert all(f">{name}</text>" in drawn for row in rows for name in row)
    places = {name: number for number, row in enumerate(rows) for name in row}
    listed = [line.split("`")[1] for line in floor_table(ROOT).splitlines()[2:]]
    heights = [places[name.split(".")[1]] for name in listed if name.startswith(f"{package}.")]
    assert heights == sorted(heights, reverse=True)


def test_a_spec_without_its_table_is_listed_as_such(tmp_path):
    specs = tmp_path / "data" / "specs"
    specs.mkdir(parents=True)
    (specs / "planned.toml").write_text("# What is planned.\nseed = 1\n")
    row = data_tables(tmp_path).splitlines()[-1]
    assert row.startswith("| `planned` | What is planned. |")
    assert "not yet" in row


def test_a_chapter_needs_only_what_comes_before_it():
    names = [path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    for chapter, needs in NEEDS.items():
        assert any(name.startswith(f"{chapter}-") for name in names)
        for need in needs:
            page = (ROOT / "book" / f"{need}.md").exists()
            assert page or (need in NEEDS and need < chapter), (chapter, need)


def held(verdict, kind="physics", source="01-bbp-at-initialisation"):
    return Held("one", "a | b", 1.0, 0.0, 2.0, source, verdict, kind=kind)


def test_a_chapter_holds_as_well_as_its_weakest_claim():
    assert joint([held("PASS"), held("UNDERPOWERED")]) == "UNDERPOWERED"
    assert joint([held("OPEN"), held("FAIL"), held("PASS")]) == "FAIL"
    page = what_holds([held("PASS"), held("REFUTED"), held("FAIL", "check")])
    (row,) = page["holds_chapters"].splitlines()[2:]
    assert ">PASS<" in row
    assert row.endswith("| 1 of 1 | 0 of 1 |")
    assert page["holds_refuted"].count("REFUTED") == 1
    assert "1 PASS, 1 FAIL, 1 REFUTED" in page["holds_claims"]
