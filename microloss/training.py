"""The training loop, for those who have written it themselves often enough."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from .engine.modes import no_grad
from .nn import Module
from .optim import SAM, ReduceLROnPlateau

__all__ = ["History", "batches", "fit"]


@dataclass
class History:
    """What fit() has seen, a number for each epoch; `val` is empty without validation data."""

    train: list[float] = field(default_factory=list)
    val: list[float] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    lr: list[float] = field(default_factory=list)
    best_epoch: int = 0
    stopped_early: bool = False


def batches(n: int, batch_size: int, rng: np.random.Generator) -> Iterable[np.ndarray]:
    """The numbers 0..n-1 in random order, batch_size at a time; the last batch may be smaller.

    >>> [b.tolist() for b in batches(5, 2, np.random.default_rng(0))]
    [[2, 4], [3, 0], [1]]
    """
    order = rng.permutation(n)
    return (order[i : i + batch_size] for i in range(0, n, batch_size))


def fit(
    model: Module,
    loss: Callable,
    optimizer,
    X: np.ndarray,
    y: np.ndarray,
    *,
    epochs: int,
    rng: np.random.Generator,
    batch_size: int = 32,
    accumulate: int = 1,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    metrics: dict[str, Callable] | None = None,
    schedule=None,
    patience: int | None = None,
    callbacks: Iterable[Callable] = (),
    progress: bool = False,
) -> History:
    """Train a model: mini-batches in random order, `epochs` times through the data.

    loss : (model(X), y) -> the mean loss of a batch, as a Tensor.
    accumulate : each step uses the gradient of this many batches together, weighted by their
        sizes, so that it equals that of one large batch.
    validation : (X, y) to measure after each epoch, in eval() mode.
    metrics : name -> (model(X), y) -> number, on the validation data.
    schedule : stepped after each epoch (ReduceLROnPlateau with the validation loss).
    patience : stop when the validation loss has not improved for that many epochs, and go back
        to the best epoch's weights.
    callbacks : called as (epoch, model, history) after each epoch; True from one of them stops.
    progress : show one line that is rewritten.

    Raises ValueError for data of unequal length, and for patience or metrics without validation;
    FloatingPointError when the training loss is no longer finite.

    >>> from microloss import datasets, losses, nn, optim
    >>> X, y = datasets.make_blobs(90, seed=0)
    >>> model = nn.MLP(2, 3, rng=0)
    >>> history = fit(model, losses.cross_entropy, optim.SGD(model.parameters(), lr=0.1), X, y,
    ...               epochs=5, rng=np.random.default_rng(0))
    >>> history.train[-1] < history.train[0]
    True
    """
    if len(X) != len(y):
        raise ValueError(f"X has {len(X)} rows, y has {len(y)}")
    if validation is None and (patience is not None or metrics):
        raise ValueError("patience and metrics look at validation data: pass validation=(X, y)")
    history = History(metrics={name: [] for name in metrics or ()})
    best = None
    for epoch in range(epochs):
        model.train()
        total = 0.0
        window = []
        for batch in batches(len(X), batch_size, rng):
            window.append(batch)
            if len(window) == accumulate:
                total += _step(model, loss, optimizer, X, y, window)
                window = []
        if window:
            total += _step(model, loss, optimizer, X, y, window)
        history.train.append(total / len(X))
        history.lr.append(optimizer.param_groups[0]["lr"])
        if not np.isfinite(history.train[-1]):
            raise FloatingPointError(
                f"the training loss is {history.train[-1]} in epoch {epoch}: lower the learning "
                "rate, or look for the cause with detect_anomaly()"
            )
        if validation is not None:
            model.eval()
            with no_grad():
                output = model(validation[0])
                history.val.append(float(loss(output, validation[1])))
            for name, metric in (metrics or {}).items():
                history.metrics[name].append(float(metric(output.data, validation[1])))
            if best is None or history.val[-1] < history.val[history.best_epoch]:
                history.best_epoch = epoch
                best = model.state_dict() if patience is not None else ()
        if schedule is not None:
            plateau = isinstance(schedule, ReduceLROnPlateau)
            schedule.step(*(history.val or history.train)[-1:] if plateau else ())
        if progress:
            _show(epoch, epochs, history)
        stop = [callback(epoch, model, history) for callback in callbacks]
        if any(stop):
            break
        if patience is not None and epoch - history.best_epoch >= patience:
            history.stopped_early = True
            break
    if patience is not None and best:
        model.load_state_dict(best)
    if progress:
        print()
    model.eval()
    return history


def _step(model, loss, optimizer, X, y, window) -> float:
    """One step with the gradient of all batches in the window; returns the sum of their losses."""
    count = sum(map(len, window))

    def closure():
        optimizer.zero_grad()
        total = 0.0
        for batch in window:
            part = loss(model(X[batch]), y[batch]) * (len(batch) / count)
            part.backward()
            total += part.item()
        return total

    if isinstance(optimizer, SAM):
        mean = optimizer.step(closure)
    else:
        mean = closure()
        optimizer.step()
    return mean * count


def _show(epoch, epochs, history):
    shown = {"train": history.train, "val": history.val} | history.metrics
    numbers = "  ".join(f"{name} {values[-1]:.4g}" for name, values in shown.items() if values)
    print(f"\repoch {epoch + 1}/{epochs}  {numbers}   ", end="", flush=True, file=sys.stdout)
