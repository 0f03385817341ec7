"""Memory that was freed, given back to the system."""

import contextlib
import ctypes
import gc


def give_back_freed_memory() -> None:
    """Give the system what this process has freed, where its C library can: glibc keeps it for later otherwise."""
    gc.collect()
    with contextlib.suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
