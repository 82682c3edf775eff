// What the reader has chosen: one object, told to whoever listens, and kept in the address.
const State = (() => {
  "use strict";
  const integer = (low, high) => ({
    accepts: `a whole number from ${low} to ${high}`,
    read: (text) => (/^\d{1,9}$/.test(text) && +text >= low && +text <= high ? +text : null),
  });
  const among = (values, accepts) => ({
    accepts,
    read: (text) => values().find((value) => String(value) === text || (text !== "" && value === Number(text))) ?? null,
  });
  const TIME = 400;

  const now = { a: 0.01, alpha: 3.4, time: 0, start: "random", n: 64, seed: 1, task: 0 };
  const KINDS = {
    a: among(() => Theory.normalisations, `one of ${Theory.normalisations.join(", ")}`),
    alpha: among(() => Theory.alphas(now.a), "an alpha of the data: the lines of the map"),
    time: {
      accepts: `a number from 0 to ${TIME}`,
      read: (text) => (text !== "" && +text >= 0 && +text <= TIME ? +text : null),
    },
    start: among(() => Theory.starts, `one of ${Theory.starts.join(", ")}`),
    n: integer(10, 128),
    seed: integer(0, 999999),
    task: integer(0, 5),
  };
  const NAMES = { a: "a", alpha: "α", time: "time", start: "start", n: "N", seed: "seed", task: "task" };

  const listeners = [];
  const listen = (listener) => listeners.push(listener);

  // Null, or why a text is no value of this name. What was typed is not repeated: it may be long.
  const refusal = (name, text) =>
    KINDS[name].read(text) === null ? `${NAMES[name]} must be ${KINDS[name].accepts}.` : null;

  const tell = (before) => {
    for (const listener of listeners) listener(now, before);
  };
  const set = (changes) => {
    const before = { ...now };
    Object.assign(now, changes);
    now.alpha = Theory.nearest(Theory.alphas(now.a), now.alpha);
    if (Object.keys(now).every((name) => now[name] === before[name])) return;
    tell(before);
    keep();
  };

  // A browser takes only so many changes of the address: of those that come fast the last one counts.
  let [kept, later] = [0, 0];
  const keep = () => {
    clearTimeout(later);
    const wait = kept + 250 - Date.now();
    if (wait > 0) {
      later = setTimeout(keep, wait);
      return;
    }
    kept = Date.now();
    history.replaceState(null, "", address());
  };

  const address = () => {
    const said = { ...now, time: +now.time.toPrecision(3) };
    return `#${Object.entries(said).map(([name, value]) => `${name}=${value}`).join("&")}`;
  };

  // The address may hold anything: what is not a value is said, and leaves its own as it is. A task brings its
  // own point, from which the rest of the address may differ.
  const load = (preset) => {
    const given = new URLSearchParams(location.hash.slice(1));
    const before = { ...now };
    const refused = [];
    for (const name of ["task", ...Object.keys(KINDS).filter((one) => one !== "task")]) {
      if (!given.has(name)) continue;
      const reason = refusal(name, given.get(name));
      if (reason) refused.push(reason);
      else now[name] = KINDS[name].read(given.get(name));
      if (name === "task") Object.assign(now, preset(now.task));
      if (name === "a") now.alpha = Theory.nearest(Theory.alphas(now.a), now.alpha);
    }
    tell(before);
    keep();
    return refused;
  };

  return { now, listen, set, load, address, refusal, read: (name, text) => KINDS[name].read(text), TIME };
})();
