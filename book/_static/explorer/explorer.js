// The stage: the map, what stands beside it, the tasks and the descents, all of one state.
document.addEventListener("DOMContentLoaded", () => {
  "use strict";
  const stage = document.getElementById("prlib-stage");
  if (!stage) return;
  const root = document.getElementById("prlib-live");
  const find = (name) => stage.querySelector(`[name="${name}"]`);
  const place = (name) => document.querySelector(`[data-place="${name}"]`);

  for (const a of Theory.normalisations) find("a").add(new Option(`a = ${a}`, a));
  find("a").addEventListener("input", () => {
    const [asked, a] = [State.now.alpha, +find("a").value];
    State.set({ a, time: 0, task: 0 });
    if (State.now.alpha !== asked) refuse([`α moved to ${State.now.alpha}, the nearest to ${asked} in the data at a = ${a}.`]);
  });

  const map = makeMap(place("map"));
  const live = makeLive(root, map);
  const end = () => Theory.end(State.now.a, State.now.alpha);
  const play = makePlayer(find("play"), { seconds: 6, share: Theory.along, timeAt: Theory.timeAt, end });
  makePlayer(root.querySelector('[name="replay"]'), {
    seconds: 8,
    share: (time) => Theory.along(time, State.TIME),
    timeAt: (share) => Theory.timeAt(share, State.TIME),
    end: () => State.TIME,
  });
  const tasks = makeTasks(document.getElementById("prlib-tasks"), stage, { play, live, refresh: () => (map.update(), tell()) });

  const refuse = (reasons) => {
    stage.querySelector(".prlib-refused").textContent = reasons.join(" ");
  };

  // V to the digits that its error leaves.
  const variance = ({ variance: value, doubt }) => Draw.short(value, doubt > 0.05 ? 1 : doubt > 0.005 ? 2 : 3);

  let spoken = 0;
  const tell = () => {
    const { a, alpha, time } = State.now;
    const seen = Theory.at(a, alpha, time);
    const sees = seen.gap > 0;
    const says = {
      alpha: String(alpha),
      time: Draw.short(seen.time, 2) + (time > end() ? " (the end of theory's run)" : ""),
      edge: Draw.short(seen.edge, 3),
      gap: sees ? Draw.short(seen.gap) : "none",
      overlap2: Draw.short(sees ? seen.overlap2 : 0),
      variance: variance(seen),
    };
    for (const [name, said] of Object.entries(says)) stage.querySelector(`[data-say="${name}"]`).textContent = said;
    // Said once the point rests, not at every step on the way.
    clearTimeout(spoken);
    spoken = setTimeout(() => {
      stage.querySelector(".prlib-spoken").textContent = stage.classList.contains("veiled")
        ? "Commit to a prediction first."
        : `Alpha ${says.alpha}, time ${says.time}: ${sees ? `sees the signal. The outlier stands ${says.gap} before the edge, with squared overlap ${says.overlap2}` : "blind. No outlier"}. V is ${says.variance}.`;
    }, 600);
  };

  const beside = () => {
    Panels.spectrum(place("spectrum"));
    Panels.curves(place("curves"));
    tell();
  };

  State.listen((now, before) => {
    find("a").value = now.a;
    if (now.a !== before.a) map.draw();
    else map.update();
    beside();
    if (["a", "alpha", "n", "start"].some((name) => now[name] !== before[name])) {
      Panels.fractions(place("fractions"), live.counted());
      refuse([]);
    }
  });
  Draw.follow(place("spectrum"), () => Panels.spectrum(place("spectrum")));
  Draw.follow(place("curves"), () => Panels.curves(place("curves")));
  Draw.follow(place("fractions"), () => Panels.fractions(place("fractions"), live.counted()));

  const load = () => refuse(State.load(tasks.preset));
  addEventListener("hashchange", load);
  map.draw();
  load();
  Panels.fractions(place("fractions"), live.counted());
  stage.dataset.ready = "true";

  // In place of a chapter's figure: as high as it is, and in the page's colours.
  if (self === top) return;
  const article = document.querySelector("article");
  new ResizeObserver(() => parent.postMessage({ height: article.scrollHeight + 16 }, "*")).observe(article);
  addEventListener("message", ({ data }) => (document.documentElement.dataset.theme = data.theme ?? "light"));
  parent.postMessage({ ready: true }, "*");
});
