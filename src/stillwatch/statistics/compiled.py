"""The one door to the compiler: functions over Arrow and numpy buffers that Python would be too slow for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

_F = TypeVar("_F", bound=Callable[..., Any])


def compiled(function: _F) -> _F:
    """Compile ``function`` to machine code that runs without the interpreter's lock, and keep it between runs."""
    return cast(_F, numba.njit(cache=True, nogil=True)(function))
