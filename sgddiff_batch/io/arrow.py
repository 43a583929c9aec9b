"""Arrow: columns of texts, as pyarrow holds them and as core does; nothing is copied that need not be."""

from __future__ import annotations

from typing import Any

import numpy as np

from sgddiff_batch.core.texts import Texts


def texts_of(column: Any) -> Texts:  # noqa: ANN401 - pyarrow has no types
    """Return an Arrow column of strings, in one or many pieces, as texts; a null is ""."""
    import pyarrow as pa

    whole = column.cast(pa.large_string())
    if isinstance(whole, pa.ChunkedArray):
        whole = whole.combine_chunks()
    _, offsets, data = whole.buffers()
    if not len(whole) or offsets is None:
        return Texts(b"", np.zeros(len(whole) + 1, np.int64))
    places = np.frombuffer(offsets, np.int64, len(whole) + 1, 8 * whole.offset)
    return Texts(b"" if data is None else memoryview(data).cast("B"), places)


def arrow_of(texts: Texts) -> Any:  # noqa: ANN401
    """Return texts as an Arrow array of large strings.

    Raises:
        UnicodeEncodeError: if one of them has half of a surrogate pair, which Arrow's strings may not have.
    """
    import pyarrow as pa

    offsets = np.ascontiguousarray(texts.offsets)
    array = pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(offsets), pa.py_buffer(texts.data))
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        array = pa.array(list(texts), pa.large_string())
    return array
