"""Outputs with mosaics of scenes that no network made, as area mosaics are composed of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray
from rasterio.crs import CRS

from sgddiff_batch.core.blending import NO_DATA
from sgddiff_batch.core.cells import CellGrid
from sgddiff_batch.core.composite_planning import AreaPlan, AreaSettings, plan_areas
from sgddiff_batch.core.fingerprint import array_digest
from sgddiff_batch.core.grid import Grid, Transform
from sgddiff_batch.core.planning import SceneMosaic, Tiling
from sgddiff_batch.core.scene import Scene, SceneProfile
from sgddiff_batch.core.times import parse_span
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.areas.members import find_members
from sgddiff_batch.io.catalogue.generations import publish
from sgddiff_batch.io.catalogue.update import PublishContext
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.mosaics.writer import ZarrBlockWriter
from sgddiff_batch.io.storage.store import Store
from sgddiff_batch.protocols import BlockRecord, MosaicContents, SceneRecord
from tests.io.catalogue_examples import version_of
from tests.kit.mosaics import begun, committed

UTM33 = CRS.from_epsg(32633).to_wkt()
LEFT, TOP = 500_000.0, 5_300_000.0
CHUNK_PX = 32
CELL_PX = 80
"""With cells of 800 m, (LEFT, TOP) is the upper left corner of the cell x625y6624."""


def area_settings(rule: str = "latest", **changes: object) -> AreaSettings:
    crs, resolution = changes.pop("crs", UTM33), changes.pop("resolution", 10.0)
    cells = CellGrid(str(crs), float(resolution), int(changes.pop("cell_px", CELL_PX)))  # type: ignore[arg-type]
    rest = {"period": "month", "resampling": "bilinear", "chunk_px": CHUNK_PX} | changes
    return AreaSettings(cells=cells, rule=rule, **rest)  # type: ignore[arg-type]


def smooth(height: int, width: int, seed: int = 0, hole: bool = True) -> NDArray[np.uint8]:
    """Return codes of a smooth scene with a hole of no data."""
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[:height, :width]
    a, b, phase = rng.uniform(0.03, 0.15, 3)
    codes = np.round(127 + 120 * np.sin(a * rows + phase) * np.cos(b * cols)).astype(np.uint8)
    if hole:
        codes[height // 3 : height // 2, width // 4 : width // 2] = NO_DATA
    return codes


def put_scene(
    output: Store,
    scene_id: str,
    codes: NDArray[np.uint8],
    *,
    row: float = 0,
    col: float = 0,
    pixel: float = 10.0,
    crs: str | None = UTM33,
    transform: Transform | None = None,
    number: int = 1,
) -> SceneRecord:
    """Write a complete mosaic of codes whose corner is ``row`` and ``col`` pixels from (LEFT, TOP)."""
    where = transform or Transform(pixel, 0, LEFT + col * pixel, 0, -pixel, TOP - row * pixel)
    grid = Grid(*codes.shape, where, crs)
    store = f"{scene_id}/{version_of(number)}-aaaaaaaaaaaa.zarr"
    scene = Scene(scene_id, f"s3://archive/{scene_id}", version_of(number), 1)
    mosaic = SceneMosaic.at(store, scene, SceneProfile(grid, (1, 2, 3), "uint8", 1), Tiling(40, 8, 64))
    writer, ledger = ZarrBlockWriter(output), ObjectLedger(output)
    settings = {"model": {"digest": "d" * 64}}
    if writer.is_complete(store):
        writer.empty(store)
        writer.clear(store)
    claim = begun(writer, mosaic, {"source_uri": scene.uri, "pixel_settings": settings, "created": "now"})
    for block in mosaic.blocks():
        writer.write_block(mosaic, block, codes[block.slices])
    blocks = tuple(_record_of(block, codes[block.slices]) for block in mosaic.blocks())
    root = committed(writer, mosaic, claim, blocks)
    valid_px = int(np.count_nonzero(codes != NO_DATA))
    record = SceneRecord(
        scene_id, version_of(number), "aaaaaaaaaaaa", store, None, valid_px, 0, *codes.shape,
        finished_at=f"2026-01-01T00:00:{number:02d}+00:00",
    )  # fmt: skip
    ledger.finish(record, MosaicContents(root, blocks))
    return record


def _record_of(block: Window, codes: NDArray[np.uint8]) -> BlockRecord:
    return BlockRecord(block, array_digest(codes), int(np.count_nonzero(codes != NO_DATA)), 0)


def publish_scenes(output: Store, times: dict[str, str]) -> None:
    """Publish all that is finished and not withdrawn; ``times`` are spans by scene id."""
    spans = {scene_id: parse_span(text) for scene_id, text in times.items()}
    context = PublishContext("run", times=spans)
    ledger = ObjectLedger(output)
    publish(output, ledger.records(), ledger.withdrawn().keys(), context)


def planned(output: Store, settings: AreaSettings, time_pattern: str | None = None) -> dict[str, AreaPlan]:
    return plan_areas(settings, find_members(output, settings.cells, time_pattern).scenes)


def arrays_of(area: Store, store: str) -> dict[str, NDArray[np.generic]]:
    """Return all saliency and n_obs arrays of a stored area mosaic, by path."""
    group = zarr.open_group(f"{area.root}/{store}", mode="r")
    return {
        f"{level}/{name}": np.asarray(group[f"{level}/{name}"][...])
        for level in sorted(group.group_keys())
        for name in ("saliency", "n_obs")
    }


def object_bytes(area: Store, store: str) -> dict[str, bytes]:
    """Return the bytes of all shards of an area mosaic, by path."""
    folder = Path(area.root, store)
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("c/*/*") if p.is_file()}
