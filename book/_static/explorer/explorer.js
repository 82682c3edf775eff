// The explorer: alpha, a and time in; density, outlier, overlap, thresholds and recovered fractions out.
document.addEventListener("DOMContentLoaded", () => {
  "use strict";
  const root = document.getElementById("prlib-explorer");
  if (!root || !globalThis.EXPLORER || !globalThis.uPlot) return;
  const data = globalThis.EXPLORER;
  const find = (name) => root.querySelector(`[name="${name}"]`);
  const [alphaIn, aIn, timeIn, startIn] = ["alpha", "a", "time", "start"].map(find);
  const { axes } = Charts;

  // Only the digits asked for: 2590000 would promise seven.
  const short = (x, digits = 4) => {
    const [number, power] = x.toExponential(digits - 1).split("e").map(Number);
    if (x === 0 || (power < Math.max(digits, 4) && power > -5)) return String(+x.toPrecision(digits));
    return `${number} × 10${String(power).replace(/./g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit] ?? "⁻")}`;
  };
  const nearest = (values, x) => values.reduce((best, y) => (Math.abs(y - x) < Math.abs(best - x) ? y : best));
  const NEAR = 0.25; // Runs at an alpha further away say nothing about this one.

  for (const { a } of data.laws) aIn.add(new Option(String(a), String(a)));
  for (const start of new Set(data.rates.map((r) => r.start))) startIn.add(new Option(start, start));
  startIn.value = "random";
  const alphas = [...new Set(data.later.map((l) => l.alpha))];

  // The address holds three numbers; whatever else it may hold is not a number in range, and is passed over.
  const fromAddress = () => {
    const given = new URLSearchParams(location.hash.slice(1));
    const alpha = Number(given.get("alpha"));
    if (alpha >= +alphaIn.min && alpha <= +alphaIn.max) alphaIn.value = alpha;
    const a = data.laws.find((l) => l.a === Number(given.get("a")));
    aIn.value = String(a ? a.a : data.dataAt);
    const time = Number(given.get("time"));
    timeIn.value = Number.isInteger(time) && time >= 0 && time <= +timeIn.max ? time : 0;
  };

  const state = () => {
    const at = data.laws.find((l) => String(l.a) === aIn.value);
    timeIn.disabled = at.a !== data.dataAt;
    if (timeIn.disabled) timeIn.value = 0;
    const alpha = +alphaIn.value;
    if (+timeIn.value === 0) return { at, alpha, t: 0, law: at.law, mu: at.mu * alpha };
    // Later laws are there at some alphas: the nearest stands for all.
    const found = data.later.filter((l) => l.alpha === nearest(alphas, alpha))[+timeIn.value - 1];
    return { at, asked: alpha, ...found };
  };

  // An upright line, in a colour that no curve has.
  const mark = (x) => ({ ctx, bbox, valToPos }) => {
    if (x === null) return;
    ctx.save();
    ctx.fillStyle = Charts.colours().text;
    ctx.fillRect(valToPos(x, "x", true) - uPlot.pxRatio, bbox.top, 2 * uPlot.pxRatio, bbox.height);
    ctx.restore();
  };

  const write = (text, x, y, align, colour) => ({ ctx, axes: [{ font }], valToPos }) => {
    ctx.save();
    ctx.fillStyle = colour;
    [ctx.font, ctx.textAlign, ctx.textBaseline] = [font[0], align, "middle"];
    ctx.fillText(text, valToPos(x, "x", true), valToPos(y, "y", true));
    ctx.restore();
  };

  const draw = (id, options, columns) =>
    Charts.draw(id, { cursor: { drag: { x: false, y: false } }, ...options }, columns);

  const show = () => {
    const { at, alpha, asked = alpha, t, law, mu, variance, varianceError } = state();
    const { text, blue, orange } = Charts.colours();
    const reach = [+alphaIn.min, +alphaIn.max];
    const edge = Physics.leftEdge(law, alpha);
    const out = Physics.outlier(law, alpha, edge);
    const lowest = edge.position - mu;
    const place = out ? out.position - mu : null;

    const span = Math.max(3, 0.25 * Math.abs(lowest));
    const points = Array.from({ length: 140 }, (_, i) => edge.position - 0.05 * span + (i / 139) * 1.05 * span);
    // The axis begins left of the outlier, however far out that is: there is no density between.
    points[0] = Math.min(edge.position - 0.1 * span, (out ?? edge).position - 0.05 * span);
    const rho = Physics.density(law, alpha, points.slice().reverse(), 1e-4 * span).reverse();
    draw(
      "density",
      {
        axes: axes("eigenvalue of H", "density"),
        scales: { x: { time: false } },
        series: [{}, { stroke: blue, width: 2, fill: `${blue}33` }],
        hooks: { draw: [mark(place)] },
      },
      [points.map((x) => x - mu), rho],
    );

    const grid = Array.from({ length: 71 }, (_, i) => 1 + i / 10);
    const overlaps = grid.map((x) => Physics.outlier(at.law, x)?.overlap2 ?? 0);
    draw(
      "overlap",
      {
        axes: axes("α", "squared overlap, t = 0"),
        scales: { x: { time: false, range: reach }, y: { range: [0, 1] } },
        series: [{}, { stroke: blue, width: 2 }],
        hooks: { draw: [mark(asked)] },
      },
      [grid, overlaps],
    );

    draw(
      "phases",
      {
        axes: axes("normalisation a", "α"),
        scales: { x: { time: false, distr: 3 }, y: { range: [0, 12] } },
        series: [{}, { stroke: blue, width: 2 }, { stroke: orange, width: 2 }, { stroke: orange, width: 2, dash: [2, 4] }],
        hooks: {
          draw: [
            write("random start", 0.0013, 0.8, "left", blue),
            write("threshold states", 2, 9.7, "right", orange),
            ({ ctx, valToPos }) => {
              ctx.save();
              ctx.fillStyle = text;
              ctx.beginPath();
              ctx.arc(valToPos(at.a, "x", true), valToPos(asked, "y", true), 5 * uPlot.pxRatio, 0, 7);
              ctx.fill();
              ctx.restore();
            },
          ],
        },
      },
      [data.a, data.alphaInit, data.alphaMinima, data.alphaMinimaLow],
    );

    const found = data.rates.filter((r) => r.start === startIn.value);
    const all = [...new Set(found.flatMap((r) => r.alpha))].sort((x, y) => x - y);
    const elsewhere = at.a !== data.dataAt;
    // The largest N stands out most from the ground, light or dark.
    const [first, last] = Charts.dark() ? [45, 88] : [62, 22];
    const shade = (i) => `hsl(205 80% ${first + ((last - first) * i) / Math.max(1, found.length - 1)}%)`;
    draw(
      "rates",
      {
        axes: axes("α", "recovered fraction"),
        scales: { x: { time: false, range: reach }, y: { range: [0, 1] } },
        series: [
          {},
          ...found.map((_, i) => ({ stroke: shade(i), width: 2, spanGaps: true, points: { show: true, size: 5 } })),
        ],
        hooks: { draw: [mark(asked)] },
      },
      [all, ...found.map((r) => all.map((x) => (r.alpha.includes(x) ? r.rate[r.alpha.indexOf(x)] : null)))],
    );
    root.querySelector("#rates").closest("section").toggleAttribute("data-elsewhere", elsewhere);
    root.querySelector("#rates-note").textContent =
      `Runs from the ${startIn.value} start at a = ${data.dataAt}${elsewhere ? `, not at your a = ${at.a}` : ""}. ` +
      `N = ${found.map((r) => r.n).join(", ")}: the larger, the ${Charts.dark() ? "lighter" : "darker"}. Upright line: your α.`;

    const [near, far] = [[], []];
    for (const { n, alpha: xs, rate, low, high, runs } of found) {
      const i = xs.indexOf(nearest(xs, asked));
      if (Math.abs(xs[i] - asked) > NEAR) far.push(n);
      else near.push(`N = ${n}: ${short(rate[i], 3)} (${short(low[i], 2)} to ${short(high[i], 2)}, ${runs[i]} runs) at α = ${xs[i]}`);
    }
    root.querySelector("#rates-near").textContent = near.length
      ? `Recovered fractions near this α, at a = ${data.dataAt}:`
      : `There are no runs near this α, only from ${all[0]} to ${all.at(-1)}.`;
    if (near.length && far.length) near.push(`N = ${far.join(", ")}: no runs near this α`);

    // V to the digits that its error leaves; without one, to two.
    const spread = varianceError / variance;
    const V = short(variance ?? 1, spread ? Math.min(4, Math.max(1, Math.ceil(1 - Math.log10(spread)))) : 2);
    const says = {
      alpha: short(alpha, 3) + (asked === alpha ? "" : `, the nearest computed to ${short(asked, 3)}`),
      t: short(t, 3),
      init: short(at.alphaInit, 5),
      threshold: at.late,
      edge: `${short(lowest)} (${edge.kind})`,
      outlier: out ? `${short(place)}, ${short(lowest - place, 2)} below the edge` : "none",
      overlap2: short(out ? out.overlap2 : 0, 3),
      variance: spread ? `${V} ± ${short(100 * spread, 2)} %` : V,
    };
    for (const [name, said] of Object.entries(says)) root.querySelector(`[data-say="${name}"]`).textContent = said;
    root.querySelector("#rates-list").replaceChildren(
      ...near.map((line) => Object.assign(document.createElement("li"), { textContent: line })),
    );
    root.querySelector("#density-note").textContent = out ? "Upright line: the outlier." : "No outlier.";
    const now = `t = ${says.t}` + (elsewhere ? `; later only at a = ${data.dataAt}` : "");
    timeIn.setAttribute("aria-valuetext", now);
    root.querySelector("#time-now").textContent = now;
    root.querySelector("#alpha-now").textContent = `= ${asked.toFixed(2)}`;
    history.replaceState(null, "", `#alpha=${alphaIn.value}&a=${aIn.value}&time=${timeIn.value}`);
    root.dataset.ready = "true";
  };

  let waiting = 0;
  const soon = () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(show);
  };
  for (const input of [alphaIn, aIn, timeIn, startIn]) input.addEventListener("input", soon);
  addEventListener("hashchange", () => { fromAddress(); soon(); });
  Charts.onTheme(show);
  root.hidden = false;
  fromAddress();
  show();
});
