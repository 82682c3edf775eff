"""The wheel, installed where there is no checkout: the library works, and the book says why not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
SPEC = "a = 1.0\nalpha = 6.0\nn = 16\nstart = 'random'\nreplicas = 2\ntime = 2.0\nseed = 1\n"


ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("PYTHON", "PRLIB", "PIP"))
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An environment with the wheel, and the third-party packages of this one behind it."""
    folder = tmp_path_factory.mktemp("installed")
    source, wheels, place = folder / "source", folder / "wheels", folder / "venv"
    for name in ("prlib", "companion"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    venv.create(place)

    def pip(*arguments):
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--isolated"]
        subprocess.run([*command, *arguments], env=ENVIRONMENT, check=True)

    quiet = ["--quiet", "--no-deps", "--no-index"]
    pip("wheel", *quiet, "--no-build-isolation", "--wheel-dir", wheels, source)
    pip("--python", place / "bin" / "python", "install", *quiet, *wheels.glob("prlib-*.whl"))
    # Behind the wheel, and without the editable checkout that may be among them.
    behind = Path(np.__file__).parents[1]
    (site(place) / "behind.pth").write_text(f"import sys; sys.path.append({str(behind)!a})\n")
    return place


def site(place):
    return next(place.glob("lib/python*/site-packages"))


def files(place):
    return {path for path in place.rglob("*") if path.suffix not in {".pyc", ""}}


def run(place, folder, *arguments):
    return subprocess.run(
        [place / "bin" / "prlib", *arguments],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_the_library_works_anywhere_and_writes_only_here(installed, tmp_path):
    before = files(installed)
    ran = run(installed, tmp_path, "thresholds", "--a", "0.01", "--json")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["alpha_init"] == pytest.approx(2.851, abs=5e-4)
    (tmp_path / "small.toml").write_text(SPEC)
    for computed in (2, 0):
        ran = run(installed, tmp_path, "sweep", "small.toml", "--jobs", "1", "--json")
        assert ran.returncode == 0, ran.stderr
        assert json.loads(ran.stdout)["computed"] == computed
    where = subprocess.run(
        [installed / "bin" / "python", "-c", "import prlib; print(prlib.__file__)"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(where.stdout.strip()).is_relative_to(installed)
    assert files(installed) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [["notebooks"], ["rerun", "01"], ["figures"], ["cite", "fig-x"], ["verify"], ["where", "x"]],
)
def test_the_book_says_that_it_needs_a_checkout(installed, tmp_path, arguments):
    ran = run(installed, tmp_path, *arguments)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.count("\n") == 1
    assert "needs a checkout of the book's repository" in ran.stderr
