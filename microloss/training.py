"""The training loop, for those who have written it themselves often enough."""

import operator
import sys
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from .engine.modes import no_grad
from .engine.tensor import Tensor
from .nn import Module
from .optim import SAM, ReduceLROnPlateau, SaddleFreeNewton
from .randomness import Random, generator

__all__ = ["History", "batches", "fit"]


@dataclass
class History:
    """What fit() has seen, a number for each epoch that was completed.

    `val` is empty without validation data. `best_epoch` is the epoch of the lowest validation loss,
    or None if there is none. `interrupted`: Ctrl-C ended the training.
    """

    train: list[float] = field(default_factory=list)
    val: list[float] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    lr: list[float] = field(default_factory=list)
    best_epoch: int | None = None
    stopped_early: bool = False
    interrupted: bool = False


def batches(n: int, batch_size: int, rng: np.random.Generator) -> Iterable[np.ndarray]:
    """The numbers 0..n-1 in random order, batch_size at a time; the last batch may be smaller.

    >>> [b.tolist() for b in batches(5, 2, np.random.default_rng(0))]
    [[2, 4], [3, 0], [1]]
    """
    batch_size = _whole("batch_size", batch_size, 1, "; for one batch of everything pass len(X)")
    order = rng.permutation(n)
    return (order[i : i + batch_size] for i in range(0, n, batch_size))


