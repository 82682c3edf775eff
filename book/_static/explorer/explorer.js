// The explorer: alpha, a and time in; density, outlier, overlap, thresholds and recovered fractions out.
document.addEventListener("DOMContentLoaded", () => {
  "use strict";
  const root = document.getElementById("prlib-explorer");
  if (!root || !globalThis.EXPLORER || !globalThis.uPlot) return;
  const data = globalThis.EXPLORER;
  const find = (name) => root.querySelector(`[name="${name}"]`);
  const [alphaIn, aIn, timeIn, startIn] = ["alpha", "a", "time", "start"].map(find);
  const COLOURS = ["#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161"];
  const { theme, axes } = Charts;
  const short = (x, digits = 4) => (x === null ? "none" : String(+x.toPrecision(digits)));

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
    let alpha = +alphaIn.value;
    if (+timeIn.value === 0) return { at, alpha, t: 0, law: at.law, mu: at.mu * alpha };
    // Later laws are there at some alphas: the nearest stands for all.
    const nearest = alphas.reduce((best, x) => (Math.abs(x - alpha) < Math.abs(best - alpha) ? x : best));
    const found = data.later.filter((l) => l.alpha === nearest)[+timeIn.value - 1];
    return { at, alpha: nearest, asked: alpha, t: found.t, law: found.law, mu: found.mu, variance: found.variance };
  };

  const mark = (place, colour) => (chart) => {
    const x = place();
    if (x === null || x < chart.scales.x.min || x > chart.scales.x.max) return;
    const at = chart.valToPos(x, "x", true);
    const { ctx, bbox } = chart;
    ctx.save();
    ctx.strokeStyle = colour;
    ctx.lineWidth = 2;
    ctx.beginPath();
    ctx.moveTo(at, bbox.top);
    ctx.lineTo(at, bbox.top + bbox.height);
    ctx.stroke();
    ctx.restore();
  };

  const charts = [];
  const draw = (id, options, columns) => {
    const box = root.querySelector(`#${id}`);
    box.replaceChildren();
    const width = Math.max(260, box.clientWidth);
    charts.push(
      new uPlot({ width, height: 240, cursor: { drag: { x: false, y: false } }, legend: { show: false }, ...options }, columns, box),
    );
  };

  const show = () => {
    charts.splice(0).forEach((chart) => chart.destroy());
    const { at, alpha, asked = alpha, t, law, mu, variance } = state();
    const edge = Physics.leftEdge(law, alpha);
    const out = Physics.outlier(law, alpha, edge);
    const lowest = edge.position - mu;
    const place = out ? out.position - mu : null;

    const span = Math.max(3, 0.25 * Math.abs(lowest));
    const points = Array.from({ length: 140 }, (_, i) => edge.position - 0.1 * span + (i / 139) * 1.1 * span);
    const rho = Physics.density(law, alpha, points.slice().reverse(), 1e-4 * span).reverse();
    draw(
      "density",
      {
        axes: axes("eigenvalue of H", "density"),
        scales: { x: { time: false } },
        series: [{}, { stroke: COLOURS[0], width: 2, fill: `${COLOURS[0]}33` }],
        hooks: { draw: [mark(() => place, COLOURS[3])] },
      },
      [points.map((x) => x - mu), rho],
    );

    const grid = Array.from({ length: 71 }, (_, i) => 1 + i / 10);
    const overlaps = grid.map((x) => Physics.outlier(at.law, x)?.overlap2 ?? 0);
    draw(
      "overlap",
      {
        axes: axes("α", "squared overlap, t = 0"),
        scales: { x: { time: false }, y: { range: [0, 1] } },
        series: [{}, { stroke: COLOURS[0], width: 2 }],
        hooks: { draw: [mark(() => alpha, COLOURS[3])] },
      },
      [grid, overlaps],
    );

    draw(
      "phases",
      {
        axes: axes("normalisation a", "α"),
        scales: { x: { time: false, distr: 3 }, y: { range: [0, 12] } },
        series: [{}, { stroke: COLOURS[0], width: 2 }, { stroke: COLOURS[3], width: 2 }],
        hooks: {
          draw: [
            (chart) => {
              const { ctx } = chart;
              ctx.save();
              ctx.fillStyle = theme("--pst-color-text-base");
              ctx.beginPath();
              ctx.arc(chart.valToPos(at.a, "x", true), chart.valToPos(alpha, "y", true), 6, 0, 7);
              ctx.fill();
              ctx.restore();
            },
          ],
        },
      },
      [data.a, data.alphaInit, data.alphaThreshold],
    );

    const found = data.rates.filter((r) => r.start === startIn.value);
    const all = [...new Set(found.flatMap((r) => r.alpha))].sort((x, y) => x - y);
    const note = root.querySelector("#rates-note");
    note.textContent = `Measured at a = ${data.dataAt}; ` + found.map((r) => `N = ${r.n}`).join(", ") + ", light to dark.";
    draw(
      "rates",
      {
        axes: axes("α", `recovered, ${startIn.value} start`),
        scales: { x: { time: false }, y: { range: [0, 1] } },
        series: [
          {},
          ...found.map((r, i) => ({
            stroke: `hsl(205 80% ${75 - (45 * i) / Math.max(1, found.length - 1)}%)`,
            width: 2,
            spanGaps: true,
            points: { show: true, size: 5 },
          })),
        ],
        hooks: { draw: [mark(() => alpha, COLOURS[3])] },
      },
      [all, ...found.map((r) => all.map((x) => (r.alpha.includes(x) ? r.rate[r.alpha.indexOf(x)] : null)))],
    );

    const close = found
      .map((r) => {
        const i = r.alpha.reduce((best, x, k) => (Math.abs(x - alpha) < Math.abs(r.alpha[best] - alpha) ? k : best), 0);
        return `N = ${r.n}: ${short(r.rate[i], 3)} (${short(r.low[i], 2)} to ${short(r.high[i], 2)}, ${r.runs[i]} runs) at α = ${r.alpha[i]}`;
      });
    const says = {
      alpha: short(alpha, 3) + (asked === alpha ? "" : `, the nearest computed to ${short(asked, 3)}`),
      t: short(t, 3),
      init: short(at.alphaInit, 5),
      threshold: short(at.alphaThreshold, 5),
      edge: `${short(lowest)} (${edge.kind})`,
      outlier: short(place),
      overlap2: short(out ? out.overlap2 : 0, 3),
      variance: variance === undefined ? (t === 0 ? "1" : "none") : short(variance, 3),
    };
    for (const [name, text] of Object.entries(says)) root.querySelector(`[data-say="${name}"]`).textContent = text;
    root.querySelector("#rates-list").replaceChildren(
      ...close.map((text) => Object.assign(document.createElement("li"), { textContent: text })),
    );
    history.replaceState(null, "", `#alpha=${alphaIn.value}&a=${aIn.value}&time=${timeIn.value}`);
    root.dataset.ready = "true";
  };

  let waiting = 0;
  const soon = () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(show);
  };
  for (const input of [alphaIn, aIn, timeIn, startIn]) input.addEventListener("input", soon);
  addEventListener("resize", soon);
  addEventListener("hashchange", () => { fromAddress(); soon(); });
  new MutationObserver(soon).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  root.hidden = false;
  fromAddress();
  show();
});
