// Descents as recordings. The same source runs in a worker of the page, so it touches neither document nor window.
function makeRecorder(physics) {
  "use strict";
  const [TIME, HOLD, FRAMES, FIRST, SUCCESS] = [400, 80, 56, 0.003, 0.99];

  // Frames are spaced as the page's axis of time is: log(1 + t/FIRST).
  const due = (index) => FIRST * Math.expm1((index / FRAMES) * Math.log1p(TIME / FIRST));

  const frame = (instance, seen, time) => {
    const H = physics.hessian(instance, seen);
    const values = physics.eigenvalues(H);
    const v1 = physics.lowest(H, values[0]);
    const along = v1.reduce((total, value, j) => total + value * instance.signal[j], 0);
    const law = physics.empirical(instance, seen.yhat);
    const edge = physics.leftEdge(law, law.alpha).position;
    const reach = values[Math.floor(values.length / 4)] - (edge - seen.mu);
    const distances = Array.from({ length: 24 }, (_, i) => reach * ((i + 1) / 24) ** 2);
    const rho = physics.density(law, law.alpha, distances.map((one) => edge + one));
    return {
      time,
      energy: seen.energy,
      overlap: Math.abs(seen.overlap),
      overlap2: along ** 2 / instance.n,
      edge: edge - seen.mu,
      lowest: values[0],
      values: values.slice(0, Math.floor(values.length / 4) + 1).map((value) => value - (edge - seen.mu)),
      reach,
      shape: [[0, 0], ...distances.map((one, i) => [one, rho[i]])],
    };
  };

  // One descent from t = 0 until it recovers or its time is over; each frame is told at once.
  const descend = (settings, tell = null) => {
    const { instance, w: first } = physics.draw(settings);
    let [w, time, steps, next] = [first, 0, 0, 0];
    let seen = physics.observe(instance, w);
    const over = () => time >= TIME || Math.abs(seen.overlap) >= SUCCESS;
    for (;;) {
      if (tell && (time >= due(next) || over())) {
        tell(frame(instance, seen, time));
        while (due(next) <= time) next++;
      }
      if (over()) return { recovered: Math.abs(seen.overlap) >= SUCCESS, time, steps };
      const held = settings.start === "constrained" && time < HOLD;
      const taken = physics.step(instance, w, { held, seen });
      w = taken.w;
      time += taken.eta;
      steps++;
      seen = physics.observe(instance, w);
    }
  };

  const record = (settings, post) => {
    for (const start of settings.starts) {
      const end = descend({ ...settings, start }, (one) => post({ start, frame: one }));
      post({ start, end });
    }
    post({ done: true });
  };

  const repeat = (settings, post) => {
    for (let i = 0; i < settings.count; i++)
      post({ start: settings.start, recovered: descend({ ...settings, seed: settings.seed + i }).recovered });
    post({ done: true });
  };

  return { record, repeat };
}
