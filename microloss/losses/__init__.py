"""Loss functions: predictions first, then targets; every other argument by keyword.

Each one is written as its formula in the operations of the engine, so that first and second
derivatives come from there.  Names and meanings are PyTorch's where PyTorch has the loss.
"""

from .adversarial import (
    gan_discriminator_loss,
    gan_generator_loss,
    gradient_penalty,
    lsgan_discriminator_loss,
    lsgan_generator_loss,
    wasserstein_critic_loss,
    wasserstein_generator_loss,
)
from .binary import binary_cross_entropy, binary_cross_entropy_with_logits, sigmoid_focal_loss
from .classification import cross_entropy, focal_loss, generalized_cross_entropy, nll_loss
from .combining import self_paced_weights, uncertainty_weighted_loss
from .common import LOSSES
from .distribution import (
    distillation_loss,
    gaussian_kl,
    js_divergence,
    kl_div,
    kl_divergence,
    wasserstein_distance_1d,
)
from .features import perceptual_loss
from .margin import (
    hinge_loss,
    multi_margin_loss,
    multiclass_hinge_loss,
    soft_margin_loss,
    squared_hinge_loss,
)
from .metric_learning import (
    batch_hard_triplets,
    bpr_loss,
    clip_loss,
    contrastive_loss,
    cosine_embedding_loss,
    hinge_embedding_loss,
    info_nce_loss,
    margin_ranking_loss,
    nt_xent_loss,
    semi_hard_triplets,
    triplet_margin_loss,
)
from .preference import (
    dpo_loss,
    ipo_loss,
    kl_penalty,
    kto_loss,
    orpo_loss,
    ppo_clip_loss,
    reward_ranking_loss,
)
from .regression import (
    gaussian_nll_loss,
    huber_loss,
    l1_loss,
    log_cosh_loss,
    mse_loss,
    poisson_nll_loss,
    quantile_loss,
    robust_loss,
    smooth_l1_loss,
)
from .regularization import elastic_net_penalty, ewc_penalty, l1_penalty, l2_penalty, soft_threshold
from .segmentation import (
    box_iou_loss,
    dice_bce_loss,
    dice_ce_loss,
    dice_loss,
    generalized_box_iou_loss,
    iou_loss,
    tversky_loss,
)
from .sequence import ctc_beam_search, ctc_greedy_decode, ctc_loss

__all__ = [
    "LOSSES", "batch_hard_triplets", "binary_cross_entropy", "binary_cross_entropy_with_logits",
    "box_iou_loss", "bpr_loss", "clip_loss", "contrastive_loss", "cosine_embedding_loss",
    "cross_entropy", "ctc_beam_search", "ctc_greedy_decode", "ctc_loss", "dice_bce_loss",
    "dice_ce_loss", "dice_loss", "distillation_loss", "dpo_loss", "elastic_net_penalty",
    "ewc_penalty", "focal_loss", "gan_discriminator_loss", "gan_generator_loss", "gaussian_kl",
    "gaussian_nll_loss", "generalized_box_iou_loss", "generalized_cross_entropy",
    "gradient_penalty", "hinge_embedding_loss", "hinge_loss", "huber_loss", "info_nce_loss",
    "iou_loss", "ipo_loss", "js_divergence", "kl_div", "kl_divergence", "kl_penalty",
    "kto_loss", "l1_loss", "l1_penalty", "l2_penalty", "log_cosh_loss",
    "lsgan_discriminator_loss", "lsgan_generator_loss", "margin_ranking_loss", "mse_loss",
    "multi_margin_loss", "multiclass_hinge_loss", "nll_loss", "nt_xent_loss", "orpo_loss",
    "perceptual_loss", "poisson_nll_loss", "ppo_clip_loss", "quantile_loss",
    "reward_ranking_loss", "robust_loss", "self_paced_weights", "semi_hard_triplets",
    "sigmoid_focal_loss", "smooth_l1_loss", "soft_margin_loss", "soft_threshold",
    "squared_hinge_loss", "triplet_margin_loss", "tversky_loss", "uncertainty_weighted_loss",
    "wasserstein_critic_loss", "wasserstein_distance_1d", "wasserstein_generator_loss",
]  # fmt: skip
