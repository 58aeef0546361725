"""How long one training step takes: microloss, hand-written NumPy, PyTorch, MyGrad, autograd.

    python tests/benchmarks/training_step.py [--rounds N] [--only CASE] [--json FILE]

A step is forward, mean softmax cross-entropy, backward and an SGD update, and returns the loss as
a float. All start from the same weights and data, and before anything is timed their losses over
five steps must agree, so nobody wins by doing less. Needs the extra `bench`; an absent peer is
named and skipped.

BLAS keeps its default threads, PyTorch takes two. OMP_NUM_THREADS=1 gives one thread to everybody,
which is the comparison to trust where other programs want the cores.
"""

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from timing import Comparison, compare, environment

LEARNING_RATE = 0.01
OURS = "microloss"

Step = Callable[[], float]


@dataclass(frozen=True)
class Case:
    sizes: tuple[int, int, int, int]
    batch: int
    dtype: type
    at_most: dict[str, float]  # the project's targets: our time over the peer's

    @property
    def name(self) -> str:
        return "-".join(map(str, self.sizes))

    def data(self) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
        """Inputs (batch, features), labels (batch,), and W (out, in), b (out,) of each layer."""
        rng = np.random.default_rng(0)
        weights = []
        for fan_in, fan_out in zip(self.sizes, self.sizes[1:]):
            weights.append(rng.normal(0, fan_in**-0.5, (fan_out, fan_in)).astype(self.dtype))
            weights.append(rng.normal(0, 0.1, fan_out).astype(self.dtype))
        X = rng.standard_normal((self.batch, self.sizes[0])).astype(self.dtype)
        return X, rng.integers(0, self.sizes[-1], self.batch), weights


SMALL = {"MyGrad": 0.5, "autograd": 0.25}
CASES = [
    Case((2, 16, 16, 2), 1, np.float64, {"NumPy": 1.6, "PyTorch": 0.6} | SMALL),
    Case((64, 64, 64, 10), 32, np.float64, {"NumPy": 1.3, "PyTorch": 0.7} | SMALL),
    Case((784, 256, 256, 10), 128, np.float32, {"NumPy": 1.1, "PyTorch": 1.0}),
]


def numpy_step(X: np.ndarray, y: np.ndarray, weights: list[np.ndarray]) -> Step:
    """The derivation done by hand: no tape, every elementwise operation in place."""
    parameters = W1, b1, W2, b2, W3, b3 = [w.copy() for w in weights]
    n = len(y)
    rows = np.arange(n)

    def step():
        h1 = X @ W1.T
        h1 += b1
        np.maximum(h1, 0, out=h1)
        h2 = h1 @ W2.T
        h2 += b2
        np.maximum(h2, 0, out=h2)
        z = h2 @ W3.T
        z += b3

        z -= z.max(axis=1, keepdims=True)
        z_label = z[rows, y]
        np.exp(z, out=z)
        total = z.sum(axis=1, keepdims=True)
        loss = (np.log(total).sum() - z_label.sum()) / n

        z /= total
        z[rows, y] -= 1
        z /= n
        g2 = z @ W3
        g2 *= h2 > 0
        g1 = g2 @ W2
        g1 *= h1 > 0
        gradients = (
            g1.T @ X, g1.sum(axis=0), g2.T @ h1, g2.sum(axis=0), z.T @ h2, z.sum(axis=0)
        )  # fmt: skip
        for parameter, gradient in zip(parameters, gradients):
            gradient *= LEARNING_RATE
            parameter -= gradient
        return float(loss)

    return step


def pytorch_step(X: np.ndarray, y: np.ndarray, weights: list[np.ndarray]) -> Step:
    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 2)))
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    layers = [nn.Linear(W.shape[1], W.shape[0], dtype=X.dtype) for W in weights[::2]]
    model = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
    with torch.no_grad():
        for parameter, w in zip(model.parameters(), weights):
            parameter.copy_(torch.from_numpy(w))
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)

    def step():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(X), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def mygrad_step(X: np.ndarray, y: np.ndarray, weights: list[np.ndarray]) -> Step:
    import mygrad
    from mygrad.nnet import relu, softmax_crossentropy

    mygrad.turn_memory_guarding_off()  # its manual's advice where speed matters
    parameters = W1, b1, W2, b2, W3, b3 = [mygrad.tensor(w.copy()) for w in weights]

    def step():
        h1 = relu(X @ W1.T + b1)
        h2 = relu(h1 @ W2.T + b2)
        loss = softmax_crossentropy(h2 @ W3.T + b3, y)
        loss.backward()
        for parameter in parameters:
            parameter.data -= LEARNING_RATE * parameter.grad
        return loss.item()

    return step


