"""Atlas. Every loss as a picture

Each loss of the catalogue along one line: its value, and its gradient, as one number of the
prediction moves and the rest stays. The curve shows what a loss punishes; the gradient shows how
hard it pulls, and where the gradient is 0 nothing is learned. One figure for each loss, and all of
them on one page.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, begin, claim, save, say

from microloss import Tensor, losses
from microloss import functional as F

begin()
L = losses


def logits(x, *others):
    """A row of logits whose first one moves."""
    return np.stack([x, *(x * 0 + o for o in others)]).reshape(1, -1)


def binary(x):
    """The distribution (p, 1 - p)."""
    return np.stack([x, 1 - x]).reshape(1, -1)


def angle(x):
    """The unit vector at that angle."""
    return np.stack([np.cos(x), np.sin(x)]).reshape(1, 2)


def box(x):
    """A unit box that has moved right by x."""
    return np.stack([x, x * 0, x + 1, x * 0 + 1]).reshape(1, 4)


def policy(loss, **options):
    """A preference loss as the policy comes to prefer the chosen answer, from the reference."""
    return lambda x: loss([0.0] + x / 2, [0.0] - x / 2, [0.0], [0.0], **options)


EAST = np.array([[1.0, 0.0]])
MASK = np.array([1.0, 1.0, 0.0, 0.0])
pixel = lambda x: np.stack([x, x * 0 + 0.8, x * 0 + 0.1, x * 0 + 0.2])
error, logit, probability = "prediction - target", "logit", "predicted probability"
log_ratio, between = "log-ratio gained by the chosen answer", "angle between the two (radians)"

# loss: (what moves, from, to, {legend: the loss as a function of it})
SLICES = {
    "mse_loss": (error, -3, 3, {"": lambda x: L.mse_loss(x, 0 * x.data)}),
    "l1_loss": (error, -3, 3, {"": lambda x: L.l1_loss(x, 0 * x.data)}),
    "huber_loss": (error, -3, 3, {
        f"delta {d}": lambda x, d=d: L.huber_loss(x, 0 * x.data, delta=d) for d in (1.0, 2.0)}),
    "smooth_l1_loss": (error, -3, 3, {
        f"beta {b}": lambda x, b=b: L.smooth_l1_loss(x, 0 * x.data, beta=b) for b in (1.0, 2.0)}),
    "log_cosh_loss": (error, -3, 3, {"": lambda x: L.log_cosh_loss(x, 0 * x.data)}),
    "quantile_loss": (error, -3, 3, {
        f"q {q}": lambda x, q=q: L.quantile_loss(x, 0 * x.data, quantile=q) for q in (0.5, 0.9)}),
    "gaussian_nll_loss": ("predicted variance, error 1", 0.3, 5, {
        "": lambda x: L.gaussian_nll_loss(x.data * 0 + 1, x.data * 0, x)}),
    "gaussian_crps_loss": ("predicted variance, error 1", 0.3, 5, {
        "": lambda x: L.gaussian_crps_loss(x.data * 0 + 1, x.data * 0, x)}),
    "poisson_nll_loss": ("predicted log-rate", -2, 3, {
        f"count {n}": lambda x, n=n: L.poisson_nll_loss(x, 0 * x.data + n) for n in (1, 5)}),
    "robust_loss": (error, -5, 5, {
        f"alpha {a}": lambda x, a=a: L.robust_loss(x, 0 * x.data, alpha=a) for a in (2, 1, -2)}),
    "cross_entropy": (logit + " of the true class", -5, 5, {
        "": lambda x: L.cross_entropy(logits(x, 0, 0), [0])}),
    "nll_loss": ("log-probability of the true class", -5, 0, {
        "": lambda x: L.nll_loss(logits(x, -1, -1), [0])}),
    "focal_loss": (logit + " of the true class", -5, 5, {
        f"gamma {g}": lambda x, g=g: L.focal_loss(logits(x, 0, 0), [0], gamma=g) for g in (0, 2)}),
    "generalized_cross_entropy": (logit + " of the true class", -5, 5, {
        f"q {q}": lambda x, q=q: L.generalized_cross_entropy(logits(x, 0, 0), [0], q=q)
        for q in (0.3, 0.7)}),
    "binary_cross_entropy": (probability + ", target 1", 0.1, 0.9, {
        "": lambda x: L.binary_cross_entropy(x, 0 * x.data + 1)}),
    "binary_cross_entropy_with_logits": (logit + ", target 1", -5, 5, {
        f"pos_weight {w}": lambda x, w=w: L.binary_cross_entropy_with_logits(
            x, 0 * x.data + 1, pos_weight=w) for w in (1.0, 2.0)}),
    "sigmoid_focal_loss": (logit + ", target 1", -5, 5, {
        f"gamma {g}": lambda x, g=g: L.sigmoid_focal_loss(x, 0 * x.data + 1, gamma=g)
        for g in (0, 2)}),
    "hinge_loss": (logit + ", target +1", -3, 3, {
        "": lambda x: L.hinge_loss(x, 0 * x.data + 1)}),
    "squared_hinge_loss": (logit + ", target +1", -3, 3, {
        "": lambda x: L.squared_hinge_loss(x, 0 * x.data + 1)}),
    "soft_margin_loss": (logit + ", target +1", -5, 5, {
        "": lambda x: L.soft_margin_loss(x, 0 * x.data + 1)}),
    "multi_margin_loss": (logit + " of the true class", -3, 3, {
        f"p {p}": lambda x, p=p: L.multi_margin_loss(logits(x, 0, 0.5), [0], p=p) for p in (1, 2)}),
    "multiclass_hinge_loss": (logit + " of the true class", -3, 3, {
        "": lambda x: L.multiclass_hinge_loss(logits(x, 0, 0.5), [0])}),
    "kl_div": ("log-probability given where the target has 0.6", -4, 0, {
        "": lambda x: L.kl_div(logits(x, -1), np.array([[0.6, 0.4]]), reduction="batchmean")}),
    "kl_divergence": ("q, of Q = (q, 1 - q)", 0.1, 0.9, {
        "D(P || Q), P = (0.3, 0.7)": lambda x: L.kl_divergence(np.array([[0.3, 0.7]]), binary(x)),
        "D(Q || P)": lambda x: L.kl_divergence(binary(x), np.array([[0.3, 0.7]]))}),
    "js_divergence": ("q, of Q = (q, 1 - q)", 0.1, 0.9, {
        "P = (0.3, 0.7)": lambda x: L.js_divergence(np.array([[0.3, 0.7]]), binary(x))}),
    "gaussian_kl": ("log-variance", -4, 3, {
        f"mean {m}": lambda x, m=m: L.gaussian_kl((0 * x.data + m).reshape(1, 1), x.reshape(1, 1))
        for m in (0, 1)}),
    "distillation_loss": ("the student's logit, the teacher's is 2", -4, 8, {
        f"temperature {t}": lambda x, t=t: L.distillation_loss(
            logits(x, 0, 0), np.array([[2.0, 0.0, 0.0]]), temperature=t) for t in (1.0, 4.0)}),
    "wasserstein_distance_1d": ("one of three samples", -3.01, 5, {
        "": lambda x: L.wasserstein_distance_1d(
            np.concatenate([x.reshape(1), [0.0, 1.0]]), np.array([0.0, 1.0, 2.0]))}),
    "contrastive_loss": ("distance of the pair", 0.01, 2, {
        name: lambda x, y=y: L.contrastive_loss(x * EAST, 0 * EAST, [y])
        for name, y in {"similar": 0, "dissimilar": 1}.items()}),
    "triplet_margin_loss": ("distance to the negative, to the positive 1", 0.01, 3, {
        "": lambda x: L.triplet_margin_loss(0 * EAST, EAST, x * EAST)}),
    "triplet_margin_with_distance_loss": ("distance to the negative, to the positive 1", 0.01, 3, {
        "squared distances": lambda x: L.triplet_margin_with_distance_loss(
            0 * EAST, EAST, x * EAST, distance_function=lambda u, v: ((u - v) ** 2).sum(axis=-1))}),
    "cosine_embedding_loss": (between, 0.01, 3.13, {
        name: lambda x, y=y: L.cosine_embedding_loss(angle(x), EAST, [y])
        for name, y in {"similar": 1.0, "dissimilar": -1.0}.items()}),
    "hinge_embedding_loss": ("distance", 0, 2, {
        name: lambda x, y=y: L.hinge_embedding_loss(x, 0 * x.data + y)
        for name, y in {"similar": 1, "dissimilar": -1}.items()}),
    "margin_ranking_loss": ("score of the better - score of the worse", -3, 3, {
        f"margin {m}": lambda x, m=m: L.margin_ranking_loss(
            x, 0 * x.data, 0 * x.data + 1, margin=m) for m in (0.0, 1.0)}),
    "bpr_loss": ("score of the liked - score of the other", -4, 4, {
        "": lambda x: L.bpr_loss(x, 0 * x.data)}),
    "listnet_loss": ("score of the most relevant of three items", -4, 4, {
        f"relevances {r}, 1, 0": lambda x, r=r: L.listnet_loss(
            logits(x, 0, 0), np.array([[r, 1.0, 0.0]])) for r in (2.0, 5.0)}),
    "info_nce_loss": ("angle to the positive (radians), the negative is at pi/2", 0.01, 3.13, {
        f"temperature {t}": lambda x, t=t: L.info_nce_loss(
            angle(x), EAST, np.array([[0.0, 1.0]]), temperature=t) for t in (0.2, 0.5)}),
    "nt_xent_loss": ("angle between the two views (radians)", 0.01, 3.13, {
        f"temperature {t}": lambda x, t=t: L.nt_xent_loss(
            np.concatenate([angle(x), [[0.0, -1.0]]]), np.array([[1.0, 0.0], [0.0, -1.0]]),
            temperature=t) for t in (0.2, 0.5)}),
    "supervised_contrastive_loss": ("angle between two of a class (radians)", 0.01, 3.13, {
        f"temperature {t}": lambda x, t=t: L.supervised_contrastive_loss(
            np.concatenate([angle(x), EAST, [[0.0, -1.0]]]), [0, 0, 1], temperature=t)
        for t in (0.2, 0.5)}),
    "clip_loss": ("angle of an image to its text (radians)", 0.01, 3.13, {
        f"temperature {t}": lambda x, t=t: L.clip_loss(
            np.concatenate([angle(x), [[0.0, -1.0]]]), np.array([[1.0, 0.0], [0.0, -1.0]]),
            temperature=t) for t in (0.2, 0.5)}),
    "ctc_loss": ("logit of the blank in the first of three frames", -4, 4, {
        "target 1": lambda x: L.ctc_loss(ctc_frames(x), np.array([[1]]), [3], [1]),
        "target 1 1": lambda x: L.ctc_loss(ctc_frames(x), np.array([[1, 1]]), [3], [2])}),
    "dice_loss": (probability + " of one pixel of the object", 0, 1, {
        "": lambda x: L.dice_loss(pixel(x), MASK)}),
    "iou_loss": (probability + " of one pixel of the object", 0, 1, {
        "": lambda x: L.iou_loss(pixel(x), MASK)}),
    "tversky_loss": (probability + " of one pixel of the object", 0, 1, {
        f"alpha {a}, beta {b}": lambda x, a=a, b=b: L.tversky_loss(pixel(x), MASK, alpha=a, beta=b)
        for a, b in ((0.2, 0.8), (0.8, 0.2))}),
    "dice_ce_loss": (logit + " of the object in one pixel", -4, 4, {
        "": lambda x: L.dice_ce_loss(
            np.stack([pixel(x) * 0, pixel(x)]).reshape(1, 2, 4), np.array([[1, 1, 0, 0]]))}),
    "dice_bce_loss": (logit + " of one pixel of the object", -4, 4, {
        "": lambda x: L.dice_bce_loss(pixel(x), MASK)}),
    "box_iou_loss": ("a unit box, moved right by", -2, 2, {
        "": lambda x: L.box_iou_loss(box(x), np.array([[0.0, 0.0, 1.0, 1.0]]))}),
    "generalized_box_iou_loss": ("a unit box, moved right by", -2, 2, {
        "": lambda x: L.generalized_box_iou_loss(box(x), np.array([[0.0, 0.0, 1.0, 1.0]]))}),
    "distance_box_iou_loss": ("a unit box, moved right by", -2, 2, {
        "": lambda x: L.distance_box_iou_loss(box(x), np.array([[0.0, 0.0, 1.0, 1.0]]))}),
    "complete_box_iou_loss": ("width of a box of height 1, the other is 1 by 1", 0.2, 3, {
        "": lambda x: L.complete_box_iou_loss(
            np.stack([x * 0, x * 0, x, x * 0 + 1]).reshape(1, 4),
            np.array([[0.0, 0.0, 1.0, 1.0]]))}),
    "gan_discriminator_loss": (logit, -4, 4, {
        "of a real one": lambda x: L.gan_discriminator_loss(x.reshape(1), np.zeros(1)),
        "of a fake": lambda x: L.gan_discriminator_loss(np.zeros(1), x.reshape(1))}),
    "gan_generator_loss": ("the discriminator's logit of a fake", -4, 4, {
        name: lambda x, s=s: L.gan_generator_loss(x.reshape(1), saturating=s)
        for name, s in {"non-saturating": False, "saturating": True}.items()}),
    "lsgan_discriminator_loss": ("score", -2, 3, {
        "of a real one": lambda x: L.lsgan_discriminator_loss(x.reshape(1), np.zeros(1)),
        "of a fake": lambda x: L.lsgan_discriminator_loss(np.ones(1), x.reshape(1))}),
    "lsgan_generator_loss": ("the discriminator's score of a fake", -2, 3, {
        "": lambda x: L.lsgan_generator_loss(x.reshape(1))}),
    "hinge_gan_discriminator_loss": ("score", -3, 3, {
        "of a real one": lambda x: L.hinge_gan_discriminator_loss(x.reshape(1), -np.ones(1)),
        "of a fake": lambda x: L.hinge_gan_discriminator_loss(np.ones(1), x.reshape(1))}),
    "hinge_gan_generator_loss": ("the discriminator's score of a fake", -3, 3, {
        "": lambda x: L.hinge_gan_generator_loss(x.reshape(1))}),
    "wasserstein_critic_loss": ("score", -2, 3, {
        "of a real one": lambda x: L.wasserstein_critic_loss(x.reshape(1), np.zeros(1)),
        "of a fake": lambda x: L.wasserstein_critic_loss(np.zeros(1), x.reshape(1))}),
    "wasserstein_generator_loss": ("the critic's score of a fake", -2, 3, {
        "": lambda x: L.wasserstein_generator_loss(x.reshape(1))}),
    "gradient_penalty": ("slope of a linear critic", -3, 3, {
        "weight 10": lambda x: L.gradient_penalty(
            lambda z: x * z.sum(axis=1), np.ones((1, 1)), np.zeros((1, 1)), mix=np.ones(1))}),
    "perceptual_loss": ("one input, the target is 0.5", -2, 2, {
        "feature tanh(2x)": lambda x: L.perceptual_loss(
            lambda z: [np.tanh(2 * z)], x.reshape(1, 1), np.full((1, 1), 0.5))}),
    "reward_ranking_loss": ("reward of the chosen - of the rejected", -4, 4, {
        f"margin {m}": lambda x, m=m: L.reward_ranking_loss(x.reshape(1), np.zeros(1), margin=m)
        for m in (None, [1.0])}),
    "ppo_clip_loss": ("probability ratio, new / old", 0.4, 1.6, {
        f"advantage {a:+}": lambda x, a=a: L.ppo_clip_loss(
            np.log(x).reshape(1), np.zeros(1), np.array([a])) for a in (1.0, -1.0)}),
    "kl_penalty": ("log-probability - the reference's", -2, 2, {
        k: lambda x, k=k: L.kl_penalty(x.reshape(1), np.zeros(1), estimator=k)
        for k in ("k1", "k2", "k3")}),
    "dpo_loss": (log_ratio, -20, 20, {
        f"beta {b}": policy(L.dpo_loss, beta=b) for b in (0.1, 0.5)}),
    "ipo_loss": (log_ratio, -10, 20, {
        f"beta {b}": policy(L.ipo_loss, beta=b) for b in (0.1, 0.5)}),
    "kto_loss": ("log-ratio of the answer", -20, 20, {
        "desirable": lambda x: L.kto_loss(x.reshape(1), np.zeros(0), np.zeros(1), np.zeros(0), 0.0),
        "undesirable": lambda x: L.kto_loss(
            np.zeros(0), x.reshape(1), np.zeros(0), np.zeros(1), 0.0)}),
    "orpo_loss": ("log-probability of the chosen, of the rejected -1", -4, -0.05, {
        "beta 0.1": lambda x: L.orpo_loss(x.reshape(1), -np.ones(1), -x),
        "beta 1": lambda x: L.orpo_loss(x.reshape(1), -np.ones(1), -x, beta=1.0)}),
    "l1_penalty": ("weight", -2, 2, {"": L.l1_penalty}),
    "l2_penalty": ("weight", -2, 2, {"": L.l2_penalty}),
    "elastic_net_penalty": ("weight", -2, 2, {
        "l1 0.5, l2 0.5": lambda x: L.elastic_net_penalty(x, l1=0.5, l2=0.5)}),
    "ewc_penalty": ("weight, 1 after the first task", -1, 3, {
        f"Fisher information {f}": lambda x, f=f: L.ewc_penalty(
            [x], [0 * x.data + 1], [0 * x.data + f]) for f in (0.5, 2.0)}),
    "uncertainty_weighted_loss": ("learned log-variance", -2, 3, {
        f"loss {v}": lambda x, v=v: L.uncertainty_weighted_loss([v], [x]) for v in (0.5, 2.0)}),
}  # fmt: skip


def ctc_frames(x):
    """Log-probabilities (3, 1, 2) of a blank and one label; the first blank's logit moves."""
    first = np.stack([x, x * 0])
    rest = np.array([[0.5, 0.0], [0.0, 0.5]])
    return F.log_softmax(np.concatenate([first.reshape(1, 2), rest]).reshape(3, 1, 2))


