"""Reading loss curves: which pattern they show, on what evidence, and what to try.

A few measures, each a small function, and a table of rules at the end, tried from the most certain
one down. Scale does not matter: a loss is compared with other losses of its run, mostly with the
fall of the training loss. Offset matters only where a rule asks whether a loss is high, near zero,
or has moved by a visible share of itself. A curve that is negative anywhere (a Gaussian NLL, say)
has no zero to be high above or near to, and those rules pass it over. What a loss is worth on its
own can be told only by comparing it with the loss of a constant guess.

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
    "recovering spikes": (
        "leave it: the loss comes back each time",
        "clip the gradient's norm, or lower the learning rate a little",
        "look at the batches of those epochs",
    ),
    "validation never fell": (
        "check that inputs and labels belong together, in the validation data above all",
        "check that both sets are scaled alike and come from the same source",
        "only if all of that is right, doubt that the inputs tell anything about the labels",
    ),
    "double descent": (
        "go on: the validation loss has come back to its earlier low, or below it",
        "take more data or weight decay: both make the hump smaller",
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
    "generalisation gap": (
        "get more data, or augment it",
        "add weight decay or dropout",
        "check that the validation data are like the training data",
    ),
    "no better than guessing": (
        "check that inputs and labels belong together",
        "check that every parameter has a gradient, and that none is 0",
        "train on a single batch: a network that works brings that loss close to 0",
        "try learning rates 10 times higher and lower",
        "lower weight decay, or take a larger model",
    ),
    "underfitting": (
        "compare with the loss of a constant guess (guess=...): fine-tuning may start far below it",
        "check the learning rate: 3 times higher and lower",
        "take a larger model or better features",
        "lower weight decay and dropout",
        "train longer, if the loss is still falling",
    ),
    "learning-rate drop": (
        "nothing is wrong if a schedule lowered the learning rate there: smaller steps end lower",
        "else ask what changed at that epoch",
        "try the drop earlier, or a smooth decay",
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


def level(x, guess=None):
    """The end as a share of the guess's loss, or of the start; nan if either can be negative."""
    whole = x[0] if guess is None else guess
    return end(x) / whole if x.min() >= 0 and whole > 0 else np.nan


def lowest(x):
    """The epoch of the smallest loss after the start, which is the network before training."""
    return 1 + int(x[1:].argmin())


def flat_from(x):
    """The epoch from which the smoothed curve stays where it ends."""
    away = np.abs(smooth(x) - end(x)) > max(0.03 * fall(x), 2 * noise(x))
    return int(np.flatnonzero(away)[-1]) + 1 if away.any() else 0


def jump(x):
    """The largest single rise, the next largest, and the epoch at its top."""
    steps = np.diff(x)
    top = int(steps.argmax()) + 1
    return steps[top - 1], np.delete(steps, top - 1).max(), top


# ---- rules: Curves -> (evidence, epoch or None) where the pattern is seen, else None


@dataclass(frozen=True)
class Curves:
    """What the rules look at: the losses of a run, and that of a constant guess if known."""

    train: np.ndarray
    val: np.ndarray | None
    guess: float | None

    def named(self):
        return [("training", self.train)] + ([] if self.val is None else [("validation", self.val)])

    def start(self, x):
        """The first loss, or that of the guess where fine-tuning starts below it."""
        return x[0] if self.guess is None else max(x[0], self.guess)

    def fall(self, x):
        return max(0.0, self.start(x) - smooth(x).min())

    def guesses(self):
        """What a constant guess may cost: as given, else ln C for usual C, with a name each."""
        if self.guess is not None:
            return [(self.guess, "the loss of the guess")]
        return [(np.log(n), f"ln {n}, a guess among {n} classes") for n in (*range(2, 11), 100)]


def not_finite(c):
    for name, x in c.named():
        if not np.isfinite(x).all():
            epoch = int(np.isfinite(x).argmin())
            return f"the {name} loss is {x[epoch]} at epoch {epoch}", epoch


def too_short(c):
    if len(c.train) < SHORTEST:
        return f"{len(c.train)} epochs: it takes {SHORTEST} to tell a trend from noise", None


