// The physics of the explorer's descents: the formulas of prlib, tested against it on the same numbers.
// A law is {f, w, floor}: curvatures, their probabilities, and the infimum of the curvature.
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

  // Density of the bulk, Im chi/pi just above the real axis, as prlib.spectra.bulk.density: the fixed point of
  // chi -> 1/(alpha E[f/(1 + f chi)] - z) is followed from large Im z down, by Newton's method where that stays above.
  const density = (law, alpha, points, width = 1e-6) =>
    points.map((x) => {
      const highest = 4 * Math.max(1, Math.abs(x));
      let [re, im] = [0, 0];
      for (let level = 0; level < 16; level++) {
        const height = highest * (width / highest) ** (level / 15);
        if (!level) [re, im] = [-x / (x * x + height * height), height / (x * x + height * height)];
        for (let turn = 0; turn < 200; turn++) {
          let [a, b, p, q] = [-x, -height, 0, 0];
          for (let i = 0; i < law.f.length; i++) {
            const f = law.f[i];
            const [c, d] = [1 + f * re, f * im];
            const scale = f / (c * c + d * d);
            const [u, v] = [c * scale, -d * scale];
            const weight = alpha * law.w[i];
            a += weight * u;
            b += weight * v;
            p += weight * (u * u - v * v);
            q += 2 * weight * u * v;
          }
          const norm = a * a + b * b;
          const [mapRe, mapIm] = [a / norm, -b / norm];
          const [offRe, offIm] = [mapRe - re, mapIm - im];
          // Newton: chi - (map - chi)/(map^2 (p + iq) - 1).
          const [squareRe, squareIm] = [mapRe * mapRe - mapIm * mapIm, 2 * mapRe * mapIm];
          const [slopeRe, slopeIm] = [squareRe * p - squareIm * q - 1, squareRe * q + squareIm * p];
          const slope = slopeRe * slopeRe + slopeIm * slopeIm;
          const newIm = im - (offIm * slopeRe - offRe * slopeIm) / slope;
          if (newIm > 0) [re, im] = [re - (offRe * slopeRe + offIm * slopeIm) / slope, newIm];
          else [re, im] = [(re + mapRe) / 2, (im + mapIm) / 2];
          if (Math.hypot(offRe, offIm) < 1e-9 * (1 + Math.hypot(re, im))) break;
        }
      }
      return im / Math.PI;
    });

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

  // Diagonal and the diagonal below it of the matrix in a basis where it has no other: Householder's reflections.
  const tridiagonal = (matrix) => {
    const A = matrix.map((line) => Float64Array.from(line));
    const n = A.length;
    const below = new Float64Array(n);
    for (let k = 0; k < n - 1; k++) {
      const v = A[k].map((value, i) => (i > k ? value : 0));
      const norm = Math.sqrt(dot(v, v));
      below[k + 1] = v[k + 1] > 0 ? -norm : norm;
      if (norm === 0 || k === n - 2) {
        below[k + 1] = v[k + 1];
        continue;
      }
      v[k + 1] -= below[k + 1];
      const beta = 2 / dot(v, v);
      const p = A.map((line, i) => (i > k ? beta * dot(line, v) : 0));
      const half = (beta / 2) * dot(p, v);
      const q = p.map((value, i) => value - half * v[i]);
      for (let i = k + 1; i < n; i++) for (let j = k + 1; j < n; j++) A[i][j] -= v[i] * q[j] + q[i] * v[j];
    }
    return { diagonal: A.map((line, i) => line[i]), below };
  };

  // Eigenvalues, rising: each by bisection on how many lie below (Sturm).
  const eigenvalues = (matrix) => {
    const { diagonal, below } = tridiagonal(matrix);
    const n = diagonal.length;
    const radius = diagonal.map((_, i) => Math.abs(below[i]) + Math.abs(below[i + 1] ?? 0));
    const low = Math.min(...diagonal.map((value, i) => value - radius[i]));
    const high = Math.max(...diagonal.map((value, i) => value + radius[i]));
    const count = (x) => {
      let [found, pivot] = [0, 1];
      for (let i = 0; i < n; i++) {
        pivot = diagonal[i] - x - (i ? below[i] ** 2 / pivot : 0);
        if (pivot === 0) pivot = 1e-300;
        if (pivot < 0) found++;
      }
      return found;
    };
    return diagonal.map((_, k) => bisect((x) => count(x) - k - 0.5, low, high));
  };

  // The eigenvector of the lowest eigenvalue: inverse iteration on the matrix less a bit more, by Cholesky.
  const lowest = (matrix, value) => {
    const n = matrix.length;
    const shift = value - 1e-7 * Math.max(...matrix.map((line, i) => Math.abs(line[i])));
    const L = matrix.map((line) => Float64Array.from(line));
    for (let i = 0; i < n; i++) {
      L[i][i] -= shift;
      for (let j = 0; j <= i; j++) {
        for (let k = 0; k < j; k++) L[i][j] -= L[i][k] * L[j][k];
        L[i][j] = i === j ? Math.sqrt(Math.max(L[i][i], 1e-300)) : L[i][j] / L[j][j];
      }
    }
    let x = Float64Array.from({ length: n }, (_, i) => Math.cos(i));
    for (let turn = 0; turn < 6; turn++) {
      for (let i = 0; i < n; i++) {
        for (let k = 0; k < i; k++) x[i] -= L[i][k] * x[k];
        x[i] /= L[i][i];
      }
      for (let i = n - 1; i >= 0; i--) {
        for (let k = i + 1; k < n; k++) x[i] -= L[k][i] * x[k];
        x[i] /= L[i][i];
      }
      const norm = Math.sqrt(dot(x, x));
      x = x.map((each) => each / norm);
    }
    return x;
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
      const H = hessian(instance, observe(instance, w));
      const v1 = lowest(H, eigenvalues(H)[0]);
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
      floor: -1,
      alpha: m / n,
    };
  };

  return { leftEdge, density, observe, step, hessian, eigenvalues, lowest, draw, empirical };
}
const Physics = makePhysics();
if (typeof globalThis !== "undefined") globalThis.Physics = Physics;