def autograd_step(X: np.ndarray, y: np.ndarray, weights: list[np.ndarray]) -> Step:
    import autograd.numpy as anp
    from autograd import value_and_grad
    from autograd.tracer import getval

    parameters = [w.copy() for w in weights]
    rows = np.arange(len(y))

    def relu(x):
        return x * (x > 0)  # faster than maximum(x, 0), whose rule looks for ties

    def cross_entropy(parameters):
        W1, b1, W2, b2, W3, b3 = parameters
        h1 = relu(X @ W1.T + b1)
        h2 = relu(h1 @ W2.T + b2)
        z = h2 @ W3.T + b3
        z = z - getval(z).max(axis=1, keepdims=True)  # the shift's own gradient is zero
        return anp.mean(anp.log(anp.sum(anp.exp(z), axis=1)) - z[rows, y])

    loss_and_gradients = value_and_grad(cross_entropy)

    def step():
        loss, gradients = loss_and_gradients(parameters)
        for parameter, gradient in zip(parameters, gradients):
            parameter -= LEARNING_RATE * gradient
        return float(loss)

    return step


def microloss_step(X: np.ndarray, y: np.ndarray, weights: list[np.ndarray]) -> Step:
    from microloss import nn, optim
    from microloss.losses import cross_entropy

    model = nn.MLP(X.shape[1], *(b.size for b in weights[1::2]), rng=0, dtype=X.dtype)
    for parameter, w in zip(model.parameters(), weights):
        parameter.data = w.copy()
    optimizer = optim.SGD(model.parameters(), lr=LEARNING_RATE)

    def step():
        optimizer.zero_grad()
        loss = cross_entropy(model(X), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


BUILDERS = {
    "NumPy": numpy_step,
    "PyTorch": pytorch_step,
    "MyGrad": mygrad_step,
    "autograd": autograd_step,
    OURS: microloss_step,
}


def contenders(case: Case) -> dict[str, Step]:
    """The steps of those that are installed, each five steps in and found to agree."""
    steps = {}
    for name, build in BUILDERS.items():
        try:
            steps[name] = build(*case.data())
        except ImportError as error:
            print(f"  {name} skipped: {error}")
    losses = {name: [step() for _ in range(5)] for name, step in steps.items()}
    for name in losses:
        np.testing.assert_allclose(
            losses[name],
            losses["NumPy"],
            rtol=1e-9 if case.dtype is np.float64 else 1e-4,
            err_msg=f"{name} and NumPy disagree on the first five losses of {case.name}",
        )
    return steps


def report(case: Case, result: Comparison) -> dict:
    """Print the table and the verdict on each target; return both for --json."""
    print(f"  {'':10} {'median us':>10} {'/ NumPy':>8}   {OURS} / it (quartiles), target")
    rows = {}
    for name in result.seconds:
        row = {"median_us": result.median_us(name), "over_numpy": result.ratio(name, "NumPy")[0]}
        line = f"  {name:10} {row['median_us']:10.1f} {row['over_numpy']:7.2f}x"
        if OURS in result.seconds and name != OURS:
            row["ratio"], *row["quartiles"] = result.ratio(OURS, name)
            low, high = row["quartiles"]
            line += f"   {row['ratio']:.2f}x ({low:.2f} to {high:.2f})"
            if name in case.at_most:
                row["at_most"] = case.at_most[name]
                verdict = "PASS" if row["ratio"] <= row["at_most"] else "over"
                line += f", at most {row['at_most']}x: {verdict}"
        print(line)
        rows[name] = row
    print(f"  other programs kept {result.other_cores:.2f} cores busy", end="")
    crowded = result.other_cores > 0.1 and os.environ.get("OMP_NUM_THREADS") != "1"
    print(": repeat on a quiet machine, or with OMP_NUM_THREADS=1" if crowded else "")
    return {"contenders": rows, "other_cores": result.other_cores}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--only", choices=[case.name for case in CASES], metavar="CASE")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()

    machine = environment(["numpy", "torch", "mygrad", "autograd", OURS])
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    rows = {}
    for case in CASES:
        if arguments.only in (None, case.name):
            print(f"\nMLP {case.name}, batch {case.batch}, {case.dtype.__name__}")
            rows[case.name] = report(case, compare(contenders(case), arguments.rounds))
    if arguments.json:
        results = {"environment": machine, "rounds": arguments.rounds, "cases": rows}
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
