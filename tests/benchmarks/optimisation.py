"""A training step with Adam, and an exact Hessian, beside PyTorch eager on two threads.

    python tests/benchmarks/optimisation.py [--rounds N]

Both sides start from the same weights and must agree before anything is timed. Needs the extra
`bench`.
"""

import argparse
import os

import numpy as np
import torch
from timing import compare, environment

from microloss import nn, optim
from microloss.curvature import Curvature
from microloss.losses import cross_entropy

rng = np.random.default_rng(0)


def as_torch(model):
    """The same network in PyTorch, with the same weights."""
    layers = []
    for module in model.modules:
        if isinstance(module, nn.Linear):
            out_features, in_features = module.weight.shape
            layers.append(torch.nn.Linear(in_features, out_features, dtype=torch.float64))
        else:
            layers.append(getattr(torch.nn, type(module).__name__)())
    theirs = torch.nn.Sequential(*layers)
    theirs.load_state_dict({k: torch.tensor(v) for k, v in model.state_dict().items()})
    return theirs


def adam_sides():
    X, y = rng.standard_normal((32, 64)), rng.integers(0, 10, 32)
    Xt, yt = torch.tensor(X), torch.tensor(y)
    model = nn.MLP(64, 64, 64, 10, rng=0)
    theirs = as_torch(model)
    optimizer = optim.Adam(model.parameters(), lr=1e-4)
    their_optimizer = torch.optim.Adam(theirs.parameters(), lr=1e-4)

    def microloss():
        optimizer.zero_grad()
        loss = cross_entropy(model(X), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    def pytorch():
        their_optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(theirs(Xt), yt)
        loss.backward()
        their_optimizer.step()
        return loss.item()

    for _ in range(5):
        np.testing.assert_allclose(microloss(), pytorch(), rtol=1e-8)
    return {"microloss": microloss, "PyTorch": pytorch}


def hessian_sides():
    X, y = rng.standard_normal((64, 10)), rng.integers(0, 5, 64)
    Xt, yt = torch.tensor(X), torch.tensor(y)
    model = nn.MLP(10, 20, 10, 5, activation=nn.Tanh, rng=0)
    params = model.parameters()
    shapes = [p.shape for p in params]
    flat = torch.tensor(np.concatenate([p.data.ravel() for p in params]))

    def loss(flat):
        parts = torch.split(flat, [int(np.prod(s)) for s in shapes])
        W1, b1, W2, b2, W3, b3 = (part.reshape(s) for part, s in zip(parts, shapes))
        h = torch.tanh(torch.tanh(Xt @ W1.T + b1) @ W2.T + b2)
        return torch.nn.functional.cross_entropy(h @ W3.T + b3, yt)

    def microloss():
        return Curvature(cross_entropy(model(X), y), params).matrix()

    def pytorch():
        return torch.autograd.functional.hessian(loss, flat)

    np.testing.assert_allclose(microloss(), pytorch().numpy(), atol=1e-12)
    print(f"\nexact Hessian of an MLP with {flat.numel()} parameters")
    return {"microloss": microloss, "PyTorch": pytorch}


def report(contenders, rounds, at_most, **options):
    result = compare(contenders, rounds, **options)
    for name in contenders:
        print(f"  {name:10} {result.median_us(name):12.1f} us")
    ratio, low, high = result.ratio("microloss", "PyTorch")
    verdict = "PASS" if ratio <= at_most else "over"
    print(f"  {ratio:.2f}x ({low:.2f} to {high:.2f}), at most {at_most}x: {verdict}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 2)))
    print(", ".join(f"{k} {v}" for k, v in environment(["numpy", "torch", "microloss"]).items()))
    print("\none step of a 64-64-64-10 MLP with Adam, batch 32, float64")
    report(adam_sides(), rounds, 0.6)
    report(hessian_sides(), max(3, rounds // 5), 1.0)


if __name__ == "__main__":
    main()
