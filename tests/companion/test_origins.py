"""Whatever the book shows is found again in the code that made it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from companion.catalogue import figures
from companion.origins import ROOT, where
from companion.reexecution import notebooks
from companion.verification import verify
from prlib.cli import main


def exists(place):
    path, _, line = place.split(" ")[0].partition(":")
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    return lines[int(line or 1) - 1]


def test_every_figure_has_a_function_a_cell_and_the_specs_of_its_tables():
    for figure in figures():
        found = where(figure.id)
        assert found.kind == "figure"
        assert exists(found.function).startswith(("def ", "@")), figure.id
        assert exists(found.tests[0])
        assert found.cell.startswith(f"notebooks/{figure.notebook}.ipynb#")
        assert found.tables == tuple(source["table"] for source in figure.sources)
        assert len(found.specs) == len(found.tables)
        assert all((ROOT / spec).is_file() for spec in found.specs)


def test_every_claim_of_a_notebook_has_the_estimator_that_decides_it():
    names = {notebook.name for notebook in notebooks()}
    claims = [held for held in verify() if held.source in names]
    assert {held.source for held in claims} == names
    for origin in (where(held.id) for held in claims):
        assert origin.function.startswith("companion/"), origin.id
        assert exists(origin.function)


def test_a_notebook_and_a_table_are_found_too():
    for notebook in notebooks():
        assert Path(where(notebook.name).cell).name == f"{notebook.name}.ipynb"
    table = where("data-recovery")
    assert (table.tables, table.specs) == (
        ("data/recovery.parquet",),
        ("data/specs/recovery.toml",),
    )


def test_the_command_prints_it_and_helps_with_a_wrong_id(capsys):
    assert main(["where", "fig-half-points", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == "fig-half-points"
    assert main(["where", "fig-half-points"]) == 0
    assert "half_points_figure" in capsys.readouterr().out
    assert main(["where", "fig-half-pionts"]) == 2
    assert "near it: fig-half-points" in capsys.readouterr().err


@pytest.mark.parametrize("id_", ["", "../etc/passwd", "fig-("])
def test_an_id_that_is_none_is_refused(id_):
    with pytest.raises(ValueError, match="must be that of a notebook, figure, claim or table"):
        where(id_)
