"""Side-by-side timing that holds on a noisy machine; every benchmark here uses it."""

import gc
import importlib.metadata
import os
import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Comparison:
    """What each contender took: `seconds[name][r]` is the time of one call in round r.

    `other_cores` is how many cores other programs kept busy meanwhile (nan where /proc is absent).
    Ratios of one thread each bear that. Threads that wait for one another do not: each wait then
    lasts as long as the other program's slice, the same for all contenders, and ratios drift to 1.
    """

    seconds: dict[str, np.ndarray]
    other_cores: float

    def median_us(self, name: str) -> float:
        """Median over the rounds, in microseconds per call."""
        return 1e6 * float(np.median(self.seconds[name]))

    def ratio(self, ours: str, peer: str) -> tuple[float, float, float]:
        """Median, lower and upper quartile over the rounds of ours / peer in the same round.

        A slow spell of the machine hits both sides of one round's ratio, so the ratio moves far
        less than the times do.
        """
        ratios = self.seconds[ours] / self.seconds[peer]
        median, low, high = np.quantile(ratios, [0.5, 0.25, 0.75])
        return float(median), float(low), float(high)


def compare(
    contenders: dict[str, Callable[[], object]],
    rounds: int = 30,
    *,
    block: float = 0.01,
    pause: float = 0.15,
) -> Comparison:
    """Time the contenders in turn, `rounds` times over.

    One timing repeats a call until it fills about `block` seconds. Before each, the machine
    rests for `pause` seconds, because the worker threads of the contender before (OpenBLAS,
    OpenMP) go on spinning for some 100 ms and would cost the next one a core; then the contender
    runs once untimed, to have its own data in the caches.
    """
    repeats = {name: _repeats_filling(block, call) for name, call in contenders.items()}
    seconds = {name: np.empty(rounds) for name in contenders}
    # What exists now is nobody's garbage; frozen, it does not slow the collections below.
    gc.collect()
    gc.freeze()
    start, start_of_others = time.perf_counter(), _cpu_seconds_of_others()
    for r in range(rounds):
        for name, call in contenders.items():
            gc.collect()  # nobody pays for the cycles that the contender before left behind
            time.sleep(pause)
            call()
            seconds[name][r] = _seconds(call, repeats[name]) / repeats[name]
    used_by_others = _cpu_seconds_of_others() - start_of_others
    other_cores = float(np.maximum(0, used_by_others / (time.perf_counter() - start)))
    gc.unfreeze()
    return Comparison(seconds, other_cores)


def _repeats_filling(block: float, call: Callable[[], object]) -> int:
    call()  # the first call pays for lazy imports and thread pools
    count = 1
    while (elapsed := _seconds(call, count)) < block / 2:
        count *= 2
    return max(1, round(count * block / elapsed))


def _seconds(call: Callable[[], object], count: int) -> float:
    start = time.perf_counter()
    for _ in repeat(None, count):
        call()
    return time.perf_counter() - start


def _cpu_seconds_of_others() -> float:
    """CPU time of every process but this one, from an arbitrary start."""
    try:
        fields = Path("/proc/stat").read_text().split(maxsplit=9)[1:9]
    except OSError:
        return float("nan")
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields)
    busy = user + nice + system + irq + softirq + steal
    return busy / os.sysconf("SC_CLK_TCK") - time.process_time()


def environment(packages: Iterable[str]) -> dict[str, str]:
    """Versions and cores, for the head of a benchmark's output; absent packages are left out."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    found = {
        "python": platform.python_version(),
        "cores": str(os.cpu_count()),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "default"),
        "BLAS of NumPy": f"{blas['name']} {blas['version']}",
    }
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
