"""How long each loss takes, forward and backward, beside PyTorch eager on two threads.

    python tests/benchmarks/losses.py [--rounds N] [--only NAME]

At 64 x 10 elements, at 100,000 elements, and CTC at two sizes. Both sides get the same arguments,
and their values must agree before anything is timed. Needs the extra `bench`.
"""

import argparse
import os

import numpy as np
import torch
import torch.nn.functional as F
from timing import compare, environment

import microloss as ml
from microloss import losses

rng = np.random.default_rng(0)


def elementwise(target):
    return lambda n: (rng.standard_normal((n // 10, 10)), target((n // 10, 10)))


def uniform(shape):
    return rng.uniform(0.05, 0.95, shape)


def signs(shape):
    return rng.choice([-1.0, 1.0], shape)


normal = rng.standard_normal


def classes(n):
    return rng.standard_normal((n // 10, 10)), rng.integers(0, 10, n // 10)


def vectors(count, target=None):
    def make(n):
        arrays = tuple(rng.standard_normal((n // 10, 10)) for _ in range(count))
        return arrays if target is None else (*arrays, target(n // 10))

    return make


def log_distributions(n):
    x = rng.standard_normal((n // 10, 10))
    p = uniform((n // 10, 10))
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True)), p / p.sum(axis=1, keepdims=True)


# name -> arguments for n elements, and options that both take
CASES = {
    "mse_loss": (elementwise(normal), {}),
    "l1_loss": (elementwise(normal), {}),
    "huber_loss": (elementwise(normal), {}),
    "smooth_l1_loss": (elementwise(normal), {}),
    "gaussian_nll_loss": (lambda n: (*elementwise(normal)(n), uniform((n // 10, 10))), {}),
    "poisson_nll_loss": (elementwise(uniform), {}),
    "cross_entropy": (classes, {}),
    "nll_loss": (lambda n: (log_distributions(n)[0], classes(n)[1]), {}),
    "binary_cross_entropy": (lambda n: (uniform((n // 10, 10)), uniform((n // 10, 10))), {}),
    "binary_cross_entropy_with_logits": (elementwise(uniform), {}),
    "multi_margin_loss": (classes, {}),
    "soft_margin_loss": (elementwise(signs), {}),
    "kl_div": (log_distributions, {"reduction": "batchmean"}),
    "triplet_margin_loss": (vectors(3), {}),
    "cosine_embedding_loss": (vectors(2, signs), {}),
    "hinge_embedding_loss": (elementwise(signs), {}),
    "margin_ranking_loss": (
        lambda n: tuple(a.ravel() for a in (*vectors(2)(n), signs((n // 10, 10)))), {},
    ),
}  # fmt: skip


def sides(name, args, options):
    """Forward and backward of one loss, ours and PyTorch's; the first argument gets a gradient."""
    x = ml.Tensor(args[0], requires_grad=True)
    ours, theirs = getattr(losses, name), getattr(F, name)
    u = torch.tensor(args[0], requires_grad=True)
    rest = [torch.tensor(a) for a in args[1:]]

    def microloss():
        x.grad = None
        value = ours(x, *args[1:], **options)
        value.backward()
        return value

    def pytorch():
        u.grad = None
        value = theirs(u, *rest, **options)
        value.backward()
        return value

    np.testing.assert_allclose(microloss().item(), pytorch().item(), rtol=1e-8)
    np.testing.assert_allclose(x.grad, u.grad.numpy(), rtol=1e-7, atol=1e-12)
    return {"microloss": microloss, "PyTorch": pytorch}


def ctc_sides(T, N, C=30, S=12):
    logits = rng.standard_normal((T, N, C))
    targets = rng.integers(1, C, (N, S))
    lengths = np.full(N, T), rng.integers(S // 2, S + 1, N)
    x = ml.Tensor(logits, requires_grad=True)
    u = torch.tensor(logits, requires_grad=True)
    theirs = [torch.tensor(a) for a in (targets, *lengths)]

    def microloss():
        x.grad = None
        value = losses.ctc_loss(ml.functional.log_softmax(x, axis=-1), targets, *lengths)
        value.backward()
        return value

    def pytorch():
        u.grad = None
        value = F.ctc_loss(F.log_softmax(u, dim=-1), *theirs)
        value.backward()
        return value

    np.testing.assert_allclose(microloss().item(), pytorch().item(), rtol=1e-8)
    np.testing.assert_allclose(x.grad, u.grad.numpy(), rtol=1e-6, atol=1e-10)
    return {"microloss": microloss, "PyTorch": pytorch}


def row(name, contenders, rounds):
    result = compare(contenders, rounds, pause=0.02)
    ratio, low, high = result.ratio("microloss", "PyTorch")
    times = (result.median_us(side) for side in ("microloss", "PyTorch"))
    print(f"  {name:34}" + "".join(f"{t:10.1f}" for t in times), end="")
    print(f"   {ratio:.2f}x ({low:.2f} to {high:.2f})", flush=True)
    return ratio


def verdict(name, value, at_most):
    print(f"  {name}: {value:.2f}x, at most {at_most}x: {'PASS' if value <= at_most else 'over'}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", metavar="NAME", help="a loss, or ctc_loss")
    arguments = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 2)))
    print(", ".join(f"{k} {v}" for k, v in environment(["numpy", "torch", "microloss"]).items()))

    for n, at_most in ((640, 0.9), (100_000, 2.0)):
        print(f"\n{n} elements, float64      us: microloss   PyTorch   ratio (quartiles)")
        ratios = [
            row(name, sides(name, make(n), options), arguments.rounds)
            for name, (make, options) in CASES.items()
            if arguments.only in (None, name)
        ]
        if ratios:
            verdict("geometric mean", float(np.exp(np.mean(np.log(ratios)))), at_most)
    if arguments.only in (None, "ctc_loss"):
        for T, N in ((50, 16), (200, 64)):
            name = f"ctc_loss T={T} B={N}"
            verdict(name, row(name, ctc_sides(T, N), arguments.rounds), 2.0)


if __name__ == "__main__":
    main()
