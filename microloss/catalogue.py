"""The catalogue of losses, built from their docstrings, and advice on which one to take."""

import inspect
import re
import shutil
import textwrap
from dataclasses import dataclass

from . import losses
from .losses import LOSSES

SECTIONS = (
    "Formula", "Gradient", "Problem", "Use", "Meaning", "Outliers", "Shapes", "Raises", "Reference",
)  # fmt: skip


@dataclass(frozen=True)
class Card:
    """What the docstring of a loss says, taken apart."""

    name: str
    signature: str
    summary: str
    sections: dict[str, str]
    example: str

    def text(self, width: int = 88) -> str:
        """The whole card, for a terminal."""
        lines = [f"{self.name}{self.signature}", "", *textwrap.wrap(self.summary, width), ""]
        for name, body in self.sections.items():
            lines += textwrap.wrap(f"{name}: {body}", width, subsequent_indent="    ")
        return "\n".join([*lines, "", "Example", textwrap.indent(self.example, "    ")])


def card(name: str) -> Card:
    """The card of one loss.

    Raises: KeyError for an unknown name; ValueError for a docstring without one of the SECTIONS.

    >>> card("mse_loss").sections["Problem"]
    'regression.'
    """
    function = LOSSES[name]
    summary, *paragraphs = re.split(r"\n\s*\n", inspect.getdoc(function) or "")
    sections = dict.fromkeys(SECTIONS, "")
    examples = []
    for paragraph in paragraphs:
        word, colon, body = paragraph.partition(":")
        if colon and word in sections:
            sections[word] = " ".join(body.split())
        elif paragraph.startswith(">>>"):
            examples.append(paragraph)
    missing = [word for word, body in sections.items() if not body]
    if missing or not examples:
        raise ValueError(f"the card of {name} lacks {', '.join(missing) or 'an example'}")
    signature = re.sub(r"\s*->.*", "", str(inspect.signature(function)))
    return Card(name, signature, " ".join(summary.split()), sections, "\n\n".join(examples))


# The files in microloss/losses/, in the order of the catalogue.
FAMILIES = tuple(module.__name__.rpartition(".")[2] for module in losses.FAMILIES)


def family(name: str) -> str:
    """The file that a loss is in."""
    return LOSSES[name].__module__.rpartition(".")[2]


def cards() -> list[Card]:
    """All cards, family after family."""
    return [card(name) for name in sorted(LOSSES, key=lambda name: FAMILIES.index(family(name)))]


HEADER = ("loss", "problem", "when to use", "outliers", "gradient")


def row(c: Card) -> tuple[str, ...]:
    """The cells of the table: the first clause of each section; the card has the rest."""
    sentence, clause = r"(?<=\.) (?=[A-Z])", r"(?<=\.) (?=[A-Z])|(?<=.{7}): |; "
    cells = (
        c.sections["Problem"],
        re.split(sentence, c.sections["Use"])[0],
        c.sections["Outliers"].partition(":")[0],
        re.split(clause, c.sections["Gradient"])[0],
    )
    return (c.name, *(cell.rstrip(".") for cell in cells))


def table(width: int | None = None) -> str:
    """The catalogue as a table, for a terminal of that many columns."""
    width = width or max(120, shutil.get_terminal_size().columns)
    widths = [max(map(len, LOSSES)), 14, 0, 10, 24]
    widths[2] = width - sum(widths) - 8  # what is left goes to the advice

    def lines(cells):
        columns = [textwrap.wrap(c, w, break_long_words=False) for c, w in zip(cells, widths)]
        for i in range(max(map(len, columns))):
            parts = [(c[i] if i < len(c) else "").ljust(w) for c, w in zip(columns, widths)]
            yield "  ".join(parts).rstrip()

    return "\n\n".join("\n".join(lines(cells)) for cells in (HEADER, *map(row, cards())))


def markdown() -> str:
    """The number of losses and their table, as they stand in microloss/losses/README.md."""
    rows = [HEADER, ["---"] * len(HEADER)]
    for c in cards():
        name, *cells = (cell.replace("|", "\\|").replace("*", "\\*") for cell in row(c))
        rows.append([f"`{name}`", *cells])
    lines = (f"| {' | '.join(cells)} |" for cells in rows)
    return "\n".join([f"{len(LOSSES)} losses:", "", *lines])


