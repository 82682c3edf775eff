// Play and pause: moves the time of the state from where it is to an end, and tells when it is there.
"use strict";

function makePlayer(button, { seconds, share, timeAt, end }) {
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let stop = null;
  let moving = false;

  const label = (playing) => {
    button.textContent = playing ? "Pause" : "Play";
    button.setAttribute("aria-pressed", String(playing));
  };

  const play = () =>
    new Promise((done) => {
      stop?.();
      const last = share(end());
      let from = share(Math.min(State.now.time, end()));
      if (from > last - 1e-3) from = 0;
      let began = null;
      let timer = 0;
      stop = () => {
        cancelAnimationFrame(timer);
        clearTimeout(timer);
        stop = null;
        label(false);
        done();
      };
      const go = (now) => {
        began ??= now;
        const reached = Math.min(last, from + (now - began) / (1000 * seconds));
        moving = true;
        State.set({ time: reached === last ? end() : timeAt(reached) });
        moving = false;
        if (reached === last) stop?.();
        // Whoever wants no motion gets stills, two a second.
        else if (still.matches) timer = setTimeout(() => go(performance.now()), 500);
        else timer = requestAnimationFrame(go);
      };
      label(true);
      timer = still.matches ? setTimeout(() => go(performance.now())) : requestAnimationFrame(go);
    });

  // A reader who moves anything takes over.
  State.listen(() => moving || stop?.());
  button.addEventListener("click", () => (stop ? stop() : play()));
  label(false);
  return play;
}
