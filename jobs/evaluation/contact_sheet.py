"""Contact sheets: pictures side by side, a row each (picture, label, teacher, student), as one PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

CELL_PX = 240
"""The longer side of a picture on a sheet."""
MOST_ROWS = 64

_LARGEST_MAGNIFICATION = 8
_MARGIN_PX, _STRIP_PX, _NARROWEST_PX = 8, 22, 400
_PAPER, _INK, _PALE, _BLANK = (250, 250, 248), (40, 42, 46), (120, 122, 126), (226, 226, 224)
_LONGEST_TEXT = 300

Picture = NDArray[np.uint8] | NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A row of a contact sheet.

    pictures: (3, H, W) uint8 RGB, (H, W) uint8 0..255, or (H, W) bool; None where one is missing. They may
    differ in size. caption: stands at the right end of the row's title, "F .83 MAE .012".

    Raises ValueError for arrays of any other shape or type.
    """

    name: str
    pictures: tuple[Picture | None, ...]
    caption: str = ""

    def __post_init__(self) -> None:
        for place, picture in enumerate(self.pictures):
            if picture is not None and not _is_picture(picture):
                raise ValueError(
                    f"picture {place} of {self.name!r} is {picture.dtype} {picture.shape}; a contact sheet "
                    "takes (3, H, W) uint8, (H, W) uint8 and (H, W) bool, none of them empty"
                )


