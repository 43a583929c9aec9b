"""The levels of a complete mosaic as exports read them: codes, a window at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.window import Window
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.mosaics import conventions, opening
from sgddiff_batch.io.storage import Store

if TYPE_CHECKING:
    import zarr


@dataclass(frozen=True, slots=True)
class CodeLevel:
    """The codes of one level, uint8 (h, w): 0..254 is saliency 0..1, 255 no data."""

    codes: zarr.Array[Any]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.codes.shape
        return height, width

    @property
    def shard_px(self) -> int:
        """The side of what is decoded at once."""
        return int(max(self.codes.shards or self.codes.chunks))

    def read(self, part: Window) -> NDArray[np.uint8]:
        """Return the codes (h, w) of a window.

        Raises:
            FatalError: if they cannot be decoded.
        """
        try:
            return np.asarray(self.codes[part.slices], dtype=np.uint8)
        except (ValueError, RuntimeError) as error:
            raise _damaged(f"{part} of {self.codes.store_path}", error) from error


def code_levels(store: Store) -> list[CodeLevel]:
    """Return the levels of the mosaic in a store, native first.

    Raises:
        FatalError: if the metadata of a level is damaged.
        FileNotFoundError, ValueError: as :func:`opening.read_root`.
    """
    import zarr

    levels = opening.mosaic_levels(opening.read_root(store))
    mosaic = store.zarr("", read_only=True)
    with refusing_damage(f"the levels of {store.uri}"):
        paths = [f"{level}/{conventions.ARRAY_NAME}" for level in range(levels)]
        return [CodeLevel(zarr.open_array(mosaic, path=path, mode="r", zarr_format=3)) for path in paths]


@contextmanager
def refusing_damage(what: str) -> Iterator[None]:
    """Read metadata in its body that may be damaged.

    Raises:
        FatalError: where something is lacking in it, or of another kind.
    """
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _damaged(what, f"{type(error).__name__}: {error}") from error


def _damaged(what: str, why: object) -> FatalError:
    return FatalError(
        f"cannot read {what}: it is damaged ({why}); "
        "`sgddiff verify --mark-for-redo` lets the next run make it anew"
    )
