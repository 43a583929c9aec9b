"""Mosaics to test with: grids of every kind, codes, and stores that count or fail."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import zarr
from rasterio.crs import CRS

from sgddiff_batch.core.grid import Grid, Transform
from sgddiff_batch.core.planning import Mosaic, SceneMosaic, Tiling
from sgddiff_batch.core.scene import Scene, SceneProfile
from sgddiff_batch.io.mosaics.writer import ZarrBlockWriter
from sgddiff_batch.io.storage.backend import Versioned
from sgddiff_batch.io.storage.store import Store, open_store
from tests.kit.mosaics import begun, committed

UTM = CRS.from_epsg(32633).to_wkt()
LONLAT = CRS.from_epsg(4326).to_wkt()
NO_CODE = CRS.from_user_input(
    "+proj=tmerc +lat_0=1 +lon_0=2.5 +k=0.9 +x_0=100 +datum=WGS84 +units=m"
).to_wkt()
NORTH_UP = Transform(10, 0, 499980, 0, -10, 5000040)

GRIDS = {
    "north-up": Grid(101, 75, NORTH_UP, UTM),
    "one pixel": Grid(1, 1, NORTH_UP, UTM),
    "one row": Grid(1, 130, NORTH_UP, UTM),
    "bottom-up": Grid(50, 60, Transform(0.1, 0, 5, 0, 0.1, 50), LONLAT),
    "dateline": Grid(50, 60, Transform(1 / 3, 0, 170, 0, -1 / 3, 50), LONLAT),
    "no code": Grid(50, 60, NORTH_UP, NO_CODE),
    "rotated": Grid(50, 60, Transform(10, 3, 499980, 2, -10, 5000040), UTM),
    "quarter turn": Grid(50, 60, Transform(0, 10, 499980, 10, 0, 5000040), UTM),
    "no crs": Grid(101, 75),
    "transform without crs": Grid(50, 60, NORTH_UP),
}


def tiling(strides: int = 2) -> Tiling:
    return Tiling(32, 8, 24 * strides)


def mosaic_of(grid: Grid, cut: Tiling | None = None, store: str = "a/scene.tif/v-key.zarr") -> SceneMosaic:
    scene = Scene("a/scene.tif", "file:///archive/a/scene.tif", "v", 1)
    return SceneMosaic.at(store, scene, SceneProfile(grid, (1, 2, 3), "uint8", 1), cut or tiling())


def codes_of(grid: Grid, seed: int = 0) -> np.ndarray:
    """Return random codes with large areas of no data."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 255, (grid.height_px, grid.width_px), dtype=np.uint8)
    holes = rng.random((-(-grid.height_px // 16), -(-grid.width_px // 16))) < 0.3
    codes[np.kron(holes, np.ones((16, 16), bool))[: grid.height_px, : grid.width_px]] = 255
    return codes


def write_blocks(writer: ZarrBlockWriter, mosaic: Mosaic, codes: np.ndarray) -> None:
    for block in mosaic.blocks():
        writer.write_block(mosaic, block, codes[block.slices])


def build(folder: Path, mosaic: Mosaic, codes: np.ndarray) -> str:
    """Write a whole mosaic below a folder and return its URI."""
    writer = ZarrBlockWriter(open_store(str(folder)))
    claim = begun(writer, mosaic, {"run_key": "key", "created": "2026-11-23T12:00:00Z"})
    write_blocks(writer, mosaic, codes)
    committed(writer, mosaic, claim)
    return f"{folder}/{mosaic.path}"


def stored_codes(uri: str, level: int = 0) -> np.ndarray:
    return np.asarray(zarr.open_array(uri, path=f"{level}/saliency", mode="r")[...])


def root_attributes(uri: str) -> dict[str, object]:
    return json.loads(Path(uri, "zarr.json").read_text())["attributes"]


class Killed(BaseException):
    """What a test's SIGKILL looks like from inside."""


@dataclass(frozen=True)
class CountingStore(Store):
    """Records every call, and dies before the change number ``die_at``."""

    calls: list[tuple[str, str]] = field(default_factory=list)
    die_at: int | None = None

    def _change(self, name: str, key: str) -> None:
        changes = sum(name not in ("read", "read_versioned", "entries") for name, _ in self.calls)
        if self.die_at is not None and changes >= self.die_at:
            raise Killed
        self.calls.append((name, key))

    def write(self, key: str, data: bytes) -> None:
        self._change("write", key)
        super().write(key, data)

    def create(self, key: str, data: bytes) -> str | None:
        self._change("create", key)
        return super().create(key, data)

    def replace(self, key: str, data: bytes, version: str) -> str | None:
        self._change("replace", key)
        return super().replace(key, data, version)

    def read(self, key: str) -> bytes:
        self.calls.append(("read", key))
        return super().read(key)

    def read_versioned(self, key: str) -> Versioned:
        self.calls.append(("read_versioned", key))
        return super().read_versioned(key)

    def entries(self, prefix: str = "") -> dict[str, str | None]:
        self.calls.append(("entries", prefix))
        return super().entries(prefix)

    def delete(self, key: str) -> None:
        self._change("delete", key)
        super().delete(key)

    def delete_tree(self, prefix: str) -> None:
        self._change("delete_tree", prefix)
        super().delete_tree(prefix)

    def zarr(self, key: str, *, read_only: bool = False):
        raise AssertionError("writers reach the store by whole objects only")

    def keys_of(self, call: str) -> list[str]:
        return [key for name, key in self.calls if name == call]


def counting_store(folder: Path, die_at: int | None = None) -> CountingStore:
    plain = open_store(str(folder))
    return CountingStore(plain.root, plain.backend, die_at=die_at)
