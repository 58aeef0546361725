"""Metrics: what a model is judged by, rather than trained with.

Predictions first, then targets, as in the losses (scikit-learn has the targets first). A metric
takes arrays, lists or Tensors and looks at their values only: except for perplexity, it has no
gradient. Definitions are scikit-learn's where it has the metric. Where its answer would be nan or
a mere convention (a ROC curve without negatives), an error says so instead.

A family is a file; its `__all__` is what it gives to this package.
"""

# ruff: noqa: F403 - the names are those in the families' __all__

from . import (
    classification,
    clustering,
    curves,
    probability,
    ranking,
    regression,
    segmentation,
    sequence,
)
from .classification import *
from .clustering import *
from .curves import *
from .probability import *
from .ranking import *
from .regression import *
from .segmentation import *
from .sequence import *

FAMILIES = (
    classification,
    clustering,
    curves,
    probability,
    ranking,
    regression,
    segmentation,
    sequence,
)
__all__ = sorted(name for family in FAMILIES for name in family.__all__)

SCIKIT_LEARN = {  # its names -> what to use here
    "accuracy_score": "accuracy",
    "adjusted_rand_score": "adjusted_rand_index",
    "auc": "np.trapezoid(y, x), or roc_auc(score, target)",
    "average_precision_score": "average_precision",
    "balanced_accuracy_score": "balanced_accuracy",
    "brier_score_loss": "brier_score",
    "hinge_loss": "losses.hinge_loss",
    "jaccard_score": "iou for masks, mean_iou for classes",
    "label_ranking_average_precision_score": "mean_average_precision",
    "mean_pinball_loss": "pinball",
    "mean_squared_error": "losses.mse_loss",
    "ndcg_score": "ndcg",
    "precision_score": "precision",
    "recall_score": "recall",
    "roc_auc_score": "roc_auc",
    "top_k_accuracy_score": "top_k_accuracy",
}


def __getattr__(name):
    known = SCIKIT_LEARN.get(name)
    hint = f"; for scikit-learn's {name} use {known}, with the prediction first" if known else ""
    raise AttributeError(f"microloss.metrics has no attribute {name!r}{hint}")
