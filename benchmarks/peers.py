"""The same gradient step in NumPy, JAX and PyTorch, timed: one process each.

    python benchmarks/peers.py {numpy,jax,torch} N COUNT SECONDS

prints the seconds of one step of COUNT descents over one X at alpha = 3, float32, as JSON. It needs
NumPy and the library it times, nothing of this project, so that each can run where it is installed.
"""

import json
import sys
import time

import numpy as np

A, ALPHA, SAFETY, STEP = 0.01, 3.0, 1.0, 0.5
TRIALS = (0.35, 0.55, 0.75, 0.88, 0.95)


def draw(n, count):
    """Draw X, labels, signal and starts."""
    rng = np.random.default_rng(n)
    X = (rng.standard_normal((round(ALPHA * n), n)) / np.sqrt(n)).astype(np.float32)
    signal, *starts = rng.standard_normal((count + 1, n))
    on_sphere = [(w * np.sqrt(n / (w @ w))).astype(np.float32) for w in (signal, *starts)]
    return X, X @ on_sphere[0], on_sphere[0], np.array(on_sphere[1:])


def step(xp, X, y, signal, W):
    """One step of every row of W, and the energies before it."""
    n = X.shape[1]
    Z = W @ X.T
    y2, z2 = y * y, Z * Z
    denominator = A + y2
    residual = Z * (z2 - y2) / denominator
    f = (3 * z2 - y2) / denominator
    energy = ((z2 - y2) ** 2 / (4 * denominator)).sum(1)
    mu = (residual * Z).sum(1) / n
    overlap = (W @ signal)[:, None] / n
    direction = residual @ X - mu[:, None] * W
    top = f.max(1)
    top = (top.values if hasattr(top, "values") else top)[:, None]
    across = (Z - overlap * y) / xp.sqrt(xp.clip(1 - overlap**2, 1e-6, None))
    bounds = []
    for fraction in TRIALS:
        weight = f / (1 - fraction / top * f) / n
        k11, k12, k22 = ((weight * u).sum(1) for u in (y2, y * across, across * across))
        plane = (k11 + k22) / 2 + xp.sqrt(((k11 - k22) / 2) ** 2 + k12**2)
        bounds.append(xp.maximum(top[:, 0] / fraction + weight.sum(1), plane))
    bound = bounds[0]
    for other in bounds[1:]:
        bound = xp.minimum(bound, other)
    eta = xp.clip(SAFETY / (bound - xp.clip(mu, None, 0.0)), None, STEP)
    W = W - eta[:, None] * direction
    return W * (n**0.5 / xp.sqrt((W * W).sum(1)))[:, None], energy


def runner(library, n, count):
    """Return a function that takes a number of steps and waits for the last."""
    arrays = draw(n, count)
    if library == "numpy":
        state = [arrays[3]]

        def run(steps):
            for _ in range(steps):
                state[0], _ = step(np, *arrays[:3], state[0])

        return run
    if library == "jax":
        import jax  # noqa: PLC0415
        import jax.numpy as jnp  # noqa: PLC0415

        X, y, signal, W = (jnp.asarray(a) for a in arrays)
        state = [W]

        @jax.jit
        def many(X, y, signal, W, steps):
            return jax.lax.fori_loop(0, steps, lambda _, w: step(jnp, X, y, signal, w)[0], W)

        def run(steps):
            state[0] = many(X, y, signal, state[0], steps).block_until_ready()

        return run
    import torch  # noqa: PLC0415

    torch.set_num_threads(2)
    X, y, signal, W = (torch.from_numpy(a) for a in arrays)
    state = [W]

    @torch.inference_mode()
    def run(steps):
        for _ in range(steps):
            state[0], _ = step(torch, X, y, signal, state[0])

    return run


def seconds_a_step(run, budget):
    """Least time a step over repeats that fill a budget."""
    run(2)
    began = time.perf_counter()
    run(3)
    steps = max(3, int(budget / 12 / ((time.perf_counter() - began) / 3)))
    best = np.inf
    for _ in range(10):
        began = time.perf_counter()
        run(steps)
        best = min(best, (time.perf_counter() - began) / steps)
    return best


if __name__ == "__main__":
    library, n, count, budget = sys.argv[1], *map(int, sys.argv[2:4]), float(sys.argv[4])
    seconds = seconds_a_step(runner(library, n, count), budget)
    sys.stdout.write(json.dumps({"seconds": seconds}))
