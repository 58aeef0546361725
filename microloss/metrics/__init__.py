"""Metrics: what a model is judged by, rather than trained with.

Predictions first, then targets, as in the losses.  Everything takes arrays, lists or Tensors and
looks at their values only: except for perplexity, a metric has no gradient.  Definitions are
scikit-learn's where it has the metric; where its answer would be nan or a mere convention (a ROC
curve without negatives), an error says so instead.
"""

from .classification import (
    accuracy,
    balanced_accuracy,
    confusion_matrix,
    f1_score,
    precision,
    recall,
)
from .curves import average_precision, precision_recall_curve, roc_auc, roc_curve
from .probability import (
    brier_score,
    calibration_curve,
    expected_calibration_error,
    log_loss,
    perplexity,
)
from .ranking import ndcg, recall_at_k
from .regression import (
    interval_coverage,
    mean_absolute_error,
    pinball,
    r2_score,
    root_mean_squared_error,
)
from .segmentation import dice_coefficient, iou
from .sequence import bleu, edit_distance, rouge_l

__all__ = [
    "accuracy", "average_precision", "balanced_accuracy", "bleu", "brier_score",
    "calibration_curve", "confusion_matrix", "dice_coefficient", "edit_distance",
    "expected_calibration_error", "f1_score", "interval_coverage", "iou", "log_loss",
    "mean_absolute_error", "ndcg", "perplexity", "pinball", "precision",
    "precision_recall_curve", "r2_score", "recall", "recall_at_k", "roc_auc", "roc_curve",
    "root_mean_squared_error", "rouge_l",
]  # fmt: skip
