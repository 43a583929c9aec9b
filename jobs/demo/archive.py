"""The demo's archive: small lifelike scenes, drawn from a seed, of the kinds that a real archive holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.transform import Affine

from jobs.demo.drawing.airfield import airfield
from jobs.demo.drawing.canvas import Canvas
from jobs.demo.drawing.coast import coast, reflectance
from jobs.demo.drawing.harbour import harbour
from jobs.demo.drawing.tank_farm import tank_farm
from jobs.demo.drawing.town import town
from jobs.demo.drawing.water import open_sea

_CONTENT = {
    "airfield": airfield,
    "coast": coast,
    "harbour": harbour,
    "sea": open_sea,
    "tanks": tank_farm,
    "town": town,
}
_NO_DATA = 0


@dataclass(frozen=True, slots=True)
class DemoScene:
    """One scene of the archive: its file, what it shows, where it lies, and what is particular about it.

    ``origin`` is the CRS position (x, y) of its upper left corner, ``pixel_m`` the side of a pixel in metres.
    ``turned_deg`` is the heading of the part with data in a collar of no data, None without a collar.
    """

    path: str
    content: str
    crs: str
    origin: tuple[float, float]
    pixel_m: float
    infrared: bool = False
    turned_deg: float | None = None
    truncated: bool = False


SCENES = (
    DemoScene("airfield.tif", "airfield", "EPSG:32633", (385_200.0, 5_826_400.0), 0.8),
    DemoScene("broken.tif", "sea", "EPSG:32632", (563_000.0, 5_934_000.0), 1.0, truncated=True),
    DemoScene("harbour.tif", "harbour", "EPSG:32631", (593_400.0, 5_756_900.0), 1.0),
    DemoScene("open_sea.tif", "sea", "EPSG:32629", (441_000.0, 4_279_000.0), 1.0),
    DemoScene("tank_farm.tif", "tanks", "EPSG:32615", (298_700.0, 3_292_500.0), 1.0),
    DemoScene(
        "satellite/coast_rgbn_uint16.tif",
        "coast",
        "EPSG:32630",
        (499_980.0, 5_600_040.0),
        10.0,
        infrared=True,
    ),
    DemoScene(
        "satellite/town_with_collar.tif", "town", "EPSG:32618", (583_000.0, 4_512_000.0), 0.6, turned_deg=11.0
    ),
)
"""The archive, scene by scene."""


def draw_archive(folder: Path, seed: int = 7, scenes: Sequence[DemoScene] = SCENES) -> list[Path]:
    """Draw the archive into a folder, which is made, and return its files in the order of ``scenes``.

    The same seed draws the same bytes. A file that holds them already is left as it is, and so stays the
    same version of its scene; any other is replaced, at once.
    """
    return [
        _draw_scene(folder, scene, np.random.default_rng([seed, *scene.path.encode()])) for scene in scenes
    ]


def _draw_scene(folder: Path, scene: DemoScene, rng: np.random.Generator) -> Path:
    draw: Callable[[np.random.Generator], Canvas] = _CONTENT[scene.content]
    pixels: NDArray[np.uint8] | NDArray[np.uint16] = draw(rng).develop()
    if scene.infrared:
        pixels = reflectance(pixels.astype(np.uint8), rng)
    if scene.turned_deg is not None:
        pixels = np.where(_inside(pixels.shape[1:], scene.turned_deg), pixels, _NO_DATA).astype(np.uint8)
    path = folder / scene.path
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    _write(unfinished, scene, pixels)
    if scene.truncated:
        _truncate(unfinished)
    if path.exists() and path.read_bytes() == unfinished.read_bytes():
        unfinished.unlink()
    else:
        unfinished.replace(path)
    return path


def _write(path: Path, scene: DemoScene, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    x, y = scene.origin
    profile = {
        "driver": "GTiff", "dtype": str(pixels.dtype), "count": pixels.shape[0], "height": pixels.shape[1],
        "width": pixels.shape[2], "crs": scene.crs, "tiled": True, "blockxsize": 256, "blockysize": 256,
        "transform": Affine(scene.pixel_m, 0.0, x, 0.0, -scene.pixel_m, y), "interleave": "pixel",
        "compress": "deflate", "predictor": 2, "zlevel": 1,
    }  # fmt: skip
    if scene.turned_deg is not None:
        profile["nodata"] = _NO_DATA
    colours = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.undefined]
    with rasterio.open(path, "w", **profile) as target:
        target.colorinterp = colours[: pixels.shape[0]]
        target.write(pixels)


def _inside(shape: tuple[int, ...], turned_deg: float) -> NDArray[np.bool_]:
    """Return (h, w) validity of a rectangle that is turned about the centre and touches all four edges."""
    angle = np.deg2rad(turned_deg)
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    half = np.linalg.solve([[sin, cos], [cos, sin]], np.array(shape) / 2)
    rows, cols = np.mgrid[0 : shape[0], 0 : shape[1]] + 0.5
    y, x = rows - shape[0] / 2, cols - shape[1] / 2
    inside: NDArray[np.bool_] = (np.abs(x * cos + y * sin) < half[0]) & (np.abs(y * cos - x * sin) < half[1])
    return inside


def _truncate(path: Path) -> None:
    """Cut a file off in the middle, as a broken transfer does: it opens, and then a read fails."""
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
