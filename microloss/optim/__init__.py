"""Optimizers, schedules and averages, with PyTorch's names and arithmetic."""

from .adaptive import Adagrad, Adam, AdamW, RMSprop
from .averaging import EMA, SWA
from .clipping import clip_grad_norm_, clip_grad_value_
from .optimizer import Optimizer
from .saddle_free import SaddleFreeNewton
from .sam import SAM
from .schedules import (
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)
from .sgd import SGD

__all__ = [
    "EMA", "SAM", "SGD", "SWA", "Adagrad", "Adam", "AdamW", "ConstantLR", "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts", "ExponentialLR", "LambdaLR", "LinearLR", "MultiStepLR",
    "OneCycleLR", "Optimizer", "RMSprop", "ReduceLROnPlateau", "SaddleFreeNewton", "SequentialLR",
    "StepLR", "clip_grad_norm_", "clip_grad_value_",
]  # fmt: skip
