"""Which prompts are blank, decided over Arrow's buffers: reading a gigabyte of text row by row would take minutes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stillwatch.statistics.compiled import compiled

# Every byte that occurs in the UTF-8 form of a white-space character. A text of other bytes too is not blank.
_SPACE_BYTES = np.zeros(256, np.bool_)
for _code in (
    *range(9, 14),
    *range(28, 33),
    0x85,
    0xA0,
    0x1680,
    *range(0x2000, 0x200B),
    0x2028,
    0x2029,
    0x202F,
    0x205F,
    0x3000,
):
    for _byte in chr(_code).encode():
        _SPACE_BYTES[_byte] = True


@compiled
def _perhaps_blank(offsets: Any, data: Any, space: Any, found: Any) -> None:
    for row in range(len(offsets) - 1):
        blank = True
        for place in range(offsets[row], offsets[row + 1]):
            if not space[data[place]]:
                blank = False
                break
        found[row] = blank


def offsets_and_bytes(strings: pa.Array) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """Return views of a string array's offsets, shape (rows + 1,), and of the bytes that they point into.

    Raises:
        TypeError: If the array is not one of plain or large strings or bytes.
    """
    kind = strings.type
    if pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        width: Any = np.int64
    elif pa.types.is_string(kind) or pa.types.is_binary(kind):
        width = np.int32
    else:
        raise TypeError(f"offsets are of strings, not of {kind}")
    _, where, held = strings.buffers()
    if where is None or len(strings) == 0:
        return np.zeros(len(strings) + 1, width), np.zeros(1, np.uint8)
    offsets = np.frombuffer(where, width)[strings.offset : strings.offset + len(strings) + 1]
    return offsets, np.frombuffer(held, np.uint8) if held is not None and held.size else np.zeros(1, np.uint8)


def blank(strings: pa.Array) -> NDArray[np.bool_]:
    """Return which of ``strings`` hold no character but white space, shape (rows,); a null is not blank.

    White space is what ``str.strip`` takes off.
    """
    offsets, data = offsets_and_bytes(strings)
    found = np.zeros(len(strings), np.bool_)
    _perhaps_blank(offsets, data, _SPACE_BYTES, found)
    for row in np.flatnonzero(found):  # Few: only texts made of such bytes alone.
        text = data[offsets[row] : offsets[row + 1]].tobytes().decode("utf-8", "replace")
        found[row] = not text.strip()
    if strings.null_count:
        found &= strings.is_valid().to_numpy(zero_copy_only=False)
    return found
