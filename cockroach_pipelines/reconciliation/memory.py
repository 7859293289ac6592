"""Memory that goes back to the system after each window.

Arrow's usual allocator keeps for each thread what it once had; over many windows in several threads that is more than
all of them ever need at once. The C library's gives back what is asked for.
"""

from __future__ import annotations

import ctypes
import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

# Source: malloc.h of glibc.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LARGE_BYTES, _ARENAS = 4 << 20, 2
_FREE_BYTES = 8 << 20  # a page that the system gives anew costs as much as the comparison of what comes to lie in it

_lock = threading.Lock()
_users = 0
_usual: Any = None


@contextmanager
def economical_memory() -> Iterator[None]:
    """Let Arrow allocate with the C library as long as at least one comparison runs in this process."""
    global _users, _usual
    with _lock:
        if _users == 0:
            _return_large_blocks()
            _usual = pa.default_memory_pool()
            pa.set_memory_pool(pa.system_memory_pool())
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                pa.set_memory_pool(_usual)


def _return_large_blocks() -> None:
    """Let glibc map large blocks by themselves for good; by default it ceases to once one was freed, and keeps them."""
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        libc.mallopt(_M_TRIM_THRESHOLD, _FREE_BYTES)
        libc.mallopt(_M_ARENA_MAX, _ARENAS)


def release_memory() -> None:
    """Give what is free back to the system."""
    pa.default_memory_pool().release_unused()
