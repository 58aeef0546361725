"""What is known of each metric, by family."""

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

FAMILIES = [
    classification,
    clustering,
    curves,
    probability,
    ranking,
    regression,
    segmentation,
    sequence,
]
