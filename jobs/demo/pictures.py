"""Pictures: a mosaic beside its scene as a PNG, for people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from rasterio.enums import ColorInterp, Resampling
from rasterio.io import DatasetReader

from sgddiff_batch.core.blending import MAX_CODE, NO_DATA
from sgddiff_batch.core.colours import saliency_colours
from sgddiff_batch.core.provenance import Provenance, parse_provenance
from sgddiff_batch.errors import SceneError, SgddiffBatchError, UnreadableSceneError
from sgddiff_batch.io import mosaics
from sgddiff_batch.io.scenes import opened
from sgddiff_batch.io.storage import open_store

LONGEST_PX = 1600
"""No side of a picture is longer."""

_MARGIN_PX = 10
_STRIP_PX = 40
_NARROWEST_PX = 560
_LARGEST_MAGNIFICATION = 8
_STACKED_FROM = 2.0
_PAPER, _INK = (250, 250, 248), (40, 42, 46)
_HATCH = np.array([[178, 178, 176], [206, 206, 204]], dtype=np.uint8)
_HATCH_PX = 5


def picture_of(mosaic_uri: str, path: Path) -> None:
    """Draw a mosaic beside the scene that it was made from.

    Both are read at the finest level whose sides are at most ``LONGEST_PX``, the scene with the bands and
    the stretch of the mosaic.

    Raises:
        FileNotFoundError: if there is no mosaic at ``mosaic_uri``.
        ValueError: if the mosaic is not complete.
        UnreadableSceneError: if its scene cannot be read any more.
        RetryableError: if the storage failed.
    """
    store = open_store(mosaic_uri)
    root = mosaics.read_root(store)
    codes = _read_codes(mosaic_uri, mosaics.mosaic_levels(root))
    provenance = parse_provenance(root[mosaics.PROVENANCE])
    pixels = _read_scene(provenance, codes.shape)
    draw_picture(pixels, codes != NO_DATA, codes, path, name=provenance.mosaic_id)


def draw_picture(
    pixels: NDArray[np.uint8],
    valid: NDArray[np.bool_],
    codes: NDArray[np.uint8],
    path: Path,
    *,
    name: str = "",
) -> None:
    """Draw a scene beside its saliency, with a caption and a colour bar, and write a PNG.

    pixels: (3, h, w) RGB; valid: (h, w), False is drawn hatched; codes: (h, w), 0..254 is saliency 0..1, 255
    is no data. Large inputs are shrunk so that no side is longer than ``LONGEST_PX``, small ones magnified.
    A file at ``path`` is replaced at once, and folders are made.

    Raises:
        ValueError: if the shapes do not agree.
    """
    if pixels.shape != (3, *codes.shape) or valid.shape != codes.shape or codes.size == 0:
        raise ValueError(
            f"a picture needs pixels (3, h, w), valid (h, w) and codes (h, w), got {pixels.shape}, "
            f"{valid.shape} and {codes.shape}"
        )
    rows, cols = _sampling(codes.shape)
    place = np.ix_(rows, cols)
    shown = _shrunk(pixels, (len(rows), len(cols)))
    scene = np.where(valid[place][..., None], shown, _hatched(len(rows), len(cols)))
    sampled = codes[place]
    saliency = np.where(
        (sampled != NO_DATA)[..., None], saliency_colours()[sampled], _hatched(len(rows), len(cols))
    )
    sheet = _compose(Image.fromarray(scene), Image.fromarray(saliency))
    _caption(sheet, name, _salient_part(codes))
    _save(sheet, path)


def _read_codes(mosaic_uri: str, levels: int) -> NDArray[np.uint8]:
    for level in range(levels):
        saliency = mosaics.open_mosaic(mosaic_uri, level)
        if max(saliency.shape) <= LONGEST_PX or level == levels - 1:
            break
    values = saliency.to_numpy()
    return np.where(np.isnan(values), NO_DATA, np.rint(values * MAX_CODE)).astype(np.uint8)


def _read_scene(provenance: Provenance, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the scene of a mosaic at a reduced (h, w) as (3, h, w) uint8, as the network saw it."""
    scene, bands, stretch = provenance.scene, provenance.bands, provenance.stretch
    try:
        with opened(scene, "reading it") as source:
            palette = _palette(source) if set(bands) == {1} else None
            how = Resampling.average if palette is None else Resampling.nearest
            samples: NDArray[np.generic] = source.read(
                list(bands), out_shape=(len(bands), *shape), resampling=how
            )
    except SceneError as error:
        raise UnreadableSceneError(f"cannot draw {scene.scene_id!r} ({scene.uri}): {error}") from error
    if palette is not None:
        return np.ascontiguousarray(palette[samples[0].astype(np.intp) % 256].transpose(2, 0, 1))
    shown = samples.astype(np.uint8, copy=False) if stretch is None else stretch.apply(samples)
    return np.uint8(255) - shown if provenance.inverted else shown