def one_loss_per_batch(c):
    x = c.train
    early = x[: len(x) // 4]  # later on a loss near 0 has no room to tremble
    if c.val is None and len(x) >= 300 and turning(x) > 0.5 and noise(early) > 0.02 * fall(x):
        return (
            f"{len(x)} losses that turn up or down at {turning(x):.0%} of the steps look like one "
            "per batch: pass the mean over each epoch",
            None,
        )


def jumps(c):
    """One step up that stands alone, after a fall, and that leads no further."""
    for name, x in c.named():
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


def spikes(c):
    """Several single epochs far above their neighbours, on a curve that is otherwise calm."""
    for name, x in c.named():
        above = x - smooth(x)
        high = above > max(8 * noise(x), 0.1 * fall(x))
        high[: max(3, len(x) // 10)] = False
        calm = fall(x) > 20 * noise(x) and relapse(x) < 0.1 * fall(x)
        if calm and 2 <= high.sum() <= 0.15 * len(x):
            at = np.flatnonzero(high)
            return (
                f"the {name} loss leaves its course {len(at)} times, by up to {above.max():.2g}, "
                f"first at epoch {at[0]}, and comes back each time",
                int(at[0]),
            )


def explodes(c, times=1.5):
    x = c.train
    above = x[1:].min() > x[0] + 0.5 * abs(x[0])  # however much it trembles there
    if relapse(x) > max(times * fall(x), 0 if above else 3 * noise(x), 0.05 * abs(x[0])):
        low = int(x.argmin())
        return (
            f"the training loss begins at {x[0]:.3g}, is lowest at epoch {low}, and ends at "
            f"{end(x):.3g}",
            low,
        )


def oscillates(c):
    x = c.train
    # a flat loss may well tremble
    seen = climb(x) > 0.02 * np.median(x) if x.min() >= 0 else fall(x) > 5 * noise(x)
    if seen and climb(x) > 0.03 * fall(x) and turning(x) > 0.25:
        return (
            f"the training loss turns up or down at {turning(x):.0%} of the epochs; it rises "
            f"by {climb(x):.2g} per step, and falls from its start to its lowest by {fall(x):.2g}",
            None,
        )


def swings_grow(c):
    """The last quarter swings far more than the quarter before it."""
    x = c.train
    quarter = max(10, len(x) // 4)
    if len(x) < 2 * quarter:
        return None
    before, last = noise(x[-2 * quarter : -quarter]), noise(x[-quarter:])
    seen = last > max(3 * before, 0.05 * fall(x)) and not level(x) > 0.8
    if seen and turning(x[-quarter:]) > 0.4:
        return (
            f"the swings of the training loss grow: it is typically {last:.2g} off the mean of its "
            f"neighbours in the last {quarter} epochs, {before:.2g} in those before",
            len(x) - quarter,
        )


def climbs_back(c):
    return explodes(c, times=0.5)


def drops_fast(c):
    """To 1 % within 3 epochs; the validation loss as well, because memory is slower than a leak."""
    near_zero = (
        x.min() >= 0 and end(x) <= 0.01 * x[0] and x[:4].min() <= 0.01 * x[0] for _, x in c.named()
    )
    if all(near_zero):
        epoch = int(np.argmax(c.train <= 0.01 * c.train[0]))
        return (
            f"the training loss goes from {c.train[0]:.3g} to {c.train[epoch]:.2g} by epoch "
            f"{epoch}",
            epoch,
        )


def stays_at_its_start(x):
    return fall(x) <= max(5 * noise(x), 1e-9 * abs(x[0])) or level(x) > 0.95


def guesses(c):
    """A flat loss at that of a constant guess."""
    x = c.train
    for guess, name in c.guesses():
        if stays_at_its_start(x) and abs(end(x) - guess) < 0.01 * abs(guess):
            return f"the training loss stays at {end(x):.4g}; {guess:.4g} is {name}", None


def never_falls(c):
    x = c.train
    if stays_at_its_start(x) and not level(x, c.guess) < 0.5:
        return (
            f"the training loss begins at {x[0]:.3g} and ends at {end(x):.3g}; its noise "
            f"is {noise(x):.2g}",
            None,
        )


def validation_never_falls(c):
    if c.val is None:
        return None
    low = lowest(c.val)
    hardly = c.start(c.val) - c.val[low] < max(0.03 * c.fall(c.train), 3 * noise(c.val))
    begins_as_guess = (g for g, _ in c.guesses() if abs(c.val[0] - g) < 0.05 * abs(g))
    stays_a_guess = any(
        c.val[low] > 0.95 * guess and end(c.train) < 0.9 * guess for guess in begins_as_guess
    )
    if fall(c.train) > 5 * noise(c.train) and (hardly or stays_a_guess):
        return (
            f"the training loss falls by {fall(c.train):.3g}; the validation loss begins at "
            f"{c.val[0]:.3g} and is never below {c.val[low]:.3g}",
            None,
        )


def falls_twice(c):
    """A rise of the validation loss in between, made good at the end; training falls throughout."""
    if c.val is None:
        return None
    course = smooth(c.val)
    rise = course - np.minimum.accumulate(course)
    top = int(rise.argmax())
    steady = detour(smooth(c.train)) < 0.1 * fall(c.train)
    trembling = max(noise(c.val), noise(c.val[: max(top, 3)]))  # it may calm down after the hump
    seen = rise[top] > max(0.1 * c.fall(c.train), 4 * trembling)
    if steady and seen and end(c.val) <= course[:top].min() + 0.2 * rise[top]:
        return (
            f"the validation loss rises by {rise[top]:.3g} up to epoch {top}, and falls again to "
            f"{end(c.val):.3g}, while the training loss falls throughout",
            top,
        )


def validation_rises(c):
    if c.val is None:
        return None
    low = lowest(c.val)
    still = end(c.train) <= smooth(c.train)[low] + noise(c.train)
    if still and relapse(c.val) > max(0.05 * c.fall(c.train), 3 * noise(c.val)):
        return (
            f"the validation loss is lowest at epoch {low}, {c.val[low]:.3g}, and ends at "
            f"{end(c.val):.3g}; the training loss ends at {end(c.train):.3g}",
            low,
        )


def scatters(c):
    if c.val is not None and noise(c.val) > max(0.02 * c.fall(c.train), 3 * noise(c.train)):
        return (
            f"the validation loss is typically {noise(c.val):.2g} off the mean of its neighbours, "
            f"the training loss {noise(c.train):.2g}",
            None,
        )


def stays_apart(c):
    """The validation loss is at its lowest, and far above the training loss."""
    if c.val is not None and end(c.val) - end(c.train) > 0.3 * c.fall(c.train):
        return (
            f"the validation loss ends at its lowest, {end(c.val):.3g}, and the training loss at "
            f"{end(c.train):.3g}",
            None,
        )


def stays_high(c):
    """Both: with dropout or augmentation the training loss is high while the other falls."""
    if all(level(x, c.guess) > 0.5 for _, x in c.named()):
        also = "" if c.val is None else f"; the validation loss ends at {end(c.val):.3g}"
        of = "its start" if c.guess is None else "the guess's loss"
        return (
            f"the training loss ends at {end(c.train):.3g}, {level(c.train, c.guess):.0%} of "
            f"{of}{also}",
            None,
        )


def drops_again(c):
    """One fall in a single epoch that stands out from the steps before and after, and stays.

    Smaller steps also make the loss calmer; where it is not, the fall must stand out by more.
    """
    x = c.train
    reach = max(3, len(x) // 6)
    steps, least = -np.diff(x), 0.05 * fall(x)
    for epoch in range(reach + 2, len(x) - 3):  # x[epoch] is the first loss after the fall
        around = np.abs(np.r_[steps[epoch - 1 - reach : epoch - 1], steps[epoch : epoch + reach]])
        drop = steps[epoch - 1]
        if drop < max(2 * around.max(), least):
            continue
        before, after = x[epoch - reach : epoch], x[epoch : epoch + reach]
        calmer = noise(x[epoch:]) < 0.5 * noise(before)
        stands_out = drop > (2 if calmer else 4) * around.max() and drop > 5 * np.median(around)
        if stands_out and np.median(before) - np.median(after) > 0.7 * drop:
            return (
                f"the training loss drops from {x[epoch - 1]:.3g} to {x[epoch]:.3g} at epoch "
                f"{epoch}, and stays there; its typical step around is {np.median(around):.2g}",
                epoch,
            )


def stalls(c):
    epoch = max(flat_from(x) for _, x in c.named())
    low = any(level(x, c.guess) < 0.1 for _, x in c.named())  # dropout keeps one of them up
    if epoch <= len(c.train) / 2 and not low:
        return (
            f"the training loss falls from {c.train[0]:.3g}, and is flat at {end(c.train):.3g} "
            f"from epoch {epoch} on",
            epoch,
        )


def falls(c):
    if all(
        c.fall(x) > max(5 * noise(x), 0.3 * c.fall(c.train)) and detour(x) < 0.25 * c.fall(x)
        for _, x in c.named()
    ):
        ways = [f"the {name} loss falls from {x[0]:.3g} to {end(x):.3g}" for name, x in c.named()]
        if c.val is not None and end(c.val) < end(c.train) - 3 * noise(c.train):
            ways.append(
                "the validation loss is the lower one: dropout and augmentation act in training "
                "only, a mean over an epoch lags behind, or the validation data are easier"
            )
        return ", ".join(ways), None


def fits_nothing(c):
    x = c.train
    return (
        f"no pattern fits: the training loss falls by {fall(x):.3g}, ends {relapse(x):.3g} "
        f"above its lowest, and is typically {noise(x):.2g} off the mean of its neighbours",
        None,
    )


RULES = (
    (not_finite, "diverged"),
    (too_short, "inconclusive"),
    (one_loss_per_batch, "inconclusive"),
    (jumps, "sudden jump"),
    (explodes, "diverged"),
    (swings_grow, "oscillating"),
    (spikes, "recovering spikes"),
    (oscillates, "oscillating"),
    (climbs_back, "diverged"),
    (drops_fast, "suspiciously fast drop"),
    (guesses, "no better than guessing"),
    (never_falls, "underfitting"),
    (validation_never_falls, "validation never fell"),
    (falls_twice, "double descent"),
    (validation_rises, "overfitting"),
    (stays_high, "underfitting"),
    (drops_again, "learning-rate drop"),
    (scatters, "noisy validation"),
    (stays_apart, "generalisation gap"),
    (stalls, "plateau"),
    (falls, "healthy"),
    (fits_nothing, "inconclusive"),
)  # the first that sees its pattern decides


def diagnose(
    train: Sequence[float], val: Sequence[float] | None = None, *, guess: float | None = None
) -> Diagnosis:
    """Read the loss curves of one run: the pattern, the evidence in numbers, what to try in order.

    The patterns are the keys of PATTERNS. Fewer than 10 epochs, and curves that fit no pattern, are
    "inconclusive", unless a loss is not finite.

    Shapes: train (epochs,), one loss per epoch; val the same, or None or empty, as fit() leaves it.
    The first loss should be that before training: then the whole fall is seen.
    guess : the loss of the best constant guess, such as np.log(10) for ten equally frequent
        classes, or np.var(y) for the mean squared error. With it, a loss counts as high or low by
        comparison with the guess and not with its start, which is right for fine-tuning.
    Units: those of the loss; lower is better, and it may be negative. Epochs count from 0.
    Raises: ValueError for an empty or two-dimensional curve, for unequal lengths and for a guess
    that is not finite; TypeError for curves that do not hold numbers.

    >>> falling = [2.3 * 0.8**epoch for epoch in range(30)]
    >>> turning = [0.4 + loss + 0.02 * epoch for epoch, loss in enumerate(falling)]
    >>> found = diagnose(falling, turning)
    >>> found.pattern, found.epoch
    ('overfitting', 15)
    >>> found.advice[0]
    'stop at the epoch named, and keep its weights'
    """
    fitted = _curve("train", train)
    held_out = None if val is None or np.size(val) == 0 else _curve("val", val)
    if held_out is not None and len(held_out) != len(fitted):
        raise ValueError(
            f"train has {len(fitted)} epochs and val has {len(held_out)}: measure both at the same "
            "times; the loss before training goes into both or into none, and losses per batch are "
            "averaged over each epoch"
        )
    if guess is not None and not np.isfinite(guess):
        raise ValueError(f"guess must be a finite loss, got {guess!r}")
    curves = Curves(fitted, held_out, guess)
    results = ((rule(curves), pattern) for rule, pattern in RULES)
    (evidence, epoch), pattern = next(result for result in results if result[0] is not None)
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
