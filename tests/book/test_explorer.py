"""The explorer and the playground: their physics is prlib's, and no address or input does harm."""

from __future__ import annotations

import re

import numpy as np
import pytest

from companion.thresholds import dynamical_threshold
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
        "overlap2": exact.overlap2,
    }
    values = {name: shown[name] for name in expected} | {"edge": edge}
    for name, value in (expected | {"edge": exact.left_edge}).items():
        assert float(values[name]) == pytest.approx(value, abs=last_digit(values[name])), name
    assert shown["threshold"] == str(dynamical_threshold(a))
    assert kind == f"({exact.edge_kind})"
    if exact.outlier is None:
        assert shown["outlier"] == "none"
    else:
        outlier, _, gap = shown["outlier"].partition(", ")
        assert float(outlier) == pytest.approx(exact.outlier, abs=last_digit(outlier))
        assert gap == f"{exact.left_edge - exact.outlier:.2g} below the edge"


def go_to(seen, address: str) -> None:
    """Another state on the same page, drawn."""
    says(seen)
    seen.page.evaluate(
        "address => new Promise(done => { addEventListener('hashchange', () =>"
        " requestAnimationFrame(() => requestAnimationFrame(done)), {once: true});"
        " location.hash = address; })",
        address,
    )


def per_chart(seen, expression: str) -> dict:
    """What the expression says of each chart, by its place."""
    return seen.page.evaluate(
        "() => Object.fromEntries(Object.entries(Charts.drawn)"
        f".map(([id, chart]) => [id, {expression}]))"
    )


def colour_at_alpha(seen) -> tuple[str, str]:
    """The colour drawn at the reader's alpha, and that of the text."""
    return seen.page.evaluate(
        """() => {
            const {ctx, bbox, valToPos} = Charts.drawn.overlap;
            const x = valToPos(+document.querySelector("[name=alpha]").value, "x", true);
            const drawn = ctx.getImageData(x, bbox.top + bbox.height / 2, 1, 1).data.slice(0, 3);
            return [`rgb(${[...drawn].join(", ")})`, getComputedStyle(document.body).color];
        }"""
    )


def test_every_mark_is_inside_its_scale(visit) -> None:
    states = [(a, 0) for a in ("0.003", "0.01", "0.1", "1", "10")]
    states += [("0.01", time) for time in range(1, 7)]
    with visit(PAGE) as seen:
        for alpha in (1, 2.5, 6, 8):
            for a, time in states:
                go_to(seen, f"alpha={alpha}&a={a}&time={time}")
                scales = per_chart(seen, "[chart.scales.x.min, chart.scales.x.max]")
                assert scales["overlap"] == scales["rates"] == [1, 8]
                outlier = says(seen)["outlier"].partition(",")[0]
                if outlier != "none":
                    left, right = scales["density"]
                    assert left < float(outlier) < right, (alpha, a, time)


def test_an_axis_leaves_its_longest_tick_label_room(visit) -> None:
    with visit(f"{PAGE}#alpha=8&a=0.003&time=0") as seen:
        says(seen)
        room = per_chart(
            seen,
            "(({_size, _values, ticks, font}) => { chart.ctx.font = font[0];"
            " return _size - ticks.size - Math.max(..._values.map("
            "label => chart.ctx.measureText(label).width)); })(chart.axes[1])",
        )
    assert min(room.values()) > 8, room


def test_recovered_fractions_say_where_they_are_from(visit) -> None:
    with visit(f"{PAGE}#alpha=3&a=0.01&time=0") as seen:
        page = seen.page
        says(seen)
        panel, near = page.locator("section:has(> #rates)"), page.locator("#rates-near")
        opacity = "getComputedStyle(document.querySelector('#rates .uplot')).opacity"
        assert page.locator("#rates-list li").count() > 3
        assert page.evaluate(opacity) == "1"
        go_to(seen, "alpha=3&a=1&time=0")
        assert "at a = 0.01, not at your a = 1." in panel.inner_text()
        assert float(page.evaluate(opacity)) < 0.6
        go_to(seen, "alpha=8&a=0.01&time=0")
        assert "no runs near this α" in near.inner_text()
        assert page.locator("#rates-list li").count() == 0
        assert "not at your a" not in panel.inner_text()
        go_to(seen, "alpha=4.5&a=0.01&time=0")
        assert re.search("N = 512, .*: no runs near", page.locator("#rates-list").inner_text())