def _palette(source: DatasetReader) -> NDArray[np.uint8] | None:
    """Return the (256, 3) colours of a palette scene, None of any other."""
    if source.colorinterp[0] != ColorInterp.palette:
        return None
    colours = source.colormap(1)
    table = np.zeros((256, 3), dtype=np.uint8)
    for code, colour in colours.items():
        if code < len(table):
            table[code] = colour[:3]
    return table


def _sampling(shape: tuple[int, ...]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows and columns to show: all, some of a large picture, each often of a small one."""
    height, width = shape
    stacked = width > _STACKED_FROM * height
    free_w = LONGEST_PX - (2 if stacked else 3) * _MARGIN_PX
    free_h = LONGEST_PX - (3 if stacked else 2) * _MARGIN_PX - _STRIP_PX
    scale = min(free_w / (1 if stacked else 2) / width, free_h / (2 if stacked else 1) / height)
    if scale >= 1:
        scale = min(int(scale), _LARGEST_MAGNIFICATION, max(1, _NARROWEST_PX // max(height, width)))
    shown_h, shown_w = max(1, int(height * scale)), max(1, int(width * scale))
    return np.arange(shown_h) * height // shown_h, np.arange(shown_w) * width // shown_w


def _shrunk(pixels: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    image = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    smaller = shape[0] < image.height or shape[1] < image.width
    how = Image.Resampling.BOX if smaller else Image.Resampling.NEAREST
    return np.asarray(image.resize((shape[1], shape[0]), how))


def _hatched(height: int, width: int) -> NDArray[np.uint8]:
    diagonal = np.arange(height)[:, None] + np.arange(width)[None, :]
    stripes: NDArray[np.uint8] = np.repeat(_HATCH[diagonal // _HATCH_PX % 2, :1], 3, axis=2)
    return stripes


def _compose(scene: Image.Image, saliency: Image.Image) -> Image.Image:
    width, height = scene.size
    step = (0, height + _MARGIN_PX) if width > _STACKED_FROM * height else (width + _MARGIN_PX, 0)
    sheet_w = max(width + step[0] + 2 * _MARGIN_PX, _NARROWEST_PX)
    sheet = Image.new("RGB", (sheet_w, height + step[1] + 2 * _MARGIN_PX + _STRIP_PX), _PAPER)
    left = (sheet_w - width - step[0]) // 2
    sheet.paste(scene, (left, _MARGIN_PX))
    sheet.paste(saliency, (left + step[0], _MARGIN_PX + step[1]))
    return sheet


def _salient_part(codes: NDArray[np.uint8]) -> float | None:
    """Return the part of the pixels with data whose saliency is 0.5 or more; None if there is no data."""
    data = codes[codes != NO_DATA]
    return float((data >= MAX_CODE / 2).mean()) if data.size else None


def _caption(sheet: Image.Image, name: str, salient: float | None) -> None:
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=15)
    middle = sheet.height - (_STRIP_PX + _MARGIN_PX) // 2
    right = sheet.width - _MARGIN_PX
    swatch = Image.fromarray(_hatched(14, 22))
    pen.text((right, middle), "no data", _INK, font, anchor="rm")
    right -= int(pen.textlength("no data", font)) + 6 + swatch.width
    sheet.paste(swatch, (right, middle - 7))
    pen.text((right - 16, middle), "1", _INK, font, anchor="rm")
    bar = Image.fromarray(np.repeat(saliency_colours()[None, :MAX_CODE:2], 14, axis=0))
    right -= 32 + bar.width
    sheet.paste(bar, (right, middle - 7))
    pen.text((right - 6, middle), "saliency 0", _INK, font, anchor="rm")
    right -= 6 + int(pen.textlength("saliency 0", font)) + 20
    area = "  no data" if salient is None else f"  {salient:.2%} salient"
    pen.text(
        (_MARGIN_PX, middle), _fitting(pen, font, name, area, right - _MARGIN_PX), _INK, font, anchor="lm"
    )


def _fitting(
    pen: ImageDraw.ImageDraw,
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
    name: str,
    area: str,
    width: int,
) -> str:
    """Return name and area in one line; of a long name the end is kept, where files differ."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in name[-300:])
    text = clean + area
    while clean and pen.textlength(text, font) > width:
        clean = clean[1:]
        text = f"...{clean}{area}"
    return text


def _save(sheet: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".partial")
    try:
        sheet.save(unfinished, format="PNG", optimize=False)
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise SgddiffBatchError(f"cannot write the picture {path}: {error}") from error
