"""Reading loss curves: which pattern they show, on what evidence, and what to try.

A few measures, each a small function, and a table of rules at the end, tried from the most certain
one down. Scale does not matter: a loss is compared with other losses of its run, mostly with the
fall of the training loss. Offset matters only where a rule asks whether a loss is high, near zero,
or has moved by a visible share of itself. A curve that is negative anywhere (a Gaussian NLL, say)
has no zero to be high above or near to, and those rules pass it over.

The bounds in the rules are conventions, set with room to spare on real runs of small networks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["PATTERNS", "Diagnosis", "diagnose"]

SHORTEST = 10  # fewer epochs cannot tell noise from a trend

PATTERNS = {
    "diverged": (
        "divide the learning rate by 10, or warm it up",
        "clip the gradient's norm",
        "look for the first nan with detect_anomaly(), and for log or exp of raw outputs",
    ),
    "sudden jump": (
        "look at the batches of that epoch: broken files, wrong scale, wrong labels",
        "ask whether the data or their split changed there: a leak may have been closed",
        "clip the gradient's norm, and go on from the checkpoint before the jump",
    ),
    "oscillating": (
        "divide the learning rate by 3 to 10, or let a schedule lower it",
        "take larger batches",
        "clip the gradient's norm",
    ),
    "suspiciously fast drop": (
        "look for the label among the inputs, and for what is known only after the fact",
        "look for the same examples in training and validation",
        "if nothing leaks, the task is easy: compare with the simplest model",
    ),
    "overfitting": (
        "stop at the epoch named, and keep its weights",
        "add weight decay or dropout",
        "get more data, or augment it",
        "take a smaller model",
    ),
    "noisy validation": (
        "validate on more examples, the same ones every epoch",
        "until then, average the curve over several epochs before stopping by it",
    ),
    "underfitting": (
        "check the learning rate: 3 times higher and lower",
        "take a larger model or better features",
        "lower weight decay and dropout",
        "train longer, if the loss is still falling",
    ),
    "plateau": (
        "ask whether the noise in the data allows less: if not, training is done",
        "change the schedule: it may have lowered the learning rate too soon; warm up or restart",
        "try another optimizer: momentum or Adam",
        "check the initialisation, and start again from another one",
    ),
    "healthy": ("go on while the validation loss falls", "then spend the test set, once"),
    "inconclusive": ("record more epochs, and the validation loss", "repeat with another seed"),
}  # what to try, in this order


@dataclass(frozen=True)
class Diagnosis:
    """What diagnose() found; `epoch` is an index into the curves, where the pattern has one.

    >>> print(Diagnosis("healthy", "the loss falls from 2 to 0.1", ("go on",)))
    healthy: the loss falls from 2 to 0.1
      1. go on
    """

    pattern: str
    evidence: str
    advice: tuple[str, ...]
    epoch: int | None = None

    def __str__(self):
        steps = (f"  {i}. {step}" for i, step in enumerate(self.advice, start=1))
        return "\n".join([f"{self.pattern}: {self.evidence}", *steps])


# ---- measures ------------------------------------------------------------------------------------


def smooth(x):
    """The running median over about a tenth of the epochs: a single outlier does not move it."""
    reach = max(1, len(x) // 20)
    mirrored = np.pad(x, reach, mode="reflect")
    return np.median(np.lib.stride_tricks.sliding_window_view(mirrored, 2 * reach + 1), axis=1)


def end(x):
    """Where the curve has arrived: the median of its last tenth."""
    return np.median(x[-max(3, len(x) // 10) :])


def fall(x):
    """From the first loss down to the lowest, smoothed."""
    return max(0.0, x[0] - smooth(x).min())


def relapse(x):
    """How far above its lowest the curve ends."""
    return max(0.0, end(x) - smooth(x).min())


def detour(x):
    """The largest rise above an earlier low, on the way."""
    return np.max(x - np.minimum.accumulate(x))


def noise(x):
    """The median distance of a loss from the mean of its neighbours: 0 on any straight line."""
    return np.median(np.abs(x[1:-1] - x[:-2] / 2 - x[2:] / 2))


def climb(x):
    """The mean rise per step, steps down counted as 0, without the largest: that may be a jump."""
    return np.sort(np.maximum(np.diff(x), 0))[:-1].mean()


def turning(x):
    """The share of epochs at which the curve turns up or down."""
    up = np.diff(x) > 0
    return np.mean(up[1:] != up[:-1])


def level(x):
    """The end as a share of the start; nan for a loss that can be negative, or starts at 0."""
    return end(x) / x[0] if x.min() >= 0 and x[0] > 0 else np.nan


def flat_from(x):
    """The epoch from which the smoothed curve stays where it ends."""
    away = np.abs(smooth(x) - end(x)) > max(0.03 * fall(x), 2 * noise(x))
    return int(np.flatnonzero(away)[-1]) + 1 if away.any() else 0


def jump(x):
    """The largest single rise, the next largest, and the epoch at its top."""
    steps = np.diff(x)
    top = int(steps.argmax()) + 1
    return steps[top - 1], np.delete(steps, top - 1).max(), top


# ---- rules: (train, val or None) -> (evidence, epoch or None) where the pattern is seen, else None


def named(train, val):
    return [("training", train)] + ([] if val is None else [("validation", val)])


def not_finite(train, val):
    for name, x in named(train, val):
        if not np.isfinite(x).all():
            epoch = int(np.isfinite(x).argmin())
            return f"the {name} loss is {x[epoch]} at epoch {epoch}", epoch


def too_short(train, val):
    if len(train) < SHORTEST:
        return f"{len(train)} epochs: it takes {SHORTEST} to tell a trend from noise", None


def jumps(train, val):
    """One step up that stands alone, after a fall, and that leads no further."""
    for name, x in named(train, val):
        height, next_height, top = jump(x)
        if not max(3, len(x) // 10) < top < len(x) - 2:
            continue  # at first all steps are large, and at last nobody knows what follows
        typical = max(noise(x), np.median(np.abs(np.diff(x[:top]))))
        alone = height > max(6 * typical, 2 * next_height) and climb(x) < 0.03 * fall(x)
        after_fall = x[0] - x[top - 1] > 0.5 * fall(x) and height > 0.15 * fall(x)
        if alone and after_fall and x[top + 1 :].max() < x[top] + height / 2:
            return (
                f"the {name} loss jumps from {x[top - 1]:.3g} to {x[top]:.3g} at epoch {top}; "
                f"before, its typical step is {typical:.2g}",
                top,
            )


def explodes(train, val, times=1.5):
    lost = relapse(train)
    if lost > max(times * fall(train), 3 * noise(train), 0.05 * abs(train[0])):
        low = int(smooth(train).argmin())
        return (
            f"the training loss begins at {train[0]:.3g}, is lowest about epoch {low}, and ends at "
            f"{end(train):.3g}",
            low,
        )


def oscillates(train, val):
    if train.min() >= 0:
        seen = climb(train) > 0.02 * np.median(train)  # a flat loss may well tremble
    else:
        seen = fall(train) > 5 * noise(train)
    if seen and climb(train) > 0.03 * fall(train) and turning(train) > 0.25:
        return (
            f"the training loss turns up or down at {turning(train):.0%} of the epochs; it rises "
            f"by {climb(train):.2g} per step, and falls from its start to its lowest by "
            f"{fall(train):.2g}",
            None,
        )


def climbs_back(train, val):
    return explodes(train, val, times=0.5)


def drops_fast(train, val):
    """To 1 % within 3 epochs; the validation loss as well, for memory is slower than a leak."""
    near_zero = (
        x.min() >= 0 and end(x) <= 0.01 * x[0] and x[:4].min() <= 0.01 * x[0]
        for _, x in named(train, val)
    )
    if all(near_zero):
        epoch = int(np.argmax(train <= 0.01 * train[0]))
        return (
            f"the training loss goes from {train[0]:.3g} to {train[epoch]:.2g} by epoch {epoch}",
            epoch,
        )


def never_falls(train, val):
    if fall(train) <= max(5 * noise(train), 1e-9 * abs(train[0])) or level(train) > 0.95:
        return (
            f"the training loss begins at {train[0]:.3g} and ends at {end(train):.3g}; its noise "
            f"is {noise(train):.2g}",
            None,
        )


def validation_rises(train, val):
    if val is None:
        return None
    low = int(smooth(val).argmin())
    still = end(train) <= smooth(train)[low] + noise(train)
    if still and relapse(val) > max(0.05 * fall(train), 3 * noise(val)):
        return (
            f"the validation loss is lowest about epoch {low}, {smooth(val)[low]:.3g}, and ends at "
            f"{end(val):.3g}; the training loss ends at {end(train):.3g}",
            low,
        )
    if end(val) - end(train) > 0.5 * fall(train) > fall(val):
        return (
            f"the training loss falls by {fall(train):.3g}, the validation loss by {fall(val):.3g}",
            low,
        )


def scatters(train, val):
    if val is not None and noise(val) > max(0.02 * fall(train), 3 * noise(train)):
        return (
            f"the validation loss is typically {noise(val):.2g} off the mean of its neighbours, "
            f"the training loss {noise(train):.2g}",
            None,
        )


def stays_high(train, val):
    if level(train) > 0.5:
        also = "" if val is None else f"; the validation loss ends at {end(val):.3g}"
        return (
            f"the training loss ends at {end(train):.3g}, {level(train):.0%} of its start{also}",
            None,
        )


def stalls(train, val):
    epoch = flat_from(train)
    if epoch <= len(train) / 2 and not level(train) < 0.1:
        return (
            f"the training loss falls from {train[0]:.3g}, and is flat at {end(train):.3g} from "
            f"epoch {epoch} on",
            epoch,
        )


def falls(train, val):
    curves = named(train, val)
    if all(
        fall(x) > max(5 * noise(x), 0.3 * fall(train)) and detour(x) < 0.25 * fall(x)
        for _, x in curves
    ):
        ways = (f"the {name} loss falls from {x[0]:.3g} to {end(x):.3g}" for name, x in curves)
        return ", ".join(ways), None


def fits_nothing(train, val):
    return (
        f"no pattern fits: the training loss falls by {fall(train):.3g}, ends {relapse(train):.3g} "
        f"above its lowest, and is typically {noise(train):.2g} off the mean of its neighbours",
        None,
    )


RULES = (
    (not_finite, "diverged"),
    (too_short, "inconclusive"),
    (jumps, "sudden jump"),
    (explodes, "diverged"),
    (oscillates, "oscillating"),
    (climbs_back, "diverged"),
    (drops_fast, "suspiciously fast drop"),
    (never_falls, "underfitting"),
    (validation_rises, "overfitting"),
    (scatters, "noisy validation"),
    (stays_high, "underfitting"),
    (stalls, "plateau"),
    (falls, "healthy"),
    (fits_nothing, "inconclusive"),
)  # the first that sees its pattern decides


def diagnose(train: Sequence[float], val: Sequence[float] | None = None) -> Diagnosis:
    """Read the loss curves of one run: the pattern, the evidence in numbers, what to try in order.

    The patterns are the keys of PATTERNS. Fewer than 10 epochs, and curves that fit no pattern, are
    "inconclusive", unless a loss is not finite.

    Shapes: train (epochs,), one loss per epoch; val the same, or None or empty, as fit() leaves it.
    The first may be the loss before training, and better is: then the whole fall is seen.
    Units: those of the loss; lower is better, and it may be negative. Epochs count from 0.
    Raises: ValueError for an empty or two-dimensional curve and for unequal lengths, TypeError for
    what are no numbers.

    >>> falling = [2.3 * 0.8**epoch for epoch in range(30)]
    >>> turning = [0.4 + loss + 0.02 * epoch for epoch, loss in enumerate(falling)]
    >>> found = diagnose(falling, turning)
    >>> found.pattern, found.epoch
    ('overfitting', 14)
    >>> found.advice[0]
    'stop at the epoch named, and keep its weights'
    """
    train = _curve("train", train)
    val = None if val is None or np.size(val) == 0 else _curve("val", val)
    if val is not None and len(val) != len(train):
        raise ValueError(
            f"train has {len(train)} epochs and val has {len(val)}: measure both at the same "
            "times; the loss before training goes into both or into none"
        )
    for rule, pattern in RULES:
        found = rule(train, val)
        if found is not None:
            evidence, epoch = found
            return Diagnosis(pattern, evidence, PATTERNS[pattern], epoch)


def _curve(name, values):
    try:
        x = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(
            f"{name} must hold numbers, such as history.{name}; got {values!r:.60}"
        ) from None
    if x.ndim != 1 or len(x) == 0:
        raise ValueError(
            f"{name} has shape {x.shape}: pass one loss per epoch, (epochs,), such as the mean "
            "over its batches"
        )
    return x
