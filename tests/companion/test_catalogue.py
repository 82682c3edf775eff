"""Figures to take away: ids, files and citations, and what is refused."""

from __future__ import annotations

import io
import json
import re

import nbformat
import pandas as pd
import pytest
from pybtex.database import parse_string
from pypdf import PdfReader

from companion.catalogue import FORMATS, bibtex, figures, find_figure, save, year
from companion.ensembles import data_folder
from companion.figures.column import in_one_column
from companion.figures.export import COLUMN_PDF, BookFigure, sourced
from companion.figures.style import COLUMN, PAGE, legend_below, panels
from companion.reexecution import FOLDER
from prlib.cli import main
from prlib.parameters import ParameterError
from prlib.sweeps import Sweep, results


@pytest.fixture
def folder(tmp_path):
    """A folder with one notebook that shows one figure."""
    with panels() as (drawing, (axis,)):
        axis.plot([0, 1], [1, 2], label="a line")
    figure = BookFigure("fig-one", "A test.", "A line.", drawing, title=r"The rise of \(\alpha\)")
    data = figure._repr_mimebundle_()
    output = nbformat.v4.new_output("display_data", data=data)
    cells = [
        nbformat.v4.new_markdown_cell("# One result"),
        nbformat.v4.new_code_cell("n = 3  # dimension", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("figure", outputs=[output]),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "01-one.ipynb")
    return tmp_path


def test_a_figure_is_found_with_its_facts(folder):
    (figure,) = figures(folder)
    assert figure.id == "fig-one"
    assert figure.title == r"The rise of \(\alpha\)"
    assert figure.notebook == "01-one"
    assert figure.topic == "One result"
    assert figure.sources == ()
    assert figure.url.endswith("/notebooks/01-one.html#fig-one")


def test_files_are_what_the_notebook_shows(folder, tmp_path):
    out = tmp_path / "out"
    found = {kind: save("fig-one", kind, out, folder)[0] for kind in FORMATS}
    assert found["svg"].read_bytes().startswith(b"<?xml")
    assert found["pdf"].read_bytes().startswith(b"%PDF")
    wide, narrow = (PdfReader(found[kind]).pages[0].mediabox.width for kind in ("pdf", COLUMN_PDF))
    assert (wide / 72, narrow / 72 * 25.4) == pytest.approx((PAGE, 86), abs=0.5)
    assert found["png"].read_bytes().startswith(b"\x89PNG")
    table = pd.read_csv(io.BytesIO(found["csv"].read_bytes()), skiprows=2)
    assert table[["x", "y", "label"]].to_numpy().tolist() == [[0, 1, "a line"], [1, 2, "a line"]]


def test_in_a_column_panels_lie_below_each_other_with_their_own_labels():
    with panels(2, 2, sharex=True, sharey="row") as (drawing, axes):
        for axis in axes:
            axis.plot([0, 1], [1, 2], label="a line")
        axes[0].set_ylabel("energy")
        axes[3].set_xlabel("time t")
        legend_below(drawing, axes[0])
    narrow = in_one_column(drawing)
    narrow.canvas.draw()
    boxes = [axis.get_tightbbox().bounds for axis in narrow.axes]
    tops = [y + height for _, y, _, height in boxes]
    assert tops == sorted(tops, reverse=True)
    assert all(y >= top for (_, y, _, _), top in zip(boxes, tops[1:], strict=False))
    assert [axis.get_ylabel() for axis in narrow.axes[:2]] == ["energy", "energy"]
    assert drawing.get_figwidth() == PAGE
    assert narrow.get_figwidth() == COLUMN


def test_the_same_figure_gives_the_same_bytes():
    def draw():
        with panels() as (drawing, (axis,)):
            axis.errorbar([0, 1], [1, 2], yerr=0.1)
        return BookFigure("fig-one", "One.", "One.", drawing, title="One")

    first, second = draw(), draw()
    assert first.svg() == second.svg()
    assert first.csv() == second.csv()
    assert first.pdf() == second.pdf()
    assert first.png() == second.png()


@sourced
def runs_figure(rows, others=None):
    with panels() as (drawing, (axis,)):
        axis.plot(rows["n"])
    return BookFigure("fig-one", "One.", "One.", drawing, title="One")


def test_a_figure_names_the_tables_that_it_draws_and_no_others():
    sweep = Sweep.load(data_folder() / "specs" / "unseen.toml")
    rows = results(sweep, data=data_folder())
    assert runs_figure(rows.drop(columns="source")).sources == ()
    figure = runs_figure(rows[rows["recovered"]])
    (source,) = figure.sources
    assert source["table"] == "data/unseen.parquet"
    assert f"data/unseen.parquet sha256 {source['sha256']} commit" in figure.svg().decode()


def test_a_citation_names_the_figure_and_its_place(folder):
    entry = bibtex(find_figure("fig-one", folder))
    assert entry.startswith("@misc{prlib-fig-one,")
    assert r"title        = {{The rise of $\alpha$}}" in entry
    assert "#fig-one}" in entry
    assert entry.count("{") == entry.count("}")


@pytest.mark.parametrize("name", ["fig-none", "../../etc/passwd", "fig-one; rm -rf /", ""])
def test_an_unknown_figure_is_refused(folder, tmp_path, name):
    with pytest.raises(ParameterError, match="must be one of fig-one"):
        save(name, "pdf", tmp_path / "out", folder)
    assert not (tmp_path / "out").exists()


def test_an_unknown_format_is_refused(folder, tmp_path):
    with pytest.raises(
        ParameterError, match=r"format = 'exe': must be one of svg, pdf, column\.pdf"
    ):
        save("fig-one", "exe", tmp_path, folder)


def test_the_command_line_gives_all_three(tmp_path, capsys):
    assert main(["figures", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["figures"]
    name = found[0]["id"]
    kinds = {file.removeprefix(f"{name}.") for file in found[0]["files"]}
    assert set(FORMATS) - {COLUMN_PDF} <= kinds <= set(FORMATS)
    assert main(["cite", name]) == 0
    assert f"prlib-{name}" in capsys.readouterr().out
    assert main(["figure", name, "--format", "csv", "--out", str(tmp_path)]) == 0
    assert (tmp_path / f"{name}.csv").exists()
    assert f"{name}.bib" in capsys.readouterr().out
    assert (tmp_path / f"{name}.bib").read_text() == f"{bibtex(find_figure(name))}\n"
    assert main(["cite", "fig-none"]) == 2
    assert "figure 'fig-none': must be one of" in capsys.readouterr().err


def entries():
    """Yield what the book offers as BibTeX: the bibliography, the page on citing, each figure."""
    book = FOLDER.parent / "book"
    yield (book / "references.bib").read_text(encoding="utf-8")
    page = (book / "cite.md").read_text(encoding="utf-8")
    for name, value in {"version": "1.0", "year": year(), "repository": "https://x.org"}.items():
        page = page.replace(f"{{{{ {name} }}}}", value)
    yield from re.findall(r"```bibtex\n(.*?)```", page, re.DOTALL)
    yield from map(bibtex, figures())


def test_bibtex_accepts_what_the_book_offers():
    for text in entries():
        for key, entry in parse_string(text, "bibtex").entries.items():
            fields = entry.fields
            assert entry.persons["author"], key
            assert re.fullmatch(r"\d{4}", fields["year"]), key
            # Whole in a second pair of braces, so that no style takes the capitals away.
            assert re.fullmatch(r"\{.*\w[?)$]*\}", fields["title"]), key
            assert not re.search(r" (with|of|in|at|by|the|and)\}$", fields["title"]), key
            needed = {"article": "journal", "inproceedings": "booktitle"}
            assert needed.get(entry.type, "title") in fields, key
            if "arxiv.org" in fields.get("url", ""):
                assert fields["url"].endswith(fields["eprint"]), key
