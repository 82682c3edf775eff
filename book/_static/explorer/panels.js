// What stands beside the map: the spectrum at the point, two curves along its line, the recovered fractions.
const Panels = (() => {
  "use strict";
  const { element, text, path, scale } = Draw;

  const spectrum = (place) => {
    const { a, alpha, time } = State.now;
    const seen = Theory.at(a, alpha, time);
    const reach = Theory.reach(a, alpha);
    const gone = seen.gap <= 0;
    Draw.spectrum(place, {
      height: Draw.low() ? 116 : 320,
      from: -reach,
      to: 1.2 * reach,
      shape: Theory.bulk(a, alpha, seen.time, 1.2 * reach),
      lowest: gone ? null : -seen.gap,
      say: gone
        ? "Left end of the spectrum: the bulk from its edge on, and no eigenvalue before it."
        : `Left end of the spectrum: one eigenvalue stands ${Draw.short(seen.gap)} before the edge of the bulk.`,
      title: gone ? "no eigenvalue before the edge" : "one eigenvalue before the edge",
      ends: [`−${Draw.short(reach)}`, `+${Draw.short(1.2 * reach)}`],
    });
  };

  // The squared overlap, from 0 to 1, and V, whose scale is logarithmic: over the same time as the map.
  const curves = (place) => {
    const { a, alpha, time } = State.now;
    const kept = Theory.run(a, alpha);
    const seen = Theory.at(a, alpha, time);
    const words =
      `Along the descent at alpha ${alpha}: the squared overlap of the outlier with the signal goes from ${Draw.short(kept.overlap2[0])} ` +
      `to ${Draw.short(kept.overlap2.at(-1))}, and V from 1 to ${Draw.short(kept.variance.at(-1))}.`;
    const { svg, width, height } = Draw.canvas(place, Draw.low() ? 116 : 190, words);
    const [left, right, top, bottom] = [34, width - 10, 22, height - 22];
    const x = scale([0, Theory.times.length - 1], [left, right]);
    const y = scale([0, 1], [bottom, top]);
    const most = Math.max(10, 10 ** Math.ceil(Math.log10(Math.max(...kept.variance))));
    const v = scale([0, Math.log10(most)], [bottom, top]);
    svg.append(
      element("path", { class: "line", d: `M${left} ${top}V${bottom}H${right}V${top}` }),
      text(left - 7, top + 5, "1", "end"),
      text(left - 7, bottom + 4, "0", "end"),
      element("path", { class: "outlier", d: "M0 9h16" }),
      text(21, 13, "overlap²"),
      element("path", { class: "grows", d: `M${width - 16} 9h16` }),
      text(width - 21, 13, `V, to ${Draw.short(most, 1)}`, "end"),
      element("path", { class: "outlier", d: path(kept.overlap2.map((value, i) => [x(i), y(value)])), fill: "none" }),
      element("path", { class: "grows", d: path(kept.variance.map((value, i) => [x(i), v(Math.log10(value))])) }),
    );
    for (const at of Draw.decades(Theory.last))
      svg.append(text(left + (right - left) * Theory.along(at), height - 5, at === 10 ? "time 10" : String(at), at === 10 ? "end" : "middle"));
    const now = left + (right - left) * Theory.along(seen.time);
    svg.append(
      element("path", { class: "pin", d: `M${now} ${top}V${bottom}` }),
      element("circle", { class: "outlier-dot", cx: now, cy: y(seen.overlap2), r: 4.5 }),
      element("circle", { class: "grows-dot", cx: now, cy: v(Math.log10(seen.variance)), r: 4.5 }),
    );
  };

  // Of the sizes that the book has runs of, the one nearest to the reader's.
  const sizeOf = (a, n) => Theory.nearest([...new Set(Theory.stage(a).fractions.map((one) => one.n))], n);

  const fractions = (place, own) => {
    const { a, alpha, start: chosen, n } = State.now;
    const size = sizeOf(a, n);
    const found = Theory.stage(a).fractions.filter((one) => one.n === size);
    const all = found.flatMap((one) => one.alpha);
    const words = found.map(({ start, alpha: some, rate }) => {
      const i = some.indexOf(Theory.nearest(some, alpha));
      return `${Theory.named(start)} ${Draw.short(rate[i])} at alpha ${some[i]}`;
    });
    const { svg, width, height } = Draw.canvas(
      place,
      190,
      `Recovered fractions of the book's runs at N = ${size}, nearest to the point: ${words.join("; ")}.`,
    );
    const [left, right, top, bottom] = [34, width - 10, 44, height - 22];
    const x = scale([Math.min(...all) - 0.1, Math.max(...all, alpha) + 0.1], [left, right]);
    const y = scale([0, 1], [bottom, top]);
    svg.append(
      element("path", { class: "line", d: `M${left} ${top}V${bottom}H${right}` }),
      text(left - 7, top + 5, "1", "end"),
      text(left - 7, bottom + 4, "0", "end"),
      text(0, 13, `recovered against α, N = ${size}`),
      element("path", { class: "pin", d: `M${x(alpha)} ${top - 4}V${bottom}` }),
    );
    for (let tick = Math.ceil(Math.min(...all)); tick <= Math.max(...all); tick++)
      svg.append(text(x(tick), height - 5, String(tick), "middle"));
    Theory.starts.forEach((start, i) => {
      const at = 0.31 * i * width;
      svg.append(
        element("g", { class: "start", style: `--start:${Theory.colour(start)}` }, element("circle", { cx: at + 5, cy: 27, r: 4 })),
        text(at + 13, 32, Theory.named(start)),
      );
    });
    for (const { start, alpha: some, rate, low, high } of found) {
      const group = element("g", { class: start === chosen ? "start chosen" : "start", style: `--start:${Theory.colour(start)}` });
      group.append(element("path", { d: path(some.map((at, i) => [x(at), y(rate[i])])), fill: "none" }));
      some.forEach((at, i) => {
        group.append(
          element("path", { d: `M${x(at)} ${y(low[i])}V${y(high[i])}` }),
          element("circle", { cx: x(at), cy: y(rate[i]), r: 3.5 }),
        );
      });
      svg.append(group);
    }
    for (const { start, rate, low, high } of own)
      svg.append(
        element(
          "g",
          { class: "start own", style: `--start:${Theory.colour(start)}` },
          element("path", { d: `M${x(alpha)} ${y(low)}V${y(high)}` }),
          element("circle", { cx: x(alpha), cy: y(rate), r: 6 }),
        ),
      );
  };

  return { spectrum, curves, fractions, sizeOf };
})();
