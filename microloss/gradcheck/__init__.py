"""Finite differences against backward (check.py), and why they disagree (explanations.py)."""

from .check import GradientError, Taylor, gradcheck, taylor_check
from .explanations import explain

__all__ = ["GradientError", "Taylor", "explain", "gradcheck", "taylor_check"]
