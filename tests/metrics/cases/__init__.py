"""What is known of each metric, by family."""

from . import classification, curves, probability, ranking, regression, segmentation, sequence

FAMILIES = [classification, curves, probability, ranking, regression, segmentation, sequence]
