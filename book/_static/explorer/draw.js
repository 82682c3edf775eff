// Small things that every drawing needs: elements of SVG, scales, paths, and numbers in words.
const Draw = (() => {
  "use strict";
  const element = (name, attributes = {}, ...children) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };

  const text = (x, y, words, anchor = "start", kind = "") =>
    element("text", { x, y, "text-anchor": anchor, class: kind }, words);

  const path = (points) => `M${points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}`;

  const scale = ([from, to], [low, high]) => (value) => low + ((high - low) * (value - from)) / (to - from);

  const decades = (to) => [0, 0.01, 0.1, 1, 10, 100].filter((value) => value <= to);

  // A phone has room for the map and what stands beside it if each is low.
  const low = () => matchMedia("(max-width: 700px)").matches;

  // A drawing that fills its place, in pixels: text keeps its size on a phone.
  const canvas = (place, height, words) => {
    const width = place.clientWidth;
    const svg = element("svg", { class: "prlib-drawn", role: "img", "aria-label": words, width, height });
    place.replaceChildren(svg);
    return { svg, width, height };
  };

  // Redrawn when its place gets another width, whatever the reason.
  const follow = (place, redraw) => {
    let width = 0;
    new ResizeObserver(() => {
      if (place.clientWidth && place.clientWidth !== width) {
        width = place.clientWidth;
        redraw();
      }
    }).observe(place);
  };

  // Only the digits asked for: 2590000 would promise seven.
  const short = (value, digits = 2) => {
    const [number, power] = value.toExponential(digits - 1).split("e").map(Number);
    if (value < 0) return `−${short(-value, digits)}`;
    if (value === 0 || (power < Math.max(digits, 4) && power > -5)) return String(+value.toPrecision(digits));
    return `${number} × 10${String(power).replace(/./g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit] ?? "⁻")}`;
  };

  // The left end of a spectrum, about its edge: the bulk, each eigenvalue of a run, the one that may stand out.
  const spectrum = (place, { height, from, to, shape, lowest, values = [], colour, say, title = "", ends }) => {
    const { svg, width } = canvas(place, height, say);
    const base = height - 24;
    const x = scale([from, to], [8, width - 8]);
    const top = Math.max(...shape.map(([, value]) => value), 1e-300);
    const y = scale([0, top], [base, 24]);
    const bulk = shape.map(([at, value]) => [x(at), y(value)]);
    svg.append(
      element("path", { class: "bulk", d: `${path([[x(shape[0][0]), base], ...bulk, [x(to), base]])}Z` }),
      element("path", { class: "pin", d: `M${x(0)} ${base}V22` }),
      element("path", { class: "line", d: `M8 ${base}H${width - 8}` }),
      text(x(0), height - 7, "edge", "middle"),
      text(8, 13, title),
      text(8, height - 7, ends[0]),
      text(width - 8, height - 7, ends[1], "end"),
    );
    for (const value of values)
      if (value > from && value < to) svg.append(element("path", { class: "pin", d: `M${x(value)} ${base}v-14` }));
    if (lowest === null) return svg;
    const [at, style] = [x(Math.max(from, lowest)), colour ? `stroke:${colour};fill:${colour}` : ""];
    svg.append(
      element("path", { class: "outlier", style, d: `M${at} ${base}V28` }),
      element("circle", { class: "outlier-dot", style, cx: at, cy: 28, r: 5 }),
    );
    return svg;
  };

  return { element, text, path, scale, decades, low, canvas, follow, short, spectrum };
})();
