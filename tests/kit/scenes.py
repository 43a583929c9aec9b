"""Small GeoTIFFs for tests, and a bucket that answers as a script tells it to."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import Affine

from sgddiff_batch.core.scene import Scene, SceneProfile, escape_scene_id
from sgddiff_batch.io.scenes.geotiff import GeoTiffReader

TRANSFORM = Affine(0.5, 0.0, 500_000.0, 0.0, -0.5, 5_300_000.0)
CRS = "EPSG:32633"


def write_scene(
    path: Path,
    samples: NDArray[Any],
    *,
    mask: NDArray[np.bool_] | None = None,
    colormap: dict[int, tuple[int, int, int, int]] | None = None,
    tags: dict[str, dict[str, str]] | None = None,
    overviews: list[int] | None = None,
    **options: Any,
) -> Path:
    """Write (bands, h, w) samples as a GeoTIFF; ``options`` are rasterio's, None drops a default."""
    bands, height, width = samples.shape
    defaults = {"crs": CRS, "transform": TRANSFORM}
    profile = {**defaults, **options, "count": bands, "height": height, "width": width}
    given = {name: value for name, value in profile.items() if value is not None}
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings(), rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", driver="GTiff", dtype=samples.dtype, **given) as target:
            target.write(samples)
            if mask is not None:
                target.write_mask(mask)
            if colormap is not None:
                target.write_colormap(1, colormap)
            for domain, entries in (tags or {}).items():
                target.update_tags(ns=domain or None, **entries)
            if overviews:
                target.build_overviews(overviews)
    return path


def read_all(
    path: Path, reader: GeoTiffReader | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], SceneProfile]:
    """Read a whole file: its pixels, which of them are valid, and its profile."""
    scene, reader = scene_of(path), reader or GeoTiffReader()
    profile = reader.profile(scene)
    return *reader.read(scene, profile, profile.grid.window), profile


def noise(bands: int, height: int, width: int, dtype: str = "uint8", seed: int = 0) -> NDArray[Any]:
    """Return (bands, h, w) samples from 1 to 250, smooth enough for JPEG."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(1, 250, (bands, height // 16 + 1, width // 16 + 1))
    return np.kron(coarse, np.ones((16, 16), dtype=int))[:, :height, :width].astype(dtype)


def scene_of(path: Path | str) -> Scene:
    """Return the scene of one file, as a catalogue lists it."""
    path = Path(path)
    suffixes = (".msk", ".ovr", ".aux.xml")
    has_sidecars = any(Path(f"{path}{suffix}").exists() for suffix in suffixes)
    size = path.stat().st_size if path.exists() else 0
    return Scene(escape_scene_id(path.name), str(path), "v1", size, has_sidecars)


@contextmanager
def scripted_bucket(folder: Path) -> Iterator[tuple[str, Path]]:
    """Serve ``folder/<bucket>/<key>`` as S3 does, unsigned; yield the endpoint and the script.

    The script is a file: empty, or a status to answer with; "late " before it spares the first 64 KiB, and
    ".xml " all objects but those whose names end so.
    """
    script = folder / "script.txt"
    script.touch()
    # A process of its own: rasterio keeps the GIL while it opens, so a thread could not answer it.
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("bucket.py")), str(folder)],
        stdout=subprocess.PIPE,
        env=dict(os.environ),
        text=True,
    )
    try:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}", script
    finally:
        server.kill()
        server.communicate()
