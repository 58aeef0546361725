"""Runs of the optimizers, schedules and averages, by microloss and by PyTorch.

`python tests/optim/curves.py`, with torch installed, writes tests/data/optim.json: PyTorch's side.
"""

import json
from pathlib import Path

import numpy as np

import microloss as ml
from microloss import nn, optim
from microloss.losses import cross_entropy

KEPT = Path(__file__).parents[1] / "data" / "optim.json"
STEPS = 100

OPTIMIZERS = {
    "SGD": ("SGD", {"lr": 0.1}),
    "SGD momentum": ("SGD", {"lr": 0.1, "momentum": 0.9}),
    "SGD dampening": (
        "SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01},
    ),
    "SGD nesterov": (
        "SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    ),
    "Adagrad": ("Adagrad", {"lr": 0.05}),
    "Adagrad decay": ("Adagrad", {"lr": 0.05, "lr_decay": 0.1, "weight_decay": 0.01}),
    "RMSprop": ("RMSprop", {"lr": 0.01}),
    "RMSprop centered": (
        "RMSprop", {"lr": 0.01, "centered": True, "momentum": 0.9, "weight_decay": 0.01},
    ),
    "Adam": ("Adam", {"lr": 0.02}),
    "Adam decay": ("Adam", {"lr": 0.02, "weight_decay": 0.1, "betas": (0.8, 0.95), "eps": 1e-4}),
    "Adam amsgrad": ("Adam", {"lr": 0.02, "betas": (0.8, 0.7), "amsgrad": True}),
    "AdamW": ("AdamW", {"lr": 0.02, "weight_decay": 0.1}),
    "AdamW amsgrad": (
        "AdamW", {"lr": 0.02, "betas": (0.8, 0.7), "weight_decay": 0.1, "amsgrad": True},
    ),
}  # fmt: skip
SCHEDULES = {
    "StepLR": ("StepLR", {"step_size": 30, "gamma": 0.5}),
    "MultiStepLR": ("MultiStepLR", {"milestones": [10, 40, 40, 70], "gamma": 0.5}),
    "ConstantLR": ("ConstantLR", {"factor": 0.25, "total_iters": 20}),
    "ExponentialLR": ("ExponentialLR", {"gamma": 0.97}),
    "LinearLR": ("LinearLR", {"start_factor": 0.1, "end_factor": 0.8, "total_iters": 20}),
    "LambdaLR": ("LambdaLR", {"lr_lambda": lambda t: 1 / (1 + t)}),
    "CosineAnnealingLR": ("CosineAnnealingLR", {"T_max": 40, "eta_min": 0.001}),
    "CosineAnnealingWarmRestarts": (
        "CosineAnnealingWarmRestarts", {"T_0": 10, "T_mult": 2, "eta_min": 0.001},
    ),
    "OneCycleLR": ("OneCycleLR", {"max_lr": 0.5, "total_steps": STEPS}),
    "SequentialLR": ("SequentialLR", {}),
    "ReduceLROnPlateau": (
        "ReduceLROnPlateau",
        {"factor": 0.5, "patience": 3, "threshold": 0.02, "cooldown": 2, "min_lr": 0.001},
    ),
}  # fmt: skip
OPTIMIZER_RUNS = {name: (*spec, None) for name, spec in OPTIMIZERS.items()}
SCHEDULE_RUNS = {
    name: ("SGD", {"lr": 0.3, "momentum": 0.5}, spec) for name, spec in SCHEDULES.items()
}
RUNS = OPTIMIZER_RUNS | SCHEDULE_RUNS

# several schedules on one optimizer, each stepped once a step, in this order
CHAINS = {
    name: [SCHEDULES[part] for part in name.split(" + ")]
    for name in (
        "ExponentialLR + StepLR",
        "LinearLR + ExponentialLR",
        "ConstantLR + MultiStepLR",
        "ExponentialLR + CosineAnnealingLR",
        "CosineAnnealingLR + StepLR",
        "StepLR + LambdaLR",
        "LambdaLR + ExponentialLR",
        "ExponentialLR + CosineAnnealingWarmRestarts",
        "SequentialLR + ExponentialLR",
        "ExponentialLR + SequentialLR",
        "LinearLR + StepLR + ConstantLR",
        "StepLR + ReduceLROnPlateau",
    )
}
# one rate set by hand in the middle
BY_HAND = [
    "StepLR", "MultiStepLR", "ConstantLR", "ExponentialLR", "LinearLR", "LambdaLR",
    "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "SequentialLR", "ReduceLROnPlateau",
]  # fmt: skip


def problem():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20, 3))
    y = (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 1)
    return X, y, [p.data for p in nn.MLP(3, 5, 3, activation=nn.Tanh, rng=1).parameters()]


def build(schedules, optimizer, name, options):
    """A schedule of ours or of PyTorch's."""
    if name == "SequentialLR":
        parts = [
            schedules.LinearLR(optimizer, start_factor=0.1, total_iters=20),
            schedules.CosineAnnealingLR(optimizer, T_max=40),
            schedules.ExponentialLR(optimizer, gamma=0.9),
        ]
        return schedules.SequentialLR(optimizer, parts, milestones=[20, 60])
    if name == "OneCycleLR" and schedules is not optim:
        options = options | {"cycle_momentum": False}
    return getattr(schedules, name)(optimizer, **options)


def advance(schedule, metric):
    needs_metric = type(schedule).__name__ == "ReduceLROnPlateau"
    schedule.step(*[metric] if needs_metric else [])


