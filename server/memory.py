"""Memory that was freed goes back to the machine."""

from __future__ import annotations

import ctypes
import gc


def give_back() -> None:
    """Return to the machine what is free, where the C library is one that keeps it (glibc): after a bulk load that was a third of all."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
