"""Pictures: scene, saliency and overlay of a view, as WebP in the page itself."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Thread

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sgddiff_batch.core.blending import MAX_CODE, NO_DATA
from sgddiff_batch.core.colours import code_colours
from sgddiff_batch.core.previews import SIDE_PX
from sgddiff_batch.core.words import on_one_line, redact_uri
from sgddiff_batch.io.pages.digest import Pick
from sgddiff_batch.io.pages.views import View

_QUALITY = 70
_AT_ONCE = 4
_HATCH = np.array([[178, 178, 176], [206, 206, 204]], dtype=np.uint8)
_HATCH_PX = 5
_OUTLINE = np.array([255, 64, 64], dtype=np.uint8)

Rgb = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Image64:
    """A picture as the page has it: a data URI, and its size in pixels."""

    uri: str
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """The pictures of a pick: without its scene only ``saliency``, without its mosaic none.

    ``place``: which part of the mosaic is shown; ``lacking``: why something is not.
    """

    pick: Pick
    scene: Image64 | None = None
    saliency: Image64 | None = None
    overlay: Image64 | None = None
    place: str = ""
    lacking: str = ""


def draw_all(
    picks: Sequence[Pick], look: Callable[[str], View], seconds: float, *, patience_s: float = 5.0
) -> list[Drawn]:
    """Draw the picks, several at once, in their order; what cannot be drawn leaves its place with a word.

    look: returns the view of the mosaic at a path. seconds: none is begun later than that. patience_s: what
    is not drawn so long after is not waited for: a read of a dead disk never ends, and must not hold a run.
    """
    until = time.monotonic() + seconds
    found: dict[int, Drawn] = {}
    waiting = [*reversed([*enumerate(picks)])]

    def draw() -> None:
        while waiting and time.monotonic() < until:
            try:
                number, pick = waiting.pop()
            except IndexError:  # another one was faster
                return
            found[number] = _drawn_or_told(pick, look)

    # Not a pool's: the interpreter waits for those at its end, whatever they wait for.
    threads = [Thread(target=draw, name="draw", daemon=True) for _ in picks[:_AT_ONCE]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until + patience_s - time.monotonic()))
    so_far = dict(found)
    return [so_far.get(number) or Drawn(pick, lacking=_NO_TIME) for number, pick in enumerate(picks)]


_NO_TIME = "not drawn: there was no time left"


def _drawn_or_told(pick: Pick, look: Callable[[str], View]) -> Drawn:
    try:
        return drawn(pick, look(str(pick.row["store"])))
    except Exception as error:  # a picture is no reason to be without a report
        words = on_one_line(redact_uri(str(error))) or type(error).__name__
        return Drawn(pick, lacking=f"the mosaic cannot be read: {words}"[:200])


def drawn(pick: Pick, view: View) -> Drawn:
    """Return the pictures of a view."""
    codes, window = _shrunk_codes(view.codes), view.window
    saliency = _coloured(codes)
    place = "" if view.is_whole else f"rows {window.row_start:,} to {window.row_stop:,}, columns "
    place += "" if view.is_whole else f"{window.col_start:,} to {window.col_stop:,}"
    if view.pixels is None:
        return Drawn(pick, saliency=_encoded(saliency), place=place, lacking=view.lacking)
    scene = _shrunk(view.pixels, codes.shape)
    scene = np.where((codes == NO_DATA)[..., None], _hatched(*codes.shape), scene)
    return Drawn(pick, _encoded(scene), _encoded(saliency), _encoded(_overlaid(scene, codes)), place)


def _size(height: int, width: int) -> tuple[int, int]:
    scale = min(1.0, SIDE_PX / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _shrunk(pixels: NDArray[np.uint8], shape: tuple[int, ...]) -> Rgb:
    """Return pixels (3, h, w) as (h', w', 3), averaged."""
    image = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    return np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.BOX))


def _shrunk_codes(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return codes (h, w) smaller: the greatest of each place, so that no small object is lost.

    Where there is no data at all the place has none.
    """
    height, width = _size(*codes.shape)
    values = np.where(codes == NO_DATA, 0, codes)
    rows, cols = np.arange(height) * codes.shape[0] // height, np.arange(width) * codes.shape[1] // width
    most = np.maximum.reduceat(np.maximum.reduceat(values, rows, axis=0), cols, axis=1)
    least = np.minimum.reduceat(np.minimum.reduceat(codes, rows, axis=0), cols, axis=1)
    return np.where(least == NO_DATA, NO_DATA, most).astype(np.uint8)


def _coloured(codes: NDArray[np.uint8]) -> Rgb:
    empty = (codes == NO_DATA)[..., None]
    return np.where(empty, _hatched(*codes.shape), code_colours()[codes])


def _overlaid(scene: Rgb, codes: NDArray[np.uint8]) -> Rgb:
    """Return a scene with its salient places tinted: the more salient, the less of the scene is left."""
    strength = np.where(codes == NO_DATA, 0, codes)[..., None] * np.float32(0.75 / MAX_CODE)
    mixed = scene * (1 - strength) + code_colours()[codes] * strength
    edge = _edges(codes)
    return np.where(edge[..., None], _OUTLINE, mixed.round().astype(np.uint8))


def _edges(codes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return what lies right around salient places (0.5 and more): so that of one pixel can be seen, too."""
    inside = (codes >= MAX_CODE / 2) & (codes != NO_DATA)
    wide = np.pad(inside, 1)
    near = wide[:-2, 1:-1] | wide[2:, 1:-1] | wide[1:-1, :-2] | wide[1:-1, 2:]
    edge: NDArray[np.bool_] = near & ~inside & (codes != NO_DATA)
    return edge


def _hatched(height: int, width: int) -> Rgb:
    diagonal = np.arange(height)[:, None] + np.arange(width)[None, :]
    stripes: Rgb = np.repeat(_HATCH[diagonal // _HATCH_PX % 2, :1], 3, axis=2)
    return stripes


def _encoded(picture: Rgb) -> Image64:
    data = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(data, "WEBP", quality=_QUALITY, method=1)
    uri = f"data:image/webp;base64,{base64.b64encode(data.getvalue()).decode()}"
    return Image64(uri, picture.shape[1], picture.shape[0])
