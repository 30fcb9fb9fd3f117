# SPDX-License-Identifier: LGPL-2.1-or-later
"""liblxss as ctypes sees it, and what both halves of the package need of that."""

from __future__ import annotations

import ctypes
import os
from types import TracebackType
from typing import Self

library = ctypes.CDLL(os.environ.get("LXSS_LIBRARY", "liblxss.so.0"))
libc = ctypes.CDLL(None)
libc.free.argtypes = [ctypes.c_void_p]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]

handle = ctypes.c_void_p
handle_p = ctypes.POINTER(ctypes.c_void_p)
int_p = ctypes.POINTER(ctypes.c_int)
size_p = ctypes.POINTER(ctypes.c_size_t)


def declare(signatures: dict[str, list[object]], without_result: set[str]) -> None:
    """Tells ctypes what functions take; those without a result take a handle."""
    for name, arguments in signatures.items():
        getattr(library, name).argtypes = arguments
        getattr(library, name).restype = ctypes.c_int
    for name in without_result:
        getattr(library, name).argtypes = [handle]
        getattr(library, name).restype = None


def check(result: int) -> int:
    if result < 0:
        raise OSError(-result, os.strerror(-result))
    return result


def milliseconds(timeout: float | None) -> int:
    return -1 if timeout is None else max(0, int(timeout * 1000))


class Owner:
    """What must be closed, once, and is by `with`."""

    _free = ""

    def __init__(self, held: int | None) -> None:
        self._held = held

    @property
    def _own(self) -> int:
        if self._held is None:
            raise ValueError("it is closed")
        return self._held

    def close(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            getattr(library, self._free)(held)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()
