// The playground: a descent that runs in a worker of this page, with its energy, overlap and eigenvalues.
function playgroundWorker() {
  "use strict";
  let run = 0;
  self.onmessage = ({ data }) => {
    const mine = ++run;
    if (data.stop) return;
    const { instance, w: start } = Physics.draw(data);
    let [w, time, steps, next] = [start, 0, 0, 0];
    let trace = [];
    let kept = 0;
    const advance = () => {
      if (mine !== run) return;
      const until = performance.now() + 60;
      let seen = Physics.observe(instance, w);
      while (performance.now() < until && time < data.time && Math.abs(seen.overlap) < 0.99) {
        const held = data.start === "constrained" && time < data.hold;
        const taken = Physics.step(instance, w, { held, seen });
        w = taken.w;
        time += taken.eta;
        steps++;
        seen = Physics.observe(instance, w);
        if (time > 1.03 * kept) {
          kept = time;
          trace.push([time, seen.energy, Math.abs(seen.overlap)]);
        }
      }
      const ended = time >= data.time || Math.abs(seen.overlap) >= 0.99;
      const message = { time, steps, energy: seen.energy, overlap: Math.abs(seen.overlap), ended, trace };
      trace = [];
      if (ended || performance.now() >= next) {
        // Eigenvalues cost as N cubed: now and then only.
        const { values, vector } = Physics.eigen(Physics.hessian(instance, seen));
        const v1 = vector(0);
        let along = 0;
        for (let j = 0; j < v1.length; j++) along += v1[j] * instance.signal[j];
        const law = Physics.empirical(instance, seen.yhat);
        const edge = Physics.leftEdge(law, law.alpha).position - seen.mu;
        const low = Math.min(edge, values[0]);
        const high = values[Math.floor(0.9 * (values.length - 1))];
        const points = Array.from({ length: 60 }, (_, i) => low + ((high - low) * i) / 59);
        const rho = Physics.density(law, law.alpha, points.map((x) => x + seen.mu).reverse(), (high - low) / 200).reverse();
        Object.assign(message, { values, edge, points, rho, alignment: along ** 2 / v1.length });
        next = performance.now() + 700;
      }
      self.postMessage(message);
      if (!ended) setTimeout(advance);
    };
    advance();
  };
}

document.addEventListener("DOMContentLoaded", () => {
  "use strict";
  const root = document.getElementById("prlib-playground");
  if (!root || !globalThis.uPlot || !globalThis.Worker) return;
  const find = (name) => root.querySelector(`[name="${name}"]`);
  const { axes } = Charts;
  const code = `${makePhysics}\nconst Physics = makePhysics();\n(${playgroundWorker})();`;
  const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const worker = new Worker(address);
  const trace = { time: [], energy: [], overlap: [] };
  let spectrum = null;

  const draw = (id, options, columns) => Charts.draw(id, { height: 220, cursor: { show: false }, ...options }, columns);

  const show = () => {
    if (!trace.time.length) return;
    const { text, blue, orange } = Charts.colours();
    // Seen before they are drawn: a chart takes the width of its place.
    root.querySelector(".prlib-charts").hidden = false;
    const log = { x: { time: false, distr: 3 }, y: { distr: 3 } };
    draw("run-energy", { axes: axes("time t", "energy per dimension"), scales: log, series: [{}, { stroke: blue, width: 2, points: { show: false } }] }, [trace.time, trace.energy]);
    draw(
      "run-overlap",
      { axes: axes("time t", "overlap |m|"), scales: { x: { time: false, distr: 3 }, y: { range: [0, 1] } }, series: [{}, { stroke: orange, width: 2, points: { show: false } }] },
      [trace.time, trace.overlap],
    );
    if (!spectrum) return;
    const { values, points, rho } = spectrum;
    const [low, high] = [points[0], points.at(-1)];
    const bins = 30;
    const width = (high - low) / bins || 1;
    const counts = new Array(bins).fill(0);
    for (const value of values) {
      const bin = Math.min(bins - 1, Math.floor((value - low) / width));
      if (value <= high && bin >= 0) counts[bin] += 1 / (width * values.length);
    }
    const table = uPlot.join([
      [counts.map((_, i) => low + (i + 0.5) * width), counts],
      [points, rho],
    ]);
    draw(
      "run-spectrum",
      {
        axes: axes("eigenvalue of H", "density"),
        scales: { x: { time: false } },
        series: [
          {},
          { stroke: blue, fill: `${blue}55`, paths: uPlot.paths.bars({ size: [1, Infinity] }), points: { show: false } },
          { stroke: text, width: 2, spanGaps: true, points: { show: false } },
        ],
      },
      table,
    );
  };

  const bounded = (input) => {
    const value = Number.parseFloat(input.value);
    const kept = Math.min(+input.max, Math.max(+input.min, Number.isFinite(value) ? value : +input.defaultValue));
    input.value = kept;
    return kept;
  };

  const start = () => {
    for (const column of Object.values(trace)) column.length = 0;
    spectrum = null;
    const settings = {
      n: Math.round(bounded(find("n"))),
      alpha: bounded(find("alpha")),
      a: bounded(find("a")),
      seed: Math.round(bounded(find("seed"))),
      start: find("start").value,
      time: 100,
      hold: 20,
    };
    root.dataset.state = "running";
    worker.postMessage(settings);
  };

  worker.onmessage = ({ data }) => {
    for (const [time, energy, overlap] of data.trace) {
      trace.time.push(time);
      trace.energy.push(Math.max(energy, 1e-12));
      trace.overlap.push(overlap);
    }
    if (data.values) spectrum = data;
    if (data.values || data.ended) show();
    const fate = data.ended ? (data.overlap >= 0.99 ? "recovered the signal" : "time is over, not recovered") : "running";
    const alignment = spectrum ? `, squared overlap of v1 with the signal ${spectrum.alignment.toPrecision(2)}` : "";
    root.querySelector("#run-says").textContent =
      `t = ${data.time.toPrecision(3)}, ${data.steps} steps, energy ${data.energy.toPrecision(3)}, |m| = ${data.overlap.toFixed(3)}${alignment}: ${fate}.`;
    if (data.ended) root.dataset.state = "ended";
  };

  find("go").addEventListener("click", start);
  find("again").addEventListener("click", () => {
    find("seed").value = (Math.round(bounded(find("seed"))) + 1) % 1000000;
    start();
  });
  Charts.onTheme(show);
  root.hidden = false;
});