class Labelled(Protocol):
    """A picture with its mask (H, W) bool, such as a ``models.data.Pair``."""

    @property
    def name(self) -> str:
        """The stem of its files."""

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Where the objects are."""


def choose_rows(pairs: Sequence[Labelled], count: int, seed: int) -> list[int]:
    """Choose which pictures to show: their indices, from those with the smallest objects to the largest.

    Sorted by the objects' share of the picture, the pictures are cut into `count` equal parts, and one is
    drawn from each; so empty masks show up in proportion. The choice depends on the names, masks and seed,
    not on the order of the pairs. All are chosen where there are no more than `count`.

    Raises:
        ValueError: if `count` is negative.
    """
    if count < 0:
        raise ValueError(f"cannot choose {count} pictures for a contact sheet; 0 or more are possible")
    order = sorted(range(len(pairs)), key=lambda index: (float(pairs[index].mask.mean()), pairs[index].name))
    parts = np.array_split(np.array(order, dtype=np.int64), max(1, min(count, len(order))))
    rng = np.random.default_rng(seed)
    return [int(rng.choice(part)) for part in parts if count and len(part)]


def draw_contact_sheet(rows: Sequence[SheetRow], columns: Sequence[str], cell_px: int = CELL_PX) -> bytes:
    """Draw rows of pictures under the columns' titles; the same input gives the same PNG, to the byte.

    Every picture is scaled to fit `cell_px`, whole and in proportion; small ones are magnified at most eight
    times, pixels staying visible. `columns` may be empty: then there are no titles.

    Raises:
        ValueError: if a row has not as many pictures as there are columns, or there are more than
            ``MOST_ROWS`` rows.
    """
    widest = _count_columns(rows, columns)
    cells = [
        [None if picture is None else _scaled(picture, cell_px) for picture in row.pictures] for row in rows
    ]
    heights = [_row_height(images, cell_px) for images in cells]
    top = _MARGIN_PX + (_STRIP_PX if columns else 0)
    width = max(_NARROWEST_PX, widest * (cell_px + _MARGIN_PX) + _MARGIN_PX)
    strips_px = len(rows) * (_STRIP_PX + _MARGIN_PX) or 2 * _STRIP_PX
    sheet = Image.new("RGB", (width, top + sum(heights) + strips_px), _PAPER)
    pen = ImageDraw.Draw(sheet)
    for column, title in enumerate(columns):
        _write(pen, _left(column, cell_px), _MARGIN_PX, cell_px, title, bold=True)
    if not rows:
        _write(pen, _MARGIN_PX, top, width, "no pictures")
    for row, images, height in zip(rows, cells, heights, strict=True):
        _write_title(pen, top, width - 2 * _MARGIN_PX, row)
        _place(sheet, images, top + _STRIP_PX, height, cell_px)
        top += _STRIP_PX + height + _MARGIN_PX
    target = io.BytesIO()
    sheet.save(target, "PNG")
    return target.getvalue()


def printable(text: str, longest: int = _LONGEST_TEXT) -> str:
    """One line of `text` that any font can show: the last `longest` characters, odd ones as "?"."""
    kept = text if len(text) <= longest else f"...{text[3 - longest :]}"
    return "".join(letter if letter.isprintable() and ord(letter) < 0x180 else "?" for letter in kept)


def _is_picture(picture: Picture) -> bool:
    kinds = {2: (np.uint8, np.bool_), 3: (np.uint8,)}.get(picture.ndim, ())
    return picture.dtype in kinds and picture.size > 0 and (picture.ndim == 2 or len(picture) == 3)


def _count_columns(rows: Sequence[SheetRow], columns: Sequence[str]) -> int:
    if len(rows) > MOST_ROWS:
        raise ValueError(f"cannot draw {len(rows)} rows on one contact sheet; {MOST_ROWS} is the most")
    for row in rows:
        if columns and len(row.pictures) != len(columns):
            raise ValueError(
                f"{row.name!r} has {len(row.pictures)} pictures for {len(columns)} columns "
                f"({', '.join(columns)}); give None for one that is missing"
            )
    return max([len(columns), *(len(row.pictures) for row in rows)])


def _scaled(picture: Picture, cell_px: int) -> Image.Image:
    values = picture.astype(np.uint8) * 255 if picture.dtype == np.bool_ else picture
    pixels = values.transpose(1, 2, 0) if values.ndim == 3 else values
    image = Image.fromarray(np.ascontiguousarray(pixels)).convert("RGB")
    scale = min(cell_px / max(image.size), _LARGEST_MAGNIFICATION)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.NEAREST)


def _row_height(images: Sequence[Image.Image | None], cell_px: int) -> int:
    return max((image.height for image in images if image is not None), default=cell_px // 4)


def _left(column: int, cell_px: int) -> int:
    return _MARGIN_PX + column * (cell_px + _MARGIN_PX)


def _place(
    sheet: Image.Image, images: Sequence[Image.Image | None], top: int, height: int, cell_px: int
) -> None:
    pen = ImageDraw.Draw(sheet)
    for column, image in enumerate(images):
        left = _left(column, cell_px)
        if image is not None:
            frame = (left - 1, top - 1, left + image.width, top + image.height)
            pen.rectangle(frame, outline=_BLANK)  # else a white mask would not show on the paper
            sheet.paste(image, (left, top))
            continue
        pen.rectangle((left, top, left + cell_px - 1, top + height - 1), fill=_BLANK)
        pen.text((left + cell_px // 2, top + height // 2), "none", _PALE, _font(), anchor="mm")


def _write_title(pen: ImageDraw.ImageDraw, top: int, width: int, row: SheetRow) -> None:
    """The row's name at the left and its caption at the right; a name that is too long loses its start."""
    caption = _shortened(pen, row.caption, width * 2 // 3)
    taken = int(pen.textlength(caption, _font()))
    pen.text((_MARGIN_PX + width, top + _STRIP_PX // 2), caption, _PALE, _font(), anchor="rm")
    _write(pen, _MARGIN_PX, top, width - taken - 2 * _MARGIN_PX, row.name)


def _write(
    pen: ImageDraw.ImageDraw, left: int, top: int, width: int, text: str, *, bold: bool = False
) -> None:
    shown = _shortened(pen, text, width)
    weight = 0.4 if bold else 0.0
    pen.text((left, top + _STRIP_PX // 2), shown, _INK, _font(), anchor="lm", stroke_width=weight)


def _shortened(pen: ImageDraw.ImageDraw, text: str, width: int) -> str:
    """The text on one line of `width` pixels; of a long one the end is kept, where files differ."""
    clean = shown = printable(text)
    while clean and pen.textlength(shown, _font()) > width:
        clean = clean[1:]
        shown = f"...{clean}"
    return shown


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(13)
