"""Mosaics to find objects in, and what is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import shapely

from sgddiff_batch.core.fingerprint import array_digest
from sgddiff_batch.core.grid import Grid, Transform
from sgddiff_batch.core.object_settings import ObjectSettings
from sgddiff_batch.core.planning import SceneMosaic, Tiling
from sgddiff_batch.core.scene import Scene, SceneProfile
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.mosaics import StoredMosaic, open_stored
from sgddiff_batch.io.mosaics.writer import ZarrBlockWriter
from sgddiff_batch.io.objects.geoparquet import decode
from sgddiff_batch.io.objects.parts import make_part
from sgddiff_batch.io.storage.store import Store, open_store
from sgddiff_batch.protocols import BlockRecord, MosaicContents, SceneRecord
from tests.io.catalogue_examples import version_of
from tests.io.mosaic_examples import NORTH_UP, UTM
from tests.kit.mosaics import begun, committed

EXACT = ObjectSettings(simplify_px=0)
SQUARE = np.zeros((100, 75), np.uint8)
SQUARE[20:60, 20:60] = 200
SQUARE[30:40, 30:40] = 255
SQUARE[44:46, 44:50] = 254
"""A square across four blocks of 48 px, with a hole of no data and a few highest codes."""


def put_scene(
    output: Store,
    scene_id: str,
    codes: np.ndarray,
    number: int = 1,
    *,
    transform: Transform = NORTH_UP,
    crs: str | None = UTM,
    strides: int = 2,
    finished_s: int | None = None,
    run_id: str = "run",
) -> str:
    """Write a complete mosaic of codes (h, w) and its record; return its path below the output.

    finished_s: the second of its record, ``number`` by itself.
    """
    scene = Scene(scene_id, f"s3://archive/{scene_id}", version_of(number), 1)
    profile = SceneProfile(Grid(*codes.shape, transform, crs), (1, 2, 3), "uint8", 1)
    path = f"{scene_id}/{version_of(number)}-aaaaaaaaaaaa.zarr"
    mosaic = SceneMosaic.at(path, scene, profile, Tiling(32, 8, 24 * strides))
    writer = ZarrBlockWriter(output)
    claim = begun(writer, mosaic, {**provenance_of(scene), "run_id": run_id})
    blocks = []
    for block in mosaic.blocks():
        part = codes[block.slices]
        writer.write_block(mosaic, block, part)
        blocks.append(BlockRecord(block, array_digest(part), int((part != 255).sum()), 0))
    root = committed(writer, mosaic, claim, blocks)
    finished = f"2026-01-01T00:00:{finished_s or number:02d}+00:00"
    counts = {"valid_px": int((codes != 255).sum()), "salient_px": 0}
    size = dict(zip(("height_px", "width_px"), codes.shape, strict=True))
    record = SceneRecord(scene_id, version_of(number), "a" * 12, path, finished_at=finished, **counts, **size)
    ObjectLedger(output).finish(record, MosaicContents(root, tuple(blocks)))
    return path


def provenance_of(scene: Scene) -> dict[str, object]:
    return {
        "scene_id": scene.scene_id,
        "source_uri": scene.uri,
        "source_version": scene.version,
        **{"source_size_bytes": 1, "bands": [1, 2, 3], "stretch": None, "notes": []},
        "pixel_settings": {"tile_px": 32, "overlap_px": 8, "model": {"digest": "d" * 64}},
        "run_id": "run",
    }


def stored(folder: Path, codes: np.ndarray, transform=NORTH_UP, crs=UTM, strides: int = 2) -> StoredMosaic:
    """Return a mosaic of codes (h, w) with blocks of 24 px times ``strides``."""
    output = open_store(str(folder))
    path = put_scene(output, "a/scene.tif", codes, transform=transform, crs=crs, strides=strides)
    return open_stored(open_store(f"{folder}/{path}"), path)


def rows_of(mosaic: StoredMosaic, settings: ObjectSettings = EXACT) -> list[dict[str, Any]]:
    """Return the rows of a mosaic's objects in reading order, with shapes in place of WKB."""
    return shown_rows(make_part(mosaic, settings))


def shown_rows(data: bytes) -> list[dict[str, Any]]:
    """Return the rows of a file of objects by their scenes, in reading order, with shapes in place of WKB."""
    rows = sorted(decode(data)[0].to_pylist(), key=lambda row: (row["scene"], row["row"], row["col"]))
    for row in rows:
        for name in ("geometry", "geometry_native"):
            row[name] = row[name] and shapely.from_wkb(row[name])
    return rows