def curve(loss, xs):
    """Values and gradients of a loss along xs."""
    values, slopes = [], []
    for at in xs:
        x = Tensor(at, requires_grad=True)
        value = loss(x)
        value.backward()
        values.append(value.item())
        slopes.append(x.grad)
    return np.array(values), np.array(slopes)


def draw(axes, xs, drawn):
    """The value and the gradient of each curve, on two axes or on one for both."""
    for (legend, (values, slopes)), style in zip(drawn.items(), ("-", "--", ":")):
        axes[0].plot(xs, values, style, color=COLOR["model"], label=legend)
        axes[-1].plot(xs, slopes, style, color=COLOR["naive"], label=legend)


def short(name):
    """A title that fits above a small panel."""
    name = name.removesuffix("_loss").replace("binary_cross_entropy", "BCE")
    return name.replace("triplet_margin_with_distance", "triplet, own distance").replace("_", " ")


def disagreement(xs, values, slopes):
    """The area under the gradient against what the loss has gained, as a share of its range."""
    area = np.sum((slopes[1:] + slopes[:-1]) / 2 * np.diff(xs))  # a kink costs half a step
    return abs(area - (values[-1] - values[0])) / np.ptp(values)


def of_first_case(name):
    """For a loss without a slice above: one number of an argument moves, in its first test case."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "losses"))
    from cases import FAMILIES

    case = next(c for family in FAMILIES for c in family.CASES if c.loss.__name__ == name)
    args, place = case.arguments(), case.wrt[0]
    first = np.arange(args[place].size).reshape(args[place].shape) == 0

    def loss(x):
        moved = np.where(first, x, args[place])
        return case.loss(*args[:place], moved, *args[place + 1 :], **case.kwargs)

    def possible(x):
        try:
            return np.isfinite(loss(x))
        except ValueError:  # no probability, for example
            return False

    at = args[place].ravel()[0]
    steps = np.linspace(0, 2, 41)
    low, high = (
        at + sign * max(s for s in steps if all(possible(at + sign * t) for t in steps[steps <= s]))
        for sign in (-1, 1)
    )
    return f"one number of argument {place + 1}", low, high, {"": loss}


SLICES |= {name: of_first_case(name) for name in losses.LOSSES if name not in SLICES}
claim(
    "every loss of the catalogue is drawn",
    set(losses.LOSSES) == set(SLICES),
    f"{len(SLICES)} losses",
)

COLUMNS = 8
# the same for all figures: to fit each one to its labels would take half of the time
MARGINS = {"left": 0.12, "right": 0.98, "bottom": 0.2, "top": 0.85, "wspace": 0.3}
rows = -(-len(SLICES) // COLUMNS)
overview, panels = plt.subplots(rows, COLUMNS, figsize=(12, 1.5 * rows))
off = {}
for panel, (name, (label, low, high, curves)) in zip(panels.flat, SLICES.items()):
    xs = np.linspace(low, high, 121)
    drawn = {legend: curve(loss, xs) for legend, loss in curves.items()}
    off[name] = max(disagreement(xs, *lines) for lines in drawn.values())
    fig, axes = plt.subplots(1, 2, figsize=(6.4, 2.5), layout="none", gridspec_kw=MARGINS)
    draw(axes, xs, drawn)
    axes[0].set(ylabel="value")
    axes[1].set(ylabel="gradient")
    fig.supxlabel(label, fontsize=10)
    fig.suptitle(name)
    if any(drawn):
        axes[0].legend()
    save(fig, name)
    draw([panel], xs, drawn)
    panel.set_title(short(name), fontsize=7, fontweight="normal")
    panel.set(xticks=[], yticks=[0])
    panel.tick_params(labelsize=6)
for panel in panels.flat[len(SLICES) :]:
    panel.axis("off")
overview.suptitle("Every loss along one line: its value (blue) and its gradient (red)")
save(overview)

worst = max(off, key=off.get)
claim(
    "the area under each gradient is what its loss has gained, to half a step at each kink",
    off[worst] < 0.04,
    f"off by at most {off[worst]:.1e} of the range, for {worst}",
)
say("The pictures are in figures/: atlas.png, and atlas_NAME.png for each loss.")