# Which loss for which task: (loss, when and why), the first one to try first.
TASKS = {
    "regression": [
        ("mse_loss", "errors are roughly Gaussian and the mean is wanted; smooth and convex"),
        ("huber_loss", "some targets are grossly wrong: beyond delta an error pulls no harder"),
        ("smooth_l1_loss", "the same divided by delta: boxes, and settling where L1 is meant"),
        ("log_cosh_loss", "as Huber, without a threshold to choose and with a second derivative"),
        ("l1_loss", "the median is wanted, and a tenfold error should weigh ten times as much"),
        ("quantile_loss", "an interval is wanted: one head a quantile, such as 0.05 and 0.95"),
        ("gaussian_nll_loss", "the noise differs from place to place and should be predicted too"),
        ("gaussian_crps_loss", "the same in the target's units, and robust to gross errors"),
        ("poisson_nll_loss", "targets are counts"),
        ("robust_loss", "it is unknown how robust to be: the shape can be learned"),
    ],
    "binary": [
        ("binary_cross_entropy_with_logits", "probabilities are wanted; stable at any logit"),
        ("binary_cross_entropy", "the model ends in probabilities that cannot be undone"),
        ("hinge_loss", "only the side matters: points beyond the margin stop pulling"),
        ("squared_hinge_loss", "as hinge, with a smooth gradient, more moved by outliers"),
        ("soft_margin_loss", "the same as cross-entropy, for labels -1/+1"),
    ],
    "multi-class": [
        ("cross_entropy", "the default: one class out of several, from logits"),
        ("generalized_cross_entropy", "some labels are wrong: bounded, so it does not chase them"),
        ("distillation_loss", "a larger network's logits are there to learn from"),
        ("multi_margin_loss", "a margin over each other class is wanted, not probabilities"),
        ("multiclass_hinge_loss", "as above, against the strongest other class only"),
        ("nll_loss", "the model gives log-probabilities already"),
    ],
    "multi-label": [
        ("binary_cross_entropy_with_logits", "each label is a yes or no of its own; pos_weight "
         "lifts rare ones"),
        ("sigmoid_focal_loss", "most labels are absent, easily"),
    ],
    "imbalanced": [
        ("binary_cross_entropy_with_logits", "start here, with pos_weight = negatives / positives; "
         "it raises the probabilities that come out: subtract log(pos_weight) from the logits to "
         "undo that"),
        ("sigmoid_focal_loss", "a mass of easy negatives drowns the few hard examples"),
        ("cross_entropy", "several classes: weight= lifts the rare ones"),
        ("focal_loss", "several classes with many easy examples"),
        ("dice_loss", "overlap of a small foreground is what counts"),
    ],
    "ranking": [
        ("bpr_loss", "pairs of one liked and one other item: smooth, never saturates when wrong"),
        ("margin_ranking_loss", "the order matters, and a margin is enough"),
        ("listnet_loss", "whole lists with graded relevances"),
        ("reward_ranking_loss", "scores learned from comparisons, for a reward model"),
    ],
    "metric-learning": [
        ("triplet_margin_loss", "relative distances matter; needs mining (batch_hard_triplets, "
         "semi_hard_triplets)"),
        ("triplet_margin_with_distance_loss", "the same with a distance of your own"),
        ("contrastive_loss", "labelled pairs: the same or not"),
        ("cosine_embedding_loss", "only the angle between embeddings matters"),
        ("hinge_embedding_loss", "the distance is computed already"),
        ("info_nce_loss", "one positive among many negatives, no labels"),
        ("nt_xent_loss", "two augmented views of each example"),
        ("supervised_contrastive_loss", "labels, and several examples of a class in each batch"),
        ("clip_loss", "two kinds of data in pairs, such as images and texts"),
    ],
    "segmentation": [
        ("dice_ce_loss", "several classes: overlap for balance, cross-entropy for its gradients"),
        ("dice_bce_loss", "one foreground, for the same reasons"),
        ("dice_loss", "a small foreground: pixels of the background do not count"),
        ("tversky_loss", "a miss and a false alarm cost differently"),
        ("iou_loss", "the intersection over union is the metric"),
    ],
    "detection": [
        ("generalized_box_iou_loss", "boxes: pulls also where they do not overlap yet"),
        ("distance_box_iou_loss", "boxes inside of others: also pulls their centres together"),
        ("complete_box_iou_loss", "as above, where the ratio of width to height matters as well"),
        ("box_iou_loss", "boxes that overlap already"),
        ("sigmoid_focal_loss", "their classes, against thousands of empty places"),
    ],
    "sequence": [
        ("ctc_loss", "labels in order, but not where each one is"),
        ("cross_entropy", "the next token, or one label for each step"),
    ],
    "generative": [
        ("gan_generator_loss", "GAN, non-saturating: gradients while the discriminator wins"),
        ("gan_discriminator_loss", "its other half"),
        ("lsgan_generator_loss", "GAN with least squares: smoother, less saturation"),
        ("lsgan_discriminator_loss", "its other half"),
        ("hinge_gan_generator_loss", "large GANs, with a bound on the discriminator's slope"),
        ("hinge_gan_discriminator_loss", "its other half"),
        ("wasserstein_generator_loss", "informative also where real and generated do not overlap"),
        ("wasserstein_critic_loss", "its other half"),
        ("gradient_penalty", "beside the critic's loss, to bound its slope"),
        ("gaussian_kl", "VAE: beside a reconstruction loss"),
        ("perceptual_loss", "images that should look alike, not agree pixel by pixel"),
    ],
    "alignment": [
        ("dpo_loss", "pairs of preferred and rejected answers; no reward model, no sampling"),
        ("ipo_loss", "as DPO, where preferences are nearly certain and DPO would overfit"),
        ("kto_loss", "answers are marked good or bad, without pairs"),
        ("orpo_loss", "no reference model: fine-tuning and preference in one"),
        ("ppo_clip_loss", "a reward model and sampling"),
        ("kl_penalty", "beside it, to stay near the reference"),
    ],
    "distributions": [
        ("kl_div", "the target is a distribution, the model gives log-probabilities"),
        ("kl_divergence", "two distributions, in the book's order: the truth first"),
        ("js_divergence", "neither is the truth, or their supports differ: bounded"),
        ("wasserstein_distance_1d", "samples of numbers: how far apart, also without overlap"),
    ],
    "regularization": [
        ("l2_penalty", "the default: small weights, shared among features that go together"),
        ("l1_penalty", "few features should stay; exact zeros with soft_threshold"),
        ("elastic_net_penalty", "few groups of features that go together"),
        ("ewc_penalty", "a second task must not overwrite the first"),
    ],
    "multi-task": [
        ("uncertainty_weighted_loss", "several losses whose weights nobody knows"),
    ],
}  # fmt: skip


