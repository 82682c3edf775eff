// The theory that the build has left in the data: where a descent of infinite size is at any time of it.
"use strict";

const Theory = (({ times, first, starts, stages }) => {
  const last = times.at(-1);

  // A share of the axis of time, which begins at t = 0 and is logarithmic later; and back.
  const along = (time, end = last) => Math.log1p(time / first) / Math.log1p(end / first);
  const timeAt = (share, end = last) => first * Math.expm1(share * Math.log1p(end / first));

  const nearest = (values, x) => values.reduce((best, y) => (Math.abs(y - x) < Math.abs(best - x) ? y : best));
  const stage = (a) => stages.find((one) => one.a === a);
  const alphas = (a) => stage(a).runs.map((run) => run.alpha);
  const run = (a, alpha) => stage(a).runs.find((one) => one.alpha === alpha);
  const end = (a, alpha) => times[run(a, alpha).edge.length - 1];

  const between = (values, place) => {
    const low = Math.min(Math.floor(place), values.length - 1);
    const high = Math.min(low + 1, values.length - 1);
    return values[low] + (place - low) * (values[high] - values[low]);
  };

  // Everything at one point of the map, smooth in time; alpha is one of the data's.
  const at = (a, alpha, time) => {
    const kept = run(a, alpha);
    const place = along(Math.min(time, end(a, alpha))) * (times.length - 1);
    const variance = Math.exp(between(kept.variance.map(Math.log), place));
    const [edge, gap, overlap2, doubt] = ["edge", "gap", "overlap2", "doubt"].map((name) => between(kept[name], place));
    return { time: Math.min(time, end(a, alpha)), edge, gap, overlap2, variance, doubt };
  };

  // The density beside the edge, up to a factor: the root of the distance times a shape that hardly changes.
  const bulk = (a, alpha, time, to, count = 40) => {
    const { alphas: some, furthest, reached, shapes } = stage(a).bulk;
    const found = some.findIndex((one) => one >= alpha);
    const above = found < 0 ? some.length - 1 : Math.max(found, 1);
    const weight = Math.min(1, Math.max(0, (alpha - some[above - 1]) / (some[above] - some[above - 1])));
    const sides = [shapes[above - 1], shapes[above]];
    const place = along(Math.min(time, last)) * (shapes[0].length - 1);
    const shape = reached.map((_, i) => {
      const [one, two] = sides.map((side) => between(side.map((row) => row[i]), place));
      return one + weight * (two - one);
    });
    return Array.from({ length: count + 1 }, (_, i) => {
      const distance = to * (i / count) ** 2;
      const share = Math.cbrt(Math.min(distance / furthest, 1)) * reached.length - 1;
      return [distance, Math.sqrt(distance) * between(shape, Math.max(0, share))];
    });
  };

  // How far the window reaches beyond the edge: a run's largest gap is seen well inside it.
  const reach = (a, alpha) => {
    const least = 1e-4 * stage(a).bulk.furthest;
    return 1.3 * Math.max(least, ...run(a, alpha).gap);
  };

  const colour = (start) => starts.find((one) => one.id === start).colour;

  const named = (start) => (start === "spectral" ? "v₁" : start);

  return {
    times, last, along, timeAt, nearest, stage, alphas, run, end, at, bulk, reach, colour, named,
    starts: starts.map((one) => one.id),
    normalisations: stages.map((one) => one.a),
  };
})(globalThis.EXPLORER);