def test_numbers_have_no_more_digits_than_they_have_meaning(visit) -> None:
    with visit(f"{PAGE}#alpha=6&a=0.01&time=6") as seen:
        assert re.fullmatch(r"\d(\.\d)? × 10⁶( ± \d+ %)?", says(seen)["variance"])
        seen.page.evaluate("EXPLORER.later.forEach(l => l.varianceError = 0.04 * l.variance)")
        go_to(seen, "alpha=4&a=0.01&time=6")
        assert re.fullmatch(r"\d{3} ± 4 %", says(seen)["variance"])
        go_to(seen, "alpha=3.3&a=0.003&time=0")
        shown = says(seen)
    assert shown["outlier"].startswith(shown["edge"].split()[0])
    assert re.search(r", 0\.0\d+ below the edge$", shown["outlier"])


def test_a_slider_says_its_value_and_why_it_stands_still(visit) -> None:
    with visit(f"{PAGE}#alpha=6&a=0.01&time=6") as seen:
        says(seen)
        time, beside = seen.page.locator("[name=time]"), seen.page.locator("output")
        assert beside.all_inner_texts() == ["= 6.00", "t = 3"]
        assert time.get_attribute("aria-valuetext") == "t = 3"
        go_to(seen, "alpha=6&a=1&time=0")
        assert time.is_disabled()
        assert "only at a = 0.01" in beside.last.inner_text()
        assert "only at a = 0.01" in time.get_attribute("aria-valuetext")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_largest_size_stands_out_most(visit, scheme: str) -> None:
    with visit(PAGE, scheme=scheme) as seen:
        says(seen)
        strokes = per_chart(seen, "chart.series.slice(1).map(s => s.stroke())")["rates"]
        note = seen.page.locator("#rates-note").inner_text()
    lightness = [float(stroke.split()[-1].rstrip("%)")) for stroke in strokes]
    assert lightness == sorted(lightness, reverse=scheme == "light")
    assert f"the larger, the {'darker' if scheme == 'light' else 'lighter'}" in note


def test_what_is_drawn_is_named(visit) -> None:
    with visit(PAGE) as seen:
        says(seen)
        seen.page.evaluate(
            "() => { window.written = []; const real = CanvasRenderingContext2D.prototype.fillText;"
            " CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {"
            " written.push(text); real.call(this, text, ...rest); }; }"
        )
        go_to(seen, "alpha=4&a=0.01&time=0")
        assert {"random start", "threshold states"} <= set(seen.page.evaluate("written"))
        drawn, text = colour_at_alpha(seen)
        assert drawn == text
        for place in ("#overlap", "#rates"):
            assert "your α" in seen.page.locator(f"section:has(> {place}) p").inner_text()
        assert "outlier" in seen.page.locator("section:has(> #density) p").inner_text()


def test_charts_are_light_before_the_page_is_printed(visit) -> None:
    with visit(PAGE, scheme="dark") as seen:
        says(seen)
        run_once(seen)
        _, dark = colour_at_alpha(seen)
        # No frame is drawn between that event and the print.
        seen.page.evaluate(
            "() => { window.requestAnimationFrame = () => 0;"
            " document.documentElement.dataset.theme = 'light'; }"
        )
        drawn, light = colour_at_alpha(seen)
        assert drawn == light != dark
        assert len(set(per_chart(seen, "chart.axes[0].stroke()").values())) == 1


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


def test_a_theme_chosen_before_the_first_run_shows_nothing(visit) -> None:
    with visit(PAGE) as seen:
        seen.page.evaluate("document.documentElement.dataset.theme = 'dark'")
        says(seen)
        assert not seen.page.locator("#prlib-playground .prlib-charts").is_visible()
        assert seen.page.locator("#prlib-playground canvas").count() == 0


def test_charts_follow_their_place(visit) -> None:
    fits = (
        "() => document.documentElement.scrollWidth <= innerWidth &&"
        " [...document.querySelectorAll('.uplot')]"
        ".every(e => Math.abs(e.clientWidth - e.parentElement.clientWidth) <= 1)"
    )
    with visit(PAGE, width=390) as seen:
        run_once(seen)
        for width in (844, 390, 1280, 961, 768):
            seen.page.set_viewport_size({"width": width, "height": 900})
            seen.page.wait_for_function(fits, timeout=5_000)
        # A sidebar takes room, and the window stays as it is.
        seen.page.evaluate("document.querySelector('#prlib-playground').style.width = '300px'")
        seen.page.evaluate("document.querySelector('#prlib-explorer').style.width = '300px'")
        seen.page.wait_for_function(fits, timeout=5_000)
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
