"""The stage: its physics is prlib's, nothing on it is stale, and no address or input does harm."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

from companion.analysis.dynamics import at_times, transition_times
from companion.sphinx.front import theory
from prlib import spectrum, thresholds
from prlib.descent import descend
from prlib.losses import NormalizedIntensity
from prlib.measures import empirical
from prlib.problem import Problem, random_on_sphere
from prlib.spectra.bulk import density, left_edge
from prlib.spectra.eigenpairs import lowest_eigenpairs
from prlib.sweeps.estimate import wilson

PAGE = "book/explorer.html"
DEFAULT = {"a": "0.01", "alpha": "3.4", "time": "0", "start": "random", "n": "64", "seed": "1"}


def ready(seen):
    seen.page.wait_for_selector("#prlib-stage[data-ready]", timeout=20_000)
    return seen.page


def says(seen) -> dict[str, str]:
    return ready(seen).evaluate(
        "() => Object.fromEntries([...document.querySelectorAll('[data-say]')]"
        ".map(e => [e.dataset.say, e.textContent]))"
    )


def address(seen) -> dict[str, str]:
    ready(seen).wait_for_function("() => location.hash === State.address()", timeout=5_000)
    given = parse_qs(seen.page.evaluate("location.hash.slice(1)"))
    return {name: values[0] for name, values in given.items()}


def number(text: str) -> float:
    """What is shown, which has a minus of typography."""
    return float(text.replace("−", "-"))


def press(seen, *keys: str) -> None:
    point = ready(seen).locator("[data-place=map] [role=slider]")
    point.focus()
    for key in keys:
        seen.page.keyboard.press(key)


def record(seen, alpha: float = 6, n: int = 16, a: float = 1) -> None:
    """Record three small descents, which takes a second."""
    ready(seen).evaluate("changes => State.set(changes)", {"a": a, "alpha": alpha, "n": n})
    seen.page.click("[name=go]")
    seen.page.wait_for_selector("#prlib-live[data-state=ended]", timeout=60_000)


@pytest.mark.parametrize(("a", "alpha"), [(0.01, 4.0), (1.0, 2.5), (0.01, 2.5)])
def test_it_shows_at_the_start_what_prlib_computes(visit, a: float, alpha: float) -> None:
    exact = spectrum(a, alpha)
    with visit(f"{PAGE}#alpha={alpha:g}&a={a:g}&time=0") as seen:
        shown = says(seen)
        border = seen.page.evaluate("a => Theory.stage(a).border[0]", a)
    gap = 0.0 if exact.outlier is None else exact.left_edge - exact.outlier
    assert number(shown["edge"]) == pytest.approx(exact.left_edge, rel=5e-3)
    assert float(shown["overlap2"]) == pytest.approx(exact.overlap2 or 0, abs=0.006)
    assert shown["variance"] == "1"
    assert (shown["gap"] == "none") == (gap == 0)
    if gap:
        assert float(shown["gap"]) == pytest.approx(gap, rel=0.05)
    assert border == pytest.approx(thresholds(a).alpha_init, abs=0.01)


def test_along_the_descent_it_shows_the_tables_of_theory(visit) -> None:
    run = theory(NormalizedIntensity(0.01)).query("alpha == 3.4")
    lost = transition_times(run).iloc[-1]["t"]
    with visit(PAGE) as seen:
        for time in (0.02, 0.1, 0.5, 0.8 * lost, 1.2 * lost, 9.0):
            ready(seen).evaluate("time => State.set({ time })", time)
            shown = says(seen)
            value = {name: at_times(run, name, [time])[0][0] for name in ("left_edge", "variance")}
            assert number(shown["edge"]) == pytest.approx(value["left_edge"], rel=0.03)
            assert float(shown["variance"]) == pytest.approx(value["variance"], rel=0.12)
            assert (shown["gap"] == "none") == (time > lost)
        state = seen.page.evaluate("Theory.times.length")
    assert state >= 40


def test_time_is_smooth(visit) -> None:
    with visit(PAGE) as seen:
        gaps = ready(seen).evaluate(
            "Array.from({length: 400}, (_, i) => Theory.at(0.01, 3.8, Theory.timeAt(i / 399)).gap)"
        )
    assert np.abs(np.diff(gaps)).max() < 0.02 * max(gaps)
    assert len(set(np.round(gaps, 6))) > 300


def test_the_address_holds_everything(visit) -> None:
    told = "a=1&alpha=4.5&time=0.3&start=constrained&n=32&seed=7&task=0"
    with visit(f"{PAGE}#{told}") as seen:
        first = says(seen)
        assert address(seen) == dict(part.split("=") for part in told.split("&"))
        assert seen.page.input_value("[name=n]") == "32"
        assert seen.page.input_value("#prlib-live [name=start]") == "constrained"
        seen.page.select_option("#prlib-live [name=start]", "spectral")
        seen.page.fill("[name=seed]", "8")
        press(seen, "ArrowUp", "ArrowRight")
        now = address(seen)
        assert now["alpha"] == "5"
        assert float(now["time"]) > 0.3
        assert now | {"start": "spectral", "seed": "8"} == now
        second = says(seen)
        assert second != first
        seen.page.reload()
        again = says(seen)
        assert address(seen) == now
        assert again == second


def test_the_keyboard_moves_the_point_and_hears_where_it_is(visit) -> None:
    with visit(PAGE) as seen:
        point = ready(seen).locator("[data-place=map] [role=slider]")
        press(seen, "End")
        assert address(seen)["time"] == "10"
        press(seen, "Home", "ArrowUp", "ArrowUp")
        assert address(seen)["alpha"] == "3.6"
        assert point.get_attribute("aria-valuetext") == "alpha 3.6, time 0: sees the signal"
        press(seen, "PageUp", "ArrowRight", "ArrowLeft", "PageDown", "ArrowLeft")
        assert float(address(seen)["time"]) == 0
        spoken = seen.page.locator(".prlib-spoken")
        seen.page.wait_for_function("() => /Alpha 3.6/.test(document.body.textContent)")
        assert "sees the signal" in spoken.inner_text()


def test_the_point_is_dragged(visit) -> None:
    with visit(PAGE) as seen:
        box = ready(seen).locator("[data-place=map] svg").bounding_box()
        seen.page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
        seen.page.mouse.down()
        seen.page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.9 * box["height"])
        seen.page.mouse.up()
        now = address(seen)
        assert float(now["alpha"]) < 2.8
        assert 0.02 < float(now["time"]) < 1
        assert says(seen)["gap"] == "none"


def test_play_goes_to_the_end_and_a_reader_takes_over(visit) -> None:
    with visit(f"{PAGE}#time=7") as seen:
        play = ready(seen).locator("[name=play]")
        play.click()
        seen.page.wait_for_function("() => State.now.time === 10", timeout=5_000)
        assert play.inner_text() == "Play"
        play.click()
        assert play.inner_text() == "Pause"
        press(seen, "ArrowUp")
        assert play.inner_text() == "Play"
        seen.page.emulate_media(reduced_motion="reduce")
        seen.page.evaluate("State.set({ time: 0 })")
        play.click()
        times = seen.page.evaluate(
            "() => new Promise(done => { const all = new Set(); const began = performance.now();"
            " const look = () => { all.add(State.now.time); performance.now() - began < 1300"
            " ? requestAnimationFrame(look) : done([...all]); }; look(); })"
        )
        assert 2 <= len(times) <= 4


@pytest.mark.parametrize(
    "hostile",
    [
        "#alpha=<img src=x onerror=alert(1)>&a=../../etc&time=1e9",
        "#alpha=1e308&a=NaN&time=-1&n=1e9&seed=-1&task=99&start=__proto__",
        "#" + "a" * 5000,
        "#alpha=%00&__proto__=1&constructor=2",
    ],
)
def test_a_hostile_address_is_refused_in_words(visit, hostile: str) -> None:
    with visit(PAGE + hostile) as seen:
        now = address(seen)
        assert {name: now[name] for name in DEFAULT} == DEFAULT
        assert seen.complaints == []
        assert seen.page.locator("img[src='x']").count() == 0
        said = seen.page.locator(".prlib-refused").inner_text()
        assert ("α must be" in said) == ("alpha=" in hostile)
        assert "onerror" not in said


def test_a_number_out_of_range_is_refused_and_clears_what_is_shown(visit) -> None:
    with visit(PAGE) as seen:
        record(seen)
        live = seen.page.locator("#prlib-live")
        assert live.locator(".prlib-recording").is_visible()
        for name, wrong, accepted in (
            ("n", "100000", "from 10 to 128"),
            ("n", "1e2", "a whole number"),
            ("n", "", "a whole number"),
            ("seed", "-1", "from 0 to 999999"),
        ):
            before = seen.page.input_value(f"[name={name}]")
            seen.page.fill(f"[name={name}]", wrong)
            assert accepted in live.locator(".prlib-says").inner_text()
            assert seen.page.input_value(f"[name={name}]") == wrong
            assert seen.page.get_attribute(f"[name={name}]", "aria-invalid") == "true"
            assert live.locator("[name=go]").is_disabled()
            assert not live.locator(".prlib-recording").is_visible()
            seen.page.fill(f"[name={name}]", before)
            assert live.locator("[name=go]").is_enabled()
            assert not live.locator(".prlib-recording").is_visible()
        # Whoever moves on meets a number that is taken, not the one that was refused.
        seen.page.fill("[name=n]", "9")
        press(seen, "ArrowDown")
        assert seen.page.input_value("[name=n]") == address(seen)["n"]
        assert seen.page.get_attribute("[name=n]", "aria-invalid") == "false"
        assert live.locator("[name=go]").is_enabled()
        assert seen.complaints == []


def test_what_runs_can_be_stopped(visit) -> None:
    with visit(PAGE) as seen:
        ready(seen).evaluate("State.set({ a: 0.01, alpha: 3, n: 128, start: 'constrained' })")
        seen.page.click("[name=many]")
        assert seen.page.locator("[name=many]").inner_text() == "Stop"
        assert seen.page.locator("[name=go]").is_disabled()
        seen.page.click("[name=many]")
        assert seen.page.locator(".prlib-says").inner_text() == "Stopped."
        assert seen.page.locator("[name=many]").inner_text() == "Run 30 seeds"
        assert seen.page.locator(".prlib-dots i").count() == 0
        assert seen.page.locator("[name=go]").is_enabled()


def test_a_loss_without_this_alpha_says_where_the_point_went(visit) -> None:
    with visit(f"{PAGE}#alpha=3.2") as seen:
        ready(seen)
        seen.page.select_option("#prlib-stage [name=a]", "1")
        assert address(seen)["alpha"] == "3"
        assert "α moved to 3" in seen.page.locator(".prlib-refused").inner_text()
        press(seen, "ArrowUp")
        assert seen.page.locator(".prlib-refused").inner_text() == ""


def test_nothing_shown_belongs_to_other_inputs(visit) -> None:
    with visit(PAGE) as seen:
        changes = ({"alpha": 3.5}, {"a": 0.01}, {"n": 17}, {"seed": 2})
        for change in changes:
            record(seen, n=12)
            assert seen.page.locator(".trails path").count()
            seen.page.evaluate("change => State.set(change)", change)
            assert not seen.page.locator(".prlib-recording").is_visible()
            assert seen.page.locator(".trails > *").count() == 0
            assert "recovered" not in seen.page.locator(".prlib-says").inner_text()
        seen.page.click("[name=go]")
        seen.page.wait_for_selector(".prlib-recording:not([hidden])")
        press(seen, "ArrowUp")
        assert seen.page.get_attribute("#prlib-live", "data-state") == "idle"
        seen.page.wait_for_timeout(300)
        assert not seen.page.locator(".prlib-recording").is_visible()


def test_a_recording_goes_back_to_the_start_and_its_seed_fixes_it(visit) -> None:
    captions = "[...document.querySelectorAll('.prlib-three figcaption')].map(e => e.textContent)"
    with visit(PAGE) as seen:
        record(seen)
        first = seen.page.locator(".prlib-says").inner_text()
        assert all(f"{start}:" in first for start in ("random", "v₁", "constrained"))
        at_start = seen.page.evaluate(captions)
        assert all("t = 0:" in caption for caption in at_start)
        seen.page.locator("[name=moment]").fill("1000")
        at_end = seen.page.evaluate(captions)
        assert address(seen)["time"] == "400"
        assert at_end != at_start
        seen.page.locator("[name=moment]").fill("0")
        assert seen.page.evaluate(captions) == at_start
        seen.page.click("[name=go]")
        seen.page.wait_for_selector("#prlib-live[data-state=ended]")
        assert seen.page.locator(".prlib-says").inner_text() == first
        assert seen.page.evaluate(captions) == at_start
        assert seen.page.locator(".prlib-three svg").count() == 3
        assert seen.complaints == []


def test_thirty_seeds_are_counted_with_their_interval(visit) -> None:
    with visit(PAGE) as seen:
        ready(seen).evaluate("State.set({ a: 1, alpha: 6, n: 64, start: 'random' })")
        seen.page.click("[name=many]")
        frames = seen.page.evaluate(
            "() => new Promise(done => { let n = 0; const end = performance.now() + 300;"
            " const count = () => (++n, performance.now() < end ? requestAnimationFrame(count)"
            " : done(n)); count(); })"
        )
        assert frames > 5, "the page froze"
        seen.page.wait_for_selector("#prlib-live[data-state=ended]", timeout=60_000)
        said = seen.page.locator(".prlib-says").inner_text()
        dots = seen.page.locator(".prlib-dots i")
        filled = seen.page.locator(".prlib-dots i.filled").count()
        assert dots.count() == 30
        found = re.search(r"(\d+) of 30 recovered \(([\d.]+) to ([\d.]+)\)", said)
        assert int(found[1]) == filled
        low, high = wilson(filled, 30)
        assert (found[2], found[3]) == (f"{low:.2f}", f"{high:.2f}")
        assert re.search(r"The book: [\d.]+ \([\d.]+ to [\d.]+, 200 runs\)", said)
        assert seen.page.locator("[data-place=fractions] .own").count() == 1
        press(seen, "ArrowDown")
        assert dots.count() == 0
        assert seen.page.locator("[data-place=fractions] .own").count() == 0


def test_each_task_asks_before_it_shows(visit) -> None:
    with visit(PAGE) as seen:
        ready(seen)
        for number in (1, 2, 3):
            seen.page.locator(".prlib-acts button").nth(number - 1).click()
            assert address(seen)["task"] == str(number)
            for place in ("spectrum", "curves"):
                assert not seen.page.locator(f"[data-place={place}] svg").is_visible()
            assert not seen.page.locator("[data-place=map] .sees").is_visible()
            slider = seen.page.locator("[data-place=map] [role=slider]")
            assert "signal" not in slider.get_attribute("aria-valuetext")
            seen.page.locator(".prlib-answers button").first.click()
            assert seen.page.locator("[data-place=spectrum] svg").is_visible()
            # To the end of the play, at once.
            seen.page.evaluate("State.set({ time: 9.9 })")
            seen.page.wait_for_selector(".prlib-task[data-state=answered]", timeout=20_000)
            said = seen.page.locator(".prlib-task").inner_text()
            assert ("Not as you said" in said) == (number == 3)


def test_a_chapter_asks_its_own_task(visit, html) -> None:
    asked = {}
    for page in sorted((html / "notebooks").glob("*.html")):
        for task in re.findall(r'explorer\.html#task=(\d)"', page.read_text(encoding="utf-8")):
            asked[int(task)] = page.name
    assert sorted(asked) == [1, 2, 3, 4, 5]
    with visit(PAGE) as seen:
        buttons = ready(seen).locator(".prlib-acts button").all()
        told = [one.get_attribute("data-chapter").rpartition("/")[2] for one in buttons]
    assert told == [asked[number] for number in range(1, 6)]


def test_a_task_with_a_descent_is_answered_by_it(visit) -> None:
    with visit(f"{PAGE}#task=4") as seen:
        ready(seen)
        assert address(seen) | {"alpha": "2.75", "task": "4", "n": "64"} == address(seen)
        seen.page.locator(".prlib-answers button").first.click()
        seen.page.wait_for_selector(".prlib-task[data-state=answered]", timeout=60_000)
        task = seen.page.locator(".prlib-task").inner_text()
        fate = seen.page.locator(".prlib-says").inner_text()
        assert ("Not as" in task) == ("not recovered" in fate)
        assert "constrained" not in fate
        press(seen, "ArrowUp")
        assert address(seen)["task"] == "0"
        assert seen.page.locator(".prlib-task").inner_text() == ""


def test_control_and_picture_are_seen_together_on_a_phone(visit) -> None:
    with visit(PAGE, width=390) as seen:
        seen.page.set_viewport_size({"width": 390, "height": 844})
        ready(seen)
        seen.page.wait_for_timeout(200)
        parts = (
            "[name=play]",
            "[name=a]",
            *(f"[data-place={p}]" for p in ("map", "spectrum", "curves")),
        )
        for part in parts:
            box = seen.page.locator(part).first.bounding_box()
            assert box["y"] + box["height"] <= 844, part
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 390
        assert seen.page.evaluate("scrollY") == 0


def test_drawings_follow_their_place(visit) -> None:
    fits = (
        "() => document.documentElement.scrollWidth <= innerWidth &&"
        " [...document.querySelectorAll('.prlib-explorer svg')]"
        ".every(e => Math.abs(e.clientWidth - e.parentElement.clientWidth) <= 1)"
    )
    with visit(PAGE, width=390) as seen:
        record(seen, n=12)
        for width in (844, 390, 1280, 961):
            seen.page.set_viewport_size({"width": width, "height": 900})
            seen.page.wait_for_function(fits, timeout=5_000)
        assert seen.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_any_state(visit, scheme: str) -> None:
    with visit(PAGE, scheme=scheme) as seen:
        seen.page.add_style_tag(content="*, ::before, ::after { transition: none !important }")

        def look(state: str) -> None:
            options = {"resultTypes": ["violations"]}
            found = Axe().run(seen.page, context="article", options=options)
            serious = [
                (one["id"], [node["html"][:120] for node in one["nodes"][:3]])
                for one in found.response["violations"]
                if one["impact"] in {"serious", "critical"}
            ]
            assert serious == [], state

        record(seen, n=12)
        look("recorded")
        seen.page.fill("[name=n]", "5")
        look("refused")
        seen.page.locator(".prlib-acts button").first.click()
        look("asked")
        seen.page.locator(".prlib-answers button").last.click()
        seen.page.wait_for_selector(".prlib-task[data-state=answered]")
        look("answered")


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
        " const seen = Physics.observe(instance, w), H = Physics.hessian(instance, seen);"
        " const law = Physics.empirical(instance, seen.yhat);"
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
    law = empirical(problem, w)
    edge = left_edge(law).position
    places = edge + np.array([0.05, 0.5, 2.0])
    with visit(PAGE) as seen:
        values = in_page(seen, instance, "Physics.eigenvalues(H)")
        lowest = in_page(seen, instance, "[...Physics.lowest(H, Physics.eigenvalues(H)[0])]")
        shown = in_page(seen, instance, "Physics.leftEdge(law, law.alpha).position - seen.mu")
        some = ", ".join(f"{place} + seen.mu" for place in places)
        rho = in_page(seen, instance, f"Physics.density(law, law.alpha, [{some}])")
    np.testing.assert_allclose(
        values, np.linalg.eigvalsh(problem.dense_hessian(w)), rtol=1e-8, atol=1e-8
    )
    expected = lowest_eigenpairs(problem, w).vectors[0]
    assert abs(np.dot(lowest, expected)) == pytest.approx(1, abs=1e-8)
    # The page takes the infimum of the curvature to be that of the loss.
    assert shown == pytest.approx(edge, rel=1e-4)
    np.testing.assert_allclose(rho, density(law, places), rtol=1e-3)


def test_the_same_seed_is_the_same_instance_for_every_start(visit) -> None:
    with visit(PAGE) as seen:
        same = ready(seen).evaluate(
            """() => {
                const draw = start => Physics.draw({ n: 20, alpha: 3, a: 0.1, seed: 4, start });
                const [one, two, three] = Theory.starts.map(draw);
                const { X, signal } = one.instance;
                const along = w => w.reduce((sum, value, j) => sum + value * signal[j], 0) / 20;
                return [two, three].map(other => String(other.instance.X) === String(X))
                    .concat(Math.abs(along(three.w)) < 1e-12, Math.abs(along(one.w)) > 1e-12);
            }"""
        )
    assert same == [True] * 4


def test_without_scripts_a_figure_and_a_sentence_stand_in_its_place(browser, html) -> None:
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto((html / PAGE).as_uri())
    assert "needs JavaScript" in page.locator("article").inner_text()
    assert page.locator("noscript img, img[src*='fig-bbp-transition']").count() >= 1
    assert not page.locator("#prlib-stage").is_visible()
    context.close()
