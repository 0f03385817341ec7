"""Timing for benchmarks: functions measured in turn, so that a noisy machine disturbs them alike."""

import statistics
import time


def medians_s(functions, rounds=15):
    """Return the median duration in seconds of each function, called in turn `rounds` times after a warm-up.

    Parameters
    ----------
    functions : dict of str to callable
        What to measure, without arguments.
    rounds : int
        How often each is called.
    """
    durations = {name: [] for name in functions}
    for index in range(rounds + 1):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if index:
                durations[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in durations.items()}
