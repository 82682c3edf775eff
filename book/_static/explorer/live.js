// Descents of this page: recorded in a worker, scrubbed with the same time as the map, and repeated over seeds.
function makeLive(root, map) {
  "use strict";
  const SEEDS = 30;
  const find = (name) => root.querySelector(`[name="${name}"]`);
  const buttons = root.querySelectorAll("[data-runs]");
  const place = (name) => root.querySelector(`[data-place="${name}"]`);
  const code = `${makePhysics}\n${makeRecorder}\nself.onmessage = ({ data }) => makeRecorder(makePhysics())[data.job](data, (found) => self.postMessage(found));`;
  const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const TIME = State.TIME;

  // Everything that is shown belongs to these inputs; another one clears it.
  const inputs = ({ a, alpha, n, seed }) => ({ a, alpha, n, seed });
  let worker = null;
  let leave = null;
  let runs = [];
  let dots = {};

  // While one button's work runs it says Stop, and the others wait. A screen reader hears the end of it, not each step.
  const busy = (button) => {
    root.dataset.state = button ? "running" : "idle";
    root.querySelector(".prlib-says").setAttribute("aria-busy", String(Boolean(button)));
    for (const one of buttons) {
      one.disabled = Boolean(button) && one !== button;
      one.textContent = one === button ? "Stop" : one.dataset.runs;
    }
  };

  const stop = (whole = false) => {
    worker?.terminate();
    worker = null;
    busy(null);
    leave?.(whole);
    leave = null;
  };

  const say = (words) => {
    root.querySelector(".prlib-says").textContent = words;
  };

  // Tells whether the work was done to its end.
  const begin = (button, job, hear) =>
    new Promise((done) => {
      stop();
      leave = done;
      worker = new Worker(address);
      busy(button);
      worker.onmessage = ({ data }) => {
        if (!data.done) return hear(data);
        stop(true);
        root.dataset.state = "ended";
      };
      worker.onerror = ({ message }) => {
        clear();
        say(`It failed: ${message}`);
      };
      worker.postMessage({ ...job, ...inputs(State.now) });
    });

  const record = async (starts = Theory.starts) => {
    runs = [];
    say(`Recording ${starts.map(Theory.named).join(", ")} at N = ${State.now.n}, α = ${State.now.alpha}, seed ${State.now.seed}.`);
    const whole = await begin(find("go"), { job: "record", starts }, ({ start, frame, end }) => {
      let run = runs.find((one) => one.start === start);
      if (!run) runs.push((run = { start, frames: [], end: null }));
      if (frame) run.frames.push(frame);
      if (end) run.end = end;
      show();
    });
    if (whole) say(runs.map(fate).join(" "));
    return whole;
  };

  const fate = ({ start, end }) =>
    `${Theory.named(start)}: ` + (end.recovered ? `recovered at t = ${Draw.short(end.time)}.` : `not recovered by t = ${TIME}.`);

  const repeat = async () => {
    const { start, n, alpha } = State.now;
    const own = (dots[start] = []);
    const whole = await begin(find("many"), { job: "repeat", start, count: SEEDS }, ({ recovered }) => {
      own.push(recovered);
      say(`${Theory.named(start)}: ${own.filter(Boolean).length} of ${own.length} recovered, of ${SEEDS} to run.`);
      drawDots();
    });
    if (!whole) return;
    const [low, high] = wilson(own);
    say(
      `${Theory.named(start)}, N = ${n}, α = ${alpha}: ${own.filter(Boolean).length} of ${SEEDS} recovered ` +
        `(${low.toFixed(2)} to ${high.toFixed(2)}). ${book(start)}`,
    );
  };

  // What the book's runs say at the same alpha and size, or that there are none.
  const book = (start) => {
    const { a, alpha, n } = State.now;
    const found = Theory.stage(a).fractions.find((one) => one.start === start && one.n === n);
    const i = found?.alpha.indexOf(alpha) ?? -1;
    if (i < 0) return `The book has no runs of this start at just this N and α.`;
    return `The book: ${found.rate[i].toFixed(2)} (${found.low[i].toFixed(2)} to ${found.high[i].toFixed(2)}, ${found.runs[i]} runs).`;
  };

  // The interval of Wilson at 95 %.
  const wilson = (own) => {
    const [z, count] = [1.959964, own.length];
    const rate = own.filter(Boolean).length / count;
    const centre = (rate + z ** 2 / (2 * count)) / (1 + z ** 2 / count);
    const half = (z * Math.sqrt((rate * (1 - rate)) / count + z ** 2 / (4 * count ** 2))) / (1 + z ** 2 / count);
    return [Math.max(0, centre - half), Math.min(1, centre + half)];
  };

  const counted = () =>
    Object.entries(dots)
      .filter(([, own]) => own.length)
      .map(([start, own]) => {
        const [low, high] = wilson(own);
        return { start, rate: own.filter(Boolean).length / own.length, low, high, runs: own.length };
      });

  const drawDots = () => {
    place("dots").replaceChildren(
      ...Object.entries(dots).map(([start, own]) => {
        const line = document.createElement("p");
        line.className = "prlib-dots";
        line.style.setProperty("--start", Theory.colour(start));
        const row = document.createElement("span");
        row.setAttribute("role", "img");
        row.setAttribute("aria-label", `${Theory.named(start)}: ${own.filter(Boolean).length} of ${own.length} recovered`);
        row.append(...own.map((recovered) => Object.assign(document.createElement("i"), { className: recovered ? "filled" : "" })));
        line.append(`${Theory.named(start)} `, row);
        return line;
      }),
    );
    Panels.fractions(document.querySelector('[data-place="fractions"]'), counted());
  };

  const at = ({ frames }) => frames.findLast((one) => one.time <= State.now.time) ?? frames[0];

  const drawOverlap = () => {
    const words = runs.map((run) => `${Theory.named(run.start)} ${at(run).overlap.toFixed(2)}`).join(", ");
    const { svg, width, height } = Draw.canvas(place("overlap"), 180, `Overlap with the signal against time. Now: ${words}.`);
    const [left, right, top, bottom] = [34, width - 10, 24, height - 22];
    const x = (time) => left + (right - left) * Theory.along(time, TIME);
    const y = Draw.scale([0, 1], [bottom, top]);
    svg.append(
      Draw.element("path", { class: "line", d: `M${left} ${top}V${bottom}H${right}` }),
      Draw.text(left - 7, top + 5, "1", "end"),
      Draw.text(left - 7, bottom + 4, "0", "end"),
      Draw.text(0, 13, "overlap |m| with the signal"),
      Draw.element("path", { class: "pin", d: `M${x(State.now.time)} ${top}V${bottom}` }),
    );
    for (const time of Draw.decades(TIME)) svg.append(Draw.text(x(time), height - 5, time === 100 ? "time 100" : String(time), "middle"));
    for (const { start, frames } of runs) {
      const group = Draw.element("g", { class: start === State.now.start ? "start chosen" : "start", style: `--start:${Theory.colour(start)}` });
      const now = at({ frames });
      group.append(
        Draw.element("path", { d: Draw.path(frames.map((one) => [x(one.time), y(one.overlap)])), fill: "none" }),
        Draw.element("circle", { cx: x(now.time), cy: y(now.overlap), r: 5 }),
      );
      svg.append(group);
    }
  };

  const drawSpectra = () => {
    for (const start of Theory.starts) {
      const run = runs.find((one) => one.start === start);
      const target = place(start);
      target.closest("figure").hidden = !run;
      if (!run) continue;
      const now = at(run);
      Draw.spectrum(target, {
        height: 140,
        from: -0.35 * now.reach,
        to: now.reach,
        shape: now.shape,
        values: now.values,
        lowest: now.lowest - now.edge,
        colour: `color-mix(in srgb, ${Theory.colour(start)} var(--start-share), white)`,
        say: `Eigenvalues of the ${Theory.named(start)} start at time ${Draw.short(now.time)}: the lowest lies ${Draw.short(now.lowest - now.edge)} from theory's edge.`,
        title: Theory.named(start),
        ends: ["", `+${Draw.short(now.reach)}`],
      });
      const past = run.end && State.now.time >= run.end.time;
      target.closest("figure").querySelector("figcaption").textContent =
        `t = ${Draw.short(now.time)}: energy ${Draw.short(now.energy)}, λ₁ ${Draw.short(now.lowest)}, ` +
        `edge ${Draw.short(now.edge)}, overlap² of v₁ ${now.overlap2.toFixed(2)}${past && run.end.recovered ? "; recovered" : ""}`;
    }
  };

  const show = () => {
    root.querySelector(".prlib-recording").hidden = !runs.length;
    map.show(runs.map(({ start, frames, end }) => ({ start, frames, recovered: end?.recovered })));
    if (!runs.length) return;
    find("moment").value = Math.round(1000 * Theory.along(State.now.time, TIME));
    find("moment").setAttribute("aria-valuetext", `time ${Draw.short(State.now.time, 3)}`);
    drawOverlap();
    drawSpectra();
  };

  // Half a recording, or a few seeds of thirty, are not left to be taken for the whole.
  const halt = () => {
    stop();
    runs = runs.filter(({ end }) => end);
    for (const [start, own] of Object.entries(dots)) if (own.length < SEEDS) delete dots[start];
    say("Stopped.");
    drawDots();
    show();
  };

  const clear = () => {
    stop();
    [runs, dots] = [[], {}];
    say("Choose, and record.");
    drawDots();
    show();
  };

  // A number that is typed is taken when it is one that is accepted; until then nothing runs, and it says why.
  const typed = () => {
    const reasons = [];
    for (const name of ["n", "seed"]) {
      const reason = State.refusal(name, find(name).value.trim());
      find(name).setAttribute("aria-invalid", String(Boolean(reason)));
      if (reason) reasons.push(reason);
    }
    if (reasons.length) {
      clear();
      for (const button of buttons) button.disabled = true;
      say(`Not accepted: ${reasons.join(" ")}`);
    } else {
      clear();
      State.set({ n: +find("n").value, seed: +find("seed").value });
    }
  };

  State.listen((now, before) => {
    const changed = Object.entries(inputs(now)).some(([name, value]) => value !== before[name]);
    find("start").value = now.start;
    if (changed) {
      // What was refused gives way to what is so.
      for (const name of ["n", "seed"]) {
        find(name).value = now[name];
        find(name).setAttribute("aria-invalid", "false");
      }
      clear();
    } else show();
  });

  for (const name of ["n", "seed"]) {
    find(name).value = State.now[name];
    find(name).addEventListener("input", typed);
  }
  find("start").addEventListener("input", () => State.set({ start: find("start").value }));
  find("moment").addEventListener("input", () => State.set({ time: Theory.timeAt(find("moment").value / 1000, TIME) }));
  for (const button of buttons) button.textContent = button.dataset.runs;
  find("go").addEventListener("click", () => (worker ? halt() : record()));
  find("again").addEventListener("click", () => {
    State.set({ seed: (State.now.seed + 1) % 1000000 });
    record();
  });
  find("many").addEventListener("click", () => (worker ? halt() : repeat()));
  Draw.follow(place("overlap"), () => runs.length && show());

  return { record, counted, result: (start) => runs.find((one) => one.start === start)?.end ?? null };
}
