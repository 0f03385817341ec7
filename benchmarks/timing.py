"""Timing for benchmarks: functions measured in turn, so that a noisy machine disturbs them alike."""

import statistics
import time
from collections.abc import Callable
from typing import Any

from spectral_transcoder.utils.parallel import one_torch_thread


def medians_s(functions: dict[str, Callable[[], Any]], rounds: int = 15) -> dict[str, float]:
    """Return the median processor time in seconds of each function, called in turn `rounds` times after a warm-up.

    With one thread, processor time is what a function takes on an idle core. Wall-clock time is not: where other
    work interrupts, functions shorter than the scheduler's slices seem faster than they are beside longer ones.

    Parameters
    ----------
    functions : dict of str to callable
        What to measure, without arguments.
    rounds : int
        How often each is called.
    """
    durations: dict[str, list[float]] = {name: [] for name in functions}
    with one_torch_thread():
        for index in range(rounds + 1):
            for name, function in functions.items():
                start = time.process_time()
                function()
                if index:
                    durations[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in durations.items()}