def our_curve(optimizer_name, options, schedule=None):
    """[loss, learning rate] of each step."""
    X, y, _ = problem()
    model = nn.MLP(3, 5, 3, activation=nn.Tanh, rng=1)
    optimizer = getattr(optim, optimizer_name)(model.parameters(), **options)
    schedule = schedule and build(optim, optimizer, *schedule)
    curve = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = cross_entropy(model(X), y)
        loss.backward()
        optimizer.step()
        curve.append([loss.item(), optimizer.param_groups[0]["lr"]])
        if schedule:
            advance(schedule, loss.item())
    return np.array(curve)


def torch_curve(optimizer_name, options, schedule=None):
    import torch

    X, y, weights = problem()
    X, y = torch.tensor(X), torch.tensor(y)
    W1, b1, W2, b2 = parameters = [torch.tensor(w, requires_grad=True) for w in weights]
    optimizer = getattr(torch.optim, optimizer_name)(parameters, **options)
    schedule = schedule and build(torch.optim.lr_scheduler, optimizer, *schedule)
    curve = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        logits = torch.tanh(X @ W1.T + b1) @ W2.T + b2
        loss = torch.nn.functional.cross_entropy(logits, y)
        loss.backward()
        optimizer.step()
        curve.append([loss.item(), optimizer.param_groups[0]["lr"]])
        if schedule:
            advance(schedule, loss.item())
    return np.array(curve)


def rates(schedules, optimizer, chain, by_hand=None):
    """The learning rate at first and after each step of all schedules in the chain."""
    chain = [build(schedules, optimizer, *spec) for spec in chain]
    group, seen = optimizer.param_groups[0], []
    for t in range(STEPS):
        seen.append(group["lr"])
        if t == 25 and by_hand:
            group["lr"] = by_hand
        optimizer.step()
        for schedule in chain:
            advance(schedule, 1 / (1 + min(t, 50)))
    return np.array([*seen, group["lr"]])


def our_rates(chain, by_hand=None):
    p = ml.Tensor([1.0], requires_grad=True)
    p.grad = np.zeros(1)
    return rates(optim, optim.SGD([p], lr=0.3), chain, by_hand)


def torch_rates(chain, by_hand=None):
    import torch

    p = torch.nn.Parameter(torch.zeros(1))
    return rates(torch.optim.lr_scheduler, torch.optim.SGD([p], lr=0.3), chain, by_hand)


RATES = {name: (chain,) for name, chain in CHAINS.items()} | {
    f"{name}, set by hand": ([SCHEDULES[name]], 0.07) for name in BY_HAND
}


def path():
    """Weights to average, 30 snapshots of 4 numbers."""
    return np.random.default_rng(3).standard_normal((30, 4)).cumsum(axis=0)


def our_averages():
    p = ml.Tensor(np.zeros(4), requires_grad=True)
    averages = {"SWA": optim.SWA([p]), "EMA": optim.EMA([p], decay=0.9)}
    seen = {name: [] for name in averages}
    for values in path():
        p.data = values
        for name, average in averages.items():
            average.update()
            seen[name].append(average.averages[0].copy())
    return seen


def torch_averages():
    import torch
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    model = torch.nn.Linear(4, 1, bias=False, dtype=torch.float64)
    averages = {
        "SWA": AveragedModel(model),
        "EMA": AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9)),
    }
    seen = {name: [] for name in averages}
    for values in path():
        model.weight.data = torch.tensor(values[None])
        for name, average in averages.items():
            average.update_parameters(model)
            seen[name].append(average.module.weight.data[0].tolist())
    return seen


GRADIENTS = {"two": [[3.0], [[4.0, -1.0]]], "small": [[0.3], [[-0.4, 0.0]]], "zero": [[0.0]]}
CLIPS = [
    (gradients, max_norm, norm_type)
    for gradients in GRADIENTS
    for max_norm, norm_type in [(1.0, 2.0), (0.25, 1.0), (0.5, np.inf), (0.1, 3.5)]
]


def our_clips():
    """The norm before and the gradients after, of each clip."""
    results = []
    for gradients, max_norm, norm_type in CLIPS:
        params = [ml.Tensor(g, requires_grad=True) for g in GRADIENTS[gradients]]
        for p in params:
            p.grad = p.data.copy()
        norm = optim.clip_grad_norm_(params, max_norm, norm_type=norm_type)
        results.append([norm, *np.concatenate([p.grad.ravel() for p in params])])
    return results


def torch_clips():
    import torch

    results = []
    for gradients, max_norm, norm_type in CLIPS:
        params = [torch.tensor(g, dtype=torch.float64) for g in GRADIENTS[gradients]]
        for p in params:
            p.grad = p.clone()
        norm = torch.nn.utils.clip_grad_norm_(params, max_norm, norm_type=norm_type)
        results.append([norm.item(), *torch.cat([p.grad.ravel() for p in params]).tolist()])
    return results


def torch_side():
    return {
        "curves": {name: torch_curve(*run).tolist() for name, run in RUNS.items()},
        "rates": {name: torch_rates(*run).tolist() for name, run in RATES.items()},
        "averages": torch_averages(),
        "clips": torch_clips(),
    }


if __name__ == "__main__":
    import torch

    made = f"PyTorch {torch.__version__}, float64, by tests/optim/curves.py"
    text = json.dumps({"made by": made} | torch_side(), separators=(",", ":"))
    KEPT.write_text(text.replace(']],"', ']],\n"').replace('],"', '],\n"') + "\n")
