"""Lessons over many seeds, several at a time: `python -m lessons --seeds 0-29 [LESSON ...]`.

A claim is known by its statement, which must therefore be the same for every seed.
"""

import argparse
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from . import kit
from .course import Claim, Lesson, Result, run_all

NUMBER = re.compile(r"-?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?")


def parse(text: str) -> list[int]:
    """Seeds: `0-29`, `3`, `1,5,8-10`."""
    seeds = []
    for part in text.split(","):
        if not re.fullmatch(r"\d+(-\d+)?", part):
            raise argparse.ArgumentTypeError(
                f"{text!r} does not name seeds; write 0-29 or 1,5,8-10"
            )
        first, _, last = part.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    if not seeds:
        raise argparse.ArgumentTypeError(f"{text!r} names no seed; the smaller one comes first")
    return sorted(set(seeds))


def over(lessons: list[Lesson], seeds: list[int]) -> Iterator[tuple[Lesson, dict[int, Result]]]:
    """Each lesson with its results by seed, as soon as it has them all; a dot for every run."""
    with tempfile.TemporaryDirectory() as folder:
        results = run_all(
            (lesson, ["--seed", str(seed), "--out", str(Path(folder, f"{lesson.number} {seed}"))])
            for lesson in lessons
            for seed in seeds
        )
        for lesson in lessons:
            print(lesson, end=" ", flush=True)
            by_seed = {}
            for seed in seeds:
                by_seed[seed] = next(results)
                print("." if by_seed[seed].passed else "F", end="", flush=True)
            print()
            yield lesson, by_seed


def report(lesson: Lesson, results: dict[int, Result]) -> bool:
    """Print what became of each claim. True if all of them held on all seeds."""
    claims: dict[str, dict[int, Claim]] = defaultdict(dict)
    for seed, result in results.items():
        for claim in result.claims:
            claims[claim.statement][seed] = claim
    for statement, by_seed in claims.items():
        held = sum(claim.holds for claim in by_seed.values())
        _line(held == len(results), f"{held} of {len(results)}", statement)
        for note in _notes(by_seed, results):
            print(f"        {note}")
    for seed, result in results.items():
        if _crashed(result):
            _line(False, f"seed {seed}", "the lesson ended with an error")
            print(f"        {result.output.splitlines()[-1]}")
    print(flush=True)
    return all(result.passed for result in results.values()) and all(
        len(by_seed) == len(results) for by_seed in claims.values()
    )


def _crashed(result: Result) -> bool:
    return "\nClaims held: " not in result.output


def _line(passed: bool, count: str, text: str) -> None:
    print(f"  {kit.tick(passed)} {count:>8}  {text}")


def _notes(by_seed: dict[int, Claim], results: dict[int, Result]) -> Iterator[str]:
    """The worst evidence: on seeds that fail, or else the least and the greatest first number."""
    ended = [seed for seed, result in results.items() if not _crashed(result)]
    missing = [str(seed) for seed in ended if seed not in by_seed]
    if missing:
        yield (
            f"not claimed on seeds {', '.join(missing)}: a statement must be the same for every "
            "seed, so put computed numbers into the evidence"
        )
    failed = {seed: claim for seed, claim in by_seed.items() if not claim.holds}
    for seed, claim in failed.items():
        yield f"fails on seed {seed}: {claim.evidence}"
    if not failed:
        ordered = sorted(by_seed, key=lambda seed: _first_number(by_seed[seed].evidence))
        least, greatest = ordered[0], ordered[-1]
        if by_seed[least].evidence == by_seed[greatest].evidence:
            yield by_seed[least].evidence
        else:
            yield f"least:    {by_seed[least].evidence} (seed {least})"
            yield f"greatest: {by_seed[greatest].evidence} (seed {greatest})"


def _first_number(evidence: str) -> float:
    found = NUMBER.search(evidence)
    return float(found[0].replace(",", "")) if found else 0.0
