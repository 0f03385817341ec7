"""Work shared out to processes that neither outlive their parent nor change a bit of the results.

torch is imported where it is needed, since scripts ask for `available_cores` before they load anything.
"""

import contextlib
import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from spectral_transcoder.utils.errors import DatasetError

Item = TypeVar("Item")
Result = TypeVar("Result")

TASKS_PER_WORKER = 4  # handed out ahead, so that no worker waits


def in_processes(
    task: Callable[[Item], Result], items: Iterable[Item], jobs: int
) -> Generator[tuple[Item, Result], None, None]:
    """Yield (item, task(item)) of each item, in the order in which they are done.

    Parameters
    ----------
    task : callable
        A function of one item. With several jobs, it, the items and the results have to be picklable.
    items : iterable
        What is to be done; they are taken only as they are needed.
    jobs : int
        How many processes compute, each with one torch thread. One means this process; more are started
        afresh, and end when this process does, however that is.

    Raises
    ------
    DatasetError
        A worker was killed, or there is no room in /dev/shm for what several need.
    """
    if jobs == 1:
        with one_torch_thread():
            yield from ((item, task(item)) for item in items)
        return
    waiting, running = iter(items), dict[Future[Result], Item]()
    with open_pool(jobs) as pool:
        try:
            for item in itertools.islice(waiting, jobs * TASKS_PER_WORKER):
                running[pool.submit(task, item)] = item
            while running:
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()
                    for item in itertools.islice(waiting, 1):
                        running[pool.submit(task, item)] = item
        except BrokenProcessPool as error:
            raise DatasetError(
                "a worker was killed, perhaps for want of memory: the same command goes on, fewer --jobs need less"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def open_pool(jobs: int) -> ProcessPoolExecutor:
    """Return a pool of workers; raise DatasetError where the system has no room for their semaphores."""
    try:
        return ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=prepare_worker)
    except OSError as error:
        raise DatasetError(
            f"several processes need semaphores in /dev/shm, which cannot be made ({error.strerror}): free some of it, "
            "or give --jobs 1"
        ) from error


@contextlib.contextmanager
def one_torch_thread() -> Iterator[None]:
    """Compute as a worker does, so that the number of processes changes no bit."""
    import torch

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


def prepare_worker() -> None:
    """Make this process a worker: one thread, deaf to Ctrl-C, which the parent handles, and gone when it is."""
    import torch

    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def follow_parent() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=follow_parent, daemon=True).start()


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
