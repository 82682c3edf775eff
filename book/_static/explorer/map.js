// The map of time and alpha, which is the control: a point to drag, or to move with the arrow keys.
function makeMap(place) {
  "use strict";
  const { element, text, path, scale } = Draw;
  let frame = null;
  let marks = null;
  let trails = [];

  const region = (outline, x, y) => `${path(outline.map(([step, alpha]) => [x(step), y(alpha)]))}Z`;

  const draw = () => {
    const focused = place.contains(document.activeElement);
    const { a, border, shades, runs, alphaInit } = Theory.stage(State.now.a);
    const height = Draw.low() ? 208 : 320;
    const { svg, width } = Draw.canvas(
      place,
      height,
      `Map at a = ${a}: time to the right, alpha upwards. Above a line, which begins at alpha ${alphaInit.toFixed(2)} and rises, the Hessian sees the signal; below it is blind.`,
    );
    const [left, right, top, bottom] = [34, width - 10, 24, height - 24];
    const alphas = Theory.alphas(a);
    const steps = Theory.times.length - 1;
    const x = scale([0, steps], [left, right]);
    const y = scale([alphas[0], alphas.at(-1)], [bottom, top]);
    const edge = border.map((alpha, step) => [x(step), y(alpha)]);
    svg.removeAttribute("role");
    svg.removeAttribute("aria-label");
    svg.append(
      text(0, 14, "measurements per unknown, α"),
      element("path", { class: "blind", d: `M${left} ${top}H${right}V${bottom}H${left}Z` }),
      element("path", { class: "sees", d: `${path([...edge, [right, top], [left, top]])}Z` }),
      ...shades.map((shapes) => element("path", { class: "shade", d: shapes.map((one) => region(one, x, y)).join("") })),
      ...runs.map((run) => element("path", { class: "run", d: `M${left} ${y(run.alpha)}H${x(run.edge.length - 1)}` })),
      element("path", { class: "line", d: path(edge) }),
    );
    for (let alpha = Math.ceil(alphas[0]); alpha <= alphas.at(-1); alpha++)
      svg.append(text(left - 7, y(alpha) + 5, String(alpha), "end"));
    for (const time of Draw.decades(Theory.last)) {
      const at = left + (right - left) * Theory.along(time);
      svg.append(text(at, bottom + 18, time === Theory.last ? "time 10" : String(time), time === Theory.last ? "end" : "middle"));
    }
    svg.append(
      text(left + 10, top + 22, "sees the signal", "start", "region"),
      text(right - 10, bottom - 12, "blind", "end", "region"),
    );
    const line = Theory.along(0.3);
    const on = border[Math.round(line * steps)];
    svg.append(text(left + line * (right - left), y(on) + 19, "outlier lost", "middle", "halo"));
    const trail = element("g", { class: "trails" });
    const cursor = element("path", { class: "way" });
    const point = element("circle", { class: "dot", r: 9 });
    const handle = element("g", {
      role: "slider",
      tabindex: 0,
      "aria-label": "Point on the map. Left and right move time, up and down move alpha.",
      "aria-valuemin": 0,
      "aria-valuemax": 100,
    });
    handle.append(element("circle", { class: "grip", r: 22 }), point);
    svg.append(cursor, trail, handle);
    frame = { left, right, y, alphas };
    marks = { svg, trail, cursor, handle };
    listen(svg, handle);
    update();
    drawTrails();
    if (focused) handle.focus({ preventScroll: true });
  };

  const moveTo = (event) => {
    const box = marks.svg.getBoundingClientRect();
    const share = (event.clientX - box.left - frame.left) / (frame.right - frame.left);
    const height = event.clientY - box.top;
    const alpha = frame.alphas.reduce((best, one) =>
      Math.abs(frame.y(one) - height) < Math.abs(frame.y(best) - height) ? one : best,
    );
    const time = Math.min(Theory.timeAt(Math.min(1, Math.max(0, share))), Theory.end(State.now.a, alpha));
    State.set({ alpha, time });
  };

  const KEYS = { ArrowLeft: -0.02, ArrowRight: 0.02, PageDown: -0.1, PageUp: 0.1 };
  const press = (event) => {
    const { a, alpha, time } = State.now;
    const share = Theory.along(Math.min(time, Theory.end(a, alpha)));
    const up = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (up) {
      const next = frame.alphas[frame.alphas.indexOf(alpha) + up];
      if (next !== undefined) State.set({ alpha: next });
    } else if (event.key === "Home") State.set({ time: 0 });
    else if (event.key === "End") State.set({ time: Theory.end(a, alpha) });
    else if (KEYS[event.key]) {
      const moved = Math.min(1, Math.max(0, share + KEYS[event.key]));
      State.set({ time: Math.min(Theory.timeAt(moved), Theory.end(a, alpha)) });
    } else return;
    event.preventDefault();
  };

  const listen = (svg, handle) => {
    svg.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      svg.setPointerCapture(event.pointerId);
      handle.focus({ preventScroll: true });
      moveTo(event);
      event.preventDefault();
    });
    svg.addEventListener("pointermove", (event) => {
      if (svg.hasPointerCapture(event.pointerId)) moveTo(event);
    });
    handle.addEventListener("keydown", press);
  };

  const update = () => {
    const { a, alpha, time } = State.now;
    const seen = Theory.at(a, alpha, time);
    const share = Theory.along(seen.time);
    const [px, py] = [frame.left + share * (frame.right - frame.left), frame.y(alpha)];
    marks.cursor.setAttribute("d", `M${frame.left} ${py}H${px}`);
    marks.handle.setAttribute("transform", `translate(${px.toFixed(1)} ${py.toFixed(1)})`);
    marks.handle.setAttribute("aria-valuenow", Math.round(100 * share));
    marks.handle.setAttribute(
      "aria-valuetext",
      `alpha ${alpha}, time ${Draw.short(seen.time, 3)}` +
        (place.closest(".veiled") ? "" : seen.gap > 0 ? ": sees the signal" : ": blind"),
    );
  };

  // Descents of the page: thick where their lowest eigenvector knows the signal; a ring where they recovered.
  const drawTrails = () => {
    const y = frame.y(State.now.alpha);
    marks.trail.replaceChildren();
    trails.forEach(({ start, frames, recovered }, lane) => {
      const at = (time) => frame.left + Theory.along(Math.min(time, Theory.last)) * (frame.right - frame.left);
      const height = y + 7 * (lane + 1) + 6;
      frames.slice(1).forEach((one, i) => {
        if (frames[i].time >= Theory.last) return;
        marks.trail.append(
          element("path", {
            class: "trail",
            style: `--start:${Theory.colour(start)};stroke-width:${1 + 9 * one.overlap2}`,
            d: `M${at(frames[i].time)} ${height}H${at(one.time)}`,
          }),
        );
      });
      if (recovered && frames.at(-1).time < Theory.last)
        marks.trail.append(
          element("circle", { class: "trail-end", style: `--start:${Theory.colour(start)}`, cx: at(frames.at(-1).time), cy: height, r: 5 }),
        );
    });
  };

  const show = (found) => {
    trails = found;
    if (frame) drawTrails();
  };

  Draw.follow(place, draw);
  return { draw, update, show };
}
