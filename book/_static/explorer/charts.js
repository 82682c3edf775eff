// What the charts of the explorer and of the playground share: the colours of the theme, and axes in them.
const Charts = (() => {
  "use strict";
  const theme = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const axes = (x, y) =>
    [x, y].map((label) => ({
      label,
      stroke: theme("--pst-color-text-base"),
      grid: { stroke: theme("--pst-color-border"), width: 0.5 },
      ticks: { stroke: theme("--pst-color-border") },
    }));

  return { theme, axes };
})();