# Card's problem -> task, where the two have different names; for losses that TASKS does not hold.
TASK_OF = {
    "regression of counts": "regression", "binary classification": "binary",
    "multi-class classification": "multi-class", "multi-label classification": "multi-label",
    "distributions as targets": "distributions", "generative modelling": "generative",
    "sequence labelling": "sequence", "object detection": "detection",
    "regularisation": "regularization", "multi-task learning": "multi-task",
}  # fmt: skip


def add_the_rest() -> None:
    """A loss that TASKS does not name comes last in the task of its card, with its reason."""
    named = {name for choices in TASKS.values() for name, _ in choices}
    for c in cards():
        if c.name not in named:
            _, problem, reason, *_ = row(c)
            task = TASK_OF.get(problem, problem.replace(" ", "-"))
            TASKS.setdefault(task, []).append((c.name, reason))


add_the_rest()


def advice(task: str | None = None) -> str:
    """Losses for a task, the first to try first, and why; for all tasks if none is named."""
    lines = []
    for name in [task] if task else TASKS:
        lines.append(f"{name}: which loss?")
        for loss, reason in TASKS[name]:
            lines += textwrap.wrap(
                f"{loss}: {reason}.", 88, initial_indent="    ", subsequent_indent=" " * 8
            )
        lines.append("")
    return "\n".join([*lines, "python -m microloss losses NAME shows the card of a loss."])
