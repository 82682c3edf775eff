// The physics of the explorer and the playground: the formulas of prlib, tested against it on the same numbers.
// A law is {f, w, y2, floor}: curvatures, their probabilities, these times y^2, and the infimum of the curvature.
// The same source runs in the page and in a worker, so it touches neither document nor window.
function makePhysics() {
  "use strict";

  const sum = (count, term) => {
    let total = 0;
    for (let i = 0; i < count; i++) total += term(i);
    return total;
  };

  // z(chi) = -1/chi + alpha E[f/(1 + f chi)], left of the bulk, before the shift by mu.
  const z = (law, alpha, chi) =>
    -1 / chi + alpha * sum(law.f.length, (i) => (law.w[i] * law.f[i]) / (1 + law.f[i] * chi));

  // S(chi) = alpha E[y^2 f/(1 + f chi)]: the direction of the signal.
  const s = (law, alpha, chi) =>
    alpha * sum(law.f.length, (i) => (law.y2[i] * law.f[i]) / (1 + law.f[i] * chi));

  const bisect = (value, low, high) => {
    const left = value(low) > 0;
    for (let i = 0; i < 200 && high - low > 1e-14 * Math.abs(high); i++) {
      const middle = (low + high) / 2;
      if (value(middle) > 0 === left) low = middle;
      else high = middle;
    }
    return (low + high) / 2;
  };

  const leftEdge = (law, alpha) => {
    const last = (-1 / law.floor) * (1 - 1e-9);
    const excess = (chi) =>
      alpha * sum(law.f.length, (i) => law.w[i] * ((law.f[i] * chi) / (1 + law.f[i] * chi)) ** 2) - 1;
    const soft = excess(last) > 0;
    const chi = soft ? bisect(excess, 1e-12, last) : last;
    return { chi, position: z(law, alpha, chi), kind: soft ? "soft" : "hard" };
  };

  // The eigenvalue that leaves the bulk toward the signal, with its squared overlap; null if there is none.
  const outlier = (law, alpha, edge = leftEdge(law, alpha)) => {
    const gap = (chi) => z(law, alpha, chi) - s(law, alpha, chi);
    if (gap(edge.chi) <= 0) return null;
    const chi = bisect(gap, 1e-9, edge.chi);
    const zSlope = 1 / chi ** 2 - alpha * sum(law.f.length, (i) => law.w[i] * (law.f[i] / (1 + law.f[i] * chi)) ** 2);
    const sSlope = -alpha * sum(law.f.length, (i) => law.y2[i] * (law.f[i] / (1 + law.f[i] * chi)) ** 2);
    return { chi, position: z(law, alpha, chi), overlap2: zSlope / (zSlope - sSlope) };
  };

  // Density of the bulk just above the real axis: damped fixed point of G = 1/(z - alpha E[f/(1 - f G)]).
  const density = (law, alpha, points, width) => {
    let [re, im] = [0, -1];
    return points.map((x) => {
      for (let turn = 0; turn < 4000; turn++) {
        let [a, b] = [x, width];
        for (let i = 0; i < law.f.length; i++) {
          const f = law.f[i];
          const [c, d] = [1 - f * re, -f * im];
          const scale = (alpha * law.w[i] * f) / (c * c + d * d);
          a -= scale * c;
          b += scale * d;
        }
        const norm = a * a + b * b;
        const [nextRe, nextIm] = [a / norm, -b / norm];
        const moved = Math.hypot(nextRe - re, nextIm - im);
        re = (re + nextRe) / 2;
        im = (im + nextIm) / 2;
        if (moved < 1e-7 * Math.hypot(re, im)) break;
      }
      return -im / Math.PI;
    });
  };

  // The normalised intensity loss.
  const loss = (y, yhat, a) => (yhat * yhat - y * y) ** 2 / (4 * (a + y * y));
  const residual = (y, yhat, a) => (yhat * (yhat * yhat - y * y)) / (a + y * y);
  const curvature = (y, yhat, a) => (3 * yhat * yhat - y * y) / (a + y * y);

  const dot = (u, v) => sum(u.length, (i) => u[i] * v[i]);
  const row = (X, i, n) => X.subarray(i * n, (i + 1) * n);

  // Bound on the largest eigenvalue of X^T diag(f) X, as prlib.descent.reference.curvature_bound.
  const curvatureBound = (y, yhat, f, n, overlap) => {
    const top = f.reduce((most, value) => Math.max(most, value), 0);
    if (!(top > 0)) return 0;
    const rest = Math.sqrt(Math.max(1 - overlap ** 2, 1e-6));
    let least = Infinity;
    for (const fraction of [0.35, 0.55, 0.75, 0.88, 0.95]) {
      const chi = -fraction / top;
      let [k11, k12, k22, all] = [0, 0, 0, 0];
      for (let i = 0; i < f.length; i++) {
        const weight = f[i] / (1 + chi * f[i]) / n;
        const across = (yhat[i] - overlap * y[i]) / rest;
        k11 += weight * y[i] * y[i];
        k12 += weight * y[i] * across;
        k22 += weight * across * across;
        all += weight;
      }
      const plane = (k11 + k22) / 2 + Math.hypot((k11 - k22) / 2, k12);
      least = Math.min(least, Math.max(-1 / chi + all, plane));
    }
    return least;
  };

  // What one state of an instance {X, y, signal, n, a} is: energy per dimension, overlap, multiplier, gradient.
  const observe = ({ X, y, signal, n, a }, w) => {
    const yhat = Float64Array.from(y, (_, i) => dot(row(X, i, n), w));
    const force = Float64Array.from(y, (label, i) => residual(label, yhat[i], a));
    const mu = dot(force, yhat) / n;
    const direction = w.map((value) => -mu * value);
    for (let i = 0; i < y.length; i++) {
      const x = row(X, i, n);
      for (let j = 0; j < n; j++) direction[j] += x[j] * force[i];
    }
    const f = Float64Array.from(y, (label, i) => curvature(label, yhat[i], a));
    const overlap = dot(w, signal) / n;
    return {
      yhat, mu, direction, f, overlap,
      energy: sum(y.length, (i) => loss(y[i], yhat[i], a)) / n,
      bound: curvatureBound(y, yhat, f, n, overlap) - Math.min(mu, 0),
    };
  };

  // One step: w <- w - eta (g - mu w), then back to the sphere; eta is bounded by the largest curvature.
  const step = (instance, w, { largest = 0.5, safety = 1, held = false, seen = observe(instance, w) } = {}) => {
    const { signal, n } = instance;
    const direction = seen.direction.slice();
    if (held) {
      const along = dot(direction, signal) / n;
      for (let j = 0; j < n; j++) direction[j] -= along * signal[j];
    }
    const eta = largest * seen.bound <= safety ? largest : safety / seen.bound;
    const moved = w.map((value, j) => value - eta * direction[j]);
    const scale = Math.sqrt(n / dot(moved, moved));
    return { w: moved.map((value) => value * scale), eta };
  };

  // The Hessian X^T diag(f) X - mu, dense.
  const hessian = ({ X, n }, { f, mu }) => {
    const H = Array.from({ length: n }, () => new Float64Array(n));
    f.forEach((weight, i) => {
      const x = row(X, i, n);
      for (let j = 0; j < n; j++) for (let k = 0; k <= j; k++) H[j][k] += weight * x[j] * x[k];
    });
    for (let j = 0; j < n; j++) {
      H[j][j] -= mu;
      for (let k = 0; k < j; k++) H[k][j] = H[j][k];
    }
    return H;
  };

  // Eigenvalues, rising, and the eigenvectors as columns: cyclic Jacobi rotations.
  const eigen = (matrix) => {
    const A = matrix.map((r) => Float64Array.from(r));
    const n = A.length;
    const V = A.map((_, i) => Float64Array.from({ length: n }, (_, j) => +(i === j)));
    const size = Math.sqrt(sum(n, (i) => dot(A[i], A[i])));
    for (let sweep = 0; sweep < 30; sweep++) {
      const off = Math.sqrt(sum(n, (i) => sum(i, (j) => A[i][j] ** 2)));
      if (off < 1e-11 * size) break;
      for (let p = 0; p < n - 1; p++)
        for (let q = p + 1; q < n; q++) {
          if (Math.abs(A[p][q]) < 1e-14 * size) continue;
          const theta = (A[q][q] - A[p][p]) / (2 * A[p][q]);
          const t = Math.sign(theta || 1) / (Math.abs(theta) + Math.hypot(theta, 1));
          const [c, d] = [1 / Math.hypot(t, 1), t / Math.hypot(t, 1)];
          for (let k = 0; k < n; k++) {
            const [one, two] = [A[k][p], A[k][q]];
            A[k][p] = c * one - d * two;
            A[k][q] = d * one + c * two;
          }
          for (let k = 0; k < n; k++) {
            const [one, two] = [A[p][k], A[q][k]];
            A[p][k] = c * one - d * two;
            A[q][k] = d * one + c * two;
            const [left, right] = [V[k][p], V[k][q]];
            V[k][p] = c * left - d * right;
            V[k][q] = d * left + c * right;
          }
        }
    }
    const order = [...A.keys()].sort((i, j) => A[i][i] - A[j][j]);
    return { values: order.map((i) => A[i][i]), vector: (k) => V.map((r) => r[order[k]]) };
  };

  // Numbers from a seed: mulberry32, and normal ones by Box and Muller.
  const random = (seed) => {
    let state = seed >>> 0;
    const uniform = () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = state;
      t = Math.imul(t ^ (t >>> 15), t | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
    const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
    return { uniform, normal };
  };

  const onSphere = (n, normal) => {
    const point = Float64Array.from({ length: n }, normal);
    const scale = Math.sqrt(n / dot(point, point));
    return point.map((value) => value * scale);
  };

  // A random instance and a random point; the start is that point, v1 of the Hessian there, or the point without
  // its component along the signal.
  const draw = ({ n, alpha, a, seed, start }) => {
    const { normal } = random(seed);
    const m = Math.max(1, Math.round(alpha * n));
    const X = Float64Array.from({ length: m * n }, () => normal() / Math.sqrt(n));
    const signal = onSphere(n, normal);
    let w = onSphere(n, normal);
    const y = Float64Array.from({ length: m }, (_, i) => dot(row(X, i, n), signal));
    const instance = { X, y, signal, n, a };
    if (start === "spectral") {
      const v1 = eigen(hessian(instance, observe(instance, w))).vector(0);
      w = Float64Array.from(v1, (value) => value * Math.sqrt(n));
    } else if (start === "constrained") {
      const along = dot(w, signal) / n;
      w = w.map((value, j) => value - along * signal[j]);
      const scale = Math.sqrt(n / dot(w, w));
      w = w.map((value) => value * scale);
    }
    return { instance, w };
  };

  // The law of labels and fields of one state.
  const empirical = ({ y, n, a }, yhat) => {
    const m = y.length;
    return {
      f: Float64Array.from(y, (label, i) => curvature(label, yhat[i], a)),
      w: new Float64Array(m).fill(1 / m),
      y2: y.map((label) => label ** 2 / m),
      floor: -1,
      alpha: m / n,
    };
  };

  return { z, s, leftEdge, outlier, density, observe, step, hessian, eigen, random, draw, empirical };
}
const Physics = makePhysics();
if (typeof globalThis !== "undefined") globalThis.Physics = Physics;
