// What the charts of the explorer and of the playground share: colours of the theme, axes, and the width of their place.
const Charts = (() => {
  "use strict";
  const theme = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const dark = () => document.documentElement.dataset.theme === "dark";
  const colours = () => ({
    text: theme("--pst-color-text-base"),
    ...(dark() ? { blue: "#6bb8ec", orange: "#f2a35e" } : { blue: "#0173b2", orange: "#b85000" }),
  });

  // The longest label decides how wide an axis is; uPlot's own is of one width.
  const size = (chart, labels, index) => {
    const axis = chart.axes[index];
    chart.ctx.font = axis.font[0];
    const widths = (labels ?? []).map((label) => chart.ctx.measureText(label ?? "").width / uPlot.pxRatio);
    return Math.ceil(Math.max(0, ...widths) + axis.ticks.size + 2 * axis.gap);
  };

  // On a logarithmic scale only the decades have a line: all the others would be a comb.
  const decades = (chart, splits, index) =>
    chart.scales[chart.axes[index].scale].distr === 3
      ? splits.map((at) => (Math.abs(Math.log10(at) - Math.round(Math.log10(at))) < 1e-6 ? at : null))
      : splits;

  const axes = (x, y) =>
    [{ label: x }, { label: y, size }].map((axis) => ({
      stroke: theme("--pst-color-text-base"),
      grid: { stroke: theme("--pst-color-border"), width: 0.5, filter: decades },
      ticks: { stroke: theme("--pst-color-border"), size: 10, filter: decades },
      ...axis,
    }));

  // Charts by the id of their place, which each of them follows in width.
  const drawn = {};
  const places = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const [chart, width] = [drawn[target.id], target.clientWidth];
      if (width && width !== chart.width) chart.setSize({ width, height: chart.height });
    }
  });
  const draw = (id, options, columns) => {
    const place = document.getElementById(id);
    const width = place.clientWidth;
    drawn[id]?.destroy();
    drawn[id] = new uPlot({ width, height: 240, legend: { show: false }, ...options }, columns, place);
    places.observe(place);
  };

  // At once, not with the next frame: what is about to be printed is drawn before that.
  const onTheme = (redraw) =>
    new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });

  return { dark, colours, axes, drawn, draw, onTheme };
})();
