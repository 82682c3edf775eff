"""The explorer and the playground: their physics is prlib's, and no address or input does harm."""

from __future__ import annotations

import numpy as np
import pytest

from prlib import spectrum, thresholds
from prlib.descent import descend
from prlib.losses import NormalizedIntensity
from prlib.measures import empirical
from prlib.problem import Problem, random_on_sphere
from prlib.spectra.bulk import left_edge

PAGE = "book/explorer.html"


def says(seen) -> dict[str, str]:
    seen.page.wait_for_selector("#prlib-explorer[data-ready]", timeout=20_000)
    return seen.page.evaluate(
        "() => Object.fromEntries([...document.querySelectorAll('[data-say]')]"
        ".map(e => [e.dataset.say, e.textContent]))"
    )


def last_digit(text: str) -> float:
    """One unit of the last digit shown."""
    return 10.0 ** -len(text.partition(".")[2])


@pytest.mark.parametrize(("a", "alpha"), [(0.01, 4.0), (1.0, 2.5), (10.0, 3.0)])
def test_it_shows_what_prlib_computes(visit, a: float, alpha: float) -> None:
    exact, transitions = spectrum(a, alpha), thresholds(a)
    with visit(f"{PAGE}#alpha={alpha}&a={a:g}&time=0") as seen:
        shown = says(seen)
    edge, _, kind = shown["edge"].partition(" ")
    expected = {
        "init": transitions.alpha_init,
        "threshold": transitions.alpha_threshold,
        "overlap2": exact.overlap2,
    }
    values = {name: shown[name] for name in expected} | {"edge": edge}
    for name, value in (expected | {"edge": exact.left_edge}).items():
        assert float(values[name]) == pytest.approx(value, abs=last_digit(values[name])), name
    assert kind == f"({exact.edge})"
    if exact.outlier is None:
        assert shown["outlier"] == "none"
    else:
        digit = last_digit(shown["outlier"])
        assert float(shown["outlier"]) == pytest.approx(exact.outlier, abs=digit)


@pytest.fixture(scope="module")
def instance():
    rng = np.random.default_rng(7)
    problem = Problem.random(NormalizedIntensity(0.1), 40, 3.0, rng)
    return problem, random_on_sphere(40, rng)


def in_page(seen, instance, expression: str):
    problem, w = instance
    numbers = {
        "X": problem.X.ravel().tolist(),
        "y": problem.y.tolist(),
        "signal": problem.signal.tolist(),
        "n": problem.n,
        "a": problem.loss.a,
        "w": w.tolist(),
    }
    return seen.page.evaluate(
        "({X, y, signal, n, a, w}) => {"
        " const instance = {X: Float64Array.from(X), y: Float64Array.from(y),"
        " signal: Float64Array.from(signal), n, a}; w = Float64Array.from(w);"
        f" return {expression}; }}",
        numbers,
    )


def test_one_step_of_the_page_is_one_step_of_prlib(visit, instance) -> None:
    problem, w = instance
    expected = descend(problem, w, time=1.0, max_steps=1)
    with visit(PAGE) as seen:
        moved = in_page(seen, instance, "[...Physics.step(instance, w).w]")
    np.testing.assert_allclose(moved, expected.w, rtol=1e-9, atol=1e-11)


def test_the_pages_spectrum_is_that_of_the_same_matrix(visit, instance) -> None:
    problem, w = instance
    expected = np.linalg.eigvalsh(problem.dense_hessian(w))
    edge = left_edge(empirical(problem, w)).position
    with visit(PAGE) as seen:
        found = in_page(
            seen,
            instance,
            "Physics.eigen(Physics.hessian(instance, Physics.observe(instance, w))).values",
        )
        shown = in_page(
            seen,
            instance,
            "(seen => { const law = Physics.empirical(instance, seen.yhat);"
            " return Physics.leftEdge(law, law.alpha).position - seen.mu; })"
            "(Physics.observe(instance, w))",
        )
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)
    # The page takes the infimum of the curvature to be that of the loss.
    assert shown == pytest.approx(edge, rel=1e-4)


@pytest.mark.parametrize(
    "address",
    [
        "#alpha=<img src=x onerror=alert(1)>&a=../../etc&time=1e9",
        "#alpha=1e308&a=NaN&time=-1",
        "#" + "a" * 5000,
        "#alpha=%00&__proto__=1&constructor=2",
    ],
)
def test_a_hostile_address_changes_nothing(visit, address: str) -> None:
    with visit(PAGE) as seen:
        plain = says(seen)
    with visit(PAGE + address) as seen:
        assert says(seen) == plain
        assert seen.complaints == []
        assert seen.page.locator("img[src='x']").count() == 0


def run_once(seen) -> str:
    page = seen.page
    page.fill("#prlib-playground [name=n]", "20")
    page.fill("#prlib-playground [name=a]", "1")
    page.fill("#prlib-playground [name=seed]", "5")
    page.click("#prlib-playground [name=go]")
    page.wait_for_selector("#prlib-playground[data-state=ended]", timeout=60_000)
    return page.locator("#run-says").inner_text()


def test_a_descent_runs_in_the_page_and_its_seed_fixes_it(visit) -> None:
    with visit(PAGE) as seen:
        charts = seen.page.locator("#prlib-playground .prlib-charts")
        assert not charts.is_visible()
        first = run_once(seen)
        assert "steps" in first
        assert charts.is_visible()
        for chart in charts.locator("canvas").all():
            place = chart.locator("xpath=ancestor::section[1]/div")
            width = place.evaluate("e => e.clientWidth")
            assert chart.evaluate("e => e.clientWidth") == pytest.approx(width, abs=1)
        assert run_once(seen) == first
        assert seen.page.locator("#run-spectrum canvas").count() == 1
        assert seen.complaints == []


def test_an_input_out_of_range_is_taken_back_into_it(visit) -> None:
    with visit(PAGE) as seen:
        seen.page.fill("#prlib-playground [name=n]", "100000")
        seen.page.fill("#prlib-playground [name=alpha]", "0.1")
        seen.page.click("#prlib-playground [name=go]")
        assert seen.page.input_value("#prlib-playground [name=n]") == "150"
        assert seen.page.input_value("#prlib-playground [name=alpha]") == "0.5"


def test_without_scripts_a_figure_and_a_sentence_stand_in_its_place(browser, html) -> None:
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto((html / PAGE).as_uri())
    assert "needs JavaScript" in page.locator("article").inner_text()
    assert page.locator("noscript img, img[src*='fig-bbp-transition']").count() >= 1
    assert not page.locator("#prlib-explorer").is_visible()
    context.close()