def fit(
    model: Module,
    loss: Callable,
    optimizer,
    X: Tensor | np.ndarray,
    y: Tensor | np.ndarray,
    *,
    epochs: int,
    rng: Random,
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
    rng : a NumPy Generator or a seed, for the order of the examples.
    accumulate : each step uses the gradient of this many batches together, weighted by their
        sizes, so that it equals that of one large batch.
    validation : (X, y) to measure after each epoch, in eval() mode.
    metrics : name -> (model(X), y) -> number, on the validation data.
    schedule : stepped after each epoch (ReduceLROnPlateau with the validation loss).
    patience : stop when the validation loss has not improved for that many epochs, and go back
        to the best epoch's weights. nan is worse than any number.
    callbacks : called as (epoch, model, history) after each epoch. If one of them returns True, the
        training stops; other results have no meaning.
    progress : show one line that is rewritten.

    Ctrl-C stops the training and returns the history so far; with patience, the model has the best
    weights then as well.

    Warns: RuntimeWarning when the validation loss was nan after every epoch.
    Raises: ValueError for data that are empty or of unequal length, for counts that are not
    positive whole numbers, for patience or metrics without validation, for an optimizer of other
    parameters and a schedule of another optimizer; FloatingPointError when the training loss is no
    longer finite.

    >>> from microloss import datasets, losses, nn, optim
    >>> X, y = datasets.make_blobs(90, seed=0)
    >>> model = nn.MLP(2, 3, rng=0)
    >>> history = fit(model, losses.cross_entropy, optim.SGD(model.parameters(), lr=0.1), X, y,
    ...               epochs=5, rng=0)
    >>> history.train[-1] < history.train[0]
    True
    """
    X, y = _pair("X", X, "y", y)
    epochs = _whole("epochs", epochs, 0)
    batch_size = _whole("batch_size", batch_size, 1, "; for one batch of everything pass len(X)")
    accumulate = _whole("accumulate", accumulate, 1)
    patience = None if patience is None else _whole("patience", patience, 1)
    rng = generator(rng, "fit")
    callbacks = list(callbacks)
    if validation is None and (patience is not None or metrics):
        raise ValueError("patience and metrics look at validation data: pass validation=(X, y)")
    if validation is not None:
        validation = _pair("validation X", validation[0], "validation y", validation[1])
    _check_optimizer(model, optimizer, schedule)
    history = History(metrics={name: [] for name in metrics or ()})
    best = None
    try:
        for epoch in range(epochs):
            model.train()
            train = _epoch(
                model, loss, optimizer, X, y, batches(len(X), batch_size, rng), accumulate
            )
            if not np.isfinite(train):
                raise FloatingPointError(
                    f"the training loss is {train} in epoch {epoch}: lower the learning rate, or "
                    "look for the cause with detect_anomaly()"
                )
            measured = _measure(model, loss, validation, metrics or {})
            history.train.append(train)  # all at once: an interrupt leaves no epoch half recorded
            history.lr.append(optimizer.param_groups[0]["lr"])
            for name, number in measured.items():
                (history.val if name is None else history.metrics[name]).append(number)
            if validation is not None:
                lowest = np.inf if history.best_epoch is None else history.val[history.best_epoch]
                if history.val[-1] < lowest:
                    history.best_epoch = epoch
                    best = model.state_dict() if patience is not None else None
            if schedule is not None:
                plateau = isinstance(schedule, ReduceLROnPlateau)
                schedule.step(*(history.val or history.train)[-1:] if plateau else ())
            if progress:
                _show(epoch, epochs, history)
            results = [callback(epoch, model, history) for callback in callbacks]
            if any(isinstance(result, bool | np.bool) and result for result in results):
                break
            waited = epoch - (-1 if history.best_epoch is None else history.best_epoch)
            if patience is not None and waited >= patience:
                history.stopped_early = True
                break
    except KeyboardInterrupt:
        history.interrupted = True
    finally:
        if best is not None:
            model.load_state_dict(best)
        if progress:
            print()
        model.eval()
    if history.val and np.isnan(history.val).all():
        warnings.warn(
            "the validation loss was nan after every epoch, so no epoch was the best: look for nan "
            "in the validation data, or for the cause with detect_anomaly()",
            RuntimeWarning,
            stacklevel=2,
        )
    return history


def _epoch(model, loss, optimizer, X, y, parts, accumulate) -> float:
    """One time through the data; returns the mean loss, each batch measured before its step."""
    total, window = 0.0, []
    for batch in parts:
        window.append(batch)
        if len(window) == accumulate:
            total += _step(model, loss, optimizer, X, y, window)
            window = []
    if window:
        total += _step(model, loss, optimizer, X, y, window)
    return total / len(X)


def _step(model, loss, optimizer, X, y, window) -> float:
    """One step with the gradient of all batches in the window; returns the sum of their losses."""
    count = sum(map(len, window))

    def parts():
        for batch in window:
            yield loss(model(X[batch]), y[batch]) * (len(batch) / count)

    def closure():
        optimizer.zero_grad()
        total = 0.0
        for part in parts():
            part.backward()
            total += part.item()
        return total

    if isinstance(optimizer, SaddleFreeNewton):  # it differentiates the loss by itself
        mean = optimizer.step(lambda: sum(parts())).item()
    elif isinstance(optimizer, SAM):
        mean = optimizer.step(closure)
    else:
        mean = closure()
        optimizer.step()
    return mean * count


def _measure(model, loss, validation, metrics) -> dict[str | None, float]:
    """The validation loss, under None, and the metrics by name; nothing without validation."""
    if validation is None:
        return {}
    X, y = validation
    model.eval()
    with no_grad():
        output = model(X)
        measured = {None: float(loss(output, y))}
    return measured | {name: float(metric(output.data, y)) for name, metric in metrics.items()}


def _pair(name, X, other, y):
    """Both as arrays, of one length that is not 0."""
    X, y = (a if isinstance(a, Tensor | np.ndarray) else np.asarray(a) for a in (X, y))
    for n, array in ((name, X), (other, y)):
        if array.ndim == 0:
            raise ValueError(f"{n} must be an array with one row for each example, got {array!r}")
    if len(X) != len(y):
        raise ValueError(f"{name} has {len(X)} rows, {other} has {len(y)}")
    if len(X) == 0:
        raise ValueError(f"{name} is empty: it has shape {X.shape}")
    return X, y


def _whole(name, value, least, cure=""):
    try:
        if operator.index(value) >= least:
            return operator.index(value)
    except TypeError:
        pass
    raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}{cure}")


def _check_optimizer(model, optimizer, schedule):
    """Refuse an optimizer that trains nothing of this model, a schedule that changes nothing."""
    held = {p for group in optimizer.param_groups for p in group["params"]}
    if held.isdisjoint(model.parameters()):
        raise ValueError(
            "the optimizer holds none of the model's parameters: make it with model.parameters() "
            "of this model"
        )
    if schedule is not None and schedule.optimizer.param_groups is not optimizer.param_groups:
        raise ValueError("the schedule was made for another optimizer than the one given")


def _show(epoch, epochs, history):
    shown = {"train": history.train, "val": history.val} | history.metrics
    numbers = "  ".join(f"{name} {values[-1]:.4g}" for name, values in shown.items() if values)
    print(f"\repoch {epoch + 1}/{epochs}  {numbers}   ", end="", flush=True, file=sys.stdout)
