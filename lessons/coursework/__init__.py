"""Coursework: sheets of exercises, checked with explanations, one at a time or for a whole class.

A sheet is a file that defines exercises with `exercise`; README.md in this folder shows how to
write one, how a class is graded, and what the separate processes do and do not protect from.
"""

from .sheet import exercise, gradient

__all__ = ["exercise", "gradient"]
